"""Spot decoders: ticks that make sense or a reason, and the touch of a book that is kept is that of all its levels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from domain.spot import SpotKind, SpotTick
from proof.fuzz.feeds import MOST_FRAMES, Wrong
from proof.fuzz.seeds import T0
from proof.fuzz.slow_books import NoText, parsed
from venues.binance.ticks import BinanceTicks
from venues.coinbase.advanced import AdvancedTicks
from venues.coinbase.exchange import ExchangeTicks
from venues.polymarket.prices import PriceTicks
from venues.spot import AHEAD_US, OutOfStep, SpotDecoder, Unreadable

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


def _run(decoder: SpotDecoder, session: bytes, apply: Callable[[Any, _Levels], Iterator[str]] | None = None) -> None:
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
            touches = [_touch(product, books) for product in apply(parsed(line), books)]
        except NoText:
            raise Wrong(f"{line[:200]!r} was read, and is no JSON") from None
        for tick in ticks:
            if tick.kind is SpotKind.QUOTE and (tick.symbol, tick.bid, tick.ask) not in touches:
                raise Wrong(f"{tick} is not the touch of {books} at any moment of {line[:200]!r}")


def _sound(ticks: Sequence[SpotTick], line: bytes) -> None:
    for tick in ticks:
        if not tick.symbol or tick.price <= 0 or min(tick.bid, tick.ask, tick.bid_size, tick.ask_size) < 0:
            raise Wrong(f"{tick} of {line[:200]!r}")
        if not 0 < tick.exchange_at <= T0 + AHEAD_US:
            raise Wrong(f"{tick} is not of now; {line[:200]!r}")


def _touch(product: str, books: _Levels) -> tuple[str, int, int]:
    bids, asks = ([_attos(price) for price in levels] for levels in books[product])
    return product, max(bids, default=0), min(asks, default=0)


def _attos(text: str) -> int:
    return int(Decimal(text).scaleb(18))


def _put(levels: dict[str, str], price: str, size: str) -> None:
    for known in [known for known in levels if _attos(known) == _attos(price)]:
        del levels[known]
    if _attos(size):
        levels[price] = size


def _exchange_levels(said: Any, books: _Levels) -> Iterator[str]:
    """The product whose levels a frame changed, once they are."""
    product = said.get("product_id")
    if said["type"] == "snapshot":
        sides: tuple[dict[str, str], dict[str, str]] = ({}, {})
        books[product] = sides
        for levels, rows in zip(sides, (said.get("bids", []), said.get("asks", [])), strict=True):
            for price, size in rows:
                _put(levels, price, size)
        yield product
    elif said["type"] == "l2update" and product in books:
        for side, price, size in said.get("changes", []):
            _put(books[product][side == "sell"], price, size)
        yield product


def _advanced_levels(said: Any, books: _Levels) -> Iterator[str]:
    """The same; a frame may hold several changes one after the other."""
    for event in said.get("events", []) if said.get("channel") == "l2_data" else ():
        product = event["product_id"]
        if event.get("type") == "snapshot":
            books[product] = ({}, {})
        if product not in books:
            continue
        for level in event.get("updates", []):
            _put(books[product][level["side"] == "offer"], level["price_level"], level["new_quantity"])
        yield product
