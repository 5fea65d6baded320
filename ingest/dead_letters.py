"""What could not be used, kept for a person: no message that nobody understood and no event that nobody could handle is
thrown away.

A *frame* is a message of a feed that could not be read, or of a kind nobody knows; an *event* one that was read and
whose handler kept failing. One JSON object a line in `dead-letters.jsonl`:

| key | holds |
|---|---|
| `at` | our wall clock, microseconds |
| `venue` | whose it is: a venue, another source (`coinbase`), or the topic of an event (`user_news`) |
| `why` | why the frame cannot be used; an event's last error |
| `bytes`, `frame` | the length of the content, and the content in base64 |
| `kind` | `frame` (also where the key is missing: lines of before events were kept) or `event` |
| `market`, `form` | of an event: its partition, and how its content is written |
| `handler`, `attempts` | of an event: whose, and how often it was called |

A file that has grown to `most_bytes` becomes `dead-letters.1.jsonl`, and what would be the `files`+1st is deleted: a
venue gone mad fills its bound and no more. Everything is counted, also what the disk did not take. A letter's id is a
hash of its line; what became of a letter since stands in `ingest.letter_marks`, the letter itself is never changed.
"""

from __future__ import annotations

import base64
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from pathlib import Path

import msgspec

NAME = "dead-letters"
LONGEST_WHY = 500
"""Characters kept of a reason: it may quote the message."""
LONGEST = 1 << 20
"""Bytes kept of one message; the rest of a longer one is cut off, and `bytes` says how long it was."""


class Kind(StrEnum):
    """What a letter holds. The value is the stable word in files."""

    FRAME = "frame"  # a message of a feed, as it came
    EVENT = "event"  # something that was understood, and that a handler could not take


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One letter: `frame` is its content, cut after LONGEST bytes, `size` the whole length. What has no place in its
    kind is empty or 0."""

    at: int
    venue: str
    why: str
    frame: bytes
    size: int
    id: str = ""
    kind: Kind = Kind.FRAME
    market: str = ""
    form: str = ""
    handler: str = ""
    attempts: int = 0

    @property
    def whole(self) -> bool:
        return len(self.frame) == self.size


class DeadLetters:
    """Appends to files under `folder`, made if missing. Writing never raises: a feed does not stop for its waste.

    `counts` are letters by venue (or source, or topic) since this was made, `unkept` those the disk did not take,
    `trouble` why, last.
    """

    def __init__(self, folder: Path, *, most_bytes: int = 16 << 20, files: int = 4) -> None:
        self._lines = Lines(folder, NAME, most_bytes=most_bytes, files=files)
        self.counts: Counter[str] = Counter()
        self.unkept = 0
        self.trouble = ""

    def keep(self, venue: str, raw: bytes, why: str, at: int) -> None:
        """A frame of a venue or any other source; `at` is our wall clock in microseconds. Has the shape of the engine's
        `on_dead`."""
        self._keep({"at": at, "venue": venue, "why": why[:LONGEST_WHY]}, raw)

    def keep_event(  # noqa: PLR0917 - the columns of a line
        self, topic: str, market: str, form: str, content: bytes, error: str, handler: str, attempts: int, at: int
    ) -> None:
        """An event of `topic` that `handler` could not take."""
        said = {
            "at": at, "venue": topic, "why": error[:LONGEST_WHY], "kind": Kind.EVENT, "market": market, "form": form,
            "handler": handler, "attempts": attempts,
        }  # fmt: skip
        self._keep(said, content)

    def _keep(self, said: dict[str, object], content: bytes) -> None:
        self.counts[str(said["venue"])] += 1
        line = said | {"bytes": len(content), "frame": base64.b64encode(content[:LONGEST]).decode()}
        try:
            self._lines.append(msgspec.json.encode(line))
        except OSError as wrong:
            self.unkept += 1
            self.trouble = f"{type(wrong).__name__}: {wrong}"


def read(folder: Path) -> Iterator[DeadLetter]:
    """Everything kept under `folder`, oldest first. A line cut short by a crash is left out."""
    for line in lines(folder, NAME):
        try:
            said = msgspec.json.decode(line, type=_Line)
            content = base64.b64decode(said.frame)
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
            continue
        yield DeadLetter(
            said.at, said.venue, said.why, content, said.bytes, _id(line), said.kind, said.market, said.form,
            said.handler, said.attempts,
        )  # fmt: skip


class _Line(msgspec.Struct):
    at: int
    venue: str
    why: str
    bytes: int
    frame: str
    kind: Kind = Kind.FRAME
    market: str = ""
    form: str = ""
    handler: str = ""
    attempts: int = 0


def _id(line: bytes) -> str:
    return f"d-{blake2b(line, digest_size=6).hexdigest()}"


class Lines:
    """Files of lines under `folder`: `NAME.jsonl`, and `NAME.1.jsonl` and so on for older ones, each of at most
    `most_bytes`, the oldest deleted. Several processes may append."""

    def __init__(self, folder: Path, name: str, *, most_bytes: int, files: int) -> None:
        self._folder, self._name = folder, name
        self._most, self._files = most_bytes, files

    def append(self, line: bytes) -> None:
        """One line, without its end. Raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._path(0)
        if path.exists() and path.stat().st_size + len(line) + 1 > self._most:
            self._rotate()
        # One write to a file opened for appending: lines of two processes do not mix.
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            end = os.fstat(handle).st_size
            torn = end and os.pread(handle, 1, end - 1) != b"\n"  # by a crash: the next line is no part of it
            os.write(handle, (b"\n" if torn else b"") + line + b"\n")
        finally:
            os.close(handle)

    def _rotate(self) -> None:
        self._path(self._files - 1).unlink(missing_ok=True)
        for number in range(self._files - 2, -1, -1):
            path = self._path(number)
            if path.exists():
                path.replace(self._path(number + 1))

    def _path(self, number: int) -> Path:
        return self._folder / (f"{self._name}.{number}.jsonl" if number else f"{self._name}.jsonl")


def lines(folder: Path, name: str) -> Iterator[bytes]:
    """What `Lines` wrote, oldest first."""

    def number(path: Path) -> int:
        middle = path.name.removeprefix(name).removesuffix(".jsonl").lstrip(".")
        return int(middle) if middle.isdecimal() else 0

    written = [path for path in folder.glob(f"{name}*.jsonl") if path.is_file()]
    for path in sorted(written, key=number, reverse=True):
        yield from path.read_bytes().splitlines()
