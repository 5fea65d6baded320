"""A scripted spot feed on loopback, and what a feed heard of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.server import ServerConnection

from domain.spot import SpotTick
from tests.patience import PATIENCE_S
from tests.venues.loopback import loopback, nth
from venues.kept_socket import KeptSocket, SocketTiming

QUICK = SocketTiming(watch_s=0.01, backoff_s=0.001, backoff_cap_s=0.002)


@dataclass
class Peer:
    """The venue's end of one connection."""

    ws: ServerConnection
    number: int
    path: str

    async def hears(self) -> Any:
        return json.loads(await self.ws.recv())

    async def say(self, *messages: Any) -> None:
        for message in messages:
            await self.ws.send(message if isinstance(message, bytes) else json.dumps(message), text=True)

    async def stay(self) -> None:
        await self.ws.wait_closed()


Script = Callable[[Peer], Awaitable[None]]


@dataclass
class Heard:
    """What a feed told its caller."""

    ticks: list[SpotTick] = field(default_factory=list)
    frames: list[tuple[bytes, int]] = field(default_factory=list)
    dead: list[tuple[bytes, str]] = field(default_factory=list)
    states: list[tuple[bool, str]] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Task[None] | None = None

    def frame(self, raw: bytes, received_at_us: int, received_ns: int, link: int) -> None:
        assert received_ns > 0
        self.frames.append((raw, link))
        self.changed.set()

    def tick(self, tick: SpotTick) -> None:
        self.ticks.append(tick)
        self.changed.set()

    def buried(self, raw: bytes, why: str, at: int) -> None:
        self.dead.append((raw, why))
        self.changed.set()

    def state(self, up: bool, reason: str) -> None:
        assert reason
        self.states.append((up, reason))
        self.changed.set()

    def ears(self) -> dict[str, Any]:
        """What a feed is given so that all it tells comes here, and quickly."""
        told = {"on_tick": self.tick, "on_frame": self.frame, "on_dead": self.buried, "on_state": self.state}
        return told | {"timing": QUICK}

    async def until(self, condition: Callable[[], object]) -> None:
        """Until it holds; what a feed dies of is raised here."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                if self.over is not None and self.over.done():
                    self.over.result()
                await self.changed.wait()
                self.changed.clear()

    def ups(self) -> int:
        return sum(up for up, _ in self.states)

    def losses(self) -> list[str]:
        return [reason for up, reason in self.states if not up]


@dataclass
class World:
    """A server that runs one script a connection (the last one again for any further), and what a feed heard of it."""

    url: str = ""
    peers: list[Peer] = field(default_factory=list)
    heard: Heard = field(default_factory=Heard)

    @asynccontextmanager
    async def feed(self, feed: KeptSocket) -> AsyncIterator[Heard]:
        task = asyncio.create_task(feed.run())
        self.heard.over = task
        task.add_done_callback(lambda _: self.heard.changed.set())
        try:
            yield self.heard
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def world(*scripts: Script, refuse: Iterable[int | None] = ()) -> AsyncIterator[World]:
    made = World()

    async def connection(ws: ServerConnection) -> None:
        assert ws.request is not None
        peer = Peer(ws, len(made.peers), ws.request.path)
        made.peers.append(peer)
        await nth(scripts, peer.number)(peer)

    async with loopback(connection, refuse=refuse) as server:
        made.url = server.url
        yield made
