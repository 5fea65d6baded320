"""A market whose grid changed is read again, and nothing is decided on the old one meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from domain.fees import FeeSchedule
from domain.market import MarketSpec, PriceRange, Venue
from testing.ledger.memory import MemoryLedger
from testing.venue import FakeVenue
from tests.ledger.samples import D
from tests.patience import PATIENCE_S
from tests.workers.test_accounts import started
from tests.workers.test_user_channel import lifecycle_frame
from venues.market_events import TickChange
from workers import ingest_host
from workers.ingest_host import IngestHost
from workers.permits import Approvals
from workers.watch import Watched

A, B = "KX-A", "KX-B"


def spec(market: str, tick: str) -> MarketSpec:
    grid = (PriceRange(D(tick), 1 - D(tick), D(tick)),)
    return MarketSpec(Venue.KALSHI, market, "KX", market, FeeSchedule(), price_ranges=grid, outcomes=2)


class KeepingVenue(FakeVenue):
    """Keeps the rules it has read until it is told to forget them."""

    def __init__(self) -> None:
        super().__init__(lambda: 0, {A: spec(A, "0.01"), B: spec(B, "0.01")}, venue=Venue.KALSHI)
        self.kept: dict[str, MarketSpec] = {}

    async def market(self, market: str) -> MarketSpec:
        return self.kept.setdefault(market, await super().market(market))

    def forget_rules(self, market: str) -> None:
        self.kept.pop(market, None)


class Threads:
    """Stands where decision threads do: remembers what each was to watch, and whether it was stopped."""

    def __init__(self) -> None:
        self.made: list[tuple[Watched, list[bool]]] = []
        self._another = asyncio.Event()

    def __call__(self, stack: Any, watched: Watched, *rest: Any, **hooks: Any) -> Any:
        stopped: list[bool] = []
        self.made.append((watched, stopped))
        self._another.set()
        return SimpleNamespace(start=lambda: None, stop=lambda: stopped.append(True))

    async def wait_for(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while len(self.made) < count:
                self._another.clear()
                await self._another.wait()


@pytest.fixture
async def watching(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[IngestHost, KeepingVenue, Threads]]:
    threads, venue = Threads(), KeepingVenue()
    monkeypatch.setattr(ingest_host, "DecisionThread", threads)
    stack = started(tmp_path, {"SUREFOOT_SETS": f'[["{A}", "{B}"]]'})
    venues = {Venue.KALSHI: venue}
    desk: Any = SimpleNamespace(client=None, ledger=MemoryLedger(), venues=venues, approvals=Approvals(venues))
    host = IngestHost(stack, desk)
    task = asyncio.create_task(host._watch())
    await threads.wait_for(1)
    yield host, venue, threads
    task.cancel()


async def test_another_grid_at_kalshi_ends_what_is_decided_and_begins_it_anew_on_the_new_rules(
    watching: tuple[IngestHost, KeepingVenue, Threads],
) -> None:
    host, venue, threads = watching
    venue.specs[A] = spec(A, "0.001")
    host._user_news(lifecycle_frame("price_level_structure_updated", A))
    await threads.wait_for(2)
    (_, stopped), (watched, running) = threads.made
    assert (stopped, running) == ([True], [])
    assert {each.market: each.step_at(D("0.5")) for each in watched.specs} == {A: D("0.001"), B: D("0.01")}


async def test_another_tick_of_a_token_is_heard_alike_and_of_a_venue_not_in_use_not_at_all(
    watching: tuple[IngestHost, KeepingVenue, Threads],
) -> None:
    host, venue, threads = watching
    host._user_news(TickChange(Venue.POLYMARKET, "11", 10_000, 1_000, 1))
    venue.specs[B] = spec(B, "0.001")
    host._user_news(TickChange(Venue.KALSHI, B, 10_000, 1_000, 1))
    await threads.wait_for(2)
    assert [each.step_at(D("0.5")) for each in threads.made[-1][0].specs] == [D("0.01"), D("0.001")]
