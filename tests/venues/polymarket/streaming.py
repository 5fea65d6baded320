"""A scripted market channel on loopback, and a pool of connections to it."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from tests.venues.loopback import Told, loopback, nth
from venues.polymarket import frames
from venues.polymarket.frames import LevelChange
from venues.polymarket.market_stream import StreamTiming
from venues.polymarket.pool import MarketPool

CONDITION = "0x" + "ab" * 32
YES, NO = "1001", "1002"
T0 = 1_780_000_000_000_000
CENT = 10_000
SHARE = 1_000_000
QUICK = StreamTiming(ping_s=0.05, snapshot_s=0.3, silence_s=30, backoff_s=0.001, backoff_cap_s=0.002, rotate_s=0)
Script = Callable[["Peer"], Awaitable[None]]


def image(asset: str, at: int = T0, *, bid: int = 40, ask: int = 42, size: int = 10) -> bytes:
    return frames.book(CONDITION, asset, [(bid * CENT, size * SHARE)], [(ask * CENT, size * SHARE)], at)


def change(asset: str, cents: int, size: int, at: int, *, best_bid: int = 40, best_ask: int = 42) -> bytes:
    row = LevelChange(asset, True, cents * CENT, size * SHARE, best_bid * CENT, best_ask * CENT)
    return frames.price_change(CONDITION, [row], at)


@dataclass
class Peer:
    """The venue's end of one connection: answers pings and keeps what it was told, then does what its script says."""

    ws: ServerConnection
    told: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)
    pinged: asyncio.Queue[None] = field(default_factory=asyncio.Queue)
    answers_pings: bool = True

    async def listen(self) -> None:
        with suppress(ConnectionClosed):
            async for message in self.ws:
                if message == "PING":
                    self.pinged.put_nowait(None)
                    if self.answers_pings:
                        await self.ws.send("PONG")
                else:
                    self.told.put_nowait(json.loads(message))

    async def subscription(self) -> list[str]:
        message = await self.told.get()
        assert message.get("type") == "market" or message.get("operation") == "subscribe"
        assert message["custom_feature_enabled"] is True
        return list(message["assets_ids"])

    async def say(self, raw: bytes) -> None:
        await self.ws.send(raw, text=True)

    async def images(self, assets: Sequence[str], at: int = T0) -> None:
        await self.say(frames.array(*(image(asset, at) for asset in assets)))


async def good(peer: Peer) -> None:
    """Sends books of what was subscribed, whenever it is, and stays."""
    while True:
        message = await peer.told.get()
        if message.get("operation") != "unsubscribe":
            await peer.images(message["assets_ids"])


@dataclass
class Heard(Told):
    """What the pool told its caller, in order."""

    frames: list[tuple[bytes, int]] = field(default_factory=list)

    def frame(self, raw: bytes, received_at_us: int, received_ns: int, link: int) -> None:
        assert received_at_us == T0 + 7_000
        assert received_ns > 0
        self.frames.append((raw, link))
        self.note(("frame", link))

    def lost(self, link: int) -> None:
        self.note(("lost", link))

    def silent(self, assets: tuple[str, ...]) -> None:
        self.note(("silent", assets))


@asynccontextmanager
async def venue(*scripts: Script, refuse: Iterable[int] = ()) -> AsyncIterator[tuple[str, list[Peer]]]:
    """A venue whose nth connection follows the nth script, the last one again and again."""
    peers: list[Peer] = []

    async def connection(ws: ServerConnection) -> None:
        peer = Peer(ws)
        script = nth(scripts, len(peers))
        peers.append(peer)
        listening = asyncio.create_task(peer.listen())
        playing = asyncio.create_task(script(peer))
        try:
            await asyncio.wait((listening, playing), return_when=asyncio.FIRST_COMPLETED)
            if playing.done():
                playing.result()
        finally:
            for task in (listening, playing):
                task.cancel()
            await asyncio.gather(listening, playing, return_exceptions=True)

    async with loopback(connection, refuse=refuse) as server:
        yield server.url, peers
    assert {request.path for request in server.requests} <= {"/ws/market"}


@asynccontextmanager
async def pool(
    url: str, heard: Heard, groups: Sequence[Sequence[str]] = ((YES, NO),), **options: Any
) -> AsyncIterator[MarketPool]:
    said = {"on_frame": heard.frame, "on_link_lost": heard.lost, "on_silent": heard.silent, "on_state": heard.state}
    made = MarketPool(
        url, groups, clock=lambda: T0 + 7_000, rng=random.Random(1), **{"timing": QUICK, **said, **options}
    )
    running = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
