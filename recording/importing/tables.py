"""Tables: oracle ticks, polls with a spot price beside them, somebody's own trades, in CSV."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path

import msgspec

from domain.market import Venue
from domain.money import MICRO
from recording.envelope import Envelope, EventType, envelope
from recording.importing.clocks import clock
from recording.importing.intake import Intake, lines
from recording.sources import numbers
from recording.sources.numbers import Unreadable

_QUARTER = 900 * MICRO
Row = Mapping[str, str]


def csv_rows(
    path: Path, intake: Intake, columns: frozenset[str], read: Callable[[Row], Envelope]
) -> Iterator[Envelope]:
    """Every row after the header through `read`. The header must name `columns`; cells hold no commas."""
    names: list[str] = []

    def line(text: str) -> Envelope | None:
        cells = text.split(",")
        if not names:
            if missing := columns - set(cells):
                raise Unreadable(f"a header with {', '.join(sorted(missing))}, not {text[:80]!r}")
            names.extend(cells)
            intake.counts(path.name).read -= 1  # a header is no row
            return None
        if len(cells) != len(names):
            raise Unreadable(f"{len(names)} columns, not {len(cells)}")
        return read(dict(zip(names, cells, strict=True)))

    return lines(path, intake, line)


def chainlink_prices(path: Path, intake: Intake) -> Iterator[Envelope]:
    """An oracle's ticks: `feed_ts_ms` is when the price was, `recv_ms` when the recorder had it. The exact price is
    `full_accuracy_value`, scaled by 10^18; `value` is a rounded binary fraction of it."""

    def read(row: Row) -> Envelope:
        if not row["full_accuracy_value"].isdecimal():
            raise Unreadable(f"a price scaled by 10^18, not {row['full_accuracy_value']!r}")
        return envelope(
            EventType.TICK, msgspec.json.encode(row), venue="chainlink", market=path.name.split("-")[0],
            exchange_at=_millis(row["feed_ts_ms"]), received_at=_millis(row["recv_ms"]), source=path.name,
        )  # fmt: skip

    return csv_rows(path, intake, frozenset({"feed_ts_ms", "full_accuracy_value", "recv_ms"}), read)


def polled_with_spot(path: Path, intake: Intake) -> Iterator[Envelope]:
    """Polls of an up/down market with the spot price in the same row. The clock has no zone; `market_end_ts` and
    `time_remaining_s` say, to a quarter of an hour, which it is."""

    def read(row: Row) -> Envelope:
        local = clock(row["timestamp"])
        true = numbers.micros(row["market_end_ts"]) - numbers.micros(row["time_remaining_s"])
        zone = (local - true + _QUARTER // 2) // _QUARTER * _QUARTER
        for price in ("bid_up", "ask_up", "bid_down", "ask_down"):
            _probability(row[price])
        return envelope(
            EventType.QUOTE, msgspec.json.encode(row), venue=Venue.POLYMARKET,
            market=f"{row['token_id_up']},{row['token_id_down']}", received_at=local - zone, source=path.name,
        )  # fmt: skip

    columns = {"timestamp", "token_id_up", "token_id_down", "market_end_ts", "time_remaining_s"}
    return csv_rows(path, intake, frozenset(columns | {"bid_up", "ask_up", "bid_down", "ask_down", "btc_price"}), read)


def fills(path: Path, intake: Intake) -> Iterator[Envelope]:
    """One wallet's own trades in fifteen-minute up/down markets; times are UTC without saying so."""

    def read(row: Row) -> Envelope:
        if row["trade_side"] not in ("Up", "Down"):
            raise Unreadable(f"trade_side Up or Down, not {row['trade_side']!r}")
        numbers.size(row["quantity"])
        _probability(row["price"])
        window = clock(row["TargetTime"]) // MICRO
        return envelope(
            EventType.FILL, msgspec.json.encode(row), venue=Venue.POLYMARKET, market=f"btc-updown-15m-{window}",
            exchange_at=clock(row["timestamp"]), source=path.name,
        )  # fmt: skip

    return csv_rows(path, intake, frozenset({"timestamp", "trade_side", "quantity", "price", "TargetTime"}), read)


def _millis(text: str) -> int:
    if not text.isdecimal() or len(text) != 13:
        raise Unreadable(f"milliseconds since the epoch, not {text!r}")
    return int(text) * 1000


def _probability(text: str) -> None:
    """A price from 0 to 1 dollar, an empty side (nothing) included."""
    if not text:
        return
    try:
        price = Decimal(text)
    except InvalidOperation:
        price = Decimal("NaN")
    if not (price.is_finite() and 0 <= price <= 1):
        raise Unreadable(f"a price from 0 to 1 dollar, not {text!r}")
