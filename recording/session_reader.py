"""Reads a session back: its parts in order, one block in memory at a time, up to where it broke off if it did."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from domain.errors import BadInput
from recording.envelope import Envelope, decode
from recording.session_blocks import SUFFIX, Block, BlockReader, Kind
from recording.session_setup import Footer, Setup, decode_footer, decode_setup
from recording.session_writer import part_path

_LATER_PART = re.compile(r"(.+)\.(\d{4})")


def _sessions(folder: Path) -> list[Path]:
    found = sorted(folder.glob(f"*{SUFFIX}"))
    return [path for path in found if not _LATER_PART.fullmatch(path.name.removesuffix(SUFFIX))]


class RecordedEvents:
    """The session that begins with the file `path`, or the only one in the folder `path`.

    `setup` is known at once. `events()` may be called again; after each pass `footer` is that of the last part, None
    where it has none, and `torn` says how the session broke off, "" if it did not. Raises BadInput (`missing`), and
    (`later_part`) for a part that is not the first: its books were built by those before.
    """

    def __init__(self, path: Path) -> None:
        if path.is_dir():
            held = _sessions(path)
            if len(held) != 1:
                names = ", ".join(one.name for one in held) or "none"
                raise BadInput(f"{path} holds these sessions: {names}; name the file of one", "which")
            path = held[0]
        if not path.is_file():
            raise BadInput(f"{path} does not exist; expected a session file NAME{SUFFIX}", "missing")
        self.path = path
        self.footer: Footer | None = None
        self.torn = ""
        self.read = 0
        self.setup = self._first()

    def _first(self) -> Setup:
        with self.path.open("rb") as file:
            blocks = BlockReader(file, self.path.name, self.path.stat().st_size)
            first = next(iter(blocks), None)
        if first is None or first.kind is not Kind.HEADER:
            raise BadInput(
                f"{self.path.name} holds no whole block ({blocks.torn or 'it is empty'}); nothing of it can be read",
                "torn",
            )
        setup = decode_setup(first.lines.rstrip(b"\n"), self.path.name)
        if setup.part != 1:
            raise BadInput(
                f"{self.path.name} is part {setup.part} of {setup.name}; its books were built in the parts before. "
                f"Name the first, {setup.name}{SUFFIX}",
                "later_part",
            )
        return setup

    def events(self) -> Iterator[Envelope]:
        """Every event in the order it was recorded. Raises BadInput (`corrupt`, `bad_line`) naming the place, and how
        much was read before it."""
        self.read, self.torn, self.footer = 0, "", None
        part = 1
        path = self.path
        while True:
            try:
                yield from self._part(path)
            except BadInput as wrong:
                raise BadInput(f"{wrong.message}; {self.read} events before it were read", wrong.code) from None
            part += 1
            if self.torn or (self.footer is not None and self.footer.ended):
                return
            path = part_path(self.path.parent, self.setup.name, part)
            if not path.exists():
                if self.footer is not None:
                    self.torn = f"part {part} of {self.setup.name} is missing ({path.name})"
                else:
                    self.torn = f"{part_path(self.path.parent, self.setup.name, part - 1).name} has no end"
                return

    def _part(self, path: Path) -> Iterator[Envelope]:
        self.footer = None
        with path.open("rb") as file:
            blocks = BlockReader(file, path.name, path.stat().st_size)
            for block in blocks:
                if self.footer is not None:
                    raise BadInput(f"{path.name} goes on after its end at byte {block.offset}", "corrupt")
                if (block.number == 0) is not (block.kind is Kind.HEADER):
                    raise BadInput(f"{path.name} block {block.number} is a {block.kind.name.lower()}", "corrupt")
                if block.kind is Kind.EVENTS:
                    yield from self._lines(path, block)
                elif block.kind is Kind.FOOTER:
                    self.footer = decode_footer(block.lines.rstrip(b"\n"), path.name)
            self.torn = blocks.torn

    def _lines(self, path: Path, block: Block) -> Iterator[Envelope]:
        for number, line in enumerate(block.lines.splitlines(), start=1):
            try:
                event = decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
                raise BadInput(
                    f"{path.name} block {block.number} line {number}: saw {line[:120]!r}; expected an event ({wrong})",
                    "bad_line",
                ) from None
            self.read += 1
            yield event
