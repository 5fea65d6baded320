"""A venue, a ledger and workers that may come and go, on a real Temporal server: what a trade is tried on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from temporalio.client import Client, WorkflowHandle
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer, Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.authority import Seals
from activities.caller import TemporalCalls
from activities.commands import CommandActivities
from activities.orders import OrderActivities
from activities.positions import PositionActivities
from activities.settlement import SettlementActivities
from activities.trade import trade_activities
from domain.intent import Intent
from domain.market import MarketSpec, Venue
from domain.operator import Action, OperatorCommand
from domain.seal import SealKeys
from domain.trade import DONE_TRADING, TradeRecord, TradeState
from testing.ledger.memory import MemoryLedger
from testing.venue import FakeVenue
from tests.ledger.samples import RUN_ID, A, B, intent
from tests.patience import PATIENCE_S
from workers.local.seals import as_sealed
from workers.local.temporal import find_binary
from workers.sealing import Sealing
from workflows import names
from workflows.trade import TradeWorkflow

STATE = SearchAttributeKey.for_keyword(names.SEARCH_STATE)
UNHEDGED = SearchAttributeKey.for_float(names.SEARCH_UNHEDGED)
MARKETS = SearchAttributeKey.for_keyword_list(names.SEARCH_MARKETS)
PARKED = SearchAttributeKey.for_keyword(names.SEARCH_PARKED)
STRATEGY = SearchAttributeKey.for_keyword(names.SEARCH_STRATEGY)
RUNNER = SandboxedWorkflowRunner(
    restrictions=SandboxRestrictions.default.with_passthrough_modules("domain", "workflows")
)
PERSON = OperatorCommand("ada", "the game was called off")

KEYS = SealKeys({"k1": b"k" * 32}, run=RUN_ID, mode="paper")

FAILED_TASK = "workflow_task_failed_event_attributes"

Handle = WorkflowHandle[Any, TradeRecord]


def now_us() -> int:
    return time.time_ns() // 1000


@asynccontextmanager
async def serving() -> AsyncIterator[Client]:
    """A client of a server of its own, which ends with it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEMPORAL_VERSION_CHECK_DISABLED", "1")
        async with await WorkflowEnvironment.start_local(
            dev_server_existing_path=str(find_binary(None)),
            data_converter=pydantic_data_converter,
            search_attributes=[STATE, UNHEDGED, MARKETS, STRATEGY, PARKED],
        ) as server:
            yield server.client


class Floor:
    """A venue, a ledger, and workers that may come and go."""

    def __init__(self, client: Client, queue: str) -> None:
        self.client, self.queue = client, queue
        planned = intent()
        quick = replace(planned.policy, settle_poll_ms=50, settle_slowest_ms=200)
        self.intent: Intent = replace(planned, decided_at=now_us(), expires_at=now_us() + 60_000_000, policy=quick)
        specs = {m: MarketSpec(Venue.KALSHI, m, "GAME", m, planned.legs[0].fees) for m in (A, B)}
        self.venue = FakeVenue(now_us, specs, venue=Venue.KALSHI)
        self.venue.set_book(A, bids=[("0.38", "10")], asks=[("0.40", "10")])
        self.venue.set_book(B, bids=[("0.53", "10")], asks=[("0.55", "10")])
        self.ledger = MemoryLedger()
        self.alerts: list[str] = []

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[None]:
        venues = {Venue.KALSHI: self.venue}
        authority = Seals(KEYS, self.ledger, self._told, TemporalCalls(self.client))
        orders = OrderActivities(venues, self.ledger, RUN_ID, now_us, authority=authority)
        settlement = SettlementActivities(venues, self.ledger, RUN_ID, now_us, authority=authority)
        positions = PositionActivities(venues, self.ledger)
        async with Worker(
            self.client,
            task_queue=self.queue,
            workflows=[TradeWorkflow],
            activities=trade_activities(orders, settlement, positions, CommandActivities(authority)),
            workflow_runner=RUNNER,
            interceptors=[Sealing(KEYS)],
        ):
            yield

    async def _told(self, alert: str, text: str, do: str) -> None:
        self.alerts.append(text)

    def said(self, action: Action, command: OperatorCommand = PERSON) -> OperatorCommand:
        """A person's word, as the command line hands it over."""
        return as_sealed(KEYS, self.intent.id, action, command)

    async def ask(self, handle: Handle, action: Action, command: OperatorCommand = PERSON) -> str:
        """A person's update, sealed; each is named as its action."""
        return await handle.execute_update(action.value, self.said(action, command), result_type=str)

    async def ended(self, handle: Handle) -> TradeRecord:
        """The closed record, its markets paying as soon as it waits for them."""
        settling = await until(handle, lambda record: record.state in DONE_TRADING)
        if settling.state is TradeState.SETTLING:
            self.venue.resolve(A, "1")
            self.venue.resolve(B, "0")
        return await handle.result()

    async def start(self) -> Handle:
        pairs: list[SearchAttributePair[Any]] = [
            SearchAttributePair(STATE, TradeState.LEG_A.value),
            SearchAttributePair(UNHEDGED, 0.0),
            SearchAttributePair(MARKETS, [A, B]),
            SearchAttributePair(STRATEGY, self.intent.strategy),
        ]
        return await self.client.start_workflow(
            names.TRADE_WORKFLOW,
            args=[self.intent, None, KEYS.intent(self.intent.id)],
            id=self.intent.id,
            task_queue=self.queue,
            result_type=TradeRecord,
            search_attributes=TypedSearchAttributes(pairs),
        )


async def replayed(handle: Handle) -> None:
    """Today's code makes the same decisions from the recorded history."""
    history = await handle.fetch_history()
    replayer = Replayer(workflows=[TradeWorkflow], data_converter=pydantic_data_converter, workflow_runner=RUNNER)
    result = await replayer.replay_workflow(history)
    assert result.replay_failure is None


async def until(handle: Handle, holds: Callable[[TradeRecord], bool]) -> TradeRecord:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            record: TradeRecord = await handle.query(names.QUERY_RECORD, result_type=TradeRecord)
            if holds(record):
                return record
            await asyncio.sleep(0.05)


async def listed(client: Client, query: str) -> list[str]:
    """Visibility follows the history by a moment."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = [execution.id async for execution in client.list_workflows(query)]
            if found:
                return found
            await asyncio.sleep(0.05)
