"""The paper exchange's made-up spot feed: what our Coinbase feed needs, the same prices for the same seed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from domain.spot import ATTO, SpotKind
from paper.core.spot import STEP_US, Walk
from paper.server import PaperConfig, PaperServer, start
from tests.patience import PATIENCE_S
from tests.venues.spot.world import QUICK, World
from venues.coinbase.feed import exchange_feed
from venues.kept_socket import KeptSocket

T0 = 1_795_262_400_000_000


@pytest.fixture
async def exchange(tmp_path: Path) -> AsyncIterator[PaperServer]:
    server = await start(PaperConfig(tmp_path, api_keys={}))
    yield server
    await server.stop()


def feed_of(url: str, world: World) -> KeptSocket:
    heard = world.heard
    return exchange_feed(
        ["BTC-USD", "ETH-USD"], on_tick=heard.tick, on_frame=heard.frame, on_dead=heard.buried, on_state=heard.state,
        url=url, timing=QUICK,
    )  # fmt: skip


async def test_our_coinbase_feed_lives_on_it(exchange: PaperServer) -> None:
    world = World()
    async with world.feed(feed_of(exchange.spot_url, world)) as heard:
        await heard.until(lambda: heard.ups() and len(heard.ticks) >= 6)
    assert heard.dead == []
    assert {(tick.symbol, tick.kind) for tick in heard.ticks} == {
        ("BTC-USD", SpotKind.TRADE),
        ("ETH-USD", SpotKind.TRADE),
    }
    assert all(50_000 * ATTO < tick.bid < tick.price < tick.ask < 70_000 * ATTO for tick in heard.ticks)
    assert all(tick.exchange_at <= tick.received_at for tick in heard.ticks)


async def test_a_reconnect_finds_the_price_where_it_is(exchange: PaperServer) -> None:
    first, second = World(), World()
    async with first.feed(feed_of(exchange.spot_url, first)) as heard:
        await heard.until(lambda: len(heard.ticks) >= 4)
    async with second.feed(feed_of(exchange.spot_url, second)) as again:
        await again.until(lambda: again.ticks)
    last = next(tick for tick in reversed(first.heard.ticks) if tick.symbol == "BTC-USD")
    after = next(tick for tick in second.heard.ticks if tick.symbol == "BTC-USD")
    assert after.exchange_at > last.exchange_at
    assert abs(after.price - last.price) < 100 * ATTO


@pytest.mark.parametrize(
    "said", ["{}", "not json", '{"type":"subscribe","product_ids":[]}', '{"type":"subscribe","product_ids":["btc"]}']
)
async def test_who_subscribes_to_nothing_is_sent_away(exchange: PaperServer, said: str) -> None:
    async with connect(exchange.spot_url) as ws:
        await ws.send(said)
        heard = []
        with suppress(ConnectionClosed):
            async for message in ws:
                heard.append(json.loads(message)["type"])
        assert set(heard) <= {"error"}
        assert ws.close_code == 1008


async def test_stopping_the_exchange_ends_its_feeds(tmp_path: Path) -> None:
    server = await start(PaperConfig(tmp_path, api_keys={}))
    world = World()
    async with world.feed(feed_of(server.spot_url, world)) as heard:
        await heard.until(lambda: heard.ticks)
        async with asyncio.timeout(PATIENCE_S):
            await server.stop()
        await heard.until(heard.losses)


def test_the_same_seed_walks_the_same_way_however_often_it_is_asked() -> None:
    often, once = Walk("7 BTC-USD", T0), Walk("7 BTC-USD", T0)
    for step in range(1, 101):
        often.at(T0 + step * STEP_US)
    assert often.cents == once.at(T0 + 100 * STEP_US)
    assert Walk("8 BTC-USD", T0).at(T0 + 100 * STEP_US) != once.cents
    assert often.at(T0) == once.cents  # a clock that was set back moves nothing
    once.at(T0 + 10**15)
    assert once.steps == 100 + 4 * 3600  # a long sleep is not made up for
