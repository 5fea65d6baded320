"""The decision fingerprint: one hash over everything a run decided, in order."""

from __future__ import annotations

import hashlib

from domain.decisions import Suppression
from domain.intent import Intent, canonical


class Fingerprint:
    """SHA-256 over the canonical JSON of every intent and suppression, one a line, as they were made.

    Equal inputs give equal fingerprints on every machine, at every speed and under every hash seed: nothing that
    enters it comes from a clock, a set or an address.
    """

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, decision: Intent | Suppression) -> None:
        self._hash.update(canonical(decision).encode() + b"\n")

    def hexdigest(self) -> str:
        return self._hash.hexdigest()
