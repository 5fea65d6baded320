"""A websocket that is kept: opened, spoken to, watched, replaced when lost. What is said on it is a `Conversation`.

| seen | done | why |
|---|---|---|
| connected | the conversation's opening is sent at once | venues drop a connection that says nothing |
| a frame | to `on_frame` as it came, then to the conversation | the recording has what the decision saw |
| the conversation is live | up | everything asked for flows |
| not live within `live_s` | lost | it accepted us and carries nothing |
| the conversation gives it up, or is overdue | lost | something is missing; pings are answered, and nothing comes |
| closed by the venue, cannot connect | lost | |
| the conversation is leaving | another one first, closed once that is live | no gap at a restart announced |
| HTTP 401, 404, 451 at the handshake | `BadInput` from `run` | wrong key, address or country |
| what the conversation says no other can do better | `BadInput` from `run` | wrong symbol |
| either of them once it was up | lost | it was right once: what refuses now passes |

Lost: down, a full-jitter wait (uniform up to `backoff_s` doubled per failure, at most `backoff_cap_s`), a new
connection with a new conversation. After `settled_s` of health the doubling starts over.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol, TypedDict
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from domain.errors import BadInput
from venues.dial import dial
from venues.reconnect import ConnectionLost, full_jitter, hang_up
from venues.wire import LOOPBACK, wall_clock_us

_FATAL = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND, HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS})


class OnFrame(Protocol):
    """Takes a frame as it came, our wall clock (µs) and monotonic clock (ns) at its arrival, and the number of the
    connection that brought it, counted from 1. Must not block."""

    def __call__(self, raw: bytes, received_at_us: int, received_ns: int, link: int, /) -> None: ...


class Conversation(Protocol):
    """What is said on one connection, made anew for each. Synchronous; times are ours, monotonic in nanoseconds."""

    @property
    def live(self) -> bool:
        """Whether everything that was asked for flows."""

    @property
    def leaving(self) -> str:
        """Why another connection should take over while this one still works; empty if none should."""

    def opening(self) -> Sequence[bytes]:
        """What is said first."""

    def hear(self, raw: bytes, received_at_us: int, received_ns: int, /) -> Sequence[bytes]:
        """Take a frame; what is to be answered. Raises `ConnectionLost` to give the connection up, `BadInput` if no
        other can do better."""

    def due(self, now_ns: int, /) -> Sequence[bytes]:
        """Asked a few times a second: what is to be said now. Raises ConnectionLost when something is overdue."""

    def closed(self, code: int, /) -> None:
        """The venue closed with this code. Raises BadInput if no other connection can do better."""


@dataclass(frozen=True, slots=True)
class SocketTiming:
    """Seconds. `watch_s` is how often a conversation is asked what is due."""

    open_s: float = 10.0
    live_s: float = 15.0
    watch_s: float = 0.5
    backoff_s: float = 0.25
    backoff_cap_s: float = 30.0
    settled_s: float = 60.0


class SocketOptions(TypedDict, total=False):
    """What every kept feed lets its caller say of its socket; each has the default of `KeptSocket`."""

    on_frame: OnFrame
    on_state: Callable[[bool, str], None]
    clock: Callable[[], int]
    timing: SocketTiming | None
    rng: random.Random | None


class KeptSocket:
    """`url` is wss (ws on loopback only), `name` the feed's in messages. `converse(link)` makes the conversation of
    connection number `link`. `on_state(up, reason)` at every change and after every failed attempt. What a callback
    raises ends `run`."""

    def __init__(
        self,
        name: str,
        url: str,
        converse: Callable[[int], Conversation],
        *,
        on_frame: OnFrame = lambda raw, at, ns, link: None,
        on_state: Callable[[bool, str], None] = lambda up, reason: None,
        clock: Callable[[], int] = wall_clock_us,
        timing: SocketTiming | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self._name = name
        self._url = checked_url(name, url)
        self._converse = converse
        self._on_frame = on_frame
        self._on_state = on_state
        self._clock = clock
        self._timing = timing or SocketTiming()
        self._rng = rng or random.Random()  # noqa: S311 - spreads reconnects, guards nothing
        self._opened = 0
        self._was_up = False

    async def run(self) -> None:
        """Stay connected until cancelled. Raises `BadInput` for what no reconnect can cure; never once it was up."""
        failures = 0
        while True:
            began = time.monotonic()
            try:
                reason = await self._life()
            except BadInput as refused:
                if not self._was_up:
                    self._on_state(False, refused.message)
                    raise
                reason = refused.message
            self._on_state(False, reason)
            failures = 0 if time.monotonic() - began >= self._timing.settled_s else failures + 1
            await asyncio.sleep(self._wait(failures))

    async def _life(self) -> str:
        """From one connection, over those that take over from it, to the loss of the last; returns why."""
        link = await self._open()
        try:
            await link.settle()
            if not link.lost:
                self._was_up = True
                self._on_state(True, f"connection {link.number} carries everything asked for")
            attempts = 0
            while not link.lost:
                if not link.conversation.leaving:
                    await link.until_changed()
                    continue
                successor = await self._open()
                try:
                    await successor.settle()
                except BaseException:
                    await successor.close()
                    raise
                if successor.lost:
                    await successor.close()
                    successor.raise_failure()
                    attempts += 1
                    await link.until_lost(self._wait(attempts))
                else:
                    attempts = 0
                    await link.close()
                    link = successor
            return link.lost
        finally:
            await link.close()
            link.raise_failure()

    async def _open(self) -> _Link:
        self._opened += 1
        link = _Link(self._opened, self._converse(self._opened), self._on_frame, self._clock, self._timing)
        await link.connect(self._name, self._url)
        return link

    def _wait(self, failures: int) -> float:
        timing = self._timing
        return full_jitter(failures, first_s=timing.backoff_s, most_s=timing.backoff_cap_s, rng=self._rng)


class _Link:
    """One connection, read and watched by tasks of its own."""

    def __init__(
        self,
        number: int,
        conversation: Conversation,
        on_frame: OnFrame,
        clock: Callable[[], int],
        timing: SocketTiming,
    ) -> None:
        self.number = number
        self.conversation = conversation
        self.lost = ""
        self._on_frame = on_frame
        self._clock = clock
        self._timing = timing
        self._ws: ClientConnection | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._failure: BaseException | None = None
        self._changed = asyncio.Event()

    async def connect(self, name: str, url: str) -> None:
        """Open and say the opening. A connection that cannot be made is `lost`. Raises BadInput."""
        try:
            self._ws = await dial(url, open_s=self._timing.open_s)
        except InvalidStatus as refused:
            status = refused.response.status_code
            if status in _FATAL:
                raise BadInput(
                    f"{name} refused the WebSocket handshake with HTTP {status}; expected it to accept {url}: check "
                    "the address, and whether the venue serves this country",
                    f"http_{status}",
                ) from None
            self._end(f"handshake refused with HTTP {status}")
            return
        except (OSError, TimeoutError, InvalidHandshake) as failure:
            self._end(f"cannot connect: {type(failure).__name__}: {failure}")
            return
        for work in (self._read(self._ws), self._watch(self._ws)):
            task = asyncio.create_task(work)
            task.add_done_callback(self._finished)
            self._tasks.append(task)

    async def settle(self) -> None:
        """Until the conversation is live, or `live_s` are over: then the connection is lost."""
        try:
            async with asyncio.timeout(self._timing.live_s):
                while not self.lost and not self.conversation.live:
                    await self.until_changed()
        except TimeoutError:
            self._end(f"not everything asked for came within {self._timing.live_s:g} s")

    async def until_changed(self) -> None:
        """Until the connection is lost, or its conversation became live or is leaving."""
        await self._changed.wait()
        self._changed.clear()

    async def until_lost(self, seconds: float) -> None:
        """As long as that, or until the connection is lost."""
        try:
            async with asyncio.timeout(seconds):
                while not self.lost:
                    await self.until_changed()
        except TimeoutError:
            return

    async def close(self) -> None:
        """Gone without a trace, whatever state it is in."""
        self._end("closed by us")
        await hang_up(self._ws, self._tasks)

    def raise_failure(self) -> None:
        """What a callback raised is the caller's own."""
        if self._failure is not None:
            raise self._failure

    def _finished(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (failure := task.exception()) is not None:
            self._failure = failure
            self._end(f"{type(failure).__name__}: {failure}")

    async def _read(self, ws: ClientConnection) -> None:
        talk = self.conversation
        was = (talk.live, bool(talk.leaving))
        try:
            for words in talk.opening():
                await ws.send(words, text=True)
            while not self.lost:
                raw = await ws.recv(decode=False)
                received_at, received_ns = self._clock(), time.monotonic_ns()
                self._on_frame(raw, received_at, received_ns, self.number)
                for words in talk.hear(raw, received_at, received_ns):
                    await ws.send(words, text=True)
                now = (talk.live, bool(talk.leaving))
                if now != was:
                    was = now
                    self._changed.set()
        except ConnectionLost as lost:
            self._end(str(lost))
        except ConnectionClosed as closed:
            self._closed(closed)

    async def _watch(self, ws: ClientConnection) -> None:
        try:
            while not self.lost:
                await asyncio.sleep(self._timing.watch_s)
                for words in self.conversation.due(time.monotonic_ns()):
                    await ws.send(words, text=True)
                if self.conversation.leaving:
                    self._changed.set()
        except ConnectionLost as lost:
            self._end(str(lost))
        except ConnectionClosed as closed:
            self._closed(closed)

    def _closed(self, closed: ConnectionClosed) -> None:
        if not self.lost and closed.rcvd is not None:
            self.conversation.closed(closed.rcvd.code)
        self._end(f"connection closed: {closed}")

    def _end(self, reason: str) -> None:
        self.lost = self.lost or reason
        self._changed.set()


def checked_url(name: str, url: str) -> str:
    """The address as it is. Raises BadInput for one that is no websocket's, and for an unencrypted one that is not on
    loopback."""
    parts = urlsplit(url)
    if parts.scheme not in ("ws", "wss") or not parts.hostname or parts.username is not None or parts.fragment:
        raise BadInput(f"{name} WebSocket URL {url!r} is not usable; expected wss://host or ws://127.0.0.1:port")
    if parts.scheme == "ws" and parts.hostname not in LOOPBACK:
        raise BadInput(f"{name} WebSocket URL {url!r} is not encrypted; expected wss (ws only on loopback)")
    return url
