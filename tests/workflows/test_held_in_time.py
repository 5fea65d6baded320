"""A person's word counts for whatever is decided after it, at whichever call of the trade's it comes in."""

from __future__ import annotations

from collections.abc import Iterable

from domain.operator import Action, OperatorCommand
from domain.orders import Purpose
from testing.desk import Lost, Submit
from tests.ledger.samples import START, D, ticket
from tests.workflows.rehearsal import MS, PERSON, Rehearsal
from workflows.driver import Driver
from workflows.parked import Parked
from workflows.state import Fault, OrderState, begun


def decided_after(ms: int, submits: Iterable[Submit]) -> list[str]:
    """The orders that were decided later than the word; copies of earlier ones are none."""
    seen, late = set[str](), list[str]()
    for sent in submits:
        if sent.decided_at > START + ms * MS and sent.ticket.client_order_id not in seen:
            late.append(f"{sent.ticket.purpose} {sent.ticket.leg}{sent.ticket.attempt}")
        seen.add(sent.ticket.client_order_id)
    return late


async def repairing(held_ms: int) -> list[Submit]:
    """What left within a minute: evidence settles A, whose answer is lost, and the ledger has not heard of it as B,
    which has moved, is to be completed."""
    stage = Rehearsal(loss_budget=D("2"))
    stage.desk.script("submit", Lost.AFTER)
    stage.book_a(asks=[("0.40", "10")], bids=[("0.30", "60")])
    stage.book_b(asks=[("0.60", "60")])
    stage.ask_at(held_ms, Action.HOLD)
    left: list[Submit] = []
    stage.desk.at(START + 60_000 * MS, lambda: left.extend(stage.desk.submits))
    stage.ask_at(60_001, Action.UNWIND)
    await stage.run()
    return left


async def selling_parked(held_ms: int) -> list[Submit]:
    """What left: a parked run was told after a second to sell what stands alone."""
    stage = Rehearsal()
    stage.book_a(asks=[("0.40", "10")], bids=[("0.31", "60")])
    opening = ticket(stage.intent, "A")
    await stage.venue.submit(opening)
    memory = begun(START, stage.intent.worst_cost, merging=False)
    memory.orders = [OrderState(opening, stage.intent.legs[0].fees, settled=True, filled=D(10), copies=1)]
    memory.fault = Fault("a mistake", START)
    parked = Parked(stage.intent, stage.desk, memory)
    for ms, action in ((1_000, Action.UNWIND), (held_ms, Action.HOLD), (9_000, Action.RETRY)):
        stage.desk.at(START + ms * MS, lambda action=action: parked.take(action, PERSON), message=True)  # type: ignore[misc]
    await parked.run()
    return stage.desk.submits


async def test_nothing_leaves_after_a_hold_while_a_repair_is_looked_for_and_put_on_record() -> None:
    completed = 0
    for ms in range(2_005, 2_040):
        submits = await repairing(ms)
        assert decided_after(ms, submits) == [], f"held at {ms} ms"
        completed += any(sent.ticket.purpose is Purpose.COMPLETE for sent in submits)
    assert 0 < completed < 35, "the word came both before and after the repair was decided"


async def test_nothing_leaves_after_a_hold_while_a_parked_run_reads_a_book_and_the_account() -> None:
    sold = 0
    for ms in range(1_001, 1_040):
        submits = await selling_parked(ms)
        assert decided_after(ms, submits) == [], f"held at {ms} ms"
        sold += bool(submits)
    assert 0 < sold < 39, "the word came both before and after the sale was decided"


async def test_a_hold_that_breaks_the_code_that_obeys_it_holds_all_the_same() -> None:
    """It was told to unwind before; the parked run is to sell nothing now."""
    stage = Rehearsal()
    memory = begun(START, stage.intent.worst_cost, merging=False)
    memory.mode = Action.UNWIND
    driver = Driver(stage.intent, stage.desk, memory)

    def broken(action: Action, command: OperatorCommand) -> str:
        raise ArithmeticError("a mistake")

    driver.carried.take = broken  # type: ignore[method-assign]
    assert "parked" in driver.take(Action.HOLD, PERSON)
    assert (memory.mode, memory.pending) == (Action.HOLD, [])
