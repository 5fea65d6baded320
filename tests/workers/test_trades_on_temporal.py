"""The surface around trades on a real Temporal server: started, followed to rest, woken, commanded, found again."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from prometheus_client import REGISTRY
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import SearchAttributeKey
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.authority import Seals
from activities.caller import TemporalCalls
from activities.commands import CommandActivities
from activities.orders import OrderActivities
from activities.positions import PositionActivities
from activities.settlement import SettlementActivities
from activities.trade import trade_activities
from domain.errors import Denied
from domain.halt import Halt, Rule, Scope
from domain.intent import Intent
from domain.market import MarketSpec, Venue
from domain.operator import Action, OperatorCommand
from domain.orders import OrderTicket, Purpose, SubmitResult
from domain.seal import SealKeys
from domain.trade import Outcome, TradeRecord, TradeState
from testing.ledger.memory import MemoryLedger
from testing.venue import FakeVenue
from tests.ledger.samples import RUN_ID, A, B, D, intent
from tests.patience import PATIENCE_S
from tests.quiet import quiet
from workers.local.seals import as_sealed
from workers.local.temporal import find_binary
from workers.operator import trades
from workers.payloads import DATA_CONVERTER
from workers.recovery import Recovery
from workers.sandbox import TradeSandbox
from workers.sealing import Sealing
from workers.starter import TradeStarter
from workers.user_channel import UserChannel
from workflows import names
from workflows.trade import TradeWorkflow

pytestmark = pytest.mark.stack

ATTRIBUTES = [
    SearchAttributeKey.for_keyword(names.SEARCH_STATE),
    SearchAttributeKey.for_float(names.SEARCH_UNHEDGED),
    SearchAttributeKey.for_keyword_list(names.SEARCH_MARKETS),
    SearchAttributeKey.for_keyword(names.SEARCH_STRATEGY),
    SearchAttributeKey.for_keyword(names.SEARCH_PARKED),
]
__all__ = ["quiet"]

KEYS = SealKeys({"k1": b"k" * 32}, run=RUN_ID, mode="paper")
ADA = OperatorCommand("Ada", "the game was called off")


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[Client]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEMPORAL_VERSION_CHECK_DISABLED", "1")
        async with await WorkflowEnvironment.start_local(
            dev_server_existing_path=str(find_binary(None)), data_converter=DATA_CONVERTER, search_attributes=ATTRIBUTES
        ) as server:
            yield server.client


async def nobody_is_told(alert: str, text: str, do: str) -> None:
    pytest.fail(f"{alert}: {text}")


def now_us() -> int:
    return time.time_ns() // 1000


class Floor:
    """A venue and a ledger in memory, a starter as ingest has it, and a worker that may come and go."""

    def __init__(self, client: Client) -> None:
        self.client = client
        planned = intent()
        # Nobody looks at the market for ten minutes unless told to: what closes a trade here is the nudge.
        patient = replace(planned.policy, settle_poll_ms=600_000, repair_deadline_ms=200, ladder_wait_ms=50)
        self.intent = replace(planned, decided_at=now_us(), expires_at=now_us() + 20_000_000, policy=patient)
        specs = {m: MarketSpec(Venue.KALSHI, m, "GAME", m, planned.legs[0].fees) for m in (A, B)}
        self.venue = FakeVenue(now_us, specs, venue=Venue.KALSHI)
        self.venue.set_book(A, bids=[("0.38", "10")], asks=[("0.40", "10")])
        self.venue.set_book(B, bids=[("0.53", "10")], asks=[("0.55", "10")])
        self.ledger = MemoryLedger()
        self.done: list[str] = []
        self.starter = self.new_starter()
        self.recovery = Recovery(client, time.time())

    def new_starter(self) -> TradeStarter:
        return TradeStarter(
            self.client,
            self.ledger,
            RUN_ID,
            task_timeout_ms=2_000,
            done=self.done.append,
            failed=lambda refused, reason: pytest.fail(reason),
            seal=KEYS.intent,
        )

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[None]:
        venues = {Venue.KALSHI: self.venue}
        authority = Seals(KEYS, self.ledger, nobody_is_told, TemporalCalls(self.client))
        orders = OrderActivities(venues, self.ledger, RUN_ID, now_us, authority=authority)
        settlement = SettlementActivities(venues, self.ledger, RUN_ID, now_us, authority=authority)
        positions = PositionActivities(venues, self.ledger)
        async with Worker(
            self.client,
            task_queue=names.TRADE_QUEUE,
            workflows=[TradeWorkflow],
            activities=trade_activities(orders, settlement, positions, CommandActivities(authority)),
            interceptors=[Sealing(KEYS)],
            workflow_runner=TradeSandbox(self.recovery.task_completed),
        ):
            yield

    async def state(self) -> TradeState:
        return {row.intent_id: row.state for row in await self.ledger.trades()}.get(self.intent.id, TradeState.PLANNED)

    async def reaches(self, state: TradeState) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while await self.state() is not state:  # noqa: ASYNC110 - what is awaited happens on a server
                await asyncio.sleep(0.02)

    async def status(self) -> WorkflowExecutionStatus | None:
        return (await self.client.get_workflow_handle(self.intent.id).describe()).status

    async def result(self) -> TradeRecord:
        async with asyncio.timeout(PATIENCE_S):
            return await self.client.get_workflow_handle(self.intent.id, result_type=TradeRecord).result()

    async def say(self, action: Action) -> trades.Told:
        command = as_sealed(KEYS, self.intent.id, action, ADA)
        return await trades.tell(self.client.get_workflow_handle(self.intent.id), action, command)

    async def stuck(self) -> None:
        """Leg A fills, and there is nobody to trade with afterwards."""
        self.venue.set_book(A, asks=[("0.40", "10")])
        self.venue.set_book(B)
        self.starter.submit(self.intent)
        await self.reaches(TradeState.STUCK)


@pytest.fixture
async def floor(client: Client) -> AsyncIterator[Floor]:
    one = Floor(client)
    yield one
    await one.starter.close()
    if await _running(one.client, one.intent):
        await one.client.get_workflow_handle(one.intent.id).terminate()


async def _running(client: Client, of: Intent) -> bool:
    return (await client.get_workflow_handle(of.id).describe()).status is WorkflowExecutionStatus.RUNNING


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - what is awaited happens on a server
            await asyncio.sleep(0.02)


def lifecycle(market: str, event_type: str) -> bytes:
    message = {"market_ticker": market, "event_type": event_type}
    return json.dumps({"type": "market_lifecycle_v2", "sid": 1, "seq": 1, "msg": message}).encode()


async def test_a_pair_is_free_while_its_trade_waits_for_payment_and_news_of_the_markets_closes_it(floor: Floor) -> None:
    async with floor.worker():
        floor.starter.submit(floor.intent)
        await until(lambda: floor.done)
        assert floor.done == [floor.intent.pair]
        assert await floor.state() is TradeState.SETTLING
        assert await floor.status() is WorkflowExecutionStatus.RUNNING
        again = floor.new_starter()
        assert await again.find_open() == [], "at rest it keeps no pair busy after a restart either"
        await again.close()
        floor.venue.resolve(A, "1")
        floor.venue.resolve(B, "0")
        users = UserChannel(floor.client, floor.ledger)
        for market in (A, B):
            await users.take(lifecycle(market, "settled"))
        record = await floor.result()
    assert (record.state, record.outcome, record.pnl) == (TradeState.CLOSED, Outcome.HEDGED, floor.intent.edge)


async def test_a_halt_set_before_leg_a_leaves_denies_the_trade_and_is_named_in_its_story(floor: Floor) -> None:
    await floor.ledger.set_halt(Halt("h-1", Scope.MARKET, B, Rule.OPERATOR, "Ada", "storm", now_us()))
    async with floor.worker():
        floor.starter.submit(floor.intent)
        await until(lambda: floor.done)
        record = await floor.result()
    assert record.outcome is Outcome.DENIED
    assert not floor.venue.arrivals
    assert any("h-1" in step.text and "storm" in step.text for step in record.steps)


async def test_a_stuck_trade_obeys_hold_retry_and_accept_and_refuses_in_words_what_makes_no_sense(floor: Floor) -> None:
    async with floor.worker():
        await floor.stuck()
        assert floor.done == []
        assert "nothing more is sent" in (await floor.say(Action.HOLD)).answer
        with pytest.raises(Denied, match="already held: Ada, the game was called off"):
            await floor.say(Action.HOLD)
        assert "decides again" in (await floor.say(Action.RETRY)).answer
        await floor.reaches(TradeState.STUCK)
        assert "10 shares may stand alone" in (await floor.say(Action.ACCEPT)).answer
        await floor.reaches(TradeState.SETTLING)
        await until(lambda: floor.done)
        with pytest.raises(Denied, match="nothing"):
            await floor.say(Action.ACCEPT)
        record: TradeRecord = await floor.client.get_workflow_handle(floor.intent.id).query(
            names.QUERY_RECORD, result_type=TradeRecord
        )
    assert [(c.action, c.author, c.reason) for c in record.commands] == [
        (action, ADA.author, ADA.reason) for action in (Action.HOLD, Action.RETRY, Action.ACCEPT)
    ]


@pytest.mark.parametrize("action", [Action.FORCE_FLAT, Action.UNWIND])
async def test_without_a_worker_a_wish_to_go_flat_is_stored_and_obeyed_by_the_next_one(
    floor: Floor, action: Action, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with floor.worker():
        await floor.stuck()
    monkeypatch.setattr("workers.operator.trades.UPDATE_SECONDS", 0.5)
    assert (await floor.say(action)).stored
    floor.venue.set_book(A, bids=[("0.10", "10")], asks=[("0.40", "10")])
    moving = asyncio.create_task(floor.recovery.follow())
    await asyncio.sleep(0.5)
    assert not moving.done(), "its task waits for a worker"
    async with floor.worker():
        await asyncio.wait_for(moving, 30)
        record = await floor.result()
    assert (record.outcome, record.residual) == (Outcome.UNWOUND, D(0))
    for moment in ("first_task", "all_moving"):
        assert (REGISTRY.get_sample_value("surefoot_recovery_seconds", {"until": moment}) or 0) > 0


async def test_a_hold_that_nobody_heard_holds_back_what_the_next_worker_would_sell(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with floor.worker():
        await floor.stuck()
    sent = len(floor.venue.arrivals)
    monkeypatch.setattr("workers.operator.trades.UPDATE_SECONDS", 0.5)
    assert (await floor.say(Action.HOLD)).stored
    floor.venue.set_book(A, bids=[("0.40", "10")], asks=[("0.41", "10")])  # good enough to be sold by the policy
    async with floor.worker():
        async with asyncio.timeout(PATIENCE_S):
            while not await floor.ledger.commands(floor.intent.id):  # noqa: ASYNC110 - what is awaited is on a server
                await asyncio.sleep(0.02)
        await asyncio.sleep(1)
        assert len(floor.venue.arrivals) == sent, "nothing left after the hold was given"
        assert (await floor.say(Action.UNWIND)).stored is False
        record = await floor.result()
    assert (record.outcome, record.residual) == (Outcome.UNWOUND, D(0))
    assert [c.action for c in record.commands] == [Action.HOLD, Action.UNWIND]


async def test_an_unwind_after_a_command_that_timed_out_is_stored_and_both_are_obeyed_as_they_came(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with floor.worker():
        await floor.stuck()
    monkeypatch.setattr("workers.operator.trades.UPDATE_SECONDS", 0.5)
    assert (await floor.say(Action.HOLD)).stored
    await asyncio.sleep(3)  # its workflow task has timed out by then, which made Temporal refuse the next update
    assert (await floor.say(Action.UNWIND)).stored
    floor.venue.set_book(A, bids=[("0.10", "10")], asks=[("0.40", "10")])
    async with floor.worker():
        record = await floor.result()
    assert record.outcome is Outcome.UNWOUND
    hold, unwind = (command.action for command in record.commands)  # each once, in whichever form it arrived first
    assert hold is Action.HOLD
    assert unwind in (Action.UNWIND, Action.FORCE_FLAT)


async def test_what_a_shut_market_refused_is_done_soon_after_it_opens_and_nothing_is_sent_before(floor: Floor) -> None:
    submit = floor.venue.submit

    async def pauses_after_leg_a(order: OrderTicket) -> SubmitResult:
        answer = await submit(order)
        if order.purpose is Purpose.OPEN:
            floor.venue.set_open(A, is_open=False)
            floor.venue.set_open(B, is_open=False)
        return answer

    floor.venue.submit = pauses_after_leg_a  # type: ignore[method-assign]
    async with floor.worker():
        floor.starter.submit(floor.intent)
        await floor.reaches(TradeState.STUCK)
        sent = len(floor.venue.arrivals)
        story = (await floor.ledger.trade(floor.intent.id)).steps
        assert any("kalshi refused" in step.text and "market_closed" in step.text for step in story)
        await asyncio.sleep(3)
        assert len(floor.venue.arrivals) == sent
        floor.venue.set_open(A, is_open=True)
        floor.venue.set_open(B, is_open=True)
        await floor.reaches(TradeState.SETTLING)
    assert (await floor.ledger.trade(floor.intent.id)).trade is not None
