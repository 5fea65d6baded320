"""What a trade believes of an order, and what revokes it: evidence outranks inference, always, and it ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from domain.evidence import Fill, FillStatus, OrderEvidence, OrderStatus
from domain.operator import Action
from domain.orders import OrderTicket, SubmitResult, Verdict
from domain.trade import Outcome, TradeState
from testing.venue import Fault
from tests.ledger.samples import A, B, D
from tests.workflows.rehearsal import BOTH, Rehearsal, closed
from workflows.orders import MOST_COPIES, SAME_REFUSALS

OPEN = BOTH[0]
HEDGE = BOTH[1]
GIVEN_BACK = "unwind A2 sell 10 at 0.38"


def answered(stage: Rehearsal, leg: str, answer: Callable[[OrderTicket], SubmitResult], attempt: int = 1) -> list[int]:
    """Orders of a leg are answered like that, and never arrive. The times at which a copy was sent."""
    honest, sent = stage.venue.submit, []

    async def submit(ticket: OrderTicket) -> SubmitResult:
        if ticket.leg != leg or ticket.attempt > attempt:
            return await honest(ticket)
        sent.append(stage.desk.now())
        return replace(answer(ticket), at=stage.desk.now())

    stage.venue.submit = submit  # type: ignore[method-assign]
    return sent


def absent_after(stage: Rehearsal, leg: str, quiet_ms: int) -> None:
    """The venue's list proves absence only so long after the last copy."""
    honest = stage.venue.evidence

    async def evidence(
        ticket: OrderTicket, *, order_id: str | None = None, sent_at: int = 0, grace_ms: int = 0
    ) -> OrderEvidence:
        if ticket.leg != leg or ticket.attempt > 1:
            return await honest(ticket, order_id=order_id, sent_at=sent_at, grace_ms=grace_ms)
        quiet = stage.desk.now() - sent_at >= quiet_ms * 1000
        return OrderEvidence(ticket.client_order_id, OrderStatus.ABSENT if quiet else OrderStatus.UNSEEN)

    stage.venue.evidence = evidence  # type: ignore[method-assign]


def no_order_in_it(ticket: OrderTicket) -> SubmitResult:
    return SubmitResult(Verdict.UNKNOWN, "unparseable", "a 201 without an order", landed=True)


def duplicate(ticket: OrderTicket) -> SubmitResult:
    return SubmitResult(Verdict.UNKNOWN, "order_already_exists", "an earlier copy arrived", landed=True)


def unknown_words(ticket: OrderTicket) -> SubmitResult:
    return SubmitResult(Verdict.UNKNOWN, "undocumented_refusal_400", "maker address not allowed")


def nothing(ticket: OrderTicket) -> SubmitResult:
    return SubmitResult(Verdict.UNKNOWN, "timeout", "no answer")


async def test_proven_absence_revokes_an_arrival_that_was_only_inferred() -> None:
    stage = Rehearsal()
    answered(stage, "B", no_order_in_it)
    await closed(stage, Outcome.UNWOUND, OPEN, *[HEDGE] * SAME_REFUSALS, GIVEN_BACK)
    unwound = next(s.decided_at for s in stage.desk.submits if s.ticket.purpose == "unwind")
    assert unwound - stage.intent.decided_at < 60_000_000
    assert "the venue's list proves there is none" in stage.story()


@pytest.mark.parametrize("word", [Action.UNWIND, Action.ACCEPT])
async def test_an_arrival_that_the_venue_told_of_is_revoked_by_a_person_once_its_absence_is_proven(
    word: Action,
) -> None:
    stage = Rehearsal()
    answered(stage, "B", duplicate)
    before = stage.look_at(590_000)
    stage.ask_at(600_000, word)
    record = await stage.run()
    assert before[0].state is TradeState.LEG_B  # absence alone does not outrank the venue's word
    assert record.outcome is (Outcome.UNWOUND if word is Action.UNWIND else Outcome.RESIDUAL)
    assert await stage.broken() == []


async def test_equal_refusals_in_unknown_words_and_proven_absence_are_a_refusal() -> None:
    stage = Rehearsal()
    sent = answered(stage, "B", unknown_words, attempt=99)
    absent_after(stage, "B", 60_000)
    record = await stage.run()
    assert record.outcome is Outcome.UNWOUND, stage.story()
    assert len(sent) == SAME_REFUSALS
    assert GIVEN_BACK in stage.sent()
    assert f"answered {SAME_REFUSALS} times in the same words and listed nowhere: refused" in stage.story()
    unwound = next(s.decided_at for s in stage.desk.submits if s.ticket.purpose == "unwind")
    assert unwound - stage.intent.decided_at < 120_000_000
    assert await stage.broken() == []


async def test_an_order_is_sent_a_bounded_number_of_times_until_a_person_asks_again() -> None:
    stage = Rehearsal(unknown_deadline_ms=10**9)
    sent = answered(stage, "B", nothing)
    absent_after(stage, "B", 10**9)
    seen: list[int] = []
    stage.desk.at(stage.intent.decided_at + 900_000_000, lambda: seen.append(len(sent)))
    stage.ask_at(1_000_000, Action.RETRY)
    stage.ask_at(2_000_000, Action.UNWIND)
    stage.desk.at(stage.intent.decided_at + 2_100_000_000, lambda: absent_after(stage, "B", 0), message=True)
    record = await stage.run()
    assert seen == [MOST_COPIES]
    assert MOST_COPIES < len(sent) < 2 * MOST_COPIES
    assert record.outcome is Outcome.UNWOUND


async def test_a_way_that_brings_nothing_gives_way_to_the_other_however_politely_the_venue_says_so() -> None:
    stage = Rehearsal()
    honest, tried = stage.venue.submit, []

    async def submit(ticket: OrderTicket) -> SubmitResult:
        if ticket.leg != "B":
            return await honest(ticket)
        tried.append(ticket)
        return SubmitResult(Verdict.ACCEPTED, order_id=f"o-{ticket.attempt}b", at=stage.desk.now())

    async def evidence(ticket: OrderTicket, **asked: object) -> OrderEvidence:
        if ticket.leg == "B":
            return OrderEvidence(ticket.client_order_id, OrderStatus.DONE, f"o-{ticket.attempt}b")
        return await listed(ticket, **asked)  # type: ignore[arg-type]

    listed = stage.venue.evidence
    stage.venue.submit, stage.venue.evidence = submit, evidence  # type: ignore[method-assign]
    record = await stage.run()
    assert record.outcome is Outcome.UNWOUND, stage.story()
    assert len(tried) < 6


async def test_a_leg_whose_purchases_are_voided_each_time_is_given_up_for_the_other_way() -> None:
    def word(fill: Fill) -> tuple[int, FillStatus]:
        return (5_000, FillStatus.VOID if fill.market == B else FillStatus.FINAL)

    stage = Rehearsal(word=word)
    stage.book_a(bids=[("0.38", "500")], asks=[("0.40", "50")])
    stage.book_b(bids=[("0.53", "500")], asks=[("0.55", "500")])
    record = await stage.run()
    assert record.outcome is Outcome.UNWOUND, stage.story()
    assert len(stage.sent()) < 8
    assert (await stage.venue.account()).positions.get(A, D(0)) == 0


async def test_what_an_answer_of_averages_cost_is_asked_for_before_a_repair_weighs_it() -> None:
    """Bought at 0.30 of a limit of 0.40: at the limit, giving back would look dearer than it is."""
    stage = Rehearsal(loss_budget=D("0"))
    stage.venue.averages = True
    stage.book_a(bids=[("0.38", "50")], asks=[("0.30", "50")])
    stage.venue.script("submit", None, Fault.REJECT, Fault.REJECT)
    stage.book_b(bids=[("0.85", "50")], asks=[("0.90", "50")])
    record = await stage.run()
    assert record.outcome is Outcome.UNWOUND, stage.story()
    assert record.pnl > 0
    assert TradeState.STUCK not in stage.states_shown()
