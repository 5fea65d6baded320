"""Frames of Coinbase's Exchange feed to ticks. Source: docs.cdp.coinbase.com/exchange/websocket-feed and …/channels.

| frame | becomes |
|---|---|
| `ticker` | a trade with the best prices of its moment; they do not move between trades |
| `snapshot`, `l2update` (channels `level2`, `level2_batch`) | a quote whenever the touch changes |
| `heartbeat` | nothing: `beats` and `last_trade` are for whoever watches the connection |
| `error` | OutOfStep |
| anything else | nothing: new types may come at any time, and are counted in `unknown` |

`sequence` counts a product's messages of another channel: between tickers it jumps, so it only must not fall; a ticker
that is older than the one before is left out and counted in `late`. The first ticker after a subscription is an old
trade: its time says so. `l2update` has no sequence at all; a crossed book is the only sign that one was lost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from domain.spot import SpotKind, SpotSource, SpotTick, price_attos, size_attos
from venues.coinbase.touch import TouchBook
from venues.spot import OutOfStep, Unreadable, micros_of, not_ahead

_KNOWN = frozenset({"subscriptions", "last_match", "match", "status"})


class _Frame(msgspec.Struct):
    type: str
    product_id: str = ""
    sequence: int = 0
    price: str = ""
    best_bid: str = ""
    best_ask: str = ""
    best_bid_size: str = ""
    best_ask_size: str = ""
    time: str = ""
    trade_id: int = 0
    last_trade_id: int = 0
    bids: tuple[tuple[str, str], ...] = ()
    asks: tuple[tuple[str, str], ...] = ()
    changes: tuple[tuple[str, str, str], ...] = ()
    message: str = ""
    reason: str = ""


class ExchangeTicks:
    """Decodes all connections of one feed. `trade` and `last_trade` are, by product, the id of the last ticker's trade
    and of the last trade a heartbeat spoke of; `beats` counts heartbeats."""

    def __init__(self) -> None:
        self._decoder = msgspec.json.Decoder(_Frame)
        self._sequence: dict[str, int] = {}
        self._books: dict[str, TouchBook] = {}
        self._link = 0
        self.trade: dict[str, int] = {}
        self.last_trade: dict[str, int] = {}
        self.beats: Counter[str] = Counter()
        self.unknown: Counter[str] = Counter()
        self.late = 0

    def take(self, raw: bytes, received_at: int, link: int = 1, /) -> Sequence[SpotTick]:
        if link != self._link:
            self._link = link
            self._books.clear()
            self._sequence.clear()
        try:
            raw.decode()  # msgspec looks at the texts it returns, and at no others
            frame = self._decoder.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
            raise Unreadable(f"not a frame of the Exchange feed: {wrong}") from None
        try:
            return self._ticks(frame, received_at)
        except Unreadable:
            raise
        except ValueError as wrong:
            raise Unreadable(f"{frame.type} of {frame.product_id or 'no product'}: {wrong}") from None

    def _ticks(self, frame: _Frame, received_at: int) -> Sequence[SpotTick]:
        match frame.type:
            case "ticker":
                return self._trade(frame, received_at)
            case "l2update":
                return self._change(frame, received_at)
            case "snapshot":
                # A snapshot says no time: it is of now, as far as anyone can say.
                at = not_ahead(micros_of(frame.time), received_at) if frame.time else received_at
                book = self._books.setdefault(_product(frame), TouchBook(frame.product_id))
                book.replace(
                    [(price_attos(price), size_attos(size)) for price, size in frame.bids],
                    [(price_attos(price), size_attos(size)) for price, size in frame.asks],
                )
                tick = book.tick(at, received_at)
                return (tick,) if tick is not None else ()
            case "heartbeat":
                product = _product(frame)
                self.beats[product] += 1
                self.last_trade[product] = max(frame.last_trade_id, self.last_trade.get(product, 0))
            case "error":
                raise OutOfStep(f"the venue says: {frame.message} {frame.reason}".rstrip())
            case _ if frame.type not in _KNOWN:
                self.unknown[frame.type] += 1
        return ()

    def _trade(self, frame: _Frame, received_at: int) -> Sequence[SpotTick]:
        product = _product(frame)
        exchange_at = not_ahead(micros_of(frame.time), received_at)
        tick = SpotTick(
            SpotSource.COINBASE,
            product,
            SpotKind.TRADE,
            price_attos(frame.price),
            exchange_at,
            received_at,
            bid=size_attos(frame.best_bid or "0"),
            ask=size_attos(frame.best_ask or "0"),
            bid_size=size_attos(frame.best_bid_size or "0"),
            ask_size=size_attos(frame.best_ask_size or "0"),
        )
        if frame.sequence < self._sequence.get(product, 0):
            self.late += 1
            return ()
        self._sequence[product] = frame.sequence
        self.trade[product] = max(frame.trade_id, self.trade.get(product, 0))
        return (tick,)

    def _change(self, frame: _Frame, received_at: int) -> Sequence[SpotTick]:
        book = self._books.get(_product(frame))
        if book is None:
            return ()  # before its snapshot
        exchange_at = not_ahead(micros_of(frame.time), received_at)
        changes = []
        for side, price, size in frame.changes:
            if side not in ("buy", "sell"):
                raise Unreadable(f"side {side!r}; expected buy or sell")
            changes.append((side == "buy", price_attos(price), size_attos(size)))
        for bid, level, left in changes:
            book.set(bid, level, left)
        tick = book.tick(exchange_at, received_at)
        return (tick,) if tick is not None else ()


def _product(frame: _Frame) -> str:
    if not frame.product_id:
        raise Unreadable(f"a {frame.type} without product_id")
    return frame.product_id
