"""Spot decoders: ticks that make sense or a reason, and the touch of a book that is kept is that of all its levels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from domain.spot import SpotKind, SpotTick
from venues.binance.ticks import BinanceTicks
from venues.coinbase.advanced import AdvancedTicks
from venues.coinbase.exchange import ExchangeTicks
from venues.polymarket.prices import PriceTicks
from venues.spot import AHEAD_US, OutOfStep, SpotDecoder, Unreadable
from workers.fuzz.feeds import MOST_FRAMES, Wrong
from workers.fuzz.seeds import T0
from workers.fuzz.slow_books import NoText, parsed

_Levels = dict[str, tuple[dict[str, str], dict[str, str]]]
"""By product: bids and asks, prices and sizes as they were written."""


def exchange(session: bytes) -> None:
    _run(ExchangeTicks(), session, _exchange_levels)


def advanced(session: bytes) -> None:
    _run(AdvancedTicks(), session, _advanced_levels)


def binance(session: bytes) -> None:
    _run(BinanceTicks(), session)


def prices(session: bytes) -> None:
    _run(PriceTicks(), session)


def _run(decoder: SpotDecoder, session: bytes, apply: Callable[[Any, _Levels], None] | None = None) -> None:
    """A feed gives its connection up at the first frame that is out of step, and one with a book at any unreadable."""
    books: _Levels = {}
    for line in session.split(b"\n")[:MOST_FRAMES]:
        try:
            ticks = decoder.take(line, T0)
        except OutOfStep:
            return
        except Unreadable as why:
            if not str(why):
                raise Wrong("refused without a reason") from None
            if apply is not None:
                return
            continue
        _sound(ticks, line)
        if apply is None:
            continue
        try:
            apply(parsed(line), books)
        except NoText:
            raise Wrong(f"{line[:200]!r} was read, and is no JSON") from None
        for tick in ticks:
            if tick.kind is SpotKind.QUOTE:
                _touch(tick, books)


def _sound(ticks: Sequence[SpotTick], line: bytes) -> None:
    for tick in ticks:
        if not tick.symbol or tick.price <= 0 or min(tick.bid, tick.ask, tick.bid_size, tick.ask_size) < 0:
            raise Wrong(f"{tick} of {line[:200]!r}")
        if not 0 < tick.exchange_at <= T0 + AHEAD_US:
            raise Wrong(f"{tick} is not of now; {line[:200]!r}")


def _touch(tick: SpotTick, books: _Levels) -> None:
    bids, asks = ([_attos(price) for price in levels] for levels in books[tick.symbol])
    if (tick.bid, tick.ask) != (max(bids), min(asks)):
        raise Wrong(f"{tick} is not the touch of {books[tick.symbol]}")


def _attos(text: str) -> int:
    from decimal import Decimal

    return int(Decimal(text).scaleb(18))


def _put(levels: dict[str, str], price: str, size: str) -> None:
    for known in [known for known in levels if _attos(known) == _attos(price)]:
        del levels[known]
    if _attos(size):
        levels[price] = size


def _exchange_levels(said: Any, books: _Levels) -> None:
    if said["type"] == "snapshot":
        books[said["product_id"]] = sides = ({}, {})
        for levels, rows in zip(sides, (said.get("bids", []), said.get("asks", [])), strict=True):
            for price, size in rows:
                _put(levels, price, size)
    elif said["type"] == "l2update" and said.get("product_id") in books:
        for side, price, size in said.get("changes", []):
            _put(books[said["product_id"]][side == "sell"], price, size)


def _advanced_levels(said: Any, books: _Levels) -> None:
    if said.get("channel") != "l2_data":
        return
    for event in said.get("events", []):
        product = event["product_id"]
        if event.get("type") == "snapshot":
            books[product] = ({}, {})
        for level in event.get("updates", []) if product in books else ():
            _put(books[product][level["side"] == "offer"], level["price_level"], level["new_quantity"])
