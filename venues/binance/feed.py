"""Binance's spot stream, kept. Its streams are named in the address, so nothing has to be said.

| seen | done | why |
|---|---|---|
| the first quote of every symbol | live | |
| nothing newer for `silence_s` from any symbol | lost | pings are answered by a socket that carries nothing |
| `serverShutdown` | another connection first, then this one closed | the venue restarts |
| the connection is `rotate_s` old, a tenth more or less | likewise | the venue ends it after 24 h |
| a frame that cannot be read | dead letter | each quote stands for itself |
| HTTP 451 | `BadInput` | the venue does not serve this country |

The venue pings every 20 s and drops who does not answer in a minute; the socket answers by itself. Source:
binance-spot-api-docs, web-socket-streams.md.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Unpack

from domain.errors import BadInput
from domain.spot import SpotKind
from venues.binance.ticks import BinanceTicks
from venues.kept_socket import KeptSocket, SocketOptions
from venues.reconnect import ConnectionLost
from venues.spot import OnDead, OnTick, Unreadable

STREAM_URL = "wss://data-stream.binance.vision"
"""Market data only; `wss://stream.binance.com:9443` is the same stream."""

MOST_STREAMS = 1024


@dataclass(frozen=True, slots=True)
class BinanceRules:
    """Seconds. One symbol whose quotes stop is for whoever joins them to notice: its ticks grow old."""

    silence_s: float = 10.0
    rotate_s: float = 79_200.0


def binance_feed(
    symbols: Sequence[str],
    *,
    on_tick: OnTick,
    on_dead: OnDead = lambda raw, why, at: None,
    trades: bool = False,
    url: str = STREAM_URL,
    rules: BinanceRules | None = None,
    **socket: Unpack[SocketOptions],
) -> KeptSocket:
    """The quotes of `symbols` (`BTCUSDT`), with `trades` their trades too. Raises BadInput for no symbol, one that is
    not letters and digits, or more streams than a connection carries."""
    kinds = ("bookTicker", "trade") if trades else ("bookTicker",)
    if not symbols or len(symbols) * len(kinds) > MOST_STREAMS or not all(s.isascii() and s.isalnum() for s in symbols):
        raise BadInput(
            f"Binance feed of {list(symbols)[:5]}; expected 1 to {MOST_STREAMS // len(kinds)} symbols of letters and "
            "digits, such as BTCUSDT"
        )
    streams = "/".join(f"{symbol.lower()}@{kind}" for symbol in symbols for kind in kinds)
    decoder = BinanceTicks()
    spread = socket.get("rng") or random.Random()  # noqa: S311 - spreads reconnects, guards nothing

    def converse(link: int) -> _Talk:
        kept = rules or BinanceRules()
        rotate_s = kept.rotate_s * spread.uniform(0.9, 1.1)
        return _Talk(
            link,
            decoder,
            symbols=symbols,
            on_tick=on_tick,
            on_dead=on_dead,
            silence_s=kept.silence_s,
            rotate_s=rotate_s,
        )

    return KeptSocket("Binance", f"{url.rstrip('/')}/stream?streams={streams}", converse, **socket)


class _Talk:
    def __init__(
        self,
        link: int,
        decoder: BinanceTicks,
        *,
        symbols: Sequence[str],
        on_tick: OnTick,
        on_dead: OnDead,
        silence_s: float,
        rotate_s: float,
    ) -> None:
        self._link = link
        self._decoder = decoder
        self._on_tick = on_tick
        self._on_dead = on_dead
        self._silence_s = silence_s
        self._rotate_s = rotate_s
        self._unquoted = {symbol.upper() for symbol in symbols}
        self._opened_ns = 0
        self._heard_ns = 0
        self._aged = False

    @property
    def live(self) -> bool:
        return not self._unquoted

    @property
    def leaving(self) -> str:
        if self._decoder.leaving(self._link):
            return "the venue's server shuts down"
        return "the connection is old" if self._aged else ""

    def opening(self) -> Sequence[bytes]:
        return ()

    def hear(self, raw: bytes, received_at_us: int, received_ns: int, /) -> Sequence[bytes]:
        late = self._decoder.late
        try:
            ticks = self._decoder.take(raw, received_at_us, self._link)
        except Unreadable as wrong:
            self._on_dead(raw, str(wrong), received_at_us)
            return ()
        if self._unquoted and self._decoder.late != late:
            # Beside a connection that is a little ahead, every quote comes second: it flows all the same.
            self._unquoted -= {symbol for symbol in self._unquoted if symbol.lower().encode() in raw[:64]}
        if ticks:
            self._heard_ns = received_ns
        for tick in ticks:
            if tick.kind is SpotKind.QUOTE:
                self._unquoted.discard(tick.symbol)
            self._on_tick(tick)
        return ()

    def due(self, now_ns: int, /) -> Sequence[bytes]:
        if not self._opened_ns:
            self._opened_ns = self._heard_ns = now_ns
        self._aged = (now_ns - self._opened_ns) / 1e9 > self._rotate_s
        silent = (now_ns - self._heard_ns) / 1e9
        if self.live and silent > self._silence_s:
            raise ConnectionLost(f"no newer quote for {silent:.1f} s")
        return ()

    def closed(self, code: int, /) -> None:
        """Whatever the code, another connection may do better."""
