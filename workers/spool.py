"""Suppressions that the ledger could not take, on the disk until it can: one JSON object a line, oldest first.

A line is written, and synced, before what it says leaves memory, and the file is removed only after the ledger took all
of it. Writing twice is harmless: the ledger knows a suppression by what it says. A line cut short by a power failure is
left out.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from domain.decisions import Suppression

NAME = "suppressions.jsonl"


class _Line(msgspec.Struct):
    run_id: str
    said: Suppression


class Spooled(NamedTuple):
    """What one run had to say."""

    run_id: str
    suppressions: tuple[Suppression, ...]


class Spool:
    """A file under `folder`, made when needed. `bytes` is what waits; `full` once that is `most_bytes` or more."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._path = folder / NAME
        self._most = most_bytes
        self.bytes = self._path.stat().st_size if self._path.exists() else 0

    @property
    def full(self) -> bool:
        return self.bytes >= self._most

    def keep(self, run_id: str, suppressions: Sequence[Suppression]) -> None:
        """Raises OSError when the disk does not take them."""
        lines = b"".join(msgspec.json.encode(_Line(run_id, each)) + b"\n" for each in suppressions)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, lines)
            os.fsync(handle)
        finally:
            os.close(handle)
        self.bytes = self._path.stat().st_size

    def waiting(self) -> list[Spooled]:
        """All of it, by run, in the order it was kept."""
        if not self.bytes:
            return []
        runs: dict[str, list[Suppression]] = {}
        for line in self._path.read_bytes().splitlines():
            try:
                kept = msgspec.json.decode(line, type=_Line)
            except msgspec.DecodeError:
                continue
            runs.setdefault(kept.run_id, []).append(kept.said)
        return [Spooled(run, tuple(said)) for run, said in runs.items()]

    def taken(self) -> None:
        """The ledger has everything that was `waiting`."""
        self._path.unlink(missing_ok=True)
        self.bytes = 0
