"""Frames of Binance's spot stream to ticks, single or combined. Source: binance-spot-api-docs, web-socket-streams.md.

| frame | becomes |
|---|---|
| bookTicker (has no `e`) | a quote, at our time: it says none |
| `trade` | a trade, at its `T` |
| `serverShutdown` | nothing; `shutdown` is true from then on, until a frame of a newer connection |
| anything else | nothing; what nobody knows is counted in `unknown` |

`u`, the order book's update id, rises but not by one: the greatest is kept, what is not greater is left out and counted
in `late`. Two connections that overlap therefore give each quote once. An id is forgotten when nothing was greater for
ten seconds: a venue that starts counting anew must not silence its feed for ever.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from domain.spot import SpotKind, SpotSource, SpotTick, price_attos, size_attos
from venues.spot import Unreadable, not_ahead

FORGET_US = 10_000_000

_KNOWN = frozenset({"depthUpdate", "aggTrade", "kline", "24hrTicker", "24hrMiniTicker"})


class _Data(msgspec.Struct):
    """The letters are the venue's; `b` and `a` are prices in one type and levels in another."""

    e: str = ""
    s: str = ""
    u: int = 0
    T: int = 0
    t: int = 0
    p: str = ""
    q: str = ""
    b: msgspec.Raw = msgspec.Raw(b"")
    B: msgspec.Raw = msgspec.Raw(b"")
    a: msgspec.Raw = msgspec.Raw(b"")
    A: msgspec.Raw = msgspec.Raw(b"")


class _Frame(_Data):
    stream: str = ""
    data: _Data | None = None


class BinanceTicks:
    """Decodes all connections of one feed."""

    def __init__(self) -> None:
        self._decoder = msgspec.json.Decoder(_Frame)
        self._text = msgspec.json.Decoder(str)
        self._update: dict[str, tuple[int, int]] = {}
        self._trade: dict[str, tuple[int, int]] = {}
        self._shutdown_by = 0
        self.unknown: Counter[str] = Counter()
        self.late = 0

    def leaving(self, link: int) -> bool:
        """Whether the venue said that this connection's server will go away."""
        return link <= self._shutdown_by

    def take(self, raw: bytes, received_at: int, link: int = 1, /) -> Sequence[SpotTick]:
        try:
            raw.decode()  # msgspec looks at the texts it returns, and at no others
            frame = self._decoder.decode(raw)
            said = frame if frame.data is None else frame.data
            match said.e:
                case "":
                    return self._quote(said, received_at)
                case "trade":
                    return self._traded(said, received_at)
                case "serverShutdown":
                    self._shutdown_by = max(link, self._shutdown_by)
                case _ if said.e not in _KNOWN:
                    self.unknown[said.e] += 1
        except Unreadable:
            raise
        except (msgspec.DecodeError, ValueError, RecursionError) as wrong:
            raise Unreadable(f"not a frame of the spot stream: {wrong}") from None
        return ()

    def _quote(self, said: _Data, received_at: int) -> Sequence[SpotTick]:
        if not said.s:
            self.unknown["answer"] += 1  # `{"result": null, "id": 1}` to a request
            return ()
        bid, bid_size, ask, ask_size = (self._text.decode(field) for field in (said.b, said.B, said.a, said.A))
        tick = SpotTick(
            SpotSource.BINANCE,
            said.s,
            SpotKind.QUOTE,
            (price_attos(bid) + price_attos(ask)) // 2,
            received_at,
            received_at,
            timed=False,
            bid=price_attos(bid),
            ask=price_attos(ask),
            bid_size=size_attos(bid_size),
            ask_size=size_attos(ask_size),
        )
        if tick.bid >= tick.ask:
            raise Unreadable(f"{said.s} bid {bid} is not below ask {ask}")
        return (tick,) if self._newer(self._update, said.s, said.u, received_at) else ()

    def _traded(self, said: _Data, received_at: int) -> Sequence[SpotTick]:
        if not said.s:
            raise Unreadable("a trade of no symbol")
        at = not_ahead(said.T * 1000, received_at)
        tick = SpotTick(SpotSource.BINANCE, said.s, SpotKind.TRADE, price_attos(said.p), at, received_at)
        return (tick,) if self._newer(self._trade, said.s, said.t, received_at) else ()

    def _newer(self, seen: dict[str, tuple[int, int]], symbol: str, number: int, received_at: int) -> bool:
        last, at = seen.get(symbol, (-1, received_at))
        if number <= last and received_at - at <= FORGET_US:
            self.late += 1
            return False
        seen[symbol] = number, received_at
        return True
