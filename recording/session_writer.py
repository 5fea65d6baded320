"""Writes a session: lines gathered into blocks, blocks into parts, a footer with the decision fingerprint at the end.

One thread, no clock of its own. The recorder drives it beside a running engine, the importer directly.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import msgspec

from domain.errors import BadInput
from recording.envelope import DECISIONS, Envelope, EventType, encode
from recording.session_blocks import SUFFIX, Kind, Packer
from recording.session_setup import Footer, Setup, encode_footer, encode_setup

BLOCK_BYTES = 1 << 20
"""Lines of one block, unpacked: what a reader holds in memory at a time."""


def part_path(folder: Path, name: str, part: int) -> Path:
    """`NAME.session.zst` for the first part, `NAME.0002.session.zst` for the second."""
    return folder / (f"{name}{SUFFIX}" if part == 1 else f"{name}.{part:04d}{SUFFIX}")


def new_file(path: Path) -> BinaryIO:
    """A file of ours alone. Raises FileExistsError rather than overwrite a recording."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb", buffering=0)


class SessionWriter:
    """Parts of one session in `folder`, which is made if missing.

    `write` gathers; `flush` makes what was gathered durable, and is repeated with the same lines if it failed: what a
    failed write left in the file is cut off first. `flush`, `rotate` and `close` raise OSError, and BadInput (`exists`)
    where a part exists already; `write` raises nothing.
    """

    def __init__(
        self,
        folder: Path,
        setup: Setup,
        *,
        open_file: Callable[[Path], BinaryIO] = new_file,
        sync: bool = True,
    ) -> None:
        self._folder, self._setup = folder, setup
        self._open, self._sync = open_file, sync
        self._packer = Packer()
        self._file: BinaryIO | None = None
        self._number = 0
        self._lines: list[bytes] = []
        self._gathered = 0
        self._hash = hashlib.sha256()
        self.written = 0
        """Bytes of the current part that are durable."""
        self.part = setup.part
        self.events = self.intents = self.suppressed = self.dropped = 0

    @property
    def path(self) -> Path:
        """The current part."""
        return part_path(self._folder, self._setup.name, self.part)

    @property
    def fingerprint(self) -> str:
        """Of every decision written since the session began (as `recording.fingerprint.Fingerprint`)."""
        return self._hash.hexdigest()

    def write(self, event: Envelope) -> None:
        line = encode(event)
        if event.type in DECISIONS:
            self._hash.update(event.text.encode() + b"\n")
            if event.type is EventType.INTENT:
                self.intents += 1
            else:
                self.suppressed += 1
        elif event.type is EventType.DROPPED:
            self.dropped += event.seq
        self.events += 1
        self._lines.append(line)
        self._gathered += len(line) + 1

    @property
    def full(self) -> bool:
        """Whether a block's worth was gathered: time to flush."""
        return self._gathered >= BLOCK_BYTES

    def flush(self) -> None:
        """Everything written so far is on the disk when this returns."""
        if self._file is None:
            self._begin()
        if self._lines:
            self._append(Kind.EVENTS, self._lines)
            self._lines, self._gathered = [], 0

    def rotate(self, started_at: int) -> None:
        """End this part and begin the next, `started_at` microseconds of wall clock."""
        self._end(ended=False)
        self.part += 1
        self._setup = msgspec.structs.replace(self._setup, part=self.part, started_at=started_at)
        self._begin()

    def close(self) -> None:
        """End the session. What was written before stays readable even if this fails."""
        self._end(ended=True)

    def abandon(self) -> None:
        """Remove the current part: what it was to hold cannot be had."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self.path.unlink(missing_ok=True)

    def _begin(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            self._file = self._open(self.path)
        except FileExistsError:
            raise BadInput(f"{self.path} exists; a recording is never overwritten. Move it or choose another name",
                           "exists") from None  # fmt: skip
        self._number = self.written = 0
        try:
            self._append(Kind.HEADER, [encode_setup(self._setup)])
        except OSError:
            self._file.close()
            self._file = None
            self.path.unlink(missing_ok=True)
            raise
        if self._sync:
            folder = os.open(self._folder, os.O_RDONLY)  # the name too must outlast a power cut
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def _end(self, *, ended: bool) -> None:
        self.flush()
        footer = Footer(
            fingerprint=self.fingerprint, events=self.events, intents=self.intents, suppressed=self.suppressed,
            dropped=self.dropped, ended=ended,
        )  # fmt: skip
        self._append(Kind.FOOTER, [encode_footer(footer)])
        assert self._file is not None
        self._file.close()
        self._file = None

    def _append(self, kind: Kind, lines: list[bytes]) -> None:
        assert self._file is not None
        block = memoryview(self._packer.pack(kind, self._number, b"\n".join((*lines, b""))))
        try:
            done = 0
            while done < len(block):
                done += self._file.write(block[done:])
            if self._sync:
                os.fdatasync(self._file.fileno())
        except OSError:
            self._file.seek(self.written)
            self._file.truncate()
            raise
        self._number += 1
        self.written += len(block)
