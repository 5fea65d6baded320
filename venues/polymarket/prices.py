"""Polymarket's price topics (PolyBolt), kept: what Chainlink and Pyth report, and the 60 s average that markets pay by.

| seen | done | why |
|---|---|---|
| connected | authenticate with the account's API credentials | nothing is served without |
| authenticated | subscribe | |
| every subscription acknowledged and priced | live | |
| `error` while authenticating, close 4001 | `BadInput` from `run` | wrong credentials; trying again cannot help |
| another `error`, close 4002, 4003, 4008 | lost | too slow, the server drains, a rule of the venue |
| a hole in a channel's `seq`, or `dropped` | lost | a new subscription brings the last two minutes |
| every 10 s | `{"op":"ping"}` | |
| no frame for `silence_s` | lost | an index may be quiet for minutes, the socket may not |
| a frame that cannot be read | dead letter | each price stands for itself; its `seq` shows as a hole next |

A price that is carried forward is no new observation: it is left out and counted, so that an index that stopped grows
old. What a new subscription repeats is left out too. Frames that come in hold no secret; what authenticates goes out
only. Source: docs.polymarket.com (changelog 0.11: PolyBolt), polymarket-client 0.14.0 `streams/realtime`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Unpack

import msgspec

from domain.errors import BadInput
from domain.spot import SpotKind, SpotSource, SpotTick, price_attos
from venues.kept_socket import KeptSocket, SocketOptions
from venues.polymarket.wallet import Credentials
from venues.reconnect import ConnectionLost
from venues.spot import OnDead, OnTick, OutOfStep, Unreadable, not_ahead

PRICES_URL = "wss://ws-live-v2.polymarket.com/ws"
SPOT_CHANNEL = "price.crypto"
TWAP_CHANNEL = "price.crypto.twap"
TWAP_SECONDS = 60
MOST_SUBSCRIPTIONS = 64

_WRONG_CREDENTIALS = 4001
_OPS = frozenset({"authed", "subscribed", "unsubscribed", "pong", "error"})


class _Point(msgspec.Struct):
    full_accuracy_value: str
    timestamp: int


class _Payload(msgspec.Struct):
    symbol: str
    source: str
    full_accuracy_value: str = ""
    timestamp: int = 0
    window_seconds: int = 0
    is_carried_forward: bool = False
    data: tuple[_Point, ...] = ()


class _Frame(msgspec.Struct):
    v: int = 0
    op: str = ""
    rid: str = ""
    code: str = ""
    channel: str = ""
    seq: int = 0
    snapshot: bool = False
    dropped: int = 0
    payload: _Payload | None = None


class PriceTicks:
    """Decodes all connections of one feed; `symbol` of a tick is in small letters."""

    def __init__(self) -> None:
        self._decoder = msgspec.json.Decoder(_Frame)
        self._seq: dict[str, int] = {}
        self._link = 0
        self._last: dict[tuple[SpotSource, str], int] = {}
        self.unknown: Counter[str] = Counter()
        self.carried = 0
        self.late = 0

    def read(self, raw: bytes) -> _Frame:
        """Raises Unreadable."""
        try:
            raw.decode()  # msgspec looks at the texts it returns, and at no others
            return self._decoder.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
            raise Unreadable(f"not a frame of the price topics: {wrong}") from None

    def take(self, raw: bytes, received_at: int, link: int = 1, /) -> Sequence[SpotTick]:
        return self.ticks(self.read(raw), received_at, link)

    def ticks(self, frame: _Frame, received_at: int, link: int) -> Sequence[SpotTick]:
        """As `take`, of a frame that is read. Raises Unreadable, OutOfStep."""
        if link != self._link:
            self._link = link
            self._seq.clear()
        if frame.op in _OPS:
            return ()
        payload = frame.payload
        if frame.v != 1 or payload is None or frame.channel not in (SPOT_CHANNEL, TWAP_CHANNEL):
            self.unknown[frame.channel or frame.op] += 1
            return ()
        self._count(frame)
        source = _source(frame.channel, payload)
        points = payload.data if frame.snapshot else (_Point(payload.full_accuracy_value, payload.timestamp),)
        if payload.is_carried_forward and not frame.snapshot:
            self.carried += 1
            return ()
        symbol = payload.symbol.lower()
        if not symbol:
            raise Unreadable(f"{frame.channel} of no symbol")
        try:
            found = [
                SpotTick(
                    source,
                    symbol,
                    SpotKind.INDEX,
                    price_attos(point.full_accuracy_value),
                    not_ahead(point.timestamp * 1000, received_at),
                    received_at,
                )
                for point in points
            ]
        except Unreadable:
            raise
        except ValueError as wrong:
            raise Unreadable(f"{frame.channel} of {symbol}: {wrong}") from None
        return self._newer(source, symbol, found, repeats=frame.snapshot)

    def _count(self, frame: _Frame) -> None:
        last = self._seq.get(frame.channel)
        if frame.dropped:
            raise OutOfStep(f"the venue dropped {frame.dropped} frame(s) of {frame.channel}: we are too slow")
        if last is not None and not frame.snapshot and frame.seq != last + 1:
            raise OutOfStep(f"frame {frame.seq} of {frame.channel} came after {last}")
        self._seq[frame.channel] = max(frame.seq, last or 0)

    def _newer(
        self, source: SpotSource, symbol: str, ticks: Sequence[SpotTick], *, repeats: bool
    ) -> Sequence[SpotTick]:
        fresh = []
        for tick in ticks:
            if tick.exchange_at > self._last.get((source, symbol), 0):
                self._last[source, symbol] = tick.exchange_at
                fresh.append(tick)
            elif not repeats:
                self.late += 1
        return fresh


def _source(channel: str, payload: _Payload) -> SpotSource:
    named = payload.source.lower()
    if channel == TWAP_CHANNEL:
        if payload.window_seconds not in (0, TWAP_SECONDS) or not named.startswith("chainlink"):
            raise Unreadable(
                f"a TWAP of {payload.window_seconds} s by {payload.source!r}; expected {TWAP_SECONDS} s by chainlink"
            )
        return SpotSource.CHAINLINK_TWAP
    for source in (SpotSource.CHAINLINK, SpotSource.PYTH):
        if named.startswith(source):
            return source
    raise Unreadable(f"source {payload.source!r}; expected chainlink or pyth")


@dataclass(frozen=True, slots=True)
class PriceRules:
    """Seconds."""

    ping_s: float = 10.0
    silence_s: float = 30.0


def prices_feed(
    credentials: Credentials,
    symbols: Sequence[str],
    *,
    on_tick: OnTick,
    on_dead: OnDead = lambda raw, why, at: None,
    twap: bool = True,
    provider: str = "",
    url: str = PRICES_URL,
    rules: PriceRules | None = None,
    **socket: Unpack[SocketOptions],
) -> KeptSocket:
    """Spot prices of `symbols` (`btcusd`), with `twap` their 60-second averages too. `provider` is chainlink, pyth, or
    empty for the venue's own choice. Raises BadInput for none, or more than a connection carries."""
    channels = (SPOT_CHANNEL, TWAP_CHANNEL) if twap else (SPOT_CHANNEL,)
    if not symbols or len(symbols) * len(channels) > MOST_SUBSCRIPTIONS or provider not in ("", "chainlink", "pyth"):
        raise BadInput(
            f"Polymarket prices of {list(symbols)[:5]} by {provider or 'any'}; expected 1 to "
            f"{MOST_SUBSCRIPTIONS // len(channels)} symbols such as btcusd, by chainlink, pyth or any"
        )
    wanted = _Wanted(credentials, tuple(symbol.lower() for symbol in symbols), channels, provider)
    decoder = PriceTicks()

    def converse(link: int) -> _Talk:
        return _Talk(link, decoder, wanted, on_tick=on_tick, on_dead=on_dead, rules=rules or PriceRules())

    return KeptSocket("Polymarket prices", url, converse, **socket)


@dataclass(frozen=True, slots=True)
class _Wanted:
    credentials: Credentials = field(repr=False)
    symbols: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    provider: str = ""

    def authentication(self) -> bytes:
        given = self.credentials
        keys = {"apiKey": given.key, "secret": given.secret, "passphrase": given.passphrase}
        return msgspec.json.encode({"op": "auth", "rid": "1", "auth": keys})

    def subscription(self) -> bytes:
        subscriptions = []
        for channel in self.channels:
            for symbol in self.symbols:
                narrowed: dict[str, object] = {"symbol": symbol}
                if channel == TWAP_CHANNEL:
                    narrowed["window_seconds"] = TWAP_SECONDS
                if self.provider:
                    narrowed["provider"] = self.provider
                subscriptions.append({"channel": channel, "filter": narrowed})
        return msgspec.json.encode({"op": "subscribe", "rid": "2", "subscriptions": subscriptions})


class _Talk:
    leaving = ""

    def __init__(
        self,
        link: int,
        decoder: PriceTicks,
        wanted: _Wanted,
        *,
        on_tick: OnTick,
        on_dead: OnDead,
        rules: PriceRules,
    ) -> None:
        self._link = link
        self._decoder = decoder
        self._wanted = wanted
        self._on_tick = on_tick
        self._on_dead = on_dead
        self._rules = rules
        self._unpriced = {(channel, symbol) for channel in wanted.channels for symbol in wanted.symbols}
        self._authed = False
        self._heard_ns = 0
        self._pinged_ns = 0

    @property
    def live(self) -> bool:
        return self._authed and not self._unpriced

    def opening(self) -> Sequence[bytes]:
        return (self._wanted.authentication(),)

    def hear(self, raw: bytes, received_at_us: int, received_ns: int, /) -> Sequence[bytes]:
        self._heard_ns = received_ns
        try:
            frame = self._decoder.read(raw)
            if frame.op == "authed" and not self._authed:
                self._authed = True
                return (self._wanted.subscription(),)
            if frame.op == "error":
                raise self._refused(frame)
            ticks = self._decoder.ticks(frame, received_at_us, self._link)
        except Unreadable as wrong:
            self._on_dead(raw, str(wrong), received_at_us)
            return ()
        except OutOfStep as wrong:
            raise ConnectionLost(str(wrong)) from None
        if frame.payload is not None:
            self._unpriced.discard((frame.channel, frame.payload.symbol.lower()))
        for tick in ticks:
            self._on_tick(tick)
        return ()

    def _refused(self, frame: _Frame) -> Exception:
        if self._authed:
            return ConnectionLost(
                f"the venue refuses {frame.channel or 'the subscription'}: {frame.code or 'no reason given'}"
            )
        return _not_ours(frame.code or "no reason given")

    def due(self, now_ns: int, /) -> Sequence[bytes]:
        if not self._heard_ns:
            self._heard_ns = now_ns
        silent = (now_ns - self._heard_ns) / 1e9
        if silent > self._rules.silence_s:
            raise ConnectionLost(f"no frame for {silent:.1f} s, not even an answer to a ping")
        if (now_ns - self._pinged_ns) / 1e9 < self._rules.ping_s:
            return ()
        self._pinged_ns = now_ns
        return (b'{"op":"ping"}',)

    def closed(self, code: int, /) -> None:
        if code == _WRONG_CREDENTIALS:
            raise _not_ours(f"close {code}")


def _not_ours(reason: str) -> BadInput:
    return BadInput(
        f"Polymarket's price topics refuse the API credentials ({reason}); expected those that the CLOB derives for "
        "this key: derive them anew",
        "prices_auth",
    )
