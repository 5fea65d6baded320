"""While a hedge waits, no opening leaves, whoever starts it; all pass again once it is through."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.authority import Anybody
from activities.commands import CommandActivities
from activities.orders import OrderActivities
from activities.positions import PositionActivities
from activities.settlement import SettlementActivities
from activities.trade import trade_activities
from domain.admission import AdmissionLimits
from domain.intent import Intent
from domain.market import MarketSpec, Venue
from domain.orders import OrderTicket, SubmitResult
from domain.seal import SealKeys
from domain.trade import Outcome, TradeState
from testing.ledger.memory import MemoryLedger
from testing.venue import FakeVenue
from tests.ledger.samples import RUN_ID, A, B, intent
from tests.patience import PATIENCE_S
from tests.quiet import quiet
from tests.workers.test_trades_on_temporal import ATTRIBUTES
from workers.load_watch import LoadWatch
from workers.local.temporal import find_binary
from workers.payloads import DATA_CONVERTER
from workers.sandbox import TradeSandbox
from workers.starter import TradeStarter
from workflows import names
from workflows.trade import TradeWorkflow

__all__ = ["quiet"]

pytestmark = pytest.mark.stack


def now_us() -> int:
    return time.time_ns() // 1000


class SlowHedges(FakeVenue):
    """Orders of leg B wait at the door until it is opened."""

    door: asyncio.Event

    async def submit(self, ticket: OrderTicket) -> SubmitResult:
        if ticket.leg == "B":
            await self.door.wait()
        return await super().submit(ticket)


class Floor:
    """A venue that is slow to hedge, one ledger, and a worker whose openings wait for hedges."""

    def __init__(self, client: Client) -> None:
        self.client = client
        specs = {m: MarketSpec(Venue.KALSHI, m, "GAME", m, intent().legs[0].fees) for m in (A, B)}
        self.venue = SlowHedges(now_us, specs, venue=Venue.KALSHI)
        self.venue.door = asyncio.Event()
        self.venue.set_book(A, bids=[("0.38", "90")], asks=[("0.40", "90")])
        self.venue.set_book(B, bids=[("0.53", "90")], asks=[("0.55", "90")])
        self.ledger = MemoryLedger()
        self.load = LoadWatch(self.ledger, AdmissionLimits(8, 300), now_us)
        self.starter = TradeStarter(
            client,
            self.ledger,
            RUN_ID,
            task_timeout_ms=2_000,
            done=lambda pair: None,
            failed=lambda refused, reason: pytest.fail(reason),
            seal=SealKeys({"k1": b"k" * 32}, run=RUN_ID, mode="paper").intent,
        )

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[None]:
        venues = {Venue.KALSHI: self.venue}
        orders = OrderActivities(venues, self.ledger, RUN_ID, now_us, busy=self.load.busy, authority=Anybody())
        settlement = SettlementActivities(venues, self.ledger, RUN_ID, now_us, authority=Anybody())
        watching = asyncio.create_task(self.load.run())
        async with Worker(
            self.client,
            task_queue=names.TRADE_QUEUE,
            workflows=[TradeWorkflow],
            activities=trade_activities(
                orders, settlement, PositionActivities(venues, self.ledger), CommandActivities(Anybody())
            ),
            workflow_runner=TradeSandbox(lambda: None),
        ):
            yield
        watching.cancel()
        await self.starter.close()

    def opens(self, n: int) -> Intent:
        planned = intent(n)
        policy = replace(planned.policy, settle_poll_ms=600_000)
        fresh = replace(planned, decided_at=now_us(), expires_at=now_us() + 20_000_000, policy=policy)
        self.starter.submit(fresh)
        return fresh

    async def ends(self, of: Intent) -> tuple[TradeState, Outcome | None]:
        """Where a trade stands once it trades no more."""
        async with asyncio.timeout(PATIENCE_S):
            while not await self.ledger.done_trading([of.id]):  # noqa: ASYNC110 - what is awaited happens on a server
                await asyncio.sleep(0.02)
        (row,) = [row for row in await self.ledger.trades() if row.intent_id == of.id]
        return row.state, row.outcome


async def until_busy(floor: Floor, *, busy: bool) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while bool(floor.load.busy()) is not busy:  # noqa: ASYNC110 - what is awaited happens on a server
            await asyncio.sleep(0.02)


async def test_while_a_hedge_waits_no_opening_leaves_and_afterwards_all_do() -> None:
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(find_binary(None)), data_converter=DATA_CONVERTER, search_attributes=ATTRIBUTES
    ) as server:
        floor = Floor(server.client)
        async with floor.worker():
            hedging = floor.opens(0)
            await until_busy(floor, busy=True)
            arrived = len(floor.venue.arrivals)
            for n in (1, 2, 3):
                assert await floor.ends(floor.opens(n)) == (TradeState.CLOSED, Outcome.DENIED)
            assert len(floor.venue.arrivals) == arrived == 1
            floor.venue.door.set()
            assert (await floor.ends(hedging))[0] is TradeState.SETTLING
            await until_busy(floor, busy=False)
            for n in (4, 5):
                assert (await floor.ends(floor.opens(n)))[0] is TradeState.SETTLING
