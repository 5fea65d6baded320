"""What became of dead letters since they were kept: asked for again, handled, failed again, readable now or not.

One JSON object a line in `marks.jsonl` beside the letters: `at` (our wall clock, microseconds), `id`, `state`, `said`.
A letter's newest mark counts; one without any is *new*. Whoever wants an event handled again marks it `asked`; the
running ingest looks for such marks, hands the event to its handler and marks what came of it. An ingest that was down
finds them as it starts.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import msgspec

from ingest.dead_letters import Lines, lines

NAME = "marks"
_MOST_BYTES, _FILES = 16 << 20, 4


class State(StrEnum):
    """The stable words in files and reports."""

    NEW = "new"  # nobody tried again
    ASKED = "asked"  # its handler is to have it again
    HANDLED = "handled"  # its handler took it
    FAILED = "failed"  # its handler failed again
    REFUSED = "refused"  # it is of a kind that is not handed over again
    READABLE = "readable"  # today's decoder reads the frame
    UNREADABLE = "unreadable"  # today's decoder does not


@dataclass(frozen=True, slots=True)
class Mark:
    """`said` is for people: who asked, what the handler or the decoder said."""

    at: int
    id: str
    state: State
    said: str


class Marks:
    """The marks under `folder`, made with the first one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lines = Lines(folder, NAME, most_bytes=_MOST_BYTES, files=_FILES)

    def set(self, id: str, state: State, said: str, at: int) -> None:
        """Raises OSError if the disk does not take it."""
        self._lines.append(msgspec.json.encode(Mark(at, id, state, said)))

    def all(self) -> dict[str, Mark]:
        """The newest mark of each letter that has one. Lines cut short by a crash are left out."""
        found: dict[str, Mark] = {}
        for line in lines(self._folder, NAME):
            try:
                mark = msgspec.json.decode(line, type=Mark)
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue
            found[mark.id] = mark
        return found

    @property
    def stamp(self) -> tuple[int, int]:
        """Differs once a mark has been set."""
        try:
            seen = (self._folder / f"{NAME}.jsonl").stat()
        except OSError:
            return 0, 0
        return seen.st_ino, seen.st_size
