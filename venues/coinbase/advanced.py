"""Frames of Coinbase's Advanced Trade feed to ticks. Source: docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/
websocket (overview, channels) and the asyncapi document beside it.

| channel | becomes |
|---|---|
| `ticker` | a trade with the best prices of its moment. A snapshot's are not: their time is the message's |
| `l2_data` (subscribed to as `level2`) | a quote whenever the touch changes; sides are `bid` and `offer`, 0 removes |
| `heartbeats` | nothing: `beats` is for whoever watches the connection |
| `subscriptions`, and any other | nothing; those nobody knows are counted in `unknown` |

`sequence_num` counts the messages of a connection over all its channels: a hole means that something is missing, which
only a new connection cures. (That it counts over all channels is how others' clients read it; the documentation does
not say.) `client_id` may be there or not, `heartbeat_counter` is a number or a text. Products quoted in USDC come back
under the name of the USD product.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from domain.spot import SpotKind, SpotSource, SpotTick, price_attos, size_attos
from venues.coinbase.touch import TouchBook
from venues.spot import OutOfStep, Unreadable, micros_of, not_ahead

_SILENT = frozenset({"subscriptions", "status", "candles", "market_trades", "ticker_batch"})


class _Ticker(msgspec.Struct):
    product_id: str
    price: str
    best_bid: str = ""
    best_bid_quantity: str = ""
    best_ask: str = ""
    best_ask_quantity: str = ""


class _Level(msgspec.Struct):
    side: str
    price_level: str
    new_quantity: str
    event_time: str = ""


class _Event(msgspec.Struct):
    type: str = ""
    product_id: str = ""
    tickers: tuple[_Ticker, ...] = ()
    updates: tuple[_Level, ...] = ()


class _Frame(msgspec.Struct):
    channel: str = ""
    timestamp: str = ""
    sequence_num: int | None = None
    events: msgspec.Raw = msgspec.Raw(b"[]")
    type: str = ""
    message: str = ""


class AdvancedTicks:
    """Decodes all connections of one feed."""

    def __init__(self) -> None:
        self._decoder = msgspec.json.Decoder(_Frame)
        self._events = msgspec.json.Decoder(tuple[_Event, ...])
        self._books: dict[str, TouchBook] = {}
        self._link = 0
        self._sequence: int | None = None
        self.beats = 0
        self.unknown: Counter[str] = Counter()

    def take(self, raw: bytes, received_at: int, link: int = 1, /) -> Sequence[SpotTick]:
        if link != self._link:
            self._link = link
            self._sequence = None
            self._books.clear()
        try:
            raw.decode()  # msgspec looks at the texts it returns, and at no others
            frame = self._decoder.decode(raw)
            if frame.type == "error":
                raise OutOfStep(f"the venue says: {frame.message}")
            self._count(frame.sequence_num)
            return self._ticks(frame, received_at)
        except Unreadable:
            raise
        except (msgspec.DecodeError, ValueError, RecursionError) as wrong:
            raise Unreadable(f"not a frame of the Advanced Trade feed: {wrong}") from None

    def _count(self, number: int | None) -> None:
        last, self._sequence = self._sequence, self._sequence if number is None else number
        if number is not None and last is not None and number != last + 1:
            raise OutOfStep(f"message {number} came after {last}: {max(number - last - 1, 0)} missing")

    def _ticks(self, frame: _Frame, received_at: int) -> Sequence[SpotTick]:
        match frame.channel:
            case "l2_data":
                at = not_ahead(micros_of(frame.timestamp), received_at)
                found = [self._level(event, at, received_at) for event in self._events.decode(frame.events)]
                return [tick for tick in found if tick is not None]
            case "ticker":
                at = not_ahead(micros_of(frame.timestamp), received_at)
                return [
                    _trade(ticker, at, received_at)
                    for event in self._events.decode(frame.events)
                    if event.type != "snapshot"
                    for ticker in event.tickers
                ]
            case "heartbeats":
                self.beats += 1
            case _ if frame.channel not in _SILENT:
                self.unknown[frame.channel or frame.type] += 1
        return ()

    def _level(self, event: _Event, at: int, received_at: int) -> SpotTick | None:
        if not event.product_id:
            raise Unreadable("a level without product_id")
        levels = []
        for level in event.updates:
            if level.side not in ("bid", "offer"):
                raise Unreadable(f"side {level.side!r}; expected bid or offer")
            levels.append((level.side == "bid", price_attos(level.price_level), size_attos(level.new_quantity)))
        if event.type == "snapshot":
            book = self._books.setdefault(event.product_id, TouchBook(event.product_id))
            book.replace(
                [(price, size) for bid, price, size in levels if bid],
                [(price, size) for bid, price, size in levels if not bid],
            )
            return book.tick(at, received_at)
        said = [micros_of(level.event_time) for level in event.updates if level.event_time]
        times = [not_ahead(time, received_at) for time in said if time > 0]  # the epoch stands for no time
        known = self._books.get(event.product_id)
        if known is None:
            return None  # before its snapshot
        for bid, price, size in levels:
            known.set(bid, price, size)
        return known.tick(max(times, default=at), received_at)


def _trade(ticker: _Ticker, at: int, received_at: int) -> SpotTick:
    if not ticker.product_id:
        raise Unreadable("a ticker without product_id")
    return SpotTick(
        SpotSource.COINBASE,
        ticker.product_id,
        SpotKind.TRADE,
        price_attos(ticker.price),
        at,
        received_at,
        bid=size_attos(ticker.best_bid or "0"),
        ask=size_attos(ticker.best_ask or "0"),
        bid_size=size_attos(ticker.best_bid_quantity or "0"),
        ask_size=size_attos(ticker.best_ask_quantity or "0"),
    )
