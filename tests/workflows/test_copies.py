"""Copies of one order: absence counts from the last moment at which any of them may still leave or be under way."""

from __future__ import annotations

import pytest

from domain.orders import Purpose, SubmitResult
from domain.trade import Outcome
from testing.desk import Lost
from testing.venue import Fault
from tests.ledger.samples import DENIED, REJECTED, RUN_ID, START, UNKNOWN, D, intent, ticket
from tests.workflows.rehearsal import BOTH, MS, Rehearsal, closed
from workflows.orders import Order


def look_at(stage: Rehearsal, ms: int) -> None:
    """A message wakes the trade, which asks for evidence again."""
    stage.desk.at(START + ms * MS, lambda: None, message=True)


async def test_absence_waits_for_the_deadline_of_a_copy_that_was_sent_again() -> None:
    """The third copy of a completion is taken for dead and leaves eight seconds later: after the first copy's own
    deadline, before its own."""
    stage = Rehearsal(absence_grace_ms=100)
    stage.venue.script("submit", None, Fault.PARTIAL)
    stage.desk.script("submit", None, None, Lost.BEFORE, Lost.BEFORE, Lost.FROZEN)
    stage.unwind_at(4_600)  # so it is not sent a fourth time
    look_at(stage, 10_500)
    await closed(stage, Outcome.HEDGED, *BOTH, *["complete B2 buy 5 at 0.55"] * 3)
    first, _, third = (submit for submit in stage.desk.submits if submit.ticket.purpose is Purpose.COMPLETE)
    assert third.guard.not_after > first.guard.not_after + 4_000 * MS  # else this shows nothing


async def test_absence_waits_its_grace_from_the_moment_an_answer_was_given_up() -> None:
    """Leg A may leave within a second; whoever carries it is given up after two, and its bytes are under way for up to
    the grace of three more."""
    stage = Rehearsal(absence_grace_ms=3_000)
    stage.desk.script("submit", Lost.BEFORE)
    look_at(stage, 4_200)

    async def leaves_late() -> None:
        opening = stage.desk.submits[0].ticket
        sent = (await stage.venue.prepare(opening)).body
        await stage.ledger.begin_order(RUN_ID, stage.intent, opening, sent, START)  # before its bytes leave
        await stage.venue.submit(opening)

    stage.desk.at(START + 4_500 * MS, leaves_late)
    await closed(stage, Outcome.HEDGED, *BOTH)


@pytest.mark.parametrize(
    ("result", "filled", "may"),
    [
        (None, 0, True),  # not answered yet
        (UNKNOWN, 0, True),
        (DENIED, 0, False),
        (REJECTED, 0, False),
        (REJECTED, 5, True),  # it has fills: they outrank the refusal, and may be voided yet
        (DENIED, 5, True),
    ],
)
def test_only_a_refused_order_without_fills_cannot_have_filled(
    result: SubmitResult | None, filled: int, may: bool
) -> None:
    leg = intent().legs[0]
    assert Order(ticket(intent()), leg.fees, result=result, filled=D(filled)).may_have_filled is may
