"""Lines of a recorded file, plain or gzip, with a truncated or damaged file named by its last good line."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from domain.errors import BadInput


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """(number from 1, text without line end) of every line; bytes that are not UTF-8 stand in it as `\\xff`, so that
    one such line is a bad line and no more. Raises BadInput where the file breaks off."""
    number = 0
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as raw:
            for number, line in enumerate(raw, start=1):
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
