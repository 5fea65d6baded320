"""Sweeps over all markets of an exchange every few minutes, in Parquet, and the tables that describe them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from domain.errors import BadInput
from recording.envelope import Envelope, EventType, envelope
from recording.importing.clocks import from_eastern
from recording.importing.intake import Intake
from recording.parquet import columns
from recording.sources.quarantine import BadLine

VENUE = "polymarket_us"


def quotes(path: Path, intake: Intake) -> Iterator[Envelope]:
    """Best bid and ask of a market at a moment of New York's clock; what is not there is left out."""

    def read(row: Mapping[str, Any]) -> Envelope | str:
        for side in ("bid", "ask"):
            price = row[side]
            if price is not None and not 0 <= price <= 1:
                return f"a price from 0 to 1 dollar, not {price!r}"
        said = {name: repr(held) if isinstance(held, float) else held for name, held in row.items()
                if held is not None and name not in ("slug", "ts")}  # fmt: skip
        return envelope(
            EventType.QUOTE, msgspec.json.encode(said), venue=VENUE, market=row["slug"],
            received_at=from_eastern(row["ts"]), source=path.name,
        )  # fmt: skip

    return _rows(path, intake, ("ts", "slug", "bid", "ask"), read)


def descriptions(path: Path, intake: Intake) -> Iterator[Envelope]:
    """A market's question, or how it ended, by its `slug`."""

    def read(row: Mapping[str, Any]) -> Envelope:
        return envelope(
            EventType.DOCUMENT, msgspec.json.encode(dict(row)), venue=VENUE, market=row["slug"], source=path.name
        )

    return _rows(path, intake, ("slug",), read)


def _rows(
    path: Path, intake: Intake, names: tuple[str, ...], read: Callable[[Mapping[str, Any]], Envelope | str]
) -> Iterator[Envelope]:
    """Every row through `read`: an event, or what was expected instead."""
    counts = intake.counts(path.name)
    try:
        for batch in columns(path, names):
            keys = tuple(batch)
            for cells in zip(*batch.values(), strict=True):
                counts.read += 1
                row = dict(zip(keys, cells, strict=True))
                if any(row[name] is None for name in names[:2]) or "," in row["slug"]:
                    event: Envelope | str = f"a row with {' and '.join(names[:2])}"
                else:
                    event = read(row)
                if isinstance(event, str):
                    intake.refuse(BadLine(path.name, counts.read, str(row)[:4096], event))
                else:
                    yield event
    except BadInput as broken:
        counts.read += 1
        intake.refuse(BadLine(path.name, counts.read, "", f"a whole table ({broken.message})"))
