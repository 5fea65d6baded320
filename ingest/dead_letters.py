"""Messages that could not be used, kept for a person: what a feed said that nobody understood is never thrown away.

One JSON object a line in `dead-letters.jsonl`: `at` (our wall clock, microseconds), `venue` (or a spot feed), `why`,
`bytes` (the message's length) and `frame` (base64). A file that has grown to `most_bytes` becomes
`dead-letters.1.jsonl`, and what would be the `files`+1st is deleted: a venue gone mad fills its bound and no more.
Every message is counted, also one that the disk did not take.
"""

from __future__ import annotations

import base64
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

NAME = "dead-letters"
LONGEST_WHY = 500
"""Characters kept of a reason: it may quote the message."""
LONGEST = 1 << 20
"""Bytes kept of one message; the rest of a longer one is cut off, and `bytes` says how long it was."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One message as it came, cut after LONGEST bytes; `size` is its whole length."""

    at: int
    venue: str
    why: str
    frame: bytes
    size: int


class DeadLetters:
    """Appends to files under `folder`, made if missing. Writing never raises: a feed does not stop for its waste.

    `counts` are messages by venue or spot feed since this was made, `unkept` those the disk did not take, `trouble`
    why, last.
    """

    def __init__(self, folder: Path, *, most_bytes: int = 16 << 20, files: int = 4) -> None:
        self._folder = folder
        self._most = most_bytes
        self._files = files
        self.counts: Counter[str] = Counter()
        self.unkept = 0
        self.trouble = ""

    def keep(self, venue: str, raw: bytes, why: str, at: int) -> None:
        """`venue` is whose message it is, or a spot feed; `at` is our wall clock in microseconds. Has the shape of the
        engine's `on_dead`."""
        self.counts[venue] += 1
        line = {
            "at": at,
            "venue": venue,
            "why": why[:LONGEST_WHY],
            "bytes": len(raw),
            "frame": base64.b64encode(raw[:LONGEST]).decode(),
        }
        try:
            self._append(msgspec.json.encode(line) + b"\n")
        except OSError as wrong:
            self.unkept += 1
            self.trouble = f"{type(wrong).__name__}: {wrong}"

    def _append(self, line: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = _path(self._folder, 0)
        if path.exists() and path.stat().st_size + len(line) > self._most:
            self._rotate()
        # One write to a file opened for appending: lines of two processes do not mix.
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, line)
        finally:
            os.close(handle)

    def _rotate(self) -> None:
        _path(self._folder, self._files - 1).unlink(missing_ok=True)
        for number in range(self._files - 2, -1, -1):
            path = _path(self._folder, number)
            if path.exists():
                path.replace(_path(self._folder, number + 1))


def read(folder: Path) -> Iterator[DeadLetter]:
    """Everything kept under `folder`, oldest first. A line cut short by a crash is left out."""
    numbered = [path for path in folder.glob(f"{NAME}*.jsonl") if path.is_file()]
    for path in sorted(numbered, key=_number, reverse=True):
        for line in path.read_bytes().splitlines():
            try:
                said = msgspec.json.decode(line, type=_Line)
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue
            yield DeadLetter(said.at, said.venue, said.why, said.frame, said.size)


class _Line(msgspec.Struct):
    at: int
    venue: str
    why: str
    size: int = msgspec.field(name="bytes")
    frame: bytes = b""  # written and read as base64


def _path(folder: Path, number: int) -> Path:
    return folder / (f"{NAME}.{number}.jsonl" if number else f"{NAME}.jsonl")


def _number(path: Path) -> int:
    middle = path.name.removeprefix(NAME).removesuffix(".jsonl").lstrip(".")
    return int(middle) if middle.isdecimal() else 0
