"""Parquet: columns of other people's quotes in, a session by instrument and day out.

The library has no types and takes half a second to load, so it is imported here alone, when it is used.
"""

from __future__ import annotations

import importlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from domain.errors import BadInput
from recording.envelope import Envelope, EventType
from recording.frame_labels import label

BATCH_ROWS = 16_384
MOST_ROWS = 200_000
"""Rows in memory at a time, of all instruments together."""
_NO_INSTRUMENT = "none"
_COLUMNS = (
    ("number", "int64"), ("schema", "int32"), ("type", "string"), ("venue", "string"), ("market", "string"),
    ("exchange_at", "int64"), ("received_at", "int64"), ("received_ns", "int64"), ("seq", "int64"),
    ("source", "string"), ("link", "int32"), ("text", "large_string"), ("base64", "bool_"),
)  # fmt: skip


def columns(path: Path, names: Iterable[str] = ()) -> Iterator[dict[str, list[Any]]]:
    """The file's columns a batch of rows at a time; times as microseconds of their own clock.

    Raises BadInput (`bad_table`) for what is no Parquet file, or lacks one of `names`."""
    arrow, parquet = _arrow(), importlib.import_module("pyarrow.parquet")
    try:
        with parquet.ParquetFile(path) as file:
            held = [field.name for field in file.schema_arrow]
            if missing := [name for name in names if name not in held]:
                raise BadInput(f"{path.name} has columns {', '.join(held)}; expected {', '.join(missing)}", "bad_table")
            for batch in file.iter_batches(batch_size=BATCH_ROWS):
                yield {
                    name: (
                        column.cast(arrow.timestamp("us")).cast(arrow.int64())
                        if arrow.types.is_timestamp(column.type)
                        else column
                    ).to_pylist()
                    for name, column in zip(batch.schema.names, batch.columns, strict=True)
                }
    except arrow.ArrowException as wrong:
        raise BadInput(f"{path.name} is no whole Parquet file ({wrong}); copy it again", "bad_table") from None


class Export:
    """Writes `folder`/venue=V/market=M/day=D/part-NNNNN.parquet, one row an event and instrument.

    A message about several instruments is a row of each; an event of none stands under `none`. `number` counts the
    session's events from 1, so rows of several files can be put in order again. Within a file they are in order.
    At most MOST_ROWS wait in memory: an instrument with more of them in one day gets several parts.
    """

    def __init__(self, folder: Path) -> None:
        if folder.exists() and any(folder.iterdir()):
            raise BadInput(f"{folder} is not empty; an export begins in a folder of its own", "exists")
        self._folder = folder
        self._waiting: dict[tuple[str, str, str], list[tuple[Any, ...]]] = {}
        self._rows = 0
        self._parts: Counter[tuple[str, str, str]] = Counter()
        self.rows: Counter[tuple[str, str, str]] = Counter()
        """Rows written by venue, instrument and day."""

    @property
    def files(self) -> int:
        return self._parts.total()

    def write(self, events: Iterable[Envelope]) -> None:
        """All of `events`, and everything on the disk when it returns. Raises OSError."""
        for number, event in enumerate(events, start=1):
            day = f"{datetime.fromtimestamp(event.at // 1_000_000, tz=UTC):%Y-%m-%d}" if event.at else "unknown"
            row = (number, *(getattr(event, name) for name, _ in _COLUMNS[1:]))
            for market in _instruments(event) or (_NO_INSTRUMENT,):
                self._waiting.setdefault((event.venue or _NO_INSTRUMENT, market, day), []).append(row)
                self._rows += 1
            if self._rows >= MOST_ROWS:
                self._flush(self._rows // 2)
        self._flush(0)

    def _flush(self, down_to: int) -> None:
        """The longest first, so that as few parts as possible are small."""
        for key in sorted(self._waiting, key=lambda key: (-len(self._waiting[key]), key)):
            if self._rows <= down_to:
                return
            rows = self._waiting.pop(key)
            self._rows -= len(rows)
            self._write(key, rows)

    def _write(self, key: tuple[str, str, str], rows: list[tuple[Any, ...]]) -> None:
        arrow, parquet = _arrow(), importlib.import_module("pyarrow.parquet")
        venue, market, day = key
        folder = self._folder / f"venue={_safe(venue)}" / f"market={_safe(market)}" / f"day={day}"
        folder.mkdir(parents=True, exist_ok=True)
        schema = arrow.schema([(name, getattr(arrow, kind)()) for name, kind in _COLUMNS])
        arrays = [arrow.array(column, schema.field(place).type) for place, column in enumerate(zip(*rows, strict=True))]
        table = arrow.Table.from_arrays(arrays, schema=schema)
        parquet.write_table(table, folder / f"part-{self._parts[key]:05d}.parquet", compression="zstd")
        self._parts[key] += 1
        self.rows[key] += len(rows)


def _instruments(event: Envelope) -> tuple[str, ...]:
    if event.markets or event.type is not EventType.FRAME:
        return event.markets
    return tuple(part for part in label(event.venue, event.body).market.split(",") if part)


def _safe(name: str) -> str:
    """A name any file system takes and no path can hide in; long ones are cut, the tokens of one venue fit."""
    made = re.sub(r"[^A-Za-z0-9%._~-]", "_", quote(name, safe=""))[:180]
    return made if made.strip(".") else f"_{made}"


def _arrow() -> Any:
    return importlib.import_module("pyarrow")
