"""A trade that was terminated is found at the next look, on a real Temporal server, and its pair is halted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.testing import WorkflowEnvironment

from activities.alerts import Alerts
from domain.errors import Unavailable
from domain.halt import Rule, Scope
from domain.reconcile import Kind
from domain.trade import TradeState
from testing.ledger.memory import MemoryLedger
from testing.ledger.memory_reconciliations import MemoryReconciliations
from tests.ledger.samples import RUN_ID, A, B, intent, settling, standing_on_a
from workers.local.temporal import find_binary
from workers.orphan_watch import OrphanWatch
from workflows import names

pytestmark = pytest.mark.stack

STATE = SearchAttributeKey.for_keyword(names.SEARCH_STATE)
PLANNED, OTHER = intent(), intent(1)
QUEUE = "orphans"


@workflow.defn(name=names.TRADE_WORKFLOW, sandboxed=False)
class Waiting:
    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: False)


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[Client]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEMPORAL_VERSION_CHECK_DISABLED", "1")
        async with await WorkflowEnvironment.start_local(
            dev_server_existing_path=str(find_binary(None)), search_attributes=[STATE]
        ) as server:
            yield server.client


def now_us() -> int:
    return time.time_ns() // 1000


class Watched:
    def __init__(self, client: Client) -> None:
        self.client = client
        self.ledger = MemoryLedger()
        self.records = MemoryReconciliations(self.ledger)
        self.compared = asyncio.Queue[int]()
        self.away = 0
        self.watch = OrphanWatch(
            client, self.records, self.ledger, Alerts(), clock=now_us, compare=self.compare
        )  # fmt: skip

    async def compare(self) -> None:
        if self.away:
            self.away -= 1
            raise Unavailable("Temporal is away", "reconcile")
        self.compared.put_nowait(1)

    async def trade(self, id: str, state: TradeState = TradeState.LEG_B) -> None:
        attributes = TypedSearchAttributes([SearchAttributePair(STATE, str(state))])
        await self.client.start_workflow(Waiting.run, id=id, task_queue=QUEUE, search_attributes=attributes)

    async def halted(self) -> set[tuple[Scope, str, Rule]]:
        return {(halt.scope, halt.target, halt.rule) for halt in await self.ledger.halts()}


@pytest.fixture
async def floor(client: Client) -> AsyncIterator[Watched]:
    yield Watched(client)
    async for execution in client.list_workflows("ExecutionStatus = 'Running'"):
        await client.get_workflow_handle(execution.id).terminate()


async def test_a_trade_terminated_between_its_legs_is_found_halted_and_put_on_record_once(
    floor: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    await floor.ledger.record_trade(RUN_ID, PLANNED, standing_on_a(PLANNED))
    await floor.trade(PLANNED.id)
    assert await floor.watch.look() == (), "it may not be listed yet; asked for by its id, it runs"
    assert await floor.halted() == set()

    await floor.client.get_workflow_handle(PLANNED.id).terminate("by a stranger")
    (found,) = await floor.watch.look()
    assert (found.kind, found.subject) == (Kind.ORPHAN_TRADE, PLANNED.id)
    assert f"surefoot revive {PLANNED.id}" in found.do
    halts = {(Scope.MARKET, f"kalshi/{market}", Rule.MISMATCH) for market in (A, B)}
    assert await floor.halted() == halts
    await floor.compared.get()
    await floor.watch.look()
    await asyncio.sleep(0)
    assert floor.compared.empty()

    async def known() -> frozenset[str]:
        return frozenset(found.names)

    monkeypatch.setattr(floor.records, "known", known)
    assert await floor.watch.look() == ()


async def test_one_taken_up_again_and_lost_again_is_found_again_and_a_comparison_that_fails_is_made_up_for(
    floor: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.orphan_watch.LOOK_S", 0.01)
    await floor.ledger.record_trade(RUN_ID, OTHER, standing_on_a(OTHER))
    floor.away = 2
    assert len(await floor.watch.look()) == 1
    await floor.compared.get()
    await floor.trade(OTHER.id)
    assert await floor.watch.look() == ()
    await floor.client.get_workflow_handle(OTHER.id).terminate()
    assert len(await floor.watch.look()) == 1
    await floor.compared.get()


async def test_one_that_waits_for_payment_or_is_over_or_never_held_anything_is_none(floor: Watched) -> None:
    await floor.ledger.record_trade(RUN_ID, PLANNED, settling(PLANNED))
    assert await floor.watch.look() == ()
    assert await floor.halted() == set()
