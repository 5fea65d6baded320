"""The bytes of a session file, `*.session.zst`: blocks that each stand alone, so that a crash costs the last one only.

A block is two zstd frames: a *skippable* one that carries the block's label, and an ordinary one with its lines. Any
zstd tool therefore reads the file, whole or cut: `zstd -dc FILE | head` shows JSON lines. The label (little endian):

    4 bytes   0x184D2A53, a skippable frame
    4 bytes   28, its length
    4 bytes   "SFS1"
    4 bytes   kind: 1 header, 2 events, 3 footer
    4 bytes   number of the block, from 0
    4 bytes   length of the lines unpacked, which the zstd frame says too; 128 MiB at most
    4 bytes   length of the zstd frame that follows
    4 bytes   CRC-32 of that frame
    4 bytes   CRC-32 of the label so far, from "SFS1" on

Three things can be wrong with a file, and each has its own answer. It may be *torn*: its last block is not whole, as a
kill or a power cut leaves it; then everything before is good. It may be *corrupt*: a block in the middle is not what
was written; then reading stops there with an error that says what is good. Or it is no session file at all.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import BinaryIO
from zlib import crc32

import zstandard

from domain.errors import BadInput

SUFFIX = ".session.zst"
_FRAME = struct.Struct("<II")
_LABEL = struct.Struct("<4sIIIII")
_CRC = struct.Struct("<I")
_SKIPPABLE = 0x184D2A53
_MARK = b"SFS1"
_LABEL_BYTES = _LABEL.size + _CRC.size
HEAD_BYTES = _FRAME.size + _LABEL_BYTES
_LEVEL = 3
MOST_UNPACKED = 128 << 20  # a block is a megabyte of lines and one line more, which no frame of a venue makes so long


class Kind(IntEnum):
    HEADER = 1
    EVENTS = 2
    FOOTER = 3


@dataclass(frozen=True, slots=True)
class Block:
    """`lines` are JSON values, each with its line end; `offset` is where the block began in the file."""

    kind: Kind
    number: int
    lines: bytes
    offset: int


class Packer:
    """Makes blocks. Equal lines give equal bytes with one version of the zstd library."""

    def __init__(self) -> None:
        self._zstd = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=False, write_content_size=True)

    def pack(self, kind: Kind, number: int, lines: bytes) -> bytes:
        packed = self._zstd.compress(lines)
        label = _LABEL.pack(_MARK, kind, number, len(lines), len(packed), crc32(packed))
        return b"".join((_FRAME.pack(_SKIPPABLE, _LABEL_BYTES), label, _CRC.pack(crc32(label)), packed))


class BlockReader:
    """Blocks of an open file in order, one in memory at a time. `torn` says afterwards how it broke off, "" if not."""

    def __init__(self, file: BinaryIO, name: str, size: int) -> None:
        self._file, self._name, self._size = file, name, size
        self.torn = ""
        self.offset = 0
        self._number = 0
        self._zstd = zstandard.ZstdDecompressor()

    def __iter__(self) -> Iterator[Block]:
        """Raises BadInput (`corrupt`) at a block that is not what was written, (`no_session`) where the file does not
        begin as a session."""
        while head := self._file.read(HEAD_BYTES):
            if len(head) < HEAD_BYTES:
                self._broke_off(len(head))
                return
            labelled = self._label(head)
            if labelled is None:
                return
            kind, unpacked, length, crc = labelled
            packed = self._file.read(length)
            if len(packed) < length:
                self._broke_off(HEAD_BYTES + len(packed))
                return
            last = self.offset + HEAD_BYTES + length >= self._size
            try:
                if crc32(packed) != crc:
                    raise self._corrupt("its checksum differs")
                # Unpacking trusts the length that the frame names, whatever is asked of it: it is read before.
                named = zstandard.frame_content_size(packed)
                if named not in (unpacked, -1) or unpacked > MOST_UNPACKED:
                    raise self._corrupt(f"it unpacks to {named} bytes, labelled {unpacked}, {MOST_UNPACKED} at most")
                lines = self._zstd.decompress(packed, max_output_size=unpacked)
                if len(lines) != unpacked:
                    raise self._corrupt(f"it unpacks to {len(lines)} bytes, not {unpacked}")
            except zstandard.ZstdError as wrong:
                raise self._corrupt(str(wrong)) from None
            except BadInput:
                if last and self._number:
                    self._broke_off(HEAD_BYTES + length)  # lengths reach the disk before what they measure
                    return
                raise
            yield Block(Kind(kind), self._number, lines, self.offset)
            self.offset += HEAD_BYTES + length
            self._number += 1

    def _label(self, head: bytes) -> tuple[int, int, int, int] | None:
        """Kind, both lengths and the checksum; None where only emptiness follows, which a power cut leaves."""
        magic, size = _FRAME.unpack_from(head)
        label = head[_FRAME.size : _FRAME.size + _LABEL.size]
        mark, kind, number, unpacked, length, crc = _LABEL.unpack(label)
        whole = magic == _SKIPPABLE and size == _LABEL_BYTES and mark == _MARK
        if whole and _CRC.unpack_from(head, HEAD_BYTES - _CRC.size)[0] == crc32(label):
            if number == self._number and kind in tuple(Kind):
                return kind, unpacked, length, crc
            raise self._corrupt(f"it is labelled {number}, kind {kind}")
        if self._number == 0 and not whole:
            raise BadInput(
                f"{self._name} begins with {head[:8]!r}; expected a session file, as `surefoot import` and a running "
                "ingest write them",
                "no_session",
            )
        if not any(head) and not any(any(piece) for piece in iter(lambda: self._file.read(1 << 20), b"")):
            self._broke_off(self._size - self.offset)
            return None
        raise self._corrupt("its label is damaged")

    def _broke_off(self, left: int) -> None:
        self.torn = f"{self._name} breaks off in block {self._number}: {left} bytes after byte {self.offset} are lost"

    def _corrupt(self, why: str) -> BadInput:
        return BadInput(
            f"{self._name} block {self._number} at byte {self.offset}: {why}; expected the block as it was written. "
            f"The {self._number} blocks before it are good. Copy the file again from its source",
            "corrupt",
        )
