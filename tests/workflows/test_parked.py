"""A parked run by itself: what it was handed, it takes up with all the patience of what is told to it."""

from __future__ import annotations

import pytest

from domain.operator import Action, OperatorCommand
from domain.orders import OrderTicket, Purpose, SubmitResult, Verdict
from tests.ledger.samples import START, D, ticket
from tests.workflows.rehearsal import MS, PERSON, Rehearsal
from workflows.parked import Parked
from workflows.state import Fault, OrderState, PendingCommand, begun


async def test_a_wish_it_was_handed_waits_for_an_order_under_way_as_one_told_to_it_does() -> None:
    """The code that was to obey it raised while leg B was on its way: both legs are there a moment later."""
    stage = Rehearsal()
    planned = stage.intent
    first, second = ticket(planned, "A"), ticket(planned, "B", purpose=Purpose.HEDGE)
    await stage.venue.submit(first)
    stage.desk.at(START + 1_000 * MS, lambda: stage.venue.arrive(second))
    memory = begun(START, planned.worst_cost, merging=False)
    memory.orders = [
        OrderState(first, planned.legs[0].fees, settled=True, filled=D(10), copies=1),
        OrderState(second, planned.legs[1].fees, may_leave_until=START + 2_000 * MS, copies=1),
    ]
    memory.mode, memory.fault = Action.UNWIND, Fault("a mistake", START)
    parked = Parked(planned, stage.desk, memory)
    stage.desk.at(START + 30_000 * MS, lambda: parked.take(Action.RETRY, PERSON), message=True)
    await parked.run()
    assert stage.sent() == []
    assert [order.filled for order in memory.orders] == [D(10), D(10)]


async def test_an_answer_without_an_order_is_no_word_of_the_venues_that_there_is_one() -> None:
    stage = Rehearsal()
    planned = stage.intent
    first = ticket(planned, "A")
    await stage.venue.submit(first)
    submit = stage.venue.submit

    async def empty(order: OrderTicket) -> SubmitResult:
        if order.attempt == 2:
            return SubmitResult(Verdict.UNKNOWN, "no_order", "a body without one", landed=True, at=stage.desk.now())
        return await submit(order)

    stage.venue.submit = empty  # type: ignore[method-assign]
    memory = begun(START, planned.worst_cost, merging=False)
    memory.orders = [OrderState(first, planned.legs[0].fees, settled=True, filled=D(10), copies=1)]
    memory.mode, memory.fault = Action.UNWIND, Fault("a mistake", START)
    parked = Parked(planned, stage.desk, memory)
    stage.desk.at(START + 300_000 * MS, lambda: parked.take(Action.RETRY, PERSON), message=True)
    await parked.run()
    assert [(order.settled, order.filled) for order in memory.orders] == [(True, D(10)), (True, D(0)), (True, D(10))]


@pytest.mark.parametrize("action", [Action.HOLD, Action.UNWIND, Action.RETRY])
def test_a_word_replaces_what_was_said_of_the_same_before_and_kept(action: Action) -> None:
    stage = Rehearsal()
    memory = begun(START, stage.intent.worst_cost, merging=False)
    adopt = PendingCommand(Action.ADOPT, OperatorCommand("ada", "mine", "o-9", "kalshi"))
    memory.pending = [PendingCommand(Action.RETRY, PERSON), adopt, PendingCommand(Action.HOLD, PERSON)]
    memory.fault = Fault("a mistake", START)
    Parked(stage.intent, stage.desk, memory).take(action, PERSON)
    assert memory.pending == [adopt]
