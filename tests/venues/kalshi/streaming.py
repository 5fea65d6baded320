"""A scripted Kalshi socket on loopback, and a stream of it at work."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request

from tests.venues.loopback import Told, loopback, nth
from venues.kalshi import frames
from venues.kalshi.signing import Signer
from venues.kalshi.stream import KalshiStream, StreamTiming

M1, M2 = "KXTEST-26NOV21-AAA", "KXTEST-26NOV21-BBB"
LEVELS = [(470_000, 3_000_000)]
QUICK = StreamTiming(backoff_s=0.001, backoff_cap_s=0.002)
Script = Callable[["Peer"], Awaitable[None]]


@dataclass
class Peer:
    """The venue's end of one connection: acknowledges subscriptions, then does what its script says."""

    ws: ServerConnection
    commands: list[dict[str, Any]] = field(default_factory=list)
    sids: dict[str, int] = field(default_factory=dict)

    async def command(self) -> dict[str, Any]:
        self.commands.append(json.loads(await self.ws.recv()))
        return self.commands[-1]

    async def say(self, message: dict[str, Any] | bytes) -> None:
        raw = message if isinstance(message, bytes) else json.dumps(message).encode() + b"\n"
        await self.ws.send(raw, text=True)

    async def acknowledge(self, count: int = 4) -> None:
        for _ in range(count):
            command = await self.command()
            channel = command["params"]["channels"][0]
            sid = self.sids[channel] = len(self.sids) + 1
            await self.say({"type": "subscribed", "id": command["id"], "msg": {"channel": channel, "sid": sid}})

    async def snapshot(self, seq: int, market: str = M1) -> None:
        await self.say(frames.snapshot(1, seq, market, LEVELS, [], yes_price=True))

    async def delta(self, seq: int, market: str = M1) -> None:
        await self.say(frames.delta(1, seq, market, "yes", 470_000, 10_000, 1_000_000, yes_price=True))


@dataclass
class Heard(Told):
    """What the stream told its caller, in order: frames as (type, seq), states, gaps."""

    raws: list[bytes] = field(default_factory=list)

    def frame(self, raw: bytes, received_at_us: int, received_ns: int) -> None:
        assert received_at_us == 7_000
        assert received_ns > 0
        message = json.loads(raw)
        self.raws.append(raw)
        self.note((message["type"], message.get("seq")))

    def gap(self, markets: tuple[str, ...]) -> None:
        self.note(("gap", markets))


@asynccontextmanager
async def venue(
    *scripts: Script, refuse: Iterable[int | None] = (), words: bytes = b""
) -> AsyncIterator[tuple[str, list[Request]]]:
    """A venue whose nth connection follows the nth script, the last one again and again."""
    numbers = count()

    async def connection(ws: ServerConnection) -> None:
        await nth(scripts, next(numbers))(Peer(ws))

    async with loopback(connection, refuse=refuse, words=words) as server:
        yield server.url, server.requests


@asynccontextmanager
async def streaming(url: str, signer: Signer, **options: Any) -> AsyncIterator[tuple[KalshiStream, Heard]]:
    heard = Heard()
    settings: dict[str, Any] = {"markets": (M1, M2), "timing": QUICK, "rng": random.Random(1)} | options
    stream = KalshiStream(
        url,
        signer,
        on_frame=heard.frame,
        on_state=heard.state,
        on_gap=heard.gap,
        clock=lambda: 7_000,
        **settings,
    )
    task = asyncio.create_task(stream.run())
    # Should the stream die, the test must fail with its error, not wait for its time limit.
    owner = asyncio.current_task()
    assert owner is not None
    task.add_done_callback(lambda done: None if done.cancelled() else owner.cancel())
    try:
        yield stream, heard
    except asyncio.CancelledError:
        if task.done() and task.exception() is not None:
            owner.uncancel()
            await task
        raise
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def idle(peer: Peer) -> None:
    await peer.acknowledge()
    await peer.ws.wait_closed()
