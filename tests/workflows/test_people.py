"""A person outranks the policy at every stage, through a validator and on record."""

from __future__ import annotations

from typing import Any

import pytest

from domain.operator import Action, CommandRecord, OperatorCommand
from domain.orders import Purpose, Side, TimeInForce
from domain.trade import Outcome, TradeState
from testing.venue import Fault
from tests.ledger.samples import START, B, D
from tests.workflows.rehearsal import BOTH, MS, PERSON, Rehearsal, closed


async def test_a_person_who_speaks_before_leg_a_keeps_it_from_being_sent() -> None:
    stage = Rehearsal()
    stage.trade.take(Action.UNWIND, OperatorCommand("ada", "wrong game"))
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
    assert [record.state for record in stage.desk.recorded] == [TradeState.REBALANCE, TradeState.STUCK]


async def test_a_person_who_comes_too_late_or_second_or_without_a_reason_is_refused() -> None:
    stage = Rehearsal()
    stage.venue.fills_lag_ms = 1_000
    stage.unwind_at(100)
    await closed(stage, Outcome.HEDGED, *BOTH)
    assert stage.refusals == ["nothing stands alone, there is nothing to unwind"]

    again = Rehearsal()
    again.unwind_at(2, OperatorCommand("ada", " "))
    again.unwind_at(3)
    again.unwind_at(4, OperatorCommand("bob", "me too"))
    await closed(again, Outcome.UNWOUND, BOTH[0], "unwind A2 sell 10 at 0.38")
    assert again.refusals == [
        "unwind needs an author and a reason; got an empty one",
        "an unwind was already asked for: ada, the game was called off",
    ]


def beyond_budget(**policy: Any) -> Rehearsal:
    """A stands alone: B is gone, and A's bid is below what the budget of fifty cents allows."""
    stage = Rehearsal(loss_budget=D("0.50"), **policy)
    stage.book_b()
    stage.book_a(asks=[("0.40", "10")], bids=[("0.05", "10")])
    return stage


async def test_a_held_trade_sends_nothing_until_somebody_says_go_on() -> None:
    stage = beyond_budget()
    stage.ask_at(30_000, Action.HOLD)
    held = stage.look_at(50_000)
    stage.desk.at(START + 60_000 * MS, lambda: stage.book_b(asks=[("0.55", "10")]))
    before = stage.look_at(400_000)
    stage.ask_at(500_000, Action.RETRY, OperatorCommand("bob", "the book is back"))
    await closed(stage, Outcome.HEDGED, *BOTH, "complete B2 buy 10 at 0.55")
    assert (held[0].state, before[0].residual) == (TradeState.STUCK, D(10))
    assert [(c.action, c.author) for c in stage.trade.record().commands] == [
        (Action.HOLD, "ada"),
        (Action.RETRY, "bob"),
    ]


async def test_a_stuck_trade_told_to_try_again_looks_at_once() -> None:
    stage = beyond_budget()
    stage.desk.at(START + 2_000_000 * MS, lambda: stage.book_b(asks=[("0.55", "10")]))
    stage.ask_at(2_000_001, Action.RETRY)
    hedged = stage.look_at(2_002_000)
    await closed(stage, Outcome.HEDGED, *BOTH, "complete B2 buy 10 at 0.55")
    assert hedged[0].hedged == D(10)


async def test_what_a_person_accepts_stands_as_it_is_until_its_market_pays() -> None:
    stage = beyond_budget()
    stage.ask_at(100_000, Action.ACCEPT)
    settling = stage.look_at(110_000)
    await closed(stage, Outcome.RESIDUAL, *BOTH)
    assert (settling[0].state, settling[0].residual) == (TradeState.SETTLING, D(10))
    assert await stage.pnl() == D("5.832")


async def test_what_was_accepted_can_still_be_unwound_later() -> None:
    stage = beyond_budget()
    stage.ask_at(100_000, Action.ACCEPT)
    stage.unwind_at(200_000)
    await closed(stage, Outcome.UNWOUND, *BOTH, "unwind A2 sell 10 at 0.05")


async def test_nothing_is_accepted_while_an_orders_outcome_is_open() -> None:
    stage = Rehearsal()
    stage.venue.script("submit", None, Fault.LOST_AFTER)
    stage.venue.script("evidence", *[Fault.UNAVAILABLE] * 5)
    stage.ask_at(200, Action.ACCEPT)
    await closed(stage, Outcome.HEDGED, *BOTH)
    assert stage.refusals == ["the outcome of B1 is open: what would stand alone is not known yet"]


async def test_an_order_placed_by_hand_is_adopted_as_the_missing_leg() -> None:
    stage = beyond_budget()

    def by_hand() -> None:
        stage.book_b(asks=[("0.60", "10")])
        order_id = stage.venue.place_by_hand(B, Side.BUY, "10", "0.60").order_id
        stage.ask_at(100_500, Action.ADOPT, OperatorCommand("ada", "hedged by hand", order_id, "kalshi"))

    stage.desk.at(START + 100_000 * MS, by_hand)
    await closed(stage, Outcome.HEDGED, *BOTH)
    assert "Adopted buy 10 GAME-BBB" in stage.story()
    adopted = stage.trade.record().orders[-1]
    assert (adopted.ticket.purpose, adopted.filled) == (Purpose.ADOPTED, D(10))


@pytest.mark.parametrize(
    ("market", "side", "size", "tif", "refusal"),
    [
        ("", Side.BUY, "0", TimeInForce.IOC, "nobodys"),
        (B, Side.BUY, "5", TimeInForce.GTC, "it is resting; cancel it on kalshi first"),
        (B, Side.BUY, "5", TimeInForce.IOC, "nothing of it filled"),
    ],
)
async def test_an_order_that_cannot_be_a_legs_own_is_not_adopted_and_the_story_says_why(
    market: str, side: Side, size: str, tif: TimeInForce, refusal: str
) -> None:
    stage = beyond_budget()

    def by_hand() -> None:
        order_id = stage.venue.place_by_hand(market, side, size, "0.10", tif).order_id if market else "nobodys"
        stage.ask_at(100_500, Action.ADOPT, OperatorCommand("ada", "hedged by hand", order_id, "kalshi"))
        stage.ask_at(101_000, Action.ACCEPT)

    stage.desk.at(START + 100_000 * MS, by_hand)
    record = await stage.run()
    assert record.outcome is Outcome.RESIDUAL
    assert "was not adopted" in stage.story()
    assert refusal in stage.story()


async def test_commands_that_make_no_sense_are_refused_with_the_reason() -> None:
    stage = Rehearsal()
    stage.ask_at(60_000, Action.HOLD)
    stage.ask_at(60_000, Action.ACCEPT)
    stage.ask_at(60_000, Action.ADOPT, OperatorCommand("ada", "mine", "", "kalshi"))
    stage.ask_at(60_000, Action.ADOPT, OperatorCommand("ada", "mine", "o-9", "elsewhere"))
    await closed(stage, Outcome.HEDGED, *BOTH)
    assert stage.refusals == [
        "the trade sends nothing any more, there is nothing to hold back",
        "nothing stands alone, there is nothing to accept",
        "adopting needs the venue's id of the order; got an empty one",
        "elsewhere is no venue of this trade; it trades on kalshi",
    ]
    with pytest.raises(ValueError, match="closed or closing"):
        stage.trade.may(Action.UNWIND, PERSON)


async def test_what_people_asked_is_in_the_ledger_while_the_trade_waits() -> None:
    stage = beyond_budget()
    stage.ask_at(100_000, Action.HOLD)
    stage.ask_at(900_000, Action.UNWIND)
    stage.desk.at(START + 800_000 * MS, lambda: seen.extend(stage.desk.recorded[-1].commands))
    seen: list[CommandRecord] = []
    await closed(stage, Outcome.UNWOUND, *BOTH, "unwind A2 sell 10 at 0.05")
    assert [(c.action, c.author, c.reason) for c in seen] == [(Action.HOLD, "ada", "the game was called off")]
