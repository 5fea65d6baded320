"""One connection to Polymarket's market channel: subscribed at once, pinged, and watched asset by asset.

Frames go to the caller as they came. The connection itself looks only at which assets a frame speaks of. What happens:

| seen | done | why |
|---|---|---|
| connected | subscribe, in the first message | the venue drops a connection that says nothing |
| every 10 s | `PING` | the venue answers `PONG`; that says nothing about the books |
| nothing at all since the last but one `PING` | lost | the socket is dead |
| an asset silent for `silence_s` | `on_silent`, unsubscribe and subscribe it anew | it may be quiet, or frozen |
| no book for it within `snapshot_s` | frozen: whoever owns the connection replaces it | PONGs flow, books do not |
| no snapshot of any asset within `snapshot_s` of the subscription | lost | it accepted us and carries nothing |

A subscription is acknowledged by nothing but its snapshots. Source: docs.polymarket.com/market-data/realtime-data and
asyncapi.json; that a frozen connection goes on answering pings: github.com/Polymarket/py-clob-client/issues/292.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from domain.errors import BadInput
from venues.dial import dial
from venues.reconnect import ConnectionLost, hang_up
from venues.wire import LOOPBACK

MARKET_PATH = "/ws/market"


class OnFrame(Protocol):
    """Takes a frame as it came, our wall clock (µs) and monotonic clock (ns) at its arrival, and the number of the
    connection that brought it. Must not block."""

    def __call__(self, raw: bytes, received_at_us: int, received_ns: int, link: int, /) -> None: ...


@dataclass(frozen=True, slots=True)
class StreamTiming:
    """Seconds. Back-off is full jitter: a uniform wait up to `backoff_s` doubled per failure, at most `backoff_cap_s`.
    A connection that stayed up for `settled_s` starts the doubling over. After `rotate_s` a connection is replaced
    although nothing is wrong with it; 0 leaves it. An asset is asked for again at most once in `ask_every_s`."""

    open_s: float = 10.0
    ping_s: float = 10.0
    snapshot_s: float = 10.0
    silence_s: float = 60.0
    ask_every_s: float = 1.0
    backoff_s: float = 0.5
    backoff_cap_s: float = 30.0
    settled_s: float = 30.0
    rotate_s: float = 3_600.0


class _Row(msgspec.Struct, gc=False):
    asset_id: str = ""


class _Peek(msgspec.Struct, gc=False):
    """Which assets a message speaks of, everything else skipped."""

    event_type: str = ""
    asset_id: str = ""
    price_changes: tuple[_Row, ...] = ()


_peek = msgspec.json.Decoder(_Peek)
_peeks = msgspec.json.Decoder(tuple[_Peek, ...])


class MarketLink:
    """Connection number `number`, carrying `assets`. `given_up` are assets that no connection gets a book of: they are
    asked for again and again, but their silence replaces nothing.

    `on_silent` gets assets that have been silent too long, each time they are asked for again; `on_end` the connection
    itself once, when it is lost or closed.
    """

    def __init__(
        self,
        url: str,
        number: int,
        assets: Iterable[str],
        *,
        given_up: frozenset[str],
        on_frame: OnFrame,
        on_silent: Callable[[tuple[str, ...]], None],
        on_end: Callable[[MarketLink], None],
        clock: Callable[[], int],
        timing: StreamTiming,
    ) -> None:
        self.number = number
        self.assets = dict.fromkeys(assets)
        self.waiting = dict(self.assets)  # no book yet
        self.frozen: tuple[str, ...] = ()
        self._url = url
        self._given_up = given_up
        self._on_frame = on_frame
        self._on_silent = on_silent
        self._on_end = on_end
        self._clock = clock
        self._timing = timing
        self._ws: ClientConnection | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._changed = asyncio.Event()
        self._lost = ""
        self._failure: BaseException | None = None
        self._heard: dict[str, float] = {}
        self._asked: dict[str, float] = {}
        self._asked_last: dict[str, float] = {}
        self._deferred: dict[str, None] = {}
        self._any_heard = 0.0

    @property
    def lost(self) -> str:
        """Why the connection is of no more use; empty while it lives."""
        return self._lost

    async def connect(self) -> None:
        """Connect and subscribe. Raises ConnectionLost."""
        try:
            self._ws = await dial(self._url, open_s=self._timing.open_s, ping_s=None)  # the venue has pings of its own
        except InvalidStatus as refused:
            raise ConnectionLost(f"handshake refused with HTTP {refused.response.status_code}") from None
        except (OSError, TimeoutError, InvalidHandshake) as failure:
            raise ConnectionLost(f"cannot connect: {type(failure).__name__}: {failure}") from None
        now = time.monotonic()
        self._heard = dict.fromkeys(self.assets, now)
        self._any_heard = now
        self._start(self._read(self._ws))
        first = {"assets_ids": list(self.assets), "type": "market", "custom_feature_enabled": True}
        await self._say(first)
        self._start(self._ping(self._ws))

    async def settle(self) -> None:
        """Wait until every asset has its book, or until `snapshot_s` is over and some have. Raises ConnectionLost."""
        try:
            async with asyncio.timeout(self._timing.snapshot_s):
                while not self._lost and self.waiting.keys() - self._given_up:
                    await self._until_changed()
        except TimeoutError:
            if len(self.waiting) == len(self.assets):
                self._end(f"no book of any asset within {self._timing.snapshot_s:g} s")
        self.raise_failure()
        if self._lost:
            raise ConnectionLost(self._lost)
        self._start(self._watch())

    async def until_over(self) -> None:
        """Returns when the connection is lost, or assets on it are `frozen`."""
        while not self._lost and not self.frozen:
            await self._until_changed()
        self.raise_failure()

    async def close(self) -> None:
        """Gone without a trace, whatever state it is in."""
        self._end("closed by us")
        await hang_up(self._ws, self._tasks)

    async def ask_again(self, assets: Iterable[str]) -> bool:
        """Have these assets' books sent anew; those asked for already are left out, those asked for a moment ago wait:
        a book that is doubted again and again must not flood the venue. False if the connection is lost."""
        now = time.monotonic()
        free = [asset for asset in assets if asset in self.assets and asset not in self._asked]
        early = [asset for asset in free if now - self._asked_last.get(asset, 0.0) < self._timing.ask_every_s]
        self._deferred.update(dict.fromkeys(early))
        wanted = [asset for asset in free if asset not in self._deferred]
        if self._lost:
            return False
        if wanted:
            self._asked_last.update(dict.fromkeys(wanted, now))
            self._asked.update(dict.fromkeys(wanted, now))
            await self._say({"operation": "unsubscribe", "assets_ids": wanted})
            await self._say({"operation": "subscribe", "assets_ids": wanted, "custom_feature_enabled": True})
        return not self._lost

    def vouch(self, assets: Iterable[str]) -> None:
        """Another source shows that these assets are quiet, not frozen."""
        now = time.monotonic()
        for asset in assets:
            if asset in self._heard:
                self._heard[asset] = now
                self._asked.pop(asset, None)

    # ------------------------------------------------------------------ inside

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        task.add_done_callback(self._finished)
        self._tasks.append(task)

    def _finished(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (failure := task.exception()) is not None:
            self._failure = failure
            self._end(f"{type(failure).__name__}: {failure}")

    def raise_failure(self) -> None:
        """What a callback raised is the caller's own."""
        if self._failure is not None:
            raise self._failure

    async def _say(self, message: dict[str, object]) -> None:
        if self._ws is None or self._lost:
            return
        try:
            await self._ws.send(msgspec.json.encode(message), text=True)
        except ConnectionClosed as closed:
            self._end(f"connection closed: {closed}")

    async def _read(self, ws: ClientConnection) -> None:
        try:
            while not self._lost:
                raw = await ws.recv(decode=False)
                received_at, received_ns = self._clock(), time.monotonic_ns()
                self._any_heard = received_ns / 1e9
                if raw == b"PONG" or not raw.strip():
                    continue
                self._note(raw, self._any_heard)
                self._on_frame(raw, received_at, received_ns, self.number)
        except ConnectionClosed as closed:
            self._end(f"connection closed: {closed}")

    def _note(self, raw: bytes, now: float) -> None:
        """Which assets were heard. What cannot be read is the caller's to judge; it is handed on all the same."""
        try:
            messages = (_peek.decode(raw),) if raw[:1] == b"{" else _peeks.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return
        for message in messages:
            if message.asset_id in self._heard:
                self._heard[message.asset_id] = now
            for row in message.price_changes:
                if row.asset_id in self._heard:
                    self._heard[row.asset_id] = now
            if message.event_type == "book" and message.asset_id in self.assets:
                self._asked.pop(message.asset_id, None)
                if message.asset_id in self.waiting:
                    del self.waiting[message.asset_id]
                    self._changed.set()

    async def _ping(self, ws: ClientConnection) -> None:
        try:
            while not self._lost:
                pinged = time.monotonic()
                await ws.send("PING", text=True)
                await asyncio.sleep(self._timing.ping_s)
                if self._any_heard < pinged:
                    self._end(f"nothing came for {time.monotonic() - self._any_heard:.1f} s, not even a PONG")
        except ConnectionClosed as closed:
            self._end(f"connection closed: {closed}")

    async def _watch(self) -> None:
        """Asks for silent assets again and calls those frozen that stay silent."""
        timing = self._timing
        while not self._lost:
            await asyncio.sleep(min(timing.silence_s, timing.snapshot_s, timing.ask_every_s) / 4)
            now = time.monotonic()
            due = [a for a in self._deferred if now - self._asked_last.get(a, 0.0) >= timing.ask_every_s]
            for asset in due:
                del self._deferred[asset]
            await self.ask_again(due)
            frozen = [a for a, at in self._asked.items() if now - at > timing.snapshot_s and a not in self._given_up]
            if frozen:
                self.frozen = tuple(frozen)
                self._changed.set()
                return
            for asset in [a for a, at in self._asked.items() if now - at > timing.snapshot_s]:
                del self._asked[asset]  # given up: asked again after another silence
                self._heard[asset] = now
            silent = tuple(a for a, at in self._heard.items() if now - at > timing.silence_s and a not in self._asked)
            if silent:
                self._on_silent(silent)
                await self.ask_again(silent)

    def _end(self, reason: str) -> None:
        if not self._lost:
            self._lost = reason
            self._on_end(self)
        self._changed.set()

    async def _until_changed(self) -> None:
        await self._changed.wait()
        self._changed.clear()


def channel_url(ws_url: str, path: str) -> str:
    """`wss://host[:port][/ws]` or a full address of the channel to the full address. Raises BadInput for anything
    else, and for an unencrypted address that is not on loopback."""
    parts = urlsplit(ws_url)
    if parts.scheme not in ("ws", "wss") or not parts.hostname or parts.query or parts.fragment:
        raise BadInput(f"Polymarket WebSocket URL {ws_url!r} is not usable; expected wss://host or ws://127.0.0.1:port")
    if parts.path.rstrip("/") not in ("", "/ws", path):
        raise BadInput(f"Polymarket WebSocket URL {ws_url!r} has path {parts.path!r}; expected none, /ws or {path}")
    if parts.scheme == "ws" and parts.hostname not in LOOPBACK:
        raise BadInput(f"Polymarket WebSocket URL {ws_url!r} is not encrypted; expected wss (ws only on loopback)")
    return f"{parts.scheme}://{parts.netloc}{path}"


def dealt(groups: Sequence[Sequence[str]], most: int) -> list[list[str]]:
    """Groups of assets dealt onto as few connections as hold `most` assets each; a group stays together.

    Raises BadInput for a group larger than that.
    """
    links: list[list[str]] = []
    for group in groups:
        if len(group) > most:
            raise BadInput(f"{len(group)} assets of one market on one connection; at most {most}", "too_many_assets")
        if not links or len(links[-1]) + len(group) > most:
            links.append([])
        links[-1].extend(asset for asset in group if asset not in links[-1])
    return links
