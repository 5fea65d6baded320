"""Kalshi's WebSocket, kept alive: signed, subscribed, gap-checked, probed when silent, reconnected when lost.

Frames go to the caller as they came: all data, and acknowledgements that carry a sequence number, so that a caller
who counts too counts the same. The stream itself reads only a frame's outside. What happens when:

| seen | done | why |
|---|---|---|
| first handshake refused with 401, 403, 404 | `BadInput` from `run` | wrong key, clock or address |
| handshake fails otherwise | down, back-off, reconnect | the venue is away or overloaded |
| every subscription acknowledged | up | only then can nothing be missed |
| the first subscription refused | `BadInput` from `run` | the request itself is wrong (unknown channel or market) |
| either of them later | down, back-off, reconnect | it was right once: what refuses now passes |
| a number missing in a subscription | `on_gap(its markets)`, `get_snapshot` | books are wrong until replaced |
| another gap, or no snapshot in time | down, reconnect | the repair failed; subscribing anew brings snapshots |
| a snapshot asked for whose number came before | unsubscribe, subscribe | numbered anew: nobody who counts takes it |
| that again on the same connection | down, reconnect | the repair of the repair failed |
| error 10, 25 or another passing one | down, reconnect | the subscription is dead on the venue's side |
| no frame for `silence_s`, probe unanswered | down, reconnect | pings are answered by a socket that carries nothing |
| a frame that is not the venue's JSON | down, reconnect | what it said is lost |

Fills and own orders carry no numbers: after every `up` the caller reconciles them over REST.

With the user channels comes `market_lifecycle_v2`, which knows no filter: of its frames `determined` and `settled` are
handed on, those that pay somebody, and whatever is said of our own markets (another grid, deactivated, another close).
They are news, not evidence: whoever waits for money asks over REST anyway, so a missing one is no reason to reconnect.

`also` are further channels (`ticker`, `trade`, `market_positions`, `order_group_updates`): their frames are handed on,
those that carry a number are counted. What a connection was lost to in a pause is said with the pause.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from collections.abc import Sequence as Listed
from dataclasses import dataclass
from typing import Protocol

import msgspec
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from domain.errors import BadInput
from venues.dial import dial
from venues.kalshi.address import WS_PATH, socket_url
from venues.kalshi.errors import parse_error
from venues.kalshi.hours import weekly_pause
from venues.kalshi.link import Link
from venues.kalshi.messages import Envelope, StreamError, Subscribed
from venues.kalshi.peek import OfMarket, Peek
from venues.kalshi.sequence import Arrival
from venues.kalshi.signing import Signer
from venues.pauses import Pause
from venues.reconnect import ConnectionLost, close_socket, full_jitter
from venues.wire import wall_clock_us

BOOK_CHANNEL = "orderbook_delta"
USER_CHANNELS = ("fill", "user_orders")
MARKET_CHANNELS = frozenset({"ticker", "trade"})  # unnarrowed they carry the whole exchange
LIFECYCLE_CHANNEL = "market_lifecycle_v2"
LIFECYCLE_FRAME = "market_lifecycle_v2"
"""The `type` of its frames: the channel's own name, unlike that of `user_orders`."""

_PAYING = frozenset({"determined", "settled"})

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_CONTROL = frozenset({"subscribed", "unsubscribed", "ok", "error", "list_subscriptions"})
# Refusals a repeat may survive: unable to process, channel error, internal, timeout, buffer overflow, command rate.
_PASSING = frozenset({1, 10, 17, 18, 25, 27})
_FATAL_STATUS = frozenset({401, 403, 404})


class OnFrame(Protocol):
    """Takes a frame as it came, our wall clock (µs) and monotonic clock (ns) at its arrival. Must not block."""

    def __call__(self, raw: bytes, received_at_us: int, received_ns: int, /) -> None: ...


@dataclass(frozen=True, slots=True)
class StreamTiming:
    """Seconds. Back-off is full jitter: a uniform wait up to `backoff_s` doubled per failure, at most `backoff_cap_s`.
    A connection that stayed up for `settled_s` starts the doubling over."""

    open_s: float = 10.0
    ack_s: float = 10.0
    snapshot_s: float = 5.0
    silence_s: float = 10.0
    probe_s: float = 5.0
    backoff_s: float = 0.25
    backoff_cap_s: float = 30.0
    settled_s: float = 10.0


class KalshiStream:
    """One account's market data and user channels over one socket.

    `ws_url` is `wss://host[:port]`, with or without `/trade-api/ws/v2` (ws on loopback only). `on_frame` is called
    synchronously with every frame but unnumbered acknowledgements, in order. `on_gap(markets)` comes before the frame
    that showed the gap; `on_state(up, reason)` at every change and after every failed attempt; `on_dead(raw, why)` gets
    a frame that cannot be read, before the connection is given up for it. What a callback raises ends `run`. `pause_at`
    says what pause holds at a time (µs); a client's `exchange.known_pause` knows of more than the weekly one.
    `let_in`: an earlier stream of this key was let in at this address, so no refusal is final.
    """

    def __init__(
        self,
        ws_url: str,
        signer: Signer,
        *,
        on_frame: OnFrame,
        markets: Listed[str] = (),
        user_channels: bool = True,
        also: Listed[str] = (),
        on_state: Callable[[bool, str], None] = lambda up, reason: None,
        on_gap: Callable[[tuple[str, ...]], None] = lambda markets: None,
        on_dead: Callable[[bytes, str], None] = lambda raw, why: None,
        clock: Callable[[], int] = wall_clock_us,
        timing: StreamTiming | None = None,
        rng: random.Random | None = None,
        pause_at: Callable[[int], Pause | None] = weekly_pause,
        let_in: bool = False,
    ) -> None:
        if not markets and not user_channels:
            raise BadInput("the stream has nothing to subscribe to; expected markets, user channels or both")
        self._url = socket_url(ws_url)
        self._signer = signer
        self._markets = tuple(dict.fromkeys(markets))
        self._user_channels = user_channels
        self._on_frame = on_frame
        self._on_state = on_state
        self._on_gap = on_gap
        self._on_dead = on_dead
        self._clock = clock
        self._timing = timing or StreamTiming()
        self._also = tuple(also)
        self._pause_at = pause_at
        self._rng = rng or random.Random()  # noqa: S311 - spreads reconnects, guards nothing
        self._peek = msgspec.json.Decoder(Peek)
        self._next_id = 0
        self._link: Link | None = None
        self._let_in = let_in
        self._was_up = let_in

    async def run(self) -> None:
        """Stay connected until cancelled. Raises `BadInput` for a first handshake or subscription refused for good.
        Once let in, key and address are right: what refuses later is the weather of a CDN or of a clock, and passes."""
        first_s, most_s = self._timing.backoff_s, self._timing.backoff_cap_s
        failures = 0
        while True:
            began = time.monotonic()
            try:
                reason = await self._connection()
            except BadInput as refused:
                if not self._was_up:
                    self._on_state(False, refused.message)
                    raise
                reason = refused.message
            finally:
                self._link = None
            self._on_state(False, self._explained(reason))
            failures = 0 if time.monotonic() - began >= self._timing.settled_s else failures + 1
            await asyncio.sleep(full_jitter(failures, first_s=first_s, most_s=most_s, rng=self._rng))

    async def request_snapshot(self, markets: Listed[str]) -> bool:
        """Ask for fresh snapshots of these markets; those already asked for, or not subscribed, are left out. False if
        the books are not subscribed right now: the next connection brings snapshots by itself."""
        link = self._link
        if link is None or link.books is None:
            return False
        missing = tuple(market for market in markets if market in self._markets and market not in link.awaited)
        try:
            if missing:
                await self._ask_snapshot(link, missing)
        except ConnectionClosed:
            return False
        return True

    async def resubscribe(self, _: Listed[str] = ()) -> bool:
        """Give the books' subscription up, one for all markets, and subscribe anew on this connection: the new one
        counts from its beginning and brings every snapshot. False if the books are not subscribed right now."""
        link = self._link
        if link is None or link.books is None:
            return False
        try:
            await self._subscribe_anew(link)
        except ConnectionClosed:
            return False
        return True

    def reconnect(self, _: Listed[str], why: str) -> None:
        """End the connection, one for all markets, and open another after the usual wait."""
        link = self._link
        if link is not None and not link.over:
            link.over = f"{why}; reconnecting"
            link.ws.transport.abort()

    def _explained(self, reason: str) -> str:
        """A connection lost in a pause is no mystery, and its end is known."""
        pause = self._pause_at(self._clock())
        return f"{reason}; {pause}" if pause else reason

    async def _connection(self) -> str:
        """One connection from handshake to loss; returns why it ended."""
        try:
            ws = await self._open()
        except InvalidStatus as refused:
            return self._refused(refused)
        except (OSError, TimeoutError, InvalidHandshake) as failure:
            return f"cannot connect: {type(failure).__name__}: {failure}"
        self._let_in = True
        watch: asyncio.Task[None] | None = None
        try:
            link = Link(ws)
            self._link = link
            await self._subscribe(link)
            watch = asyncio.create_task(self._watch(link))
            await self._read(link, watch)
        except ConnectionLost as lost:
            return str(lost)
        except ConnectionClosed as closed:
            return f"connection closed: {closed}"
        finally:
            if watch is not None:
                watch.cancel()
                await asyncio.gather(watch, return_exceptions=True)
            await close_socket(ws)
        return "connection closed"

    async def _open(self) -> ClientConnection:
        headers = self._signer.headers("GET", WS_PATH, self._clock() // 1000)
        return await dial(self._url, open_s=self._timing.open_s, headers=headers)

    def _refused(self, refused: InvalidStatus) -> str:
        status, body = refused.response.status_code, bytes(refused.response.body or b"")
        said = parse_error(status, body)
        words = f" ({said})" if said else ""
        if status in _FATAL_STATUS and not self._let_in:
            raise BadInput(
                f"Kalshi refused the WebSocket handshake with HTTP {status}{words}; expected it to accept key "
                f"{self._signer!r} at {self._url}: check key id, private key, environment (demo or production) and "
                "this machine's clock",
                said.code if said and said.code else f"http_{status}",
            ) from None
        return f"handshake refused with HTTP {status}{words}"

    async def _subscribe(self, link: Link) -> None:
        # One command a channel: each is acknowledged by its own id, and the book's options touch nothing else.
        link.wanted_by = time.monotonic() + self._timing.ack_s
        if self._markets:
            await self._subscribe_books(link)
        for channel in self._also:
            wanted: dict[str, object] = {"channels": [channel]}
            if channel in MARKET_CHANNELS:
                wanted["market_tickers"] = list(self._markets)
            link.wanted[await self._send(link, "subscribe", wanted)] = channel
        for channel in (*USER_CHANNELS, LIFECYCLE_CHANNEL) if self._user_channels else ():
            link.wanted[await self._send(link, "subscribe", {"channels": [channel]})] = channel

    async def _subscribe_books(self, link: Link) -> None:
        book = {"channels": [BOOK_CHANNEL], "market_tickers": list(self._markets), "use_yes_price": True}
        link.wanted[await self._send(link, "subscribe", book)] = BOOK_CHANNEL

    async def _subscribe_anew(self, link: Link) -> None:
        old, link.books = link.books, None
        if old is not None:
            link.former.add(old)
        link.awaited.clear()
        link.wanted_by = time.monotonic() + self._timing.ack_s
        await self._send(link, "unsubscribe", {"sids": [old]})
        await self._subscribe_books(link)

    async def _send(self, link: Link, cmd: str, params: dict[str, object] | None = None) -> int:
        self._next_id += 1
        command: dict[str, object] = {"id": self._next_id, "cmd": cmd}
        if params is not None:
            command["params"] = params
        await link.ws.send(msgspec.json.encode(command), text=True)
        return self._next_id

    async def _read(self, link: Link, watch: asyncio.Task[None]) -> None:
        ws = link.ws
        # The watch ends the connection by failing; its error is the reason, not the closed socket it leaves behind.
        watch.add_done_callback(lambda task: None if task.cancelled() else ws.transport.abort())
        try:
            while True:
                raw = await ws.recv(decode=False)
                received_at, received_ns = self._clock(), time.monotonic_ns()
                link.heard = received_ns / 1e9
                link.probed = False
                await self._take(link, raw, received_at, received_ns)
        except ConnectionClosed:
            if watch.done() and (failure := watch.exception()) is not None:
                raise failure from None
            if link.over:
                raise ConnectionLost(link.over) from None
            raise

    async def _take(self, link: Link, raw: bytes, at: int, at_ns: int) -> None:
        try:
            peek = self._peek.decode(raw)
            market = self._snapshot_of(link, peek.type, raw)
        except _UNREADABLE as unreadable:
            if not raw.strip():
                return
            raise self._dead(raw, unreadable) from None
        kind = peek.type
        if kind in _CONTROL:
            link.sequence.arrive(peek.sid, peek.seq, solicited=True)
            try:
                self._control(link, kind, raw)
            except _UNREADABLE as unreadable:
                raise self._dead(raw, unreadable) from None
            if peek.seq is not None:
                self._on_frame(raw, at, at_ns)
            return
        if kind == LIFECYCLE_FRAME or (peek.sid is not None and peek.sid == link.lifecycle):
            if kind == LIFECYCLE_FRAME and self._matters(raw):
                self._on_frame(raw, at, at_ns)
            return
        solicited = market in link.awaited
        link.awaited.discard(market)
        refused = solicited and link.sequence.renumbered(peek.sid, peek.seq)
        arrival = link.sequence.arrive(peek.sid, peek.seq, solicited=solicited)
        if arrival is Arrival.GAP:
            await self._gap(link, peek)
        self._on_frame(raw, at, at_ns)
        if refused and peek.sid == link.books:
            await self._renumbered(link, market, peek)

    def _dead(self, raw: bytes, why: Exception) -> ConnectionLost:
        self._on_dead(raw, f"not the venue's JSON: {why}")
        return ConnectionLost(f"a frame cannot be read ({why}); reconnecting")

    @staticmethod
    def _snapshot_of(link: Link, kind: str, raw: bytes) -> str:
        """The market a snapshot is of while one is awaited; "" for any other frame."""
        if not link.awaited or kind != "orderbook_snapshot":
            return ""
        return msgspec.json.decode(raw, type=OfMarket).msg.market_ticker

    def _matters(self, raw: bytes) -> bool:
        try:
            said = msgspec.json.decode(raw, type=OfMarket).msg
        except _UNREADABLE:
            return False
        return said.event_type in _PAYING or said.market_ticker in self._markets

    def _control(self, link: Link, kind: str, raw: bytes) -> None:
        envelope = msgspec.json.decode(raw, type=Envelope)
        if kind == "error":
            error = msgspec.json.decode(envelope.msg, type=StreamError)
            channel = link.wanted.get(envelope.id or 0)
            if channel is not None and error.code not in _PASSING:
                raise BadInput(
                    f"Kalshi refused the subscription to {channel} with error {error.code} ({error.msg}); expected an "
                    f"acknowledgement: check the markets {', '.join(self._markets) or '(none)'} and the key's scope",
                    f"ws_{error.code}",
                )
            raise ConnectionLost(f"error {error.code} from the venue ({error.msg}); reconnecting")
        if kind == "subscribed":
            subscribed = msgspec.json.decode(envelope.msg, type=Subscribed)
            link.wanted.pop(envelope.id or 0, None)
            if subscribed.channel == BOOK_CHANNEL:
                link.books = subscribed.sid
            elif subscribed.channel == LIFECYCLE_CHANNEL:
                link.lifecycle = subscribed.sid
            if not link.wanted and not link.acked:
                link.acked = self._was_up = True
                self._on_state(True, "every subscription is acknowledged")

    async def _gap(self, link: Link, peek: Peek) -> None:
        if peek.sid in link.former:
            return  # its books were given up, and the new subscription brings whole ones
        if peek.sid != link.books:
            raise ConnectionLost(
                f"a frame of subscription {peek.sid} is missing before number {peek.seq}; reconnecting"
            )
        self._on_gap(self._markets)
        if link.awaited:
            raise ConnectionLost("another gap while snapshots are still awaited; reconnecting")
        await self._ask_snapshot(link, self._markets)

    async def _renumbered(self, link: Link, market: str, peek: Peek) -> None:
        """The repair is refused by the very rule it should mend, and would be every time."""
        self._on_gap(self._markets)
        if link.former:
            raise ConnectionLost(
                f"the snapshot of {market} is numbered anew ({peek.seq}) after a new subscription; reconnecting"
            )
        await self._subscribe_anew(link)

    async def _ask_snapshot(self, link: Link, markets: tuple[str, ...]) -> None:
        if not link.awaited:
            link.awaited_by = time.monotonic() + self._timing.snapshot_s
        link.awaited.update(markets)
        params: dict[str, object] = {"sids": [link.books], "market_tickers": list(markets), "action": "get_snapshot"}
        await self._send(link, "update_subscription", params)

    async def _watch(self, link: Link) -> None:
        """Fails with `ConnectionLost` once the connection owes us something for too long."""
        timing = self._timing
        tick = min(timing.ack_s, timing.snapshot_s, timing.silence_s, timing.probe_s) / 4
        while True:
            await asyncio.sleep(tick)
            now = time.monotonic()
            if link.wanted and now > link.wanted_by:
                waiting = ", ".join(link.wanted.values())
                raise ConnectionLost(f"no acknowledgement of {waiting} within {timing.ack_s:g} s; reconnecting")
            if link.awaited and now > link.awaited_by:
                raise ConnectionLost(f"no snapshot of {', '.join(sorted(link.awaited))} in time; reconnecting")
            quiet = now - link.heard
            if link.probed and quiet > timing.silence_s + timing.probe_s:
                raise ConnectionLost(f"silent for {quiet:.1f} s and a probe went unanswered; reconnecting")
            if quiet > timing.silence_s and not link.probed:
                link.probed = True
                await self._send(link, "list_subscriptions")
