"""The decision thread for real: a venue on loopback, frames decided on its own loop, everything else over the bus."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from domain.decisions import Gate, Suppression
from domain.intent import Intent
from domain.market import Venue
from ingest.bus import Policy, Topic
from ingest.gates import Halts
from ingest.sets import sets_of
from ingest.strategies.registry import strategies_of
from tests.ledger.samples import D
from tests.patience import PATIENCE_S
from tests.workers.test_accounts import started
from tests.workers.test_rules_changed import A, B, spec
from tests.workers.test_user_channel import fill_frame
from venues.kalshi import frames
from venues.wire import wall_clock_us
from workers.bus import Bus, Consumer
from workers.decisions import DecisionThread
from workers.watch import Watched

CENT = 10_000
SIZE = 500_000_000


class Floor:
    """A venue that says what it is told to, the thread that listens to it, and what came over the bus."""

    def __init__(self, folder: Path) -> None:
        self.stack = started(folder, {"SUREFOOT_SETS": f'[["{A}", "{B}"]]', "SUREFOOT_READINESS__SETTLE_MS": "0"})
        self.said: asyncio.Queue[bytes] = asyncio.Queue()
        self.came: dict[str, list[Any]] = {name: [] for name in ("intents", "suppressed", "news", "dead")}
        self.threads: set[int] = set()
        self.halting = ""
        self.seq = 0
        self.scripts: list[Callable[[ServerConnection], Awaitable[None]]] = []
        topics = {name: Topic(name, Policy.NEVER_DROP, 100) for name in self.came}
        self.bus = Bus([Consumer(topics[name], name, self._took(name)) for name in self.came], on_dead=print)
        self.bus.attach()
        put = self.bus.put
        specs = [spec(A, "0.01"), spec(B, "0.01")]
        sets = sets_of(specs)
        self.thread = DecisionThread(
            self.stack,
            Watched(sets, strategies_of(self.stack.settings, sets, specs)),
            [],
            Halts(),
            {},
            on_intent=lambda intent: put(topics["intents"], intent),
            on_suppressed=lambda many: [put(topics["suppressed"], one) for one in many] and None,
            on_user_news=lambda news: put(topics["news"], news),
            on_dead=lambda *report: put(topics["dead"], report),
            on_given_up=lambda given_up: None,
            on_end=lambda failure: None,
            home=self,
        )

    def _took(self, name: str) -> Callable[[Any], None]:
        def took(body: Any) -> None:
            self.threads.add(threading.get_ident())
            self.came[name].append(body)

        return took

    async def venue(self, ws: ServerConnection) -> None:
        if self.scripts:
            await self.scripts.pop(0)(ws)
            return
        for sid in range(1, 5):
            command = json.loads(await ws.recv())
            said = {"channel": command["params"]["channels"][0], "sid": sid}
            await ws.send(json.dumps({"type": "subscribed", "id": command["id"], "msg": said}))
        telling = asyncio.create_task(self._tell(ws))
        await ws.wait_closed()
        telling.cancel()

    async def _tell(self, ws: ServerConnection) -> None:
        while True:
            await ws.send(await self.said.get(), text=True)

    def books(self) -> None:
        """Both whole: 0.40 and 0.50 for a dollar."""
        for market, ask in ((A, 40), (B, 50)):
            self.seq += 1
            no = [(1_000_000 - ask * CENT, SIZE)]
            self.said.put_nowait(frames.snapshot(1, self.seq, market, [(10 * CENT, SIZE)], no, yes_price=True))

    def change(self) -> None:
        """One level of the first book, far from its best prices."""
        self.seq += 1
        self.said.put_nowait(frames.delta(1, self.seq, A, "yes", 5 * CENT, SIZE, wall_clock_us(), yes_price=True))

    async def until(self, name: str, count: int = 1) -> list[Any]:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                if len(self.came[name]) >= count:
                    return self.came[name]
                await asyncio.sleep(0.005)


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[Floor]:
    floor = Floor(tmp_path)
    async with serve(floor.venue, "127.0.0.1", floor.stack.ports["paper"]):
        yield floor
        await asyncio.to_thread(floor.thread.stop)
        await floor.bus.close()


async def test_what_is_decided_and_heard_crosses_to_the_other_thread(floor: Floor) -> None:
    floor.thread.start()
    floor.said.put_nowait(fill_frame())
    floor.said.put_nowait(b'{"type":"news_of_tomorrow"}')
    floor.books()
    (intent,) = await floor.until("intents")
    assert isinstance(intent, Intent)
    assert intent.size > 0
    assert await floor.until("news") == [fill_frame()]
    ((source, raw, why, at),) = await floor.until("dead")
    assert (source, raw, at > 0) == ("kalshi", b'{"type":"news_of_tomorrow"}', True)
    assert "news_of_tomorrow" in why
    assert floor.threads == {threading.get_ident()}


async def test_a_trade_that_is_over_lets_its_set_trade_again(floor: Floor) -> None:
    floor.thread.start()
    floor.books()
    (first,) = await floor.until("intents")
    floor.thread.trade_closed(first.pair)
    floor.change()
    await floor.until("intents", 2)


async def test_nothing_is_opened_while_the_bus_does_not_keep_up_and_the_reason_is_on_record(floor: Floor) -> None:
    floor.halting = "more than 256 messages of intents wait"
    floor.thread.start()
    floor.books()
    (suppression,) = await floor.until("suppressed")
    assert isinstance(suppression, Suppression)
    assert (suppression.gate, floor.halting in suppression.detail) == (Gate.PAUSED, True)
    assert floor.came["intents"] == []
    floor.halting = ""
    floor.books()
    await floor.until("intents")


async def test_control_that_overflows_halts_until_the_deciding_loop_has_drained_it(floor: Floor) -> None:
    for _ in range(2_000):  # nobody listens yet, as while that loop is stuck
        floor.thread.trade_closed("another|pair")
    assert "messages of control wait" in floor.thread._control.halting
    floor.thread.start()
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if not floor.thread._control.halting:
                break
            await asyncio.sleep(0.005)
    floor.books()
    await floor.until("intents")


async def test_halts_that_are_told_before_the_thread_runs_are_obeyed(floor: Floor) -> None:
    floor.thread.hear(Halts(unread="the ledger is away"))
    floor.thread.start()
    floor.books()
    (suppression,) = await floor.until("suppressed")
    assert (suppression.gate, suppression.edge > D(0)) == (Gate.HALTED, True)
    assert floor.came["intents"] == []


@pytest.mark.parametrize("deaf", [False, True], ids=["resubscribe", "reconnect"])
async def test_a_feed_that_numbers_anew_is_believed_again_within_seconds(floor: Floor, deaf: bool) -> None:
    """The venue starts its count over: its changes and its snapshots carry numbers that came before. `deaf`, it does so
    under a new subscription too, and only a new connection helps."""
    seen: list[str] = []

    async def script(ws: ServerConnection) -> None:
        sids, books, seq = 0, 0, 0

        async def snapshots() -> None:
            nonlocal seq
            for market in (A, B):
                seq += 1
                no = [(400_000, SIZE)]  # an ask of 0.60: no opportunity
                await ws.send(frames.snapshot(books, seq, market, [(10 * CENT, SIZE)], no, yes_price=True), text=True)

        async def anew() -> None:
            nonlocal seq
            seq = 1
            change = frames.delta(books, seq, A, "yes", 5 * CENT, SIZE, wall_clock_us(), yes_price=True)
            await ws.send(change, text=True)

        with suppress(ConnectionClosed):
            async for raw in ws:
                command = json.loads(raw)
                seen.append(command["cmd"])
                if command["cmd"] == "update_subscription":
                    await snapshots()
                elif command["cmd"] == "subscribe":
                    channel, sids = command["params"]["channels"][0], sids + 1
                    said = {"type": "subscribed", "id": command["id"], "msg": {"channel": channel, "sid": sids}}
                    await ws.send(json.dumps(said))
                    if channel == "orderbook_delta":
                        books, seq = sids, 1_000
                        await snapshots()
                        if deaf or "unsubscribe" not in seen:
                            await anew()

    floor.scripts.append(script)
    floor.thread.start()
    began = asyncio.get_running_loop().time()
    async with asyncio.timeout(PATIENCE_S):
        while floor.thread.engine.feed(Venue.KALSHI).counters.duplicates == 0:  # noqa: ASYNC110 - it counts on another thread
            await asyncio.sleep(0.01)
        if deaf:
            floor.books()  # on the connection after
            await floor.until("intents")
        while floor.thread.engine.unready():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert "unsubscribe" in seen
    assert asyncio.get_running_loop().time() - began < 15
