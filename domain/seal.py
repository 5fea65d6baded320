"""Seals: how an installation knows its own decisions and its own people's commands again, whoever handed them over.

    keys = SealKeys({"k1": secret}, run="r-7", mode="paper")
    seal = keys.sign("intent", intent.id)
    keys.holds(seal, "intent", intent.id)    # True, in every process that has the key, in the same mode

A seal is an HMAC-SHA256, so it can be shown to anybody: who reads one can repeat it, and cannot make another.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass

_FORM = "surefoot-seal-1"
SHORTEST_KEY = 32
"""Bytes."""


@dataclass(frozen=True, slots=True)
class Seal:
    """`key` is the id of the key it was made with; `run` and `mode` (paper, live) say where. `mac` is in hex."""

    key: str
    run: str
    mode: str
    mac: str


class SealKeys:
    """The keys of one installation, by id. The first one seals; each of them is believed."""

    def __init__(self, keys: Mapping[str, bytes], *, run: str, mode: str) -> None:
        """Raises `ValueError` without any key, or for one that is too short."""
        if not keys:
            raise ValueError("no key; expected at least one")
        for key, secret in keys.items():
            if len(secret) < SHORTEST_KEY:
                raise ValueError(f"key {key} has {len(secret)} bytes; expected at least {SHORTEST_KEY}")
        self._keys = dict(keys)
        self._first = next(iter(self._keys))
        self._run, self._mode = run, mode

    def sign(self, *parts: str) -> Seal:
        """A seal over what is named by `parts`, the first of which says what kind of thing it is."""
        mac = _mac(self._keys[self._first], self._first, self._run, self._mode, parts)
        return Seal(self._first, self._run, self._mode, mac)

    def holds(self, seal: Seal | None, *parts: str) -> bool:
        """Whether it was made over just these parts, with a key of this installation, in this mode. Its run may be
        another: trades outlive runs."""
        if seal is None or seal.mode != self._mode:
            return False
        secret = self._keys.get(seal.key)
        if secret is None:
            return False
        made = _mac(secret, seal.key, seal.run, seal.mode, parts)
        return hmac.compare_digest(made.encode(), seal.mac.encode())

    def intent(self, intent_id: str) -> Seal:
        return self.sign("intent", intent_id)

    def decided(self, intent_id: str, seal: Seal | None) -> bool:
        """Whether this installation decided that intent."""
        return self.holds(seal, "intent", intent_id)


def _mac(secret: bytes, key: str, run: str, mode: str, parts: tuple[str, ...]) -> str:
    text = json.dumps([_FORM, key, run, mode, *parts], separators=(",", ":"))
    return hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()
