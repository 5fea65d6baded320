"""The keys that decisions and commands are sealed with: made once, where the first process needs them.

All hosts of an installation have the same file (`temporal.seal_keys`). Its first key seals, each of them is believed: a
key is replaced by writing a new one before it, and taken out once no trade is open that it sealed.
"""

from __future__ import annotations

import json
import os
import secrets
from contextlib import suppress
from pathlib import Path

from config.secrets import seal_keys
from domain.errors import BadInput
from domain.operator import Action, OperatorCommand, sealed
from domain.seal import SealKeys
from workers.local.layout import Stack, write_private


def load_seal_keys(stack: Stack) -> SealKeys:
    """The keys this installation seals with. Raises `BadInput` for a file that is damaged or readable by others."""
    path = stack.settings.temporal.seal_keys
    if path is None:
        path = stack.layout.seal_keys
        _ensure_seal_keys(path)
    return SealKeys(seal_keys(path), run=stack.run_id, mode=stack.settings.mode)


def as_sealed(keys: SealKeys, trade: str, action: Action, command: OperatorCommand) -> OperatorCommand:
    """A person's command, sealed for that trade and for once."""
    return sealed(keys, trade, action, command, secrets.token_hex(16))


def _ensure_seal_keys(path: Path) -> None:
    """Several processes may come first at once: whoever links its file first has made the key of all of them."""
    if path.exists():
        return
    made = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        write_private(made, json.dumps({secrets.token_hex(4): secrets.token_hex(32)}).encode() + b"\n")
        with suppress(FileExistsError):
            os.link(made, path)
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}; expected a folder of yours, mode 700", "seal_keys") from None
    finally:
        made.unlink(missing_ok=True)
