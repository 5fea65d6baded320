"""Spot feeds beside the venues' streams: real sockets, and a feed that fails is nobody else's failure."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import REGISTRY
from websockets.asyncio.server import Request, Response, ServerConnection, serve

from config.load import load
from config.settings import Settings
from domain.errors import BadInput
from domain.features.feature import Flaw
from domain.features.params import FeatureParams, Follow
from domain.spot import SpotFeed, SpotSource
from ingest.dead_letters import DeadLetters
from ingest.engine import Engine
from ingest.gates import Halts
from ingest.readiness import Pauses
from ingest.sets import OutcomeSet
from ingest.strategies.basket import baskets
from ingest.strategies.registry import strategies_of
from paper.server import PaperConfig, start
from tests.ingest.spot_world import DOWN, PARAMS, SECOND, UP, setup_of, spec, venues
from tests.patience import PATIENCE_S
from tests.venues.spot.world import Peer, World, world
from tests.workers.test_accounts import started
from venues.wire import wall_clock_us
from workers.decisions import DecisionThread
from workers.local.layout import Stack
from workers.spot_streams import SpotStreams, made_up_url
from workers.warm_keeper import WarmKeeper
from workers.watch import Watched

TIMES: dict[str, Any] = {
    "join_age_ms": 10_000,
    "spot_halflife_ms": 500,
    "sigma_horizon_ms": 2_000,
    "sigma_window_ms": 30_000,
    "sigma_tolerance_ms": 60_000,
    "sigma_least": 3,
}


async def binance(peer: Peer) -> None:
    """Two quotes, then nothing more."""
    for number, bid in ((1, "60000"), (2, "60001")):
        quote = {"u": number, "s": "BTCUSDT", "b": bid, "B": "1", "a": "60002", "A": "1"}
        await peer.say({"stream": "btcusdt@bookTicker", "data": quote})
    await peer.stay()


async def coinbase(peer: Peer, more: bytes = b"<<<<<<< HEAD") -> None:
    """A heartbeat, a price, and `more`, which ends the connection if it cannot be read: it may have been of a book."""
    assert (await peer.hears())["product_ids"] == ["BTC-USD"]
    now = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + "Z"
    await peer.say({"type": "heartbeat", "product_id": "BTC-USD", "last_trade_id": 1, "time": now})
    await peer.say({"type": "ticker", "product_id": "BTC-USD", "sequence": 1, "price": "60000", "time": now})
    await peer.say(more)
    await peer.stay()


def settings_of(*feeds: dict[str, Any], **more: Any) -> dict[str, str]:
    """As environment."""
    said = {"SUREFOOT_SPOT": json.dumps(feeds)}
    return said | {f"SUREFOOT_{key.upper()}": json.dumps(value) for key, value in more.items()}


class Told:
    """What the feeds were said to be."""

    def __init__(self) -> None:
        self.states: list[tuple[SpotFeed, bool, str]] = []
        self._changed = asyncio.Event()

    def __call__(self, feed: SpotFeed, good: bool, why: str) -> None:
        self.states.append((feed, good, why))
        self._changed.set()

    async def until(self, condition: Callable[[], object], look: Callable[[], None] = lambda: None) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                look()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), 0.02)
                self._changed.clear()

    def last(self, feed: SpotFeed) -> tuple[bool, str]:
        return next(((good, why) for each, good, why in reversed(self.states) if each is feed), (False, ""))


def engine() -> Engine:
    rules = setup_of().rules
    both = baskets([OutcomeSet((spec(UP), spec(DOWN)))], rules.strategy, rules.gates, rules.policy)
    return Engine(both, rules.gates, lambda intent: None, lambda suppression: None)


def metric(name: str, feed: SpotFeed) -> float | None:
    return REGISTRY.get_sample_value(name, {"feed": feed})


async def test_a_feed_is_told_good_once_its_prices_flow_and_its_ticks_are_counted() -> None:
    told = Told()
    async with world(binance) as venue:
        settings = load(environ=settings_of({"source": "binance", "symbols": ["BTCUSDT"], "url": venue.url})).settings
        made = engine()
        before = metric("surefoot_spot_ticks_total", SpotFeed.BINANCE) or 0
        streams = SpotStreams(settings, made, told)
        running = asyncio.create_task(streams.run())
        await told.until(lambda: told.states)
        assert told.states[0] == (SpotFeed.BINANCE, False, "not connected yet")
        await told.until(lambda: told.last(SpotFeed.BINANCE) == (True, "") and made.spot.ticks.total() == 2)
        streams.look()
        assert metric("surefoot_spot_ticks_total", SpotFeed.BINANCE) == before + 2
        assert metric("surefoot_spot_up", SpotFeed.BINANCE) == 1
        streams.ended()
        assert metric("surefoot_spot_up", SpotFeed.BINANCE) == 0
        running.cancel()
        await asyncio.wait([running])


async def test_a_feed_that_is_up_and_brings_nothing_new_is_stale_and_good_again_with_its_next_price() -> None:
    told, more = Told(), asyncio.Event()

    async def pausing(peer: Peer) -> None:
        await peer.say({"u": 1, "s": "BTCUSDT", "b": "1", "B": "1", "a": "2", "A": "1"})
        await more.wait()
        await peer.say({"u": 2, "s": "BTCUSDT", "b": "1", "B": "2", "a": "2", "A": "1"})
        await peer.stay()

    async with world(pausing) as venue:
        feed = {"source": "binance", "symbols": ["BTCUSDT"], "url": venue.url, "stale_ms": 50}
        streams = SpotStreams(load(environ=settings_of(feed)).settings, engine(), told)
        running = asyncio.create_task(streams.run())
        stale = (False, "stale: no new price for more than 0.05 s")
        await told.until(lambda: told.last(SpotFeed.BINANCE) == stale, streams.look)
        assert (metric("surefoot_spot_age_seconds", SpotFeed.BINANCE) or 0) > 0.05
        more.set()
        await told.until(lambda: told.last(SpotFeed.BINANCE)[0], streams.look)
        running.cancel()
        await asyncio.wait([running])


async def test_a_feed_that_ends_for_good_is_down_and_the_others_go_on() -> None:
    def unlawful(connection: ServerConnection, request: Request) -> Response:
        return connection.respond(HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS, "not here")

    async def nothing(connection: ServerConnection) -> None:
        await connection.wait_closed()

    told = Told()
    async with world(coinbase) as venue, serve(nothing, "127.0.0.1", 0, process_request=unlawful) as server:
        closed = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        feeds = (
            {"source": "binance", "symbols": ["BTCUSDT"], "url": closed},
            {"source": "coinbase", "symbols": ["BTC-USD"], "url": venue.url},
        )
        made = engine()
        running = asyncio.create_task(SpotStreams(load(environ=settings_of(*feeds)).settings, made, told).run())
        await told.until(lambda: "given up" in told.last(SpotFeed.BINANCE)[1])
        assert "HTTP 451" in told.last(SpotFeed.BINANCE)[1]
        await told.until(lambda: made.spot.ticks[SpotFeed.COINBASE])
        assert not running.done()
        running.cancel()
        await asyncio.wait([running])


async def test_a_fault_of_our_own_ends_that_feed_alone() -> None:
    class Faulty(Engine):
        def on_spot(self, feed: SpotFeed, raw: bytes, received_at: int, link: int = 1) -> None:
            raise RuntimeError("a fault")

    told = Told()
    made = engine()
    made.__class__ = Faulty
    async with world(binance) as venue:
        feed = {"source": "binance", "symbols": ["BTCUSDT"], "url": venue.url}
        running = asyncio.create_task(SpotStreams(load(environ=settings_of(feed)).settings, made, told).run())
        await told.until(lambda: "RuntimeError: a fault" in told.last(SpotFeed.BINANCE)[1])
        await asyncio.wait([running])
        assert running.exception() is None


async def test_a_feed_that_is_lost_spoils_its_own_features_until_it_is_back() -> None:
    """The row of the table: spot feed down, its features stale and told so, those of the book go on."""
    told, again = Told(), asyncio.Event()

    async def dying(peer: Peer) -> None:
        await peer.say({"u": peer.number + 1, "s": "BTCUSDT", "b": "1", "B": "1", "a": "2", "A": "1"})
        if peer.number:
            await peer.stay()

    async def silent(peer: Peer) -> None:
        await again.wait()

    async with world(dying, silent, dying) as venue:
        feed = {"source": "binance", "symbols": ["BTCUSDT"], "url": venue.url}
        follow = FeatureParams(follow=(Follow("KXBTC15M", SpotSource.BINANCE, "BTCUSDT"),))
        both = venues(follow)
        running = asyncio.create_task(SpotStreams(load(environ=settings_of(feed)).settings, both.engine, told).run())
        await told.until(lambda: (True, "") in [(good, why) for _, good, why in told.states])
        await told.until(lambda: told.last(SpotFeed.BINANCE)[1].startswith("down: connection closed"))
        heard = both.engine.spot.heard[SpotFeed.BINANCE]
        both.book(UP, heard)
        assert both.engine.features(UP, heard)["spot"].valid
        both.bid(UP, heard + 3 * SECOND, 1)
        vector = both.engine.features(UP, heard + 3 * SECOND)
        assert vector["spot"].flaw is Flaw.STALE
        assert vector["mid"].valid
        again.set()
        await told.until(lambda: told.last(SpotFeed.BINANCE) == (True, ""))
        back = both.engine.spot.heard[SpotFeed.BINANCE]
        assert both.engine.features(UP, back)["spot"].valid
        running.cancel()
        await asyncio.wait([running])


def test_price_topics_need_credentials_that_can_be_read(tmp_path: Path) -> None:
    settings = load(
        environ=settings_of({"source": "polymarket_prices", "symbols": ["btcusd"], "url": "ws://127.0.0.1:9"})
        | {"SUREFOOT_POLYMARKET__CREDENTIALS_FILE": str(tmp_path / "keys.json")}
    ).settings
    with pytest.raises(BadInput, match=r"keys\.json"):
        SpotStreams(settings, engine(), lambda feed, good, why: None)
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"apiKey": "a", "secret": "never-shown", "passphrase": "p"}))
    path.chmod(0o600)
    streams = SpotStreams(settings, engine(), lambda feed, good, why: None)
    assert streams.feeds == (SpotFeed.POLYMARKET_PRICES,)
    assert "never-shown" not in repr(vars(streams))


def watched(stack: Stack) -> Watched:
    """Two markets of one event, and the strategies of the settings on them."""
    pair = OutcomeSet((spec(UP), spec(DOWN)))
    return Watched((pair,), strategies_of(stack.settings, (pair,), pair.markets))


def threaded(folder: Path, venue: World, warm: WarmKeeper | None = None) -> tuple[DecisionThread, list[object]]:
    """A decision thread that watches two markets at a venue that is not there, and a spot feed that is."""
    feed = {"source": "coinbase", "symbols": ["BTC-USD"], "url": venue.url}
    follow = [{"markets": "KXBTC15M", "source": "coinbase", "symbol": "BTC-USD"}]
    times = {f"SUREFOOT_FEATURES__{name.upper()}": str(value) for name, value in TIMES.items()}
    stack = started(folder, settings_of(feed, features__follow=follow) | times)
    ended: list[object] = []
    thread = DecisionThread(
        stack, watched(stack), (), Halts(), {}, on_intent=lambda intent: None,
        on_suppressed=lambda those: None, on_user_news=lambda news: None,
        on_dead=DeadLetters(stack.layout.dead_letters).keep, on_given_up=lambda given_up: None,
        on_end=ended.append, home=SimpleNamespace(halting=""), warm=warm,
    )  # fmt: skip
    return thread, ended


async def test_the_decision_thread_has_spot_features_while_its_venue_is_away(tmp_path: Path) -> None:
    """The venue's socket is not there; the spot's is. Its prices reach the engine, what it cannot read is kept."""
    keeper = WarmKeeper(None, 60_000)
    async with world(coinbase) as venue:
        thread, ended = threaded(tmp_path, venue, keeper)
        thread.start()
        try:
            letters = tmp_path / "dead-letters"
            await Told().until(lambda: thread.engine.spot.heard and letters.exists())
            assert thread.engine.spot.spot_of(UP) == (SpotSource.COINBASE, "BTC-USD")
            vector = thread.engine.features(UP, thread.engine.spot.heard[SpotFeed.COINBASE])
            assert vector["spot"].value == 60_000
            assert vector["mid"].flaw is Flaw.MISSING
            assert not any(thread.up.values())
        finally:
            await asyncio.to_thread(thread.stop)
        await asyncio.sleep(0)
        assert ended == [None]
    left = keeper.latest()
    assert left is not None
    assert left.spots[0].ema.value == 60_000


async def test_a_thread_begins_with_what_the_one_before_had_learned(tmp_path: Path) -> None:
    before = venues(replace(PARAMS, **TIMES))
    now = wall_clock_us()
    for second in range(20, 0, -1):
        before.spot(now - second * SECOND)
    keeper = WarmKeeper(None, 60_000)
    keeper.keep(before.engine.warm_state(now))
    async with world(lambda peer: coinbase(peer, b'{"type": "status"}')) as venue:
        thread, _ = threaded(tmp_path, venue, keeper)
        thread.start()
        try:
            await Told().until(lambda: thread.engine.spot.heard)
            vector = thread.engine.features(UP, thread.engine.spot.heard[SpotFeed.COINBASE])
            assert vector["sigma"].flaw is None
            condition = thread.engine.readiness.conditions["spot coinbase"]
            await Told().until(lambda: condition.ok)
            assert (condition.pauses, condition.feed) == (Pauses.FEATURES, True)
            assert "warm cache" not in thread.engine.readiness.conditions  # nothing to say of what is not there
        finally:
            await asyncio.to_thread(thread.stop)
        await asyncio.sleep(0)


async def test_made_up_prices_come_from_the_paper_exchange_and_from_nowhere_else(tmp_path: Path) -> None:
    settings = load(environ=settings_of({"source": "coinbase", "symbols": ["BTC-USD"], "url": "paper"})).settings
    with pytest.raises(BadInput, match="no paper exchange here"):
        SpotStreams(settings, engine(), lambda feed, good, why: None)
    stack = started(tmp_path, {})
    assert stack.paper_admin_url is not None
    assert made_up_url(stack) == f"ws://{stack.paper_admin_url.removeprefix('http://')}/spot/coinbase"
    exchange, told, made = await start(PaperConfig(tmp_path / "paper", api_keys={})), Told(), engine()
    try:
        streams = SpotStreams(settings, made, told, made_up_url=exchange.spot_url)
        running = asyncio.create_task(streams.run())
        await told.until(lambda: told.last(SpotFeed.COINBASE)[0] and made.spot.ticks[SpotFeed.COINBASE])
        running.cancel()
        await asyncio.wait([running])
    finally:
        await exchange.stop()


def test_spot_is_off_unless_configured() -> None:
    assert SpotStreams(Settings(), engine(), lambda feed, good, why: None).feeds == ()
