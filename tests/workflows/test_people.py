"""A person outranks the policy at every stage, through a validator and on record."""

from __future__ import annotations

from domain.operator import OperatorCommand
from domain.trade import Outcome, TradeState
from tests.ledger.samples import START, D
from tests.workflows.rehearsal import BOTH, MS, Rehearsal, closed
from venues.fake import Fault


async def test_a_person_who_speaks_before_leg_a_keeps_it_from_being_sent() -> None:
    stage = Rehearsal()
    stage.trade.unwind(OperatorCommand("ada", "wrong game"))
    await closed(stage, Outcome.DENIED)


async def test_a_person_who_speaks_while_leg_a_is_in_doubt_keeps_it_from_being_sent_again() -> None:
    stage = Rehearsal(ttl_ms=60_000)
    stage.venue.script("submit", Fault.LOST_BEFORE)
    stage.unwind_at(4)
    await closed(stage, Outcome.MISSED, BOTH[0])


async def test_a_person_who_speaks_while_leg_a_fills_has_it_sold_and_leg_b_not_sent() -> None:
    stage = Rehearsal()
    stage.unwind_at(4)
    await closed(stage, Outcome.UNWOUND, BOTH[0], "unwind A2 sell 10 at 0.38")
    assert "ada asked to unwind: the game was called off" in stage.story()


async def test_a_person_who_speaks_while_leg_b_is_in_doubt_has_only_what_stands_alone_sold() -> None:
    stage = Rehearsal()
    stage.venue.script("submit", None, Fault.LOST_BEFORE)
    stage.unwind_at(12)
    await closed(stage, Outcome.UNWOUND, *BOTH, "unwind A2 sell 10 at 0.38")


async def test_a_person_who_speaks_while_repairing_lifts_the_budget() -> None:
    stage = Rehearsal(loss_budget=D("0.50"))
    stage.book_b()
    stage.book_a(asks=[("0.40", "10")], bids=[("0.05", "10")])
    stage.unwind_at(30_000)
    await closed(stage, Outcome.UNWOUND, *BOTH, "unwind A2 sell 10 at 0.05")
    assert stage.states == [TradeState.REBALANCE]
    assert await stage.pnl() < D("-0.50")


async def test_a_person_who_speaks_to_a_stuck_trade_is_heard_at_once_even_during_a_look() -> None:
    for at_ms in range(900_000, 900_040, 3):  # whatever it is doing just then
        stage = Rehearsal(loss_budget=D("0.50"))
        stage.book_b()
        stage.book_a(asks=[("0.40", "10")], bids=[("0.05", "10")])
        stage.unwind_at(at_ms)
        await closed(stage, Outcome.UNWOUND, *BOTH, "unwind A2 sell 10 at 0.05")
        assert stage.states == [TradeState.STUCK]
        assert stage.desk.now() - START < (at_ms + 1_000) * MS


async def test_an_unwind_that_finds_no_bids_is_stuck_again_once_and_sells_when_there_are_some() -> None:
    stage = Rehearsal()
    stage.book_b()
    stage.book_a(asks=[("0.40", "10")])
    stage.unwind_at(10_000)
    unwinding, stuck = stage.look_at(20_000), stage.look_at(100_000)
    stage.desk.at(START + 200_000 * MS, lambda: stage.book_a(bids=[("0.01", "10")]))
    await closed(stage, Outcome.UNWOUND, *BOTH, "unwind A2 sell 10 at 0.01")
    assert (unwinding[0].state, stuck[0].state) == (TradeState.UNWIND, TradeState.STUCK)
    assert len(stage.desk.recorded) == 1


async def test_a_person_who_comes_too_late_or_second_or_without_a_reason_is_refused() -> None:
    stage = Rehearsal()
    stage.venue.fills_lag_ms = 1_000
    stage.unwind_at(100)
    await closed(stage, Outcome.HEDGED, *BOTH)
    assert stage.refusals == ["the trade is HEDGED: nothing stands alone, there is nothing to unwind"]

    again = Rehearsal()
    again.unwind_at(2, OperatorCommand("ada", " "))
    again.unwind_at(3)
    again.unwind_at(4, OperatorCommand("bob", "me too"))
    await closed(again, Outcome.UNWOUND, BOTH[0], "unwind A2 sell 10 at 0.38")
    assert again.refusals == [
        "an unwind needs an author and a reason; got an empty one",
        "ada already asked for an unwind: the game was called off",
    ]
