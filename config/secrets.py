"""Secrets out of files that only their owner may read. No message ever repeats a byte of what a file holds."""

from __future__ import annotations

import json
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path

from domain.errors import BadInput

_KEY = re.compile(r"(?:0x)?(?P<digits>[0-9a-fA-F]{64})")


@dataclass(frozen=True, slots=True)
class ApiCredentials:
    """A Polymarket API key: its id, and the two secrets that requests are signed with and sent along."""

    key: str
    secret: str = field(repr=False)
    passphrase: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RelayerApiKey:
    """Access to Polymarket's relayer: its API key, and the address the key was given to."""

    key: str = field(repr=False)
    address: str


def hex_key(path: Path) -> str:
    """The private key in `path`: 64 hex digits, with or without `0x`; returned without.

    Raises `BadInput` for a file that is missing, readable by others, or holds something else.
    """
    match = _KEY.fullmatch(_private(path).strip())
    if match is None:
        raise BadInput(f"{path}: expected a private key as 64 hex digits and nothing else", "signer_key")
    return match["digits"]


def api_credentials(path: Path) -> ApiCredentials:
    """The API key in `path`, a JSON object with `apiKey`, `secret` and `passphrase`. Raises `BadInput` as `hex_key`."""
    return ApiCredentials(*_texts(path, ("apiKey", "secret", "passphrase"), "credentials"))


def relayer_key(path: Path) -> RelayerApiKey:
    """The relayer key in `path`, a JSON object with `key` and `address`. Raises `BadInput` as `hex_key`."""
    return RelayerApiKey(*_texts(path, ("key", "address"), "relayer_key"))


def seal_keys(path: Path) -> dict[str, bytes]:
    """The keys in `path` by their ids, the one that seals first: a JSON object of hex texts. Raises `BadInput` as
    `hex_key`."""
    try:
        found = json.loads(_private(path))
    except ValueError:
        found = None
    wrong = not isinstance(found, dict) or not found
    if wrong or not all(isinstance(text, str) and _KEY.fullmatch(text) for text in found.values()):
        raise BadInput(f"{path}: expected a JSON object of key ids, each with a key of 64 hex digits", "seal_keys")
    return {key: bytes.fromhex(text.removeprefix("0x")) for key, text in found.items()}


def _texts(path: Path, names: tuple[str, ...], code: str) -> list[str]:
    try:
        found = json.loads(_private(path))
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(found.get(name), str) and found[name] for name in names):
        raise BadInput(f"{path}: expected a JSON object with the texts {', '.join(names)}", code)
    return [found[name] for name in names]


def _private(path: Path) -> str:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            raise BadInput(
                f"{path} can be used by others (mode {mode:03o}) and holds a secret; run `chmod 600 {path}`",
                "secret_file",
            )
        return path.read_text(encoding="ascii")
    except UnicodeDecodeError:
        raise BadInput(f"{path}: expected plain ASCII text", "secret_file") from None
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}; expected a file of yours with mode 600", "secret_file") from None
