"""Coinbase's two public feeds, kept: subscribed at once, watched by their heartbeats, given up when they lie.

| seen | done | why |
|---|---|---|
| connected | subscribe to the heartbeat and the wanted channels | silent connections are dropped after 5 s |
| every product's heartbeat and first price came | live | |
| no heartbeat for `beat_s` (5 s) | lost | they come every second; sockets go silent after hours |
| trades go on by `frozen_beats` heartbeats and no ticker came (Exchange) | lost | it beats, and carries nothing |
| a hole in `sequence_num` (Advanced Trade), a crossed book, an error | lost | a new subscription brings a new book |
| a frame that cannot be read | dead letter; lost where a book is kept | it may have been a change of it |

Sources as in `exchange.py` and `advanced.py`; silent sockets: github.com/coinbase/coinbase-pro-node/issues/200,
drifting books: …/issues/183.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Unpack

import msgspec

from domain.errors import BadInput
from venues.coinbase.advanced import AdvancedTicks
from venues.coinbase.exchange import ExchangeTicks
from venues.kept_socket import KeptSocket, SocketOptions
from venues.reconnect import ConnectionLost
from venues.spot import OnDead, OnTick, OutOfStep, SpotDecoder, Unreadable

EXCHANGE_URL = "wss://ws-feed.exchange.coinbase.com"
ADVANCED_URL = "wss://advanced-trade-ws.coinbase.com"

_BOOKS = frozenset({"level2", "level2_batch"})
_EXCHANGE = frozenset({"ticker"}) | _BOOKS
_ADVANCED = frozenset({"ticker", "level2"})


@dataclass(frozen=True, slots=True)
class CoinbaseRules:
    """`beat_s` seconds without a heartbeat, or `frozen_beats` of them with trades and without a ticker, end a
    connection."""

    beat_s: float = 5.0
    frozen_beats: int = 5


def exchange_feed(
    products: Sequence[str],
    *,
    on_tick: OnTick,
    on_dead: OnDead = lambda raw, why, at: None,
    channels: Sequence[str] = ("ticker", "level2_batch"),
    url: str = EXCHANGE_URL,
    rules: CoinbaseRules | None = None,
    **socket: Unpack[SocketOptions],
) -> KeptSocket:
    """The Exchange feed of `products` (`BTC-USD`). Raises BadInput for no product or an unknown channel."""
    asked = _Asked(tuple(products), tuple(channels), on_tick, on_dead, rules or CoinbaseRules())
    _check(asked, _EXCHANGE)
    decoder = ExchangeTicks()
    return KeptSocket("Coinbase", url, lambda link: _Exchange(link, decoder, asked), **socket)


def advanced_feed(
    products: Sequence[str],
    *,
    on_tick: OnTick,
    on_dead: OnDead = lambda raw, why, at: None,
    channels: Sequence[str] = ("level2",),
    url: str = ADVANCED_URL,
    rules: CoinbaseRules | None = None,
    **socket: Unpack[SocketOptions],
) -> KeptSocket:
    """The Advanced Trade feed of `products`. Raises BadInput for no product or an unknown channel."""
    asked = _Asked(tuple(products), tuple(channels), on_tick, on_dead, rules or CoinbaseRules())
    _check(asked, _ADVANCED)
    decoder = AdvancedTicks()
    return KeptSocket("Coinbase", url, lambda link: _Advanced(link, decoder, asked), **socket)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What every connection of a feed asks for, and where its answers go."""

    products: tuple[str, ...]
    channels: tuple[str, ...]
    on_tick: OnTick
    on_dead: OnDead
    rules: CoinbaseRules


def _check(asked: _Asked, known: frozenset[str]) -> None:
    if not asked.products or not asked.channels or not known.issuperset(asked.channels):
        raise BadInput(
            f"Coinbase feed of products {list(asked.products)} and channels {list(asked.channels)}; expected at least "
            f"one of each, channels out of {', '.join(sorted(known))}"
        )


class _Talk:
    """What both feeds have in common: heartbeats by which a connection lives, prices by which it is live."""

    leaving = ""

    def __init__(self, link: int, decoder: SpotDecoder, asked: _Asked) -> None:
        self.asked = asked
        self._link = link
        self._decoder = decoder
        self._books = not _BOOKS.isdisjoint(asked.channels)
        self._unpriced = set(asked.products)
        self._beat_ns = 0
        self._beaten = False

    @property
    def live(self) -> bool:
        return self._beaten and not self._unpriced

    def hear(self, raw: bytes, received_at_us: int, received_ns: int, /) -> Sequence[bytes]:
        beats = self.beats()
        try:
            ticks = self._decoder.take(raw, received_at_us, self._link)
        except Unreadable as wrong:
            self.asked.on_dead(raw, str(wrong), received_at_us)
            if self._books:
                raise ConnectionLost(f"a frame cannot be read ({wrong}) and may have been a change of a book") from None
            return ()
        except OutOfStep as wrong:
            raise ConnectionLost(str(wrong)) from None
        if self.beats() != beats:
            self._beat_ns = received_ns
            self._beaten = True
            self.beaten()
        for tick in ticks:
            # Products quoted in USDC come back under the name of the USD product.
            self._unpriced -= {tick.symbol, f"{tick.symbol}C"}
            self.asked.on_tick(tick)
        return ()

    def due(self, now_ns: int, /) -> Sequence[bytes]:
        if not self._beat_ns:
            self._beat_ns = now_ns
        silent = (now_ns - self._beat_ns) / 1e9
        if silent > self.asked.rules.beat_s:
            raise ConnectionLost(f"no heartbeat for {silent:.1f} s")
        return ()

    def closed(self, code: int, /) -> None:
        """Whatever the code, another connection may do better."""

    def beats(self) -> int:
        """Heartbeats counted so far."""
        raise NotImplementedError

    def beaten(self) -> None:
        """A heartbeat came."""


class _Exchange(_Talk):
    def __init__(self, link: int, decoder: ExchangeTicks, asked: _Asked) -> None:
        super().__init__(link, decoder, asked)
        self._ticks = decoder
        self._told: dict[str, tuple[int, int]] = {}  # by product: its last ticker's trade, heartbeats when it was news

    def opening(self) -> Sequence[bytes]:
        wanted = {
            "type": "subscribe",
            "product_ids": self.asked.products,
            "channels": ["heartbeat", *self.asked.channels],
        }
        return (msgspec.json.encode(wanted),)

    def beats(self) -> int:
        return self._ticks.beats.total()

    def beaten(self) -> None:
        if "ticker" not in self.asked.channels:
            return
        for product in self.asked.products:
            count, trade = self._ticks.beats[product], self._ticks.trade.get(product, 0)
            told, since = self._told.get(product, (-1, 0))
            if self._ticks.last_trade.get(product, 0) <= trade or trade != told:
                self._told[product] = trade, count
            elif count - since >= self.asked.rules.frozen_beats:
                raise ConnectionLost(f"{product} trades go on, and no ticker came for {count - since} heartbeats")


class _Advanced(_Talk):
    def __init__(self, link: int, decoder: AdvancedTicks, asked: _Asked) -> None:
        super().__init__(link, decoder, asked)
        self._ticks = decoder

    def opening(self) -> Sequence[bytes]:
        products = self.asked.products
        wanted: list[dict[str, object]] = [{"type": "subscribe", "channel": "heartbeats"}]  # one channel a message
        wanted += [{"type": "subscribe", "product_ids": products, "channel": name} for name in self.asked.channels]
        return tuple(msgspec.json.encode(words) for words in wanted)

    def beats(self) -> int:
        return self._ticks.beats
