"""Every row of state × evidence (the table of `workflows.orders` and the states around it), one sentence each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from domain.trade import Outcome, TradeState
from testing.desk import Broken, Lost
from testing.venue import Fault
from tests.ledger.samples import B, D
from tests.workflows.rehearsal import BOTH, Rehearsal, closed

# ---------------------------------------------------------------------- PLANNED, LEG_A


async def test_a_trade_that_goes_as_planned_is_hedged_and_earns_its_edge() -> None:
    stage = Rehearsal()
    await closed(stage, Outcome.HEDGED, *BOTH)
    assert await stage.pnl() == stage.intent.edge
    assert stage.states_shown() == [
        TradeState.LEG_A,
        TradeState.RECHECK,
        TradeState.HEDGED,
        TradeState.SETTLING,
        TradeState.CLOSED,
    ]


async def test_an_obstacle_on_leg_b_surfaces_before_leg_a_exists() -> None:
    stage = Rehearsal()
    stage.venue.specs[B] = replace(stage.venue.specs[B], open=False)
    await closed(stage, Outcome.DENIED, BOTH[0])
    assert not await stage.fills()
    assert not stage.venue.arrivals
    assert "GAME-BBB is not open" in stage.story()


async def test_leg_a_proven_unfilled_is_a_missed_trade() -> None:
    stage = Rehearsal()
    stage.book_a(asks=[("0.41", "10")])
    await closed(stage, Outcome.MISSED, BOTH[0])


async def test_leg_a_refused_by_the_venue_is_a_missed_trade() -> None:
    stage = Rehearsal()
    stage.venue.script("submit", Fault.REJECT)
    await closed(stage, Outcome.MISSED, BOTH[0])


async def test_leg_b_is_for_what_leg_a_filled_not_for_what_was_asked() -> None:
    stage = Rehearsal()
    stage.book_a(asks=[("0.40", "6")])
    await closed(stage, Outcome.HEDGED, BOTH[0], "hedge B1 buy 6 at 0.55")


async def test_leg_a_without_an_answer_is_found_in_the_venues_list() -> None:
    stage = Rehearsal()
    stage.venue.script("submit", Fault.LOST_AFTER)
    await closed(stage, Outcome.HEDGED, *BOTH)
    assert "settled by the venue's list, all filled" in stage.story()


async def test_leg_a_that_never_arrived_is_sent_again_byte_for_byte_while_the_intent_is_fresh() -> None:
    stage = Rehearsal()
    stage.venue.script("submit", Fault.LOST_BEFORE)
    await closed(stage, Outcome.HEDGED, BOTH[0], *BOTH)
    first, again = stage.desk.submits[:2]
    assert first.ticket == again.ticket


async def test_leg_a_that_never_arrived_and_expired_is_missed_once_its_absence_is_proven() -> None:
    stage = Rehearsal()
    stage.desk.script("submit", Lost.BEFORE)  # noticed after two seconds; the intent lives for one
    before_proof = stage.look_at(3_900)
    await closed(stage, Outcome.MISSED, BOTH[0])
    assert not before_proof[0].orders[0].settled  # expiry at 1 s and three seconds of grace: absence counts from 4 s
    assert "proven never to have arrived" in stage.story()


async def test_leg_a_is_not_absent_because_a_lagging_list_lacks_it() -> None:
    stage = Rehearsal()
    stage.venue.lag_ms = 10_000
    stage.desk.script("submit", Lost.AFTER)
    await closed(stage, Outcome.HEDGED, *BOTH)


async def test_a_refused_second_copy_says_nothing_about_the_first() -> None:
    stage = Rehearsal(evidence_poll_ms=400)
    stage.venue.lag_ms = 300
    stage.venue.script("submit", Fault.LOST_AFTER, Fault.REJECT)
    await closed(stage, Outcome.HEDGED, BOTH[0], *BOTH)
    assert "this copy was refused (insufficient_balance); waiting for evidence of the first" in stage.story()


async def test_a_duplicate_answer_proves_arrival_and_evidence_gives_the_counts() -> None:
    stage = Rehearsal()
    stage.venue.lag_ms = 400
    stage.venue.script("submit", Fault.LOST_AFTER)
    await closed(stage, Outcome.HEDGED, BOTH[0], *BOTH)
    assert stage.desk.submits[1].result is not None
    assert stage.desk.submits[1].result.landed


@pytest.mark.parametrize("fault", [Fault.RESTS, Fault.WORKS])
async def test_an_order_the_venue_forgot_to_cancel_is_cancelled_and_its_counts_taken(fault: Fault) -> None:
    stage = Rehearsal()
    stage.venue.script("submit", fault)
    await closed(stage, Outcome.HEDGED, BOTH[0], "hedge B1 buy 5 at 0.55")
    assert "still working on the venue; cancelling it" in stage.story()


# ---------------------------------------------------------------------- RECHECK


@pytest.mark.parametrize(
    ("asks_b", "bids_a", "outcome", "repair"),
    [
        ("0.57", "0.38", Outcome.HEDGED, "complete B2 buy 10 at 0.57"),  # 43 cents a share by completing, 38 by selling
        ("0.63", "0.38", Outcome.UNWOUND, "unwind A2 sell 10 at 0.38"),  # 37 against 38
    ],
)
async def test_when_leg_b_moved_the_better_expected_value_within_the_budget_is_taken(
    asks_b: str, bids_a: str, outcome: Outcome, repair: str
) -> None:
    stage = Rehearsal()
    stage.book_b(asks=[(asks_b, "10")])
    stage.book_a(asks=[("0.40", "10")], bids=[(bids_a, "10")])
    await closed(stage, outcome, *BOTH, repair)
    assert "not sent (moved)" in stage.story()
    assert await stage.pnl() >= -stage.intent.policy.loss_budget


async def test_leg_b_too_late_is_not_sent_and_the_residual_is_repaired() -> None:
    stage = Rehearsal(max_leg_delay_ms=2)
    await closed(stage, Outcome.HEDGED, *BOTH, "complete B2 buy 10 at 0.55")
    assert "not sent (late)" in stage.story()


async def test_leg_b_whose_book_cannot_be_read_is_not_sent_and_the_residual_is_repaired() -> None:
    stage = Rehearsal()
    stage.venue.script("quote", Fault.UNAVAILABLE)
    await closed(stage, Outcome.HEDGED, *BOTH, "complete B2 buy 10 at 0.55")
    assert "not sent (unavailable)" in stage.story()


async def test_leg_b_refused_by_the_venue_is_not_tried_again_before_the_other_way() -> None:
    stage = Rehearsal()
    stage.venue.script("submit", None, Fault.REJECT)
    await closed(stage, Outcome.UNWOUND, *BOTH, "unwind A2 sell 10 at 0.38")


async def test_a_repair_the_venue_refuses_gives_way_to_the_other() -> None:
    stage = Rehearsal()
    stage.venue.script("submit", None, Fault.PARTIAL, Fault.REJECT)
    await closed(stage, Outcome.REDUCED, *BOTH, "complete B2 buy 5 at 0.55", "unwind A2 sell 5 at 0.38")


# ---------------------------------------------------------------------- LEG_B


async def test_a_partial_leg_b_is_completed() -> None:
    stage = Rehearsal()
    stage.venue.script("submit", None, Fault.PARTIAL)
    await closed(stage, Outcome.HEDGED, *BOTH, "complete B2 buy 5 at 0.55")


@pytest.mark.parametrize("lag_ms", [0, 700])
async def test_leg_b_without_an_answer_is_settled_by_evidence_whether_it_arrived_or_not(lag_ms: int) -> None:
    for fault in (Fault.LOST_BEFORE, Fault.LOST_AFTER):
        stage = Rehearsal()
        stage.venue.lag_ms = lag_ms
        stage.venue.script("submit", None, fault)
        record = await stage.run()
        assert record.outcome is Outcome.HEDGED
        assert set(stage.sent()) == set(BOTH)
        assert await stage.broken() == []


@pytest.mark.parametrize("lost", list(Lost))
async def test_a_worker_that_dies_over_leg_b_costs_two_seconds_and_nothing_else(lost: Lost) -> None:
    stage = Rehearsal()
    stage.desk.script("submit", None, lost)
    record = await stage.run()
    assert record.outcome is Outcome.HEDGED
    assert set(stage.sent()) == set(BOTH)
    assert await stage.broken() == []
    assert TradeState.LEG_B in stage.states_shown()


async def test_a_worker_taken_for_dead_may_send_its_copy_late_and_absence_waits_for_that() -> None:
    stage = Rehearsal()
    stage.venue.script("submit", None, Fault.PARTIAL)
    stage.desk.script("submit", None, None, Lost.FROZEN)  # the completion: its process wakes after eight seconds
    stage.unwind_at(100)  # so it is not sent again meanwhile
    await closed(stage, Outcome.HEDGED, *BOTH, "complete B2 buy 5 at 0.55")
    assert all(settlement.agrees for settlement in stage.desk.settlements)


# ---------------------------------------------------------------------- SETTLING


async def test_what_the_venue_counts_at_the_end_is_adopted_and_repaired() -> None:
    stage = Rehearsal()
    stage.venue.script("submit", Fault.MISCOUNT)  # leg A filled 10, its answer said 5
    await closed(stage, Outcome.HEDGED, BOTH[0], "hedge B1 buy 5 at 0.55", "complete B2 buy 5 at 0.55")
    assert "The venue counts 10 on A1, not 5.00; adopted." in stage.story()
    assert stage.states_shown()[-3:] == [TradeState.HEDGED, TradeState.SETTLING, TradeState.CLOSED]


async def test_a_trade_waits_for_the_fills_that_explain_its_counts() -> None:
    stage = Rehearsal()
    stage.venue.fills_lag_ms = 20_000
    waiting = stage.look_at(10_000)
    await closed(stage, Outcome.HEDGED, *BOTH)
    assert (waiting[0].state, waiting[0].outcome) == (TradeState.HEDGED, None)


async def test_a_settlement_whose_answer_is_lost_is_asked_for_again_and_booked_once() -> None:
    stage = Rehearsal()
    stage.desk.script("settle", Lost.AFTER, Lost.BEFORE)
    await closed(stage, Outcome.HEDGED, *BOTH)


async def test_an_answer_that_overstates_is_held_against_the_list_before_anything_is_given_back() -> None:
    stage = Rehearsal()
    stage.book_b(bids=[("0.70", "10")])
    stage.book_a(asks=[("0.40", "10")], bids=[("0.38", "10")])
    original: Any = stage.desk.submit

    async def overstated(ticket: Any, guard: Any, opening: Any) -> Any:
        result = await original(ticket, guard, opening)
        return replace(result, filled=D(10)) if ticket.attempt == 1 and ticket.leg == "A" else result

    stage.desk.submit = overstated  # type: ignore[method-assign]
    stage.venue.script("submit", Fault.PARTIAL)  # 5 filled, 10 told
    await closed(stage, Outcome.UNWOUND, *BOTH, "unwind A2 sell 5 at 0.38")


async def test_dust_is_left_and_named() -> None:
    stage = Rehearsal(size="0.50", dust=D("0.40"))
    stage.venue.script("submit", None, Fault.PARTIAL)
    await closed(stage, Outcome.HEDGED, "open A1 buy 0.5 at 0.40", "hedge B1 buy 0.5 at 0.55")
    assert "0.25 shares stand alone and are left as they are." in stage.story()


async def test_dust_without_a_hedge_is_a_residual_not_a_missed_trade() -> None:
    stage = Rehearsal(size="0.50", dust=D("0.40"))
    stage.venue.script("submit", Fault.PARTIAL, Fault.REJECT)
    await closed(stage, Outcome.RESIDUAL, "open A1 buy 0.5 at 0.40", "hedge B1 buy 0.25 at 0.55")


# ---------------------------------------------------------------------- the desk's own promises


async def test_the_fake_desk_refuses_two_tickets_under_one_id_and_orders_after_the_close() -> None:
    stage = Rehearsal()
    await stage.run()
    first = stage.desk.submits[0]
    with pytest.raises(Broken, match="after the trade had closed"):
        await stage.desk.submit(first.ticket, first.guard, None)
    stage.desk.settlements.clear()
    with pytest.raises(Broken, match="two tickets"):
        await stage.desk.submit(replace(first.ticket, limit=D("0.41")), first.guard, None)
