"""Polymarket's user channel: the account's orders and trades as they happen, read tolerantly.

News, not evidence: the venue replays nothing that was missed, so after every `up` whoever trades reads orders and
trades over REST (docs.polymarket.com/trading/realtime-order-updates). The credentials travel in the first message;
nothing acknowledges it but that the venue goes on answering, so the stream is up with the first `PONG` after it.

The venue leaves fields empty where it has nothing to say (`size_matched` and `created_at` of a FOK order that was
killed, captured in May 2026), writes times in seconds or milliseconds, and repeats one trade id for every status. Every
field but the ids may be missing. A message without them, or of an unknown kind, goes to `on_dead`, never away.

| seen | done |
|---|---|
| every 10 s | `PING` |
| nothing since the last but one `PING` | down, reconnect |
| closed before the first `PONG` | down, reconnect; the reason says to check the credentials |
| a frame that cannot be read | `on_dead`; the connection goes on |
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import msgspec
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from domain.errors import BadInput
from domain.money import Inexact, decimal
from venues.dial import dial
from venues.polymarket.market_stream import StreamTiming, channel_url
from venues.polymarket.wallet import Credentials
from venues.reconnect import ConnectionLost, full_jitter
from venues.wire import wall_clock_us

USER_PATH = "/ws/user"
_STATUS_PREFIX = "TRADE_STATUS_"
_FATAL_STATUS = frozenset({401, 403, 404})


@dataclass(frozen=True, slots=True)
class UserOrder:
    """Something happened to an order of the account. `kind` is PLACEMENT, UPDATE or CANCELLATION, `status` the venue's
    own word or sentence ("" if it said none), sizes shares (None where the venue left them empty), `at` microseconds
    (0 if unsaid)."""

    order_id: str
    market: str
    asset: str
    kind: str
    status: str
    side: str
    price: Decimal | None
    original_size: Decimal | None
    size_matched: Decimal | None
    at: int


@dataclass(frozen=True, slots=True)
class MakerPart:
    """One resting order's part in a trade; `asset` may be the other token of the condition."""

    order_id: str
    asset: str
    side: str
    size: Decimal | None
    price: Decimal | None
    owner: str


@dataclass(frozen=True, slots=True)
class UserTrade:
    """A trade of the account in one of its statuses: MATCHED, MINED, CONFIRMED, RETRYING or FAILED, and whatever else
    the venue may say. Asset, side, size and price are the taker's; `at` microseconds."""

    trade_id: str
    market: str
    asset: str
    status: str
    side: str
    size: Decimal | None
    price: Decimal | None
    taker_order_id: str
    makers: tuple[MakerPart, ...]
    at: int

    @property
    def order_ids(self) -> tuple[str, ...]:
        """Every order it names, the account's own among them."""
        named = (self.taker_order_id, *(maker.order_id for maker in self.makers))
        return tuple(dict.fromkeys(order_id for order_id in named if order_id))


UserEvent = UserOrder | UserTrade


class _Maker(msgspec.Struct):
    order_id: str = ""
    asset_id: str | None = ""
    side: str | None = ""
    matched_amount: msgspec.Raw = msgspec.Raw()
    price: msgspec.Raw = msgspec.Raw()
    owner: str | None = ""


class _Message(msgspec.Struct):
    event_type: str = ""
    id: str = ""
    market: str | None = ""
    asset_id: str | None = ""
    side: str | None = ""
    type: str | None = ""
    status: str | None = ""
    price: msgspec.Raw = msgspec.Raw()
    size: msgspec.Raw = msgspec.Raw()
    original_size: msgspec.Raw = msgspec.Raw()
    size_matched: msgspec.Raw = msgspec.Raw()
    taker_order_id: str | None = ""
    maker_orders: tuple[_Maker, ...] | None = ()
    timestamp: msgspec.Raw = msgspec.Raw()
    last_update: msgspec.Raw = msgspec.Raw()
    match_time: msgspec.Raw = msgspec.Raw()
    created_at: msgspec.Raw = msgspec.Raw()


_one = msgspec.json.Decoder(_Message)
_parts = msgspec.json.Decoder(tuple[msgspec.Raw, ...])


def events(raw: bytes) -> tuple[list[UserEvent], list[tuple[bytes, str]]]:
    """What a frame says, and the messages of it that cannot be used, each with the reason. Never raises."""
    found: list[UserEvent] = []
    dead: list[tuple[bytes, str]] = []
    if raw[:1] == b"[":
        try:
            messages = [bytes(part) for part in _parts.decode(raw)]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
            return [], [(raw, f"not an array of messages: {wrong}")]
    else:
        messages = [raw]
    for message in messages:
        try:
            message.decode()  # msgspec looks at the texts it returns, and at no others
            found.append(_event(_one.decode(message)))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as wrong:
            dead.append((message, str(wrong)))
    return found, dead


def _event(said: _Message) -> UserEvent:
    """Raises ValueError for a kind we do not know, or one without its id."""
    if said.event_type not in ("order", "trade"):
        raise ValueError(f"event_type {said.event_type!r}; expected order or trade")
    if not said.id:
        raise ValueError(f"{said.event_type} without id")
    at = next(
        (time for raw in (said.timestamp, said.last_update, said.match_time, said.created_at) if (time := _time(raw))),
        0,
    )
    market, asset, side, status = said.market or "", said.asset_id or "", said.side or "", said.status or ""
    if said.event_type == "order":
        return UserOrder(
            order_id=said.id,
            market=market,
            asset=asset,
            kind=said.type or "",
            status=status,
            side=side,
            price=_amount(said.price),
            original_size=_amount(said.original_size),
            size_matched=_amount(said.size_matched),
            at=at,
        )
    return UserTrade(
        trade_id=said.id,
        market=market,
        asset=asset,
        status=status.upper().removeprefix(_STATUS_PREFIX),
        side=side,
        size=_amount(said.size),
        price=_amount(said.price),
        taker_order_id=said.taker_order_id or "",
        makers=tuple(
            MakerPart(
                order_id=maker.order_id,
                asset=maker.asset_id or "",
                side=maker.side or "",
                size=_amount(maker.matched_amount),
                price=_amount(maker.price),
                owner=maker.owner or "",
            )
            for maker in said.maker_orders or ()
        ),
        at=at,
    )


def _text(raw: msgspec.Raw) -> str:
    """A string or number as text; "" for empty, null and absent."""
    text = bytes(raw).decode().strip()
    return "" if text == "null" else text.strip('"').strip()


def _amount(raw: msgspec.Raw) -> Decimal | None:
    """None for what is empty or no number: an amount nobody can read is an amount nobody said."""
    try:
        return decimal(_text(raw)) if _text(raw) else None
    except Inexact:
        return None


def _time(raw: msgspec.Raw) -> int:
    """Seconds or milliseconds, told apart by magnitude, to microseconds; 0 for anything else."""
    text = _text(raw)
    if not (text.isascii() and text.isdecimal()) or len(text) > 16:
        return 0
    value = int(text)
    return value * 1000 if value >= 10**11 else value * 1_000_000


class UserStream:
    """One account's user channel; `markets` are condition ids, none for all.

    `on_event` is called synchronously with each event and the frame it came in; `on_dead(raw, why)` with what cannot be
    used; `on_state(up, reason)` at every change and after every failed attempt. What a callback raises ends `run`.
    `let_in`: an earlier one was let in at this address, so no refusal is final.
    """

    def __init__(
        self,
        ws_url: str,
        credentials: Credentials,
        *,
        on_event: Callable[[UserEvent, bytes], None],
        on_state: Callable[[bool, str], None] = lambda up, reason: None,
        on_dead: Callable[[bytes, str], None] = lambda raw, why: None,
        markets: Sequence[str] = (),
        clock: Callable[[], int] = wall_clock_us,
        timing: StreamTiming | None = None,
        rng: random.Random | None = None,
        let_in: bool = False,
    ) -> None:
        self._url = channel_url(ws_url, USER_PATH)
        self._credentials = credentials
        self._on_event = on_event
        self._on_state = on_state
        self._on_dead = on_dead
        self._markets = tuple(markets)
        self._clock = clock
        self._timing = timing or StreamTiming()
        self._rng = rng or random.Random()  # noqa: S311 - spreads reconnects, guards nothing
        self.connected = False
        self.acknowledged = False
        self._let_in = let_in
        self._heard = 0.0
        self.heard_at = 0
        """Our wall clock (µs) when the venue last said anything, a PONG included."""

    async def run(self) -> None:
        """Stay connected until cancelled. Raises BadInput where the venue refuses the first handshake for good. Once
        let in, the address is right: what refuses later passes."""
        first_s, most_s = self._timing.backoff_s, self._timing.backoff_cap_s
        failures = 0
        while True:
            began = time.monotonic()
            try:
                reason = await self._connection()
            except BadInput as fatal:
                self._on_state(False, fatal.message)
                raise
            finally:
                self.connected = self.acknowledged = False
            self._on_state(False, reason)
            failures = 0 if time.monotonic() - began >= self._timing.settled_s else failures + 1
            await asyncio.sleep(full_jitter(failures, first_s=first_s, most_s=most_s, rng=self._rng))

    async def _connection(self) -> str:
        """One connection from handshake to loss; returns why it ended."""
        try:
            ws = await dial(self._url, open_s=self._timing.open_s, ping_s=None)  # the venue has pings of its own
        except InvalidStatus as refused:
            status = refused.response.status_code
            if status in _FATAL_STATUS and not self._let_in:
                raise BadInput(
                    f"Polymarket refused the user channel at {self._url} with HTTP {status}; expected it to accept the "
                    "connection: check the address, and whether this machine's country is allowed",
                    f"http_{status}",
                ) from None
            return f"handshake refused with HTTP {status}"
        except (OSError, TimeoutError, InvalidHandshake) as failure:
            return f"cannot connect: {type(failure).__name__}: {failure}"
        pinging: asyncio.Task[None] | None = None
        self._let_in = True
        try:
            self.connected = True
            await ws.send(self._subscription(), text=True)
            pinging = asyncio.create_task(self._ping(ws))
            pinging.add_done_callback(lambda task: None if task.cancelled() else ws.transport.abort())
            await self._read(ws)
        except ConnectionClosed as closed:
            if pinging is not None and pinging.done() and isinstance(lost := pinging.exception(), ConnectionLost):
                return str(lost)
            if not self.acknowledged:
                return f"closed before its first answer ({closed}); check the API credentials"
            return f"connection closed: {closed}"
        finally:
            if pinging is not None:
                pinging.cancel()
                await asyncio.gather(pinging, return_exceptions=True)
            await ws.close()
        return "connection closed"

    def _subscription(self) -> bytes:
        message: dict[str, object] = {
            "auth": {
                "apiKey": self._credentials.key,
                "secret": self._credentials.secret,
                "passphrase": self._credentials.passphrase,
            },
            "type": "user",
        }
        if self._markets:
            message["markets"] = list(self._markets)
        return msgspec.json.encode(message)

    async def _read(self, ws: ClientConnection) -> None:
        while True:
            raw = await ws.recv(decode=False)
            self.heard_at = self._clock()
            self._heard = time.monotonic()
            if raw == b"PONG":
                if not self.acknowledged:
                    self.acknowledged = True
                    self._on_state(True, "the venue answers")
                continue
            if not raw.strip():
                continue
            found, dead = events(raw)
            for event in found:
                self._on_event(event, raw)
            for message, why in dead:
                self._on_dead(message, why)

    async def _ping(self, ws: ClientConnection) -> None:
        while True:
            pinged = time.monotonic()
            await ws.send("PING", text=True)
            await asyncio.sleep(self._timing.ping_s)
            if self._heard < pinged:
                raise ConnectionLost(f"nothing came for {self._timing.ping_s:g} s, not even a PONG")
