"""Lines of a recorded file, plain or gzip, with a truncated or damaged file named by its last good line."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from io import BufferedIOBase
from pathlib import Path

from domain.errors import BadInput

MOST_LINE = 16 << 20
"""Bytes of the longest line that is read: a few kilobytes of gzip unpack to gigabytes."""


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """(number from 1, text without line end) of every line; bytes that are not UTF-8 stand in it as `\\xff`, so that
    one such line is a bad line and no more. Raises BadInput where the file breaks off, and at a line without an end."""
    number = 0
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as raw:
            for number, line in enumerate(_bounded(raw, path.name), start=1):
                yield number, line.decode("utf-8", "backslashreplace").rstrip("\r\n")
    except FileNotFoundError:
        raise BadInput(f"{path} does not exist; expected a recording there", "missing") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as broken:
        raise BadInput(
            f"{path.name} breaks off after line {number}: {broken}; expected a complete gzip file. Copy it again "
            "from its source",
            "truncated",
        ) from None
    except OSError as failed:
        raise BadInput(f"{path} cannot be read: {failed}", "unreadable") from None


def _bounded(raw: BufferedIOBase, name: str) -> Iterator[bytes]:
    number = 0
    while line := raw.readline(MOST_LINE + 1):
        number += 1
        if len(line) > MOST_LINE:
            raise BadInput(
                f"{name} line {number} is longer than {MOST_LINE >> 20} MiB; expected a recording's lines. The "
                f"{number - 1} lines before it are whole; nothing was changed",
                "too_large",
            )
        yield line


def whole(path: Path, most: int) -> bytes:
    """All bytes of a file, unpacked if it is gzip. Raises BadInput (`too_large`) for more than `most`, and what reading
    raises: OSError, EOFError, zlib.error."""
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    with gzip.open(path, "rb") if packed else path.open("rb") as file:
        held = file.read(most + 1)
    if len(held) > most:
        raise BadInput(f"{path} holds more than {most >> 20} MiB; expected a document, nothing was read", "too_large")
    return held
