"""Reconciliation on a real Temporal server: its workflow, its schedule, the trades it tells, the gate of a start."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from temporalio import workflow
from temporalio.client import Client, ScheduleOverlapPolicy, WorkflowExecutionStatus
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer, Worker

from activities.reconcile import ReconcileActivities, ReconcileRules
from config.settings import Reconcile
from domain.errors import Unavailable
from domain.market import MarketSpec, Venue
from domain.orders import Side, TimeInForce
from domain.reconcile import Kind, Trigger
from testing.ledger.memory import MemoryLedger
from testing.ledger.memory_reconciliations import MemoryReconciliations
from testing.venue import FakeVenue
from tests.ledger.samples import RUN_ID, A, B, body, intent, ticket
from tests.patience import PATIENCE_S
from workers.local.temporal import find_binary
from workers.reconciler import StartGate, TemporalTrades, control_worker, ensure_schedule, forget_runs, reconcile_now
from workers.sandbox import TradeSandbox
from workflows import names
from workflows.reconcile import ReconcileWorkflow

pytestmark = pytest.mark.stack

MARKETS = SearchAttributeKey.for_keyword_list(names.SEARCH_MARKETS)
PLANNED = intent()


def now_us() -> int:
    return time.time_ns() // 1000


@workflow.defn(name=names.TRADE_WORKFLOW, sandboxed=False)
class Waiting:
    """A trade that only listens."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    @workflow.run
    async def run(self) -> list[str]:
        await workflow.wait_condition(lambda: bool(self.heard))
        return self.heard

    @workflow.signal(name=names.SIGNAL_ORDER_UPDATE)
    def order_update(self, client_order_id: str) -> None:
        self.heard.append(client_order_id)


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[Client]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEMPORAL_VERSION_CHECK_DISABLED", "1")
        async with await WorkflowEnvironment.start_local(
            dev_server_existing_path=str(find_binary(None)),
            data_converter=pydantic_data_converter,
            search_attributes=[MARKETS],
        ) as server:
            yield server.client


class Floor:
    """A model venue, a ledger in memory, and reconciliation between them on a queue of its own."""

    def __init__(self, client: Client, queue: str) -> None:
        self.client, self.queue = client, queue
        specs = {m: MarketSpec(Venue.KALSHI, m, "GAME", m, PLANNED.legs[0].fees) for m in (A, B)}
        self.venue = FakeVenue(now_us, specs, venue=Venue.KALSHI)
        self.venue.set_book(A, bids=[("0.38", "10")], asks=[("0.40", "10")])
        self.venue.set_book(B, bids=[("0.53", "10")], asks=[("0.55", "10")])
        self.ledger = MemoryLedger()
        self.records = MemoryReconciliations(self.ledger)

    async def open(self) -> None:
        await self.ledger.record_opening(Venue.KALSHI, await self.venue.cash(), now_us())

    def worker(self) -> Worker:
        return control_worker(
            self.client,
            ReconcileActivities(
                {Venue.KALSHI: self.venue}, money=self.ledger, records=self.records,
                trades=TemporalTrades(self.client), clock=now_us, rules=ReconcileRules(look_s=0.05),
            ),
            self.queue,
        )  # fmt: skip


@pytest.fixture
async def floor(client: Client, request: pytest.FixtureRequest) -> AsyncIterator[Floor]:
    made = Floor(client, f"{names.CONTROL_QUEUE}-{request.node.name[:40]}")
    await made.open()
    yield made
    async for execution in client.list_workflows(f"WorkflowType = '{names.TRADE_WORKFLOW}'"):
        if execution.close_time is None:
            await client.get_workflow_handle(execution.id).terminate()


async def test_a_run_compares_every_venue_acts_and_replays_from_its_history(floor: Floor) -> None:
    floor.venue.place_by_hand(B, Side.BUY, "3", "0.50", TimeInForce.GTC)
    async with floor.worker():
        result = await reconcile_now(floor.client, Trigger.START_UP, floor.queue)
    assert [finding.kind for finding in result.findings] == [Kind.FOREIGN_ORDER]
    assert result.safe_mode
    assert (await floor.records.latest())[0].id == result.id
    handle = floor.client.get_workflow_handle(result.id.split("/")[0])
    replayer = Replayer(
        workflows=[ReconcileWorkflow], data_converter=pydantic_data_converter, workflow_runner=TradeSandbox()
    )
    assert (await replayer.replay_workflow(await handle.fetch_history())).replay_failure is None


async def test_the_trade_whose_fill_was_missing_is_told_by_signal(floor: Floor) -> None:
    one = ticket(PLANNED)
    await floor.ledger.begin_order(RUN_ID, PLANNED, one, body(one), now_us())
    await floor.venue.submit(one)
    async with (
        floor.worker(),
        Worker(floor.client, task_queue=f"{floor.queue}-trades", workflows=[Waiting]),
    ):
        trade: Any = await floor.client.start_workflow(
            names.TRADE_WORKFLOW,
            id=PLANNED.id,
            task_queue=f"{floor.queue}-trades",
            result_type=list[str],
            search_attributes=TypedSearchAttributes([SearchAttributePair(MARKETS, [A, B])]),
        )
        assert PLANNED.id in await TemporalTrades(floor.client).running([PLANNED.id])
        result = await reconcile_now(floor.client, Trigger.REQUEST, floor.queue)
        assert [finding.kind for finding in result.findings] == [Kind.MISSING_FILL]
        assert await asyncio.wait_for(trade.result(), 20) == [one.client_order_id]
        assert not await TemporalTrades(floor.client).tell(PLANNED.id, one.client_order_id)


async def test_the_schedule_is_made_once_brought_up_to_date_and_left_paused_by_whom_it_was_paused(
    floor: Floor,
) -> None:
    name = f"schedule-{floor.queue}"
    await ensure_schedule(floor.client, Reconcile(every_s=3600), name=name, queue=floor.queue)
    handle = floor.client.get_schedule_handle(name)
    await handle.pause(note="by a person")
    await ensure_schedule(floor.client, Reconcile(every_s=7200), name=name, queue=floor.queue)
    described = (await handle.describe()).schedule
    assert [spec.every for spec in described.spec.intervals] == [timedelta(hours=2)]
    assert described.policy.overlap is ScheduleOverlapPolicy.SKIP
    assert described.state.paused
    await handle.unpause()
    async with floor.worker():
        await handle.trigger()
        async with asyncio.timeout(PATIENCE_S):
            while not await floor.records.latest():  # noqa: ASYNC110 - it happens in a workflow
                await asyncio.sleep(0.05)
    assert (await floor.records.latest())[0].trigger is Trigger.SCHEDULE
    await handle.delete()


async def test_the_gate_stays_shut_until_every_venue_was_reached_and_opens_then(floor: Floor) -> None:
    account, asked = floor.venue.account, asyncio.Event()

    async def away() -> Any:
        asked.set()
        raise Unavailable("no answer", "unavailable")

    floor.venue.account = away  # type: ignore[method-assign]
    gate, stop = StartGate(), asyncio.Event()
    assert gate.trouble() == "starting"
    async with floor.worker():
        opening = asyncio.create_task(gate.opened(floor.client, stop, floor.queue))
        await asyncio.wait_for(asked.wait(), 20)
        assert not opening.done()
        assert gate.trouble() == "awaiting the start-up reconciliation"
        floor.venue.account = account  # type: ignore[method-assign]
        assert await asyncio.wait_for(opening, 30)
    assert (await floor.records.latest())[0].trigger is Trigger.START_UP


async def test_a_gate_that_is_told_to_stop_does_not_open(floor: Floor) -> None:
    stop = asyncio.Event()
    opening = asyncio.create_task(StartGate().opened(floor.client, stop, floor.queue))  # nobody works on this queue
    await asyncio.sleep(0.1)
    stop.set()
    assert not await asyncio.wait_for(opening, 20)


async def test_runs_that_ended_long_ago_are_forgotten_and_trades_are_not(floor: Floor) -> None:
    async with floor.worker():
        await reconcile_now(floor.client, Trigger.REQUEST, floor.queue)
    assert await forget_runs(floor.client, timedelta(hours=1)) == 0
    trade = await floor.client.start_workflow(names.TRADE_WORKFLOW, id="i-kept", task_queue=f"{floor.queue}-trades")
    async with asyncio.timeout(PATIENCE_S):
        while not await forget_runs(floor.client, timedelta(0)):  # noqa: ASYNC110 - listings follow by a moment
            await asyncio.sleep(0.1)
    assert (await trade.describe()).status is WorkflowExecutionStatus.RUNNING
    await trade.terminate()
