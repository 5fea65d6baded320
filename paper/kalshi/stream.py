"""The WebSocket side: subscriptions, frames in sequence, pings.

Every subscription (`sid`) numbers its own messages from 1 without a gap, acknowledgements of `ok` and `unsubscribed`
included; `fill` and `user_order` carry no number, as at the venue. A market that does not exist yet may be subscribed:
its snapshot comes when it does. A recording that starts a book over is published as a fresh snapshot.

A client that does not read is cut off when `_BACKLOG` frames wait for it, as the venue cuts a full buffer (error 25).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from paper.core.book import Change
from paper.core.fault import FEED
from paper.core.faults import Faults
from paper.core.metrics import Metrics
from paper.core.outbox import Outbox
from paper.core.records import FillRow, Order, Position
from paper.kalshi import wire_frames
from paper.kalshi.exchange import Exchange
from paper.kalshi.groups import Group, GroupEvent
from paper.kalshi.listing import Listing
from paper.kalshi.listings import Event
from venues.kalshi import frames

LIFECYCLE = "market_lifecycle_v2"
_KINDS = ("snapshot", "delta", "private", "trade", "lifecycle", "reply")
_BACKLOG = 20_000
_PING_SECONDS = 10.0
GROUPS, POSITIONS, TICKER = "order_group_updates", "market_positions", "ticker"
_CHANNELS = ("orderbook_delta", "trade", TICKER, "fill", "user_orders", POSITIONS, GROUPS, LIFECYCLE)


@dataclass(slots=True)
class Subscription:
    """`markets` None means all of them (allowed on every channel but the order book)."""

    sid: int
    channel: str
    markets: set[str] | None
    yes_price: bool
    seq: int = 0

    def next(self) -> int:
        self.seq += 1
        return self.seq

    def covers(self, channel: str, ticker: str | None) -> bool:
        """`ticker` None is what belongs to no market."""
        return self.channel == channel and (self.markets is None or ticker is None or ticker in self.markets)


class CommandError(Exception):
    """An error answer: the venue's number and words."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


@dataclass(slots=True, eq=False)
class Connection:
    """One client. `silent_until` (wall-clock microseconds): until then everything meant for it is lost."""

    socket: web.WebSocketResponse
    outbox: Outbox
    subscriptions: dict[int, Subscription] = field(default_factory=dict)
    silent_until: int = 0
    sids: int = 0


class Streams:
    """All connections; the exchange's listener."""

    def __init__(self, exchange: Exchange, faults: Faults, metrics: Metrics, clock: Callable[[], int]) -> None:
        self._exchange = exchange
        self._faults = faults
        self._metrics = metrics
        self._clock = clock
        self._connections: set[Connection] = set()
        self._sent = {
            kind: metrics.frames.labels(kind)
            for kind in ("snapshot", "delta", "private", "trade", "lifecycle", "reply")
        }
        exchange.listen(self)

    @property
    def clients(self) -> int:
        return len(self._connections)

    def silence(self, ms: int) -> None:
        """Every socket open now carries nothing for `ms`; pings go on."""
        until = self._clock() + ms * 1000
        for connection in self._connections:
            connection.silent_until = max(connection.silent_until, until)

    async def close(self) -> None:
        for connection in tuple(self._connections):
            await connection.socket.close(code=WSCloseCode.GOING_AWAY, message=b"server stops")

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """One client from handshake (already authenticated) to close."""
        socket = web.WebSocketResponse(compress=False, timeout=2.0)
        await socket.prepare(request)
        connection = Connection(socket, Outbox("kalshi", self._faults, self._metrics, _BACKLOG))
        self._connections.add(connection)
        self._metrics.clients.set(len(self._connections))
        tasks = [asyncio.create_task(self._write(connection)), asyncio.create_task(self._ping(connection))]
        try:
            async for message in socket:
                self._receive(connection, message)
        finally:
            self._connections.discard(connection)
            self._metrics.clients.set(len(self._connections))
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return socket

    # -- the exchange's listener ------------------------------------------------------------------------------------

    def book_changed(self, ticker: str, changes: list[Change], at: int) -> None:
        for connection, sub in self._audience("orderbook_delta", ticker):
            if self._renumbered(connection, sub, ticker):
                continue
            for side, price, delta in changes:
                frame = frames.delta(sub.sid, sub.next(), ticker, side, price, delta, at, yes_price=sub.yes_price)
                self._send(connection, frame, "delta")

        self._tick(ticker, at)

    def _renumbered(self, connection: Connection, sub: Subscription, ticker: str) -> bool:
        """Whether a fault has the subscription number anew; its snapshot then says what the changes would have."""
        fault = self._faults.pick_event("kalshi", FEED)
        if fault is None:
            return False
        self._metrics.faults.labels(fault.do).inc()
        sub.seq = 0
        self._snapshots(connection, sub, sorted(sub.markets or {ticker}))
        return True

    def book_replaced(self, ticker: str) -> None:
        for connection, sub in self._audience("orderbook_delta", ticker):
            self._snapshot(connection, sub, ticker)

    def filled(self, fill: FillRow) -> None:
        self._metrics.fills.labels("taker" if fill.is_taker else "maker").inc()
        for connection, sub in self._audience("fill", fill.ticker):
            self._send(connection, _encode(wire_frames.fill_message(sub.sid, fill)), "private")
        for connection, sub in self._audience("trade", fill.ticker):
            self._send(connection, _encode(wire_frames.trade_message(sub.sid, sub.next(), fill)), "trade")

    def order_changed(self, order: Order) -> None:
        for connection, sub in self._audience("user_orders", order.ticker):
            self._send(connection, _encode(wire_frames.order_message(sub.sid, order)), "private")

    def market_changed(self, listing: Listing, event: Event) -> None:
        for connection, sub in self._audience(LIFECYCLE, listing.ticker):
            frame = wire_frames.lifecycle_message(sub.sid, sub.next(), listing, event)
            self._send(connection, _encode(frame), "lifecycle")

    def group_changed(self, group: Group, event: GroupEvent, at: int) -> None:
        for connection, sub in self._audience(GROUPS, None):
            frame = wire_frames.group_message(sub.sid, sub.next(), group, event, at)
            self._send(connection, _encode(frame), "private")

    def position_changed(self, ticker: str, held: Position) -> None:
        for connection, sub in self._audience(POSITIONS, ticker):
            frame = wire_frames.position_message(sub.sid, ticker, held, self._exchange.user_id)
            self._send(connection, _encode(frame), "private")

    def _tick(self, ticker: str, at: int) -> None:
        """The best prices; the last one is of our own trades, the recording's prints are not ours to tell."""
        audience = list(self._audience(TICKER, ticker))
        if not audience:
            return
        bid, ask = self._exchange.best(ticker, "bid"), self._exchange.best(ticker, "ask")
        last = self._exchange.account.positions.get(ticker, Position()).last_price
        for connection, sub in audience:
            self._send(connection, _encode(wire_frames.ticker_message(sub.sid, ticker, (bid, ask), last, at)), "trade")

    def _audience(self, channel: str, ticker: str | None) -> Iterable[tuple[Connection, Subscription]]:
        for connection in self._connections:
            for sub in connection.subscriptions.values():
                if sub.covers(channel, ticker):
                    yield connection, sub

    # -- commands ---------------------------------------------------------------------------------------------------

    def _receive(self, connection: Connection, message: WSMessage) -> None:
        if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
            return
        number = 0
        try:
            command = _object(message.data)
            number = command.get("id", 0) if isinstance(command.get("id", 0), int) else 0
            self._obey(connection, number, command)
        except CommandError as error:
            answer = {"id": number, "type": "error", "msg": {"code": error.code, "msg": error.text}}
            self._send(connection, _encode(answer), "reply")

    def _obey(self, connection: Connection, number: int, command: dict[str, Any]) -> None:
        name = command.get("cmd")
        if name == "list_subscriptions":
            listed = [{"channel": sub.channel, "sid": sub.sid} for sub in connection.subscriptions.values()]
            self._send(connection, _encode({"id": number, "type": "ok", "msg": listed}), "reply")
            return
        if name not in ("subscribe", "update_subscription", "unsubscribe"):
            raise CommandError(5, "Unknown command")
        params = command.get("params")
        if not isinstance(params, dict):
            raise CommandError(2, "Params required")
        if name == "subscribe":
            self._subscribe(connection, number, params)
        elif name == "update_subscription":
            self._update(connection, number, params)
        else:
            self._unsubscribe(connection, number, params)

    def _subscribe(self, connection: Connection, number: int, params: dict[str, Any]) -> None:
        channels = params.get("channels")
        if not isinstance(channels, list) or not channels:
            raise CommandError(3, "Channels required")
        if any(channel not in _CHANNELS for channel in channels):
            raise CommandError(8, "Unknown channel name")
        markets = _tickers(params)
        if markets is None and "orderbook_delta" in channels:
            raise CommandError(14, "Market Ticker required")
        yes_price = params.get("use_yes_price", False)
        if not isinstance(yes_price, bool):
            raise CommandError(11, "Invalid parameter")
        opened = []
        for channel in channels:
            connection.sids += 1
            chosen = None if markets is None else set(markets)
            sub = Subscription(connection.sids, channel, chosen, yes_price)
            connection.subscriptions[sub.sid] = sub
            opened.append(sub)
            answer = {"type": "subscribed", "id": number, "msg": {"channel": channel, "sid": sub.sid}}
            self._send(connection, _encode(answer), "reply")
        for sub in opened:
            if sub.channel == "orderbook_delta":
                self._snapshots(connection, sub, markets or [])

    def _update(self, connection: Connection, number: int, params: dict[str, Any]) -> None:
        sids = params.get("sids", [params["sid"]] if "sid" in params else None)
        if not isinstance(sids, list) or len(sids) != 1:
            raise CommandError(12, "Exactly one subscription ID is required")
        sub = connection.subscriptions.get(sids[0])
        if sub is None:
            raise CommandError(7, "Unknown subscription ID")
        action: Literal["add_markets", "delete_markets", "get_snapshot"] | None = params.get("action")
        if action is None:
            raise CommandError(15, "Action required")
        if action not in ("add_markets", "delete_markets", "get_snapshot"):
            raise CommandError(13, "Unsupported action")
        markets = _tickers(params)
        if markets is None:
            raise CommandError(14, "Market Ticker required")
        new = [ticker for ticker in markets if sub.markets is not None and ticker not in sub.markets]
        if sub.markets is not None and action == "add_markets":
            sub.markets.update(new)
        elif sub.markets is not None and action == "delete_markets":
            sub.markets.difference_update(markets)
        covered = sorted(sub.markets) if sub.markets is not None else []
        answer = {"id": number, "sid": sub.sid, "seq": sub.next(), "type": "ok", "msg": {"market_tickers": covered}}
        self._send(connection, _encode(answer), "reply")
        if sub.channel == "orderbook_delta" and action != "delete_markets":
            wanted = new if action == "add_markets" else [t for t in markets if sub.covers(sub.channel, t)]
            self._snapshots(connection, sub, wanted)

    def _unsubscribe(self, connection: Connection, number: int, params: dict[str, Any]) -> None:
        sids = params.get("sids")
        if not isinstance(sids, list) or not sids:
            raise CommandError(4, "Subscription IDs required")
        if any(sid not in connection.subscriptions for sid in sids):
            raise CommandError(7, "Unknown subscription ID")
        for sid in sids:
            sub = connection.subscriptions.pop(sid)
            answer = {"id": number, "sid": sid, "seq": sub.next(), "type": "unsubscribed"}
            self._send(connection, _encode(answer), "reply")

    # -- frames out -------------------------------------------------------------------------------------------------

    def _snapshots(self, connection: Connection, sub: Subscription, tickers: Iterable[str]) -> None:
        for ticker in tickers:
            if ticker in self._exchange.engines:
                self._snapshot(connection, sub, ticker)

    def _snapshot(self, connection: Connection, sub: Subscription, ticker: str) -> None:
        book = self._exchange.levels(ticker)
        frame = frames.snapshot(sub.sid, sub.next(), ticker, book["yes"], book["no"], yes_price=sub.yes_price)
        self._send(connection, frame, "snapshot")

    def _send(self, connection: Connection, frame: bytes, kind: str) -> None:
        if connection.silent_until and self._clock() < connection.silent_until:
            return
        self._sent[kind].inc()
        connection.outbox.put(frame, kind)

    async def _write(self, connection: Connection) -> None:
        while True:
            frame = await connection.outbox.get()
            if frame is None:
                await connection.socket.close(code=WSCloseCode.TRY_AGAIN_LATER, message=b"Subscription buffer overflow")
                return
            with contextlib.suppress(ConnectionError):
                await connection.socket.send_frame(frame, WSMsgType.TEXT)

    async def _ping(self, connection: Connection) -> None:
        while True:
            await asyncio.sleep(_PING_SECONDS)
            with contextlib.suppress(ConnectionError):
                await connection.socket.ping(b"heartbeat")


def _encode(message: dict[str, Any]) -> bytes:
    return msgspec.json.encode(message) + b"\n"


def _object(data: str | bytes) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise CommandError(1, "Unable to process message") from None
    if not isinstance(value, dict):
        raise CommandError(1, "Unable to process message")
    return value


def _tickers(params: dict[str, Any]) -> list[str] | None:
    """Distinct market tickers in the order given; None if the command names none."""
    found = params.get("market_tickers", [params["market_ticker"]] if "market_ticker" in params else None)
    if not found:
        return None
    if not isinstance(found, list) or not all(isinstance(ticker, str) for ticker in found):
        raise CommandError(11, "Invalid parameter")
    return list(dict.fromkeys(found))
