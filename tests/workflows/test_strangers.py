"""Whoever reaches Temporal can start workflows and activities, and speak to trades. No order leaves for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from temporalio import workflow
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.common import WorkflowIDReusePolicy
from temporalio.service import RPCError
from temporalio.worker import Worker

from domain.evidence import OrderStatus
from domain.fees import FeeSchedule
from domain.intent import Intent
from domain.operator import Action, OperatorCommand
from domain.orders import Guard, Purpose, Side, SubmitResult, TimeInForce, Verdict
from domain.requests import CancelRequest, Origin, RecordRequest, SubmitRequest
from domain.seal import Seal
from domain.trade import Entry, Outcome, TradeRecord, TradeState
from tests.ledger.samples import A, B, D, ticket
from tests.patience import PATIENCE_S
from tests.workflows.floor import KEYS, PERSON, Floor, Handle, now_us, replayed, serving, until
from workers.local.seals import as_sealed
from workflows import names
from workflows.state import OrderState, TradeMemory

SOON = timedelta(seconds=20)
MALLORY = OperatorCommand("mallory", "for fun")


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[Client]:
    async with serving() as connected:
        yield connected


@pytest.fixture
def floor(client: Client, request: pytest.FixtureRequest) -> Floor:
    on = Floor(client, f"{names.TRADE_QUEUE}-{request.node.name}")
    on.intent = replace(on.intent, strategy=request.node.name)
    return on


async def start(
    floor: Floor, *args: Any, of: str | None = None, reuse: WorkflowIDReusePolicy | None = None
) -> TradeRecord:
    """As `temporal workflow start` does, and how it ends."""
    handle: Handle = await floor.client.start_workflow(
        names.TRADE_WORKFLOW,
        args=list(args),
        id=of or floor.intent.id,
        task_queue=floor.queue,
        result_type=TradeRecord,
        id_reuse_policy=reuse or WorkflowIDReusePolicy.ALLOW_DUPLICATE,
    )
    async with asyncio.timeout(PATIENCE_S):
        return await handle.result()


async def alone_on_a(floor: Floor, *, bid: str | None = None, budget: str = "0.50") -> Handle:
    """A trade of ours that stands on leg A and finds no way out within its budget."""
    policy = replace(floor.intent.policy, loss_budget=D(budget), repair_deadline_ms=500, ladder_wait_ms=50)
    floor.intent = replace(floor.intent, policy=policy)
    floor.venue.set_book(A, bids=[(bid, "10")] if bid else [], asks=[("0.40", "10")])
    floor.venue.set_book(B)
    handle = await floor.start()
    await until(handle, lambda record: record.state is TradeState.STUCK)
    return handle


async def refused_with(floor: Floor, code: str, seal: Seal | None) -> bool:
    """A trade that begins from a stranger's memory, in which leg A is filled: whether what it then sends is refused."""
    handle: Handle = await floor.client.start_workflow(
        names.TRADE_WORKFLOW,
        args=[floor.intent, filled_a(floor.intent), seal],
        id=floor.intent.id,
        task_queue=floor.queue,
        result_type=TradeRecord,
    )
    record = await until(handle, lambda record: code in codes(record))
    await handle.terminate()
    return set(codes(record)) == {"filled", code}


def arrivals(floor: Floor) -> int:
    return sum(arrival.times for arrival in floor.venue.arrivals.values())


def codes(record: TradeRecord) -> list[str]:
    return [order.result.code for order in record.orders if order.result is not None]


# ---------------------------------------------------------------------- starting workflows


@pytest.mark.parametrize("seal", [None, KEYS.intent("i-" + "0" * 32), Seal("k1", "run-1", "paper", "00")])
async def test_a_forged_intent_sends_nothing_and_leaves_nothing_in_the_ledger(floor: Floor, seal: Seal | None) -> None:
    async with floor.worker():
        record = await start(floor, floor.intent, None, seal)
    assert (record.outcome, codes(record)) == (Outcome.DENIED, ["not_decided"])
    assert arrivals(floor) == 0
    assert await floor.ledger.decided(floor.intent.id) is None
    assert not await floor.ledger.open_trades()
    assert any("carries no seal of this installation" in told for told in floor.alerts)


async def test_a_forged_memory_does_not_make_a_trade_of_ours_out_of_a_forged_intent(floor: Floor) -> None:
    """It says that leg A is filled and that nobody was asked yet: what would be hedged is as forged as it."""
    async with floor.worker():
        assert await refused_with(floor, "not_decided", None)
    assert arrivals(floor) == 0
    assert await floor.ledger.decided(floor.intent.id) is None


async def test_a_workflow_of_another_id_sends_nothing_whatever_seal_it_shows(floor: Floor) -> None:
    async with floor.worker():
        record = await start(floor, floor.intent, None, KEYS.intent(floor.intent.id), of=f"evil-{floor.queue}")
    assert codes(record) == ["not_its_trade"]
    assert arrivals(floor) == 0
    assert not await floor.ledger.open_trades()


async def test_an_expired_intent_of_ours_is_late(floor: Floor) -> None:
    floor.intent = replace(floor.intent, expires_at=now_us() - 1)
    async with floor.worker():
        await start(floor, floor.intent, None, KEYS.intent(floor.intent.id))
    assert arrivals(floor) == 0


async def test_the_seal_of_a_closed_trade_buys_nothing_even_once_its_workflow_is_deleted(floor: Floor) -> None:
    floor.intent = replace(floor.intent, expires_at=now_us() + 120_000_000)
    seal = KEYS.intent(floor.intent.id)
    async with floor.worker():
        floor.venue.set_book(A)
        assert (await (await floor.start()).result()).outcome is Outcome.MISSED
        sent, story = arrivals(floor), await floor.ledger.trade(floor.intent.id)
        floor.venue.set_book(A, bids=[("0.38", "10")], asks=[("0.40", "10")])
        again = await start(floor, floor.intent, None, seal)
        assert codes(again) == ["other_run"]
        await delete(floor)
        assert codes(await start(floor, floor.intent, None, seal)) == ["other_run"]
    assert arrivals(floor) == sent == 1
    assert (await floor.ledger.trade(floor.intent.id)).trade == story.trade
    assert len((await floor.ledger.trade(floor.intent.id)).orders) == 1


async def test_an_open_trade_that_is_terminated_and_started_anew_by_a_stranger_sends_nothing(floor: Floor) -> None:
    async with floor.worker():
        handle = await alone_on_a(floor)
        sent = arrivals(floor)
        await handle.terminate()
        floor.venue.set_book(B, asks=[("0.55", "10")])
        floor.venue.set_book(A, bids=[("0.39", "10")], asks=[("0.40", "10")])
        record = await start(floor, floor.intent, None, KEYS.intent(floor.intent.id))
        assert codes(record) == ["other_run"]
        assert await refused_with(floor, "other_run", KEYS.intent(floor.intent.id)), "whatever memory it brings along"
    assert arrivals(floor) == sent
    (still,) = await floor.ledger.open_trades()
    assert still.residual == D(10), "what stands alone is on record, whatever the stranger's run says"


@workflow.defn(name=names.TRADE_WORKFLOW, sandboxed=False)
class Impostor:
    """A stranger's own code, on a worker of their own, under the name of our workflow."""

    @workflow.run
    async def run(self, request: SubmitRequest, queue: str) -> SubmitResult:
        result: SubmitResult = await workflow.execute_activity(
            names.SUBMIT_ORDER, request, task_queue=queue, result_type=SubmitResult, start_to_close_timeout=SOON
        )
        return result


async def test_a_workflow_of_our_name_with_a_strangers_code_sends_nothing_for_a_trade_of_ours(floor: Floor) -> None:
    seal = KEYS.intent(floor.intent.id)
    theirs = Worker(floor.client, task_queue=f"{floor.queue}-theirs", workflows=[Impostor])
    async with floor.worker(), theirs:
        handle = await alone_on_a(floor, bid="0.05")
        opened_by = (await handle.describe()).run_id
        await handle.terminate()
        unwind = ticket(floor.intent, attempt=2, purpose=Purpose.UNWIND, side=Side.SELL, limit="0.01")
        for chain in (opened_by, "", "another"):
            request = SubmitRequest(unwind, Guard(not_after=2**62), None, Origin(chain, seal, floor.intent))
            impostor: Any = await floor.client.start_workflow(
                names.TRADE_WORKFLOW,
                args=[request, floor.queue],
                id=floor.intent.id,
                task_queue=theirs.task_queue,
                result_type=SubmitResult,
            )
            assert (await impostor.result()).code == "other_run", chain
    assert arrivals(floor) == 1
    assert await floor.ledger.order_outcome(unwind.client_order_id) is None, "not a word of it is in the ledger"
    assert any(f"does not continue {opened_by}" in told for told in floor.alerts)


async def test_a_strangers_code_hedges_nothing_in_place_of_a_trade_that_it_ended_before_its_first_leg(
    floor: Floor,
) -> None:
    seal = KEYS.intent(floor.intent.id)
    await floor.ledger.record_intent(floor.intent, "run-1")
    hedge = ticket(floor.intent, "B", purpose=Purpose.HEDGE, limit="0.99")
    theirs = Worker(floor.client, task_queue=f"{floor.queue}-theirs", workflows=[Impostor])
    async with floor.worker(), theirs:
        impostor: Any = await floor.client.start_workflow(
            names.TRADE_WORKFLOW,
            args=[SubmitRequest(hedge, Guard(not_after=2**62), None, Origin("x", seal, floor.intent)), floor.queue],
            id=floor.intent.id,
            task_queue=theirs.task_queue,
            result_type=SubmitResult,
        )
        assert (await impostor.result()).code == "other_run"
        again: Any = await floor.client.start_workflow(
            names.TRADE_WORKFLOW,
            args=[SubmitRequest(hedge, Guard(not_after=2**62), None, Origin("", seal, floor.intent)), floor.queue],
            id=floor.intent.id,
            task_queue=theirs.task_queue,
            result_type=SubmitResult,
        )
        result = await again.result()
    assert (result.verdict, result.code) == (Verdict.DENIED, "never_opened")
    assert arrivals(floor) == 0


# ---------------------------------------------------------------------- starting activities


async def test_an_activity_that_nobody_s_workflow_asked_for_sends_cancels_and_writes_nothing(floor: Floor) -> None:
    seal, planned = KEYS.intent(floor.intent.id), floor.intent
    opening = ticket(planned)
    request = SubmitRequest(opening, Guard(not_after=2**62), planned, Origin("", seal, None))
    async with floor.worker():
        result = await act(floor, names.SUBMIT_ORDER, request, SubmitResult)
        assert (result.verdict, result.code) == (Verdict.DENIED, "not_its_trade")
        assert arrivals(floor) == 0
        assert await floor.ledger.decided(planned.id) is None

        forged = TradeRecord(
            intent_id=planned.id, state=TradeState.STUCK, outcome=None, hedged=D(0), unwound=D(0), residual=D(10),
            pnl=D(0), reserved=D(10), orders=(), fills=(), steps=(), revision=1, at=now_us(), commands=(), entered=(),
        )  # fmt: skip
        await act(floor, names.RECORD_TRADE, RecordRequest(planned, forged, Origin("", seal)), None)
        assert await floor.ledger.decided(planned.id) is None

        floor.venue.set_book(A)
        resting = replace(opening, tif=TimeInForce.GTC)
        order_id = (await floor.venue.submit(resting)).order_id or ""
        await act(floor, names.CANCEL_ORDER, CancelRequest(resting, order_id, Origin("", seal, planned)), None)
    seen = await floor.venue.evidence(resting, order_id=order_id, sent_at=now_us(), grace_ms=0)
    assert seen.status is OrderStatus.RESTING
    assert len(floor.alerts) == 1, "one alert a minute for each reason"


# ---------------------------------------------------------------------- speaking to trades


@pytest.mark.parametrize("action", [action for action in Action if action not in (Action.FORCE_FLAT, Action.REVIVE)])
async def test_an_update_without_our_seal_is_refused(floor: Floor, action: Action) -> None:
    async with floor.worker():
        handle = await alone_on_a(floor, bid="0.01")
        for word in (
            MALLORY,
            replace(floor.said(action), reason="another reason"),
            floor.said(Action.ACCEPT if action is Action.HOLD else Action.HOLD),
            as_sealed(KEYS, "i-" + "0" * 32, action, PERSON),
        ):
            with pytest.raises(WorkflowUpdateFailedError) as refused:
                await handle.execute_update(action.value, word, result_type=str)
            assert "bears no seal of this installation" in str(refused.value.cause)
        assert arrivals(floor) == 1
        await handle.terminate()


async def test_a_copy_of_a_command_of_ours_is_refused(floor: Floor) -> None:
    async with floor.worker():
        handle = await alone_on_a(floor, bid="0.01")
        hold = floor.said(Action.HOLD)
        await handle.execute_update(names.UPDATE_HOLD, hold, result_type=str)
        await floor.ask(handle, Action.RETRY)
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await handle.execute_update(names.UPDATE_HOLD, hold, result_type=str)
        assert "taken before" in str(refused.value.cause)
        await handle.terminate()


@pytest.mark.parametrize("how", ["force_flat", "command", "cancel"])
async def test_a_word_without_our_seal_sells_nothing_beyond_the_loss_budget(floor: Floor, how: str) -> None:
    async with floor.worker():
        handle = await alone_on_a(floor, bid="0.05")
        if how == "cancel":
            await handle.cancel()
        elif how == "command":
            await handle.signal(names.SIGNAL_COMMAND, args=[Action.UNWIND, MALLORY])
        else:
            await handle.signal(names.SIGNAL_FORCE_FLAT, MALLORY)
        await until(handle, lambda record: "beyond the loss budget" in record.steps[-1].text)
        await asyncio.sleep(0.5)
        assert arrivals(floor) == 1, "0.05 for what cost 0.40 is beyond any budget"
        assert any("carries no seal" in told for told in floor.alerts)

        floor.venue.set_book(A, bids=[("0.39", "10")])
        await handle.signal(names.SIGNAL_ORDER_UPDATE, "look again")
        record = await floor.ended(handle)
    assert (record.outcome, record.unwound) == (Outcome.UNWOUND, D(10))
    assert record.commands[0].author.endswith("(unsealed)")
    await replayed(handle)


async def test_a_sealed_unwind_sells_at_any_price_after_a_stranger_s_did_not(floor: Floor) -> None:
    async with floor.worker():
        handle = await alone_on_a(floor, bid="0.05")
        await handle.signal(names.SIGNAL_FORCE_FLAT, MALLORY)
        await until(handle, lambda record: "beyond the loss budget" in record.steps[-1].text)
        await floor.ask(handle, Action.UNWIND)
        record = await floor.ended(handle)
    assert (record.outcome, record.unwound) == (Outcome.UNWOUND, D(10))
    await replayed(handle)


@pytest.mark.parametrize("action", [Action.HOLD, Action.ACCEPT, Action.RETRY, Action.ADOPT])
async def test_no_other_word_is_obeyed_without_our_seal(floor: Floor, action: Action) -> None:
    async with floor.worker():
        handle = await alone_on_a(floor, bid="0.05")
        await handle.signal(names.SIGNAL_COMMAND, args=[action, MALLORY])
        record = await until(handle, lambda record: "bears no seal" in record.steps[-1].text)
        assert "Not obeyed" in record.steps[-1].text
        assert not record.commands
        await handle.terminate()


async def test_a_stranger_does_not_overrule_a_person_who_holds_a_trade(floor: Floor) -> None:
    async with floor.worker():
        handle = await alone_on_a(floor, bid="0.05")
        await floor.ask(handle, Action.HOLD)
        floor.venue.set_book(A, bids=[("0.39", "10")])
        await handle.signal(names.SIGNAL_FORCE_FLAT, MALLORY)
        await until(handle, lambda record: "Not obeyed" in record.steps[-1].text)
        await asyncio.sleep(0.3)
        assert arrivals(floor) == 1
        await handle.terminate()


async def test_a_sealed_signal_is_obeyed_and_replays(floor: Floor) -> None:
    async with floor.worker():
        handle = await alone_on_a(floor, bid="0.05")
        await handle.signal(names.SIGNAL_FORCE_FLAT, floor.said(Action.FORCE_FLAT))
        record = await floor.ended(handle)
    assert (record.outcome, record.unwound) == (Outcome.UNWOUND, D(10))
    assert [command.author for command in record.commands] == [PERSON.author]
    await replayed(handle)


# ---------------------------------------------------------------------- the upgrade


async def test_a_trade_of_before_there_were_seals_goes_on_by_its_intent_in_the_ledger(floor: Floor) -> None:
    await floor.ledger.record_intent(floor.intent, "run-0")
    async with floor.worker():
        handle: Handle = await floor.client.start_workflow(
            names.TRADE_WORKFLOW,
            args=[floor.intent],  # as it was started then
            id=floor.intent.id,
            task_queue=floor.queue,
            result_type=TradeRecord,
        )
        record = await floor.ended(handle)
    assert record.outcome is Outcome.HEDGED
    assert not floor.alerts
    await replayed(handle)


# ---------------------------------------------------------------------- parts


def filled_a(of: Intent) -> TradeMemory:
    """What a stranger may write: ten shares of leg A that nobody has bought."""
    opening = ticket(of)
    answer = SubmitResult(Verdict.ACCEPTED, "filled", filled=D(10), order_id="o-forged", sent=True, at=now_us())
    order = OrderState(opening, FeeSchedule(), result=answer, order_id="o-forged", filled=D(10), settled=True)
    memory = TradeMemory(orders=[order], state=TradeState.REBALANCE, reserved=D(10))
    memory.entered = [Entry(TradeState.REBALANCE, now_us())]
    memory.tell("Planned.", now_us())
    return memory


async def act(floor: Floor, name: str, request: Any, kind: Any) -> Any:
    """A standalone activity on the queue of the trades, as `temporal activity start` asks for one."""
    handle: Any = await floor.client.start_activity(
        name,
        request,
        id=f"{name}-{floor.queue}",
        task_queue=floor.queue,
        start_to_close_timeout=SOON,
        schedule_to_close_timeout=SOON,
        result_type=kind,
    )
    return await handle.result()


async def delete(floor: Floor) -> None:
    """As `temporal workflow delete` does, until nobody knows it."""
    execution = WorkflowExecution(workflow_id=floor.intent.id)
    while True:
        try:
            await floor.client.workflow_service.delete_workflow_execution(
                DeleteWorkflowExecutionRequest(namespace=floor.client.namespace, workflow_execution=execution)
            )
            await asyncio.sleep(0.1)
            await floor.client.get_workflow_handle(floor.intent.id).describe()
        except RPCError:
            return
