"""Orders as activities: obstacles are denied in words before anything leaves, and no book is trusted for long."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.authority import Anybody
from activities.orders import OrderActivities
from domain.evidence import OrderEvidence, OrderStatus
from domain.intent import Intent
from domain.market import Venue
from domain.orders import Guard, OrderTicket, Purpose, Side, SubmitResult, Verdict
from domain.requests import CancelRequest, EvidenceRequest, QuoteRequest
from domain.validation import Obstacle
from testing.venue import Fault
from tests.activities.ordering import HEDGE, PLANNED, RECHECK, Desk
from tests.ledger.samples import RUN_ID, SECOND, START, B, D, ticket


@pytest.fixture
def desk() -> Desk:
    return Desk()


# ---------------------------------------------------------------------- obstacles


def _leg_b(**changes: Any) -> Intent:
    return replace(PLANNED, legs=(PLANNED.legs[0], replace(PLANNED.legs[1], **changes)))


def _expire(desk: Desk) -> Intent:
    desk.now = PLANNED.expires_at + 12_000
    return PLANNED


def _raise_minimum(desk: Desk) -> Intent:
    desk.venue.specs[B] = replace(desk.venue.specs[B], min_size=D(25))
    return PLANNED


def _spend(desk: Desk) -> Intent:
    desk.venue.purse.money = D("14.99")
    return PLANNED


def _close_b(desk: Desk) -> Intent:
    desk.venue.specs[B] = replace(desk.venue.specs[B], open=False)
    return PLANNED


def _forget_b(desk: Desk) -> Intent:
    del desk.venue.specs[B]
    return PLANNED


@pytest.mark.parametrize(
    ("arrange", "code", "words"),
    [
        (_expire, "expired", "the intent expired 12 ms ago"),
        (_raise_minimum, "below_minimum", "leg B: 10 shares of GAME-BBB is below the venue's minimum of 25"),
        (lambda desk: _leg_b(limit=D("0.5551")), "off_tick", "off the 0.01 grid of GAME-BBB; nearest 0.56"),
        (lambda desk: _leg_b(size=D("10.005")), "off_lot", "leg B: 10.005 shares of GAME-BBB is no multiple of 0.01"),
        (_spend, "above_balance", "the account at kalshi has $14.99 free; lower strategy.max_size or add funds"),
        (_close_b, "market_closed", "GAME-BBB is not open for trading"),
        (_forget_b, "unknown_market", "GAME-BBB is not a market of kalshi; check the ticker"),
    ],
)
async def test_an_obstacle_on_any_leg_denies_leg_a_in_words_and_nothing_leaves(
    desk: Desk, arrange: Callable[[Desk], Intent], code: str, words: str
) -> None:
    of = arrange(desk)
    result = await desk.open(of)
    assert (result.verdict, result.code, result.sent) == (Verdict.DENIED, code, False)
    assert words in result.detail
    assert not desk.venue.arrivals
    assert not desk.observed
    facts = await desk.ledger.order_outcome(ticket(of).client_order_id)
    assert facts is not None
    assert (facts.verdict, facts.sends, facts.settled) == (Verdict.DENIED, 0, True)


@pytest.mark.parametrize("call", ["market", "cash"])
async def test_leg_a_is_denied_while_the_venue_cannot_be_asked_about_obstacles(desk: Desk, call: str) -> None:
    desk.venue.script(call, Fault.UNAVAILABLE)
    result = await desk.open()
    assert (result.verdict, result.code) == (Verdict.DENIED, "unavailable")
    assert not desk.venue.arrivals


# ---------------------------------------------------------------------- sending


async def test_the_bytes_are_in_the_ledger_before_they_leave_and_the_answer_after(desk: Desk) -> None:
    sends_as_it_left: list[int] = []
    submit = desk.venue.submit

    async def watched(what: OrderTicket) -> SubmitResult:
        facts = await desk.ledger.order_outcome(what.client_order_id)
        sends_as_it_left.append(facts.sends if facts else 0)
        return await submit(what)

    desk.venue.submit = watched  # type: ignore[method-assign]
    result = await desk.open()
    assert (result.verdict, result.filled) == (Verdict.ACCEPTED, D(10))
    assert sends_as_it_left == [1]
    facts = await desk.ledger.order_outcome(ticket(PLANNED).client_order_id)
    assert facts is not None
    assert (facts.verdict, facts.filled, facts.order_id) == (Verdict.ACCEPTED, D(10), result.order_id)
    assert desk.observed == [("A", Verdict.ACCEPTED, True, START)]


async def test_the_same_order_twice_is_one_order_and_the_second_answer_says_it_landed(desk: Desk) -> None:
    await desk.open()
    again = await desk.open()
    assert (again.verdict, again.landed, again.code) == (Verdict.UNKNOWN, True, "order_already_exists")
    assert [(a.times, len(a.sha256)) for a in desk.venue.arrivals.values()] == [(2, 1)]
    assert len((await desk.venue.account()).fills) == 1


async def test_an_opening_waits_for_hedges_and_nothing_else_does(desk: Desk) -> None:
    desk.busy = "9 trades are under way; limit 8"
    result = await desk.open()
    assert (result.verdict, result.code, result.sent) == (Verdict.DENIED, "busy", False)
    assert result.detail == "9 trades are under way; limit 8; nothing was sent"
    assert not desk.venue.arrivals
    assert (await desk.submit(HEDGE)).verdict is Verdict.ACCEPTED


async def test_an_order_past_its_moment_is_denied_as_late(desk: Desk) -> None:
    result = await desk.submit(HEDGE, Guard(not_after=START - 7_000))
    assert (result.verdict, result.code) == (Verdict.DENIED, "late")
    assert "7 ms past the last moment" in result.detail
    assert not desk.venue.arrivals


async def test_other_bytes_under_a_known_id_are_denied_by_the_ledger(desk: Desk) -> None:
    await desk.submit(HEDGE)
    result = await desk.submit(replace(HEDGE, limit=D("0.56")))
    assert (result.verdict, result.code) == (Verdict.DENIED, "different_bytes")
    assert [arrival.times for arrival in desk.venue.arrivals.values()] == [1]


# ---------------------------------------------------------------------- recheck


async def test_leg_b_goes_out_in_the_step_that_saw_its_book(desk: Desk) -> None:
    result = await desk.submit(HEDGE, RECHECK)
    assert (result.verdict, result.filled) == (Verdict.ACCEPTED, D(10))
    assert result.quote is not None
    assert result.quote.asks == ((D("0.55"), D(10)),)


@pytest.mark.parametrize(
    ("bids", "asks", "code", "words"),
    [
        ([], [("0.56", "10")], "moved", "0 shares at 0.55 or better, needed 10 (best 0.56)"),
        ([], [("0.55", "9")], "moved", "9 shares at 0.55 or better, needed 10"),
        ([], [], "moved", "(no offers)"),
        ([("0.55", "1")], [("0.55", "10")], "crossed", "the book is crossed (0.55 bid, 0.55 asked)"),
    ],
)
async def test_leg_b_is_not_sent_into_a_book_that_moved_thinned_or_crossed_and_the_book_is_told(
    desk: Desk, bids: list[tuple[str, str]], asks: list[tuple[str, str]], code: str, words: str
) -> None:
    desk.venue.set_book(B, bids, asks)
    result = await desk.submit(HEDGE, RECHECK)
    assert (result.verdict, result.code) == (Verdict.DENIED, code)
    assert words in result.detail
    assert result.quote is not None
    assert not desk.venue.arrivals


async def test_leg_b_is_not_sent_on_a_book_that_took_too_long_to_read(desk: Desk) -> None:
    take = desk.venue.quote

    async def slowly(market: str) -> Any:
        return replace(await take(market), asked_at=START - SECOND)

    desk.venue.quote = slowly  # type: ignore[method-assign]
    result = await desk.submit(HEDGE, RECHECK)
    assert (result.verdict, result.code) == (Verdict.DENIED, "stale")
    assert "took 1000 ms to read, allowed 500" in result.detail


async def test_a_sale_is_rechecked_against_the_bids(desk: Desk) -> None:
    sale = ticket(PLANNED, "A", 2, purpose=Purpose.UNWIND, side=Side.SELL, limit="0.38")
    assert (await desk.submit(sale, RECHECK)).verdict is Verdict.ACCEPTED


# ---------------------------------------------------------------------- questions


async def test_every_word_of_the_venue_on_an_order_is_observed_with_the_time_it_came(desk: Desk) -> None:
    heard: list[tuple[str, OrderEvidence, int]] = []
    desk.activities = OrderActivities(
        {Venue.KALSHI: desk.venue},
        desk.ledger,
        RUN_ID,
        lambda: desk.now,
        answered=lambda request, evidence, at: heard.append((request.ticket.leg, evidence, at)),
        authority=Anybody(),
    )
    await ActivityEnvironment().run(desk.activities.find_evidence, EvidenceRequest(HEDGE, None, START, 0))
    ((leg, evidence, at),) = heard
    assert (leg, evidence.status, at) == ("B", OrderStatus.ABSENT, START)


async def test_questions_are_answered_by_the_venue_and_fail_in_a_way_that_is_asked_again(desk: Desk) -> None:
    env, ask = ActivityEnvironment(), EvidenceRequest(HEDGE, None, START, 0)
    assert (await env.run(desk.activities.find_evidence, ask)).status is OrderStatus.ABSENT
    assert (await env.run(desk.activities.take_quote, QuoteRequest("kalshi", B))).asks == ((D("0.55"), D(10)),)
    await env.run(desk.activities.cancel_order, CancelRequest(HEDGE, "o-1"))
    for call in ("evidence", "quote", "cancel"):
        desk.venue.script(call, Fault.UNAVAILABLE)
    for question, request in (
        (desk.activities.find_evidence, ask),
        (desk.activities.take_quote, QuoteRequest("kalshi", B)),
        (desk.activities.cancel_order, CancelRequest(HEDGE, "o-1")),
    ):
        with pytest.raises(ApplicationError) as failure:
            await env.run(question, request)
        assert failure.value.type == "Unavailable"
        assert not failure.value.non_retryable


# ---------------------------------------------------------------------- what accounts forbid


async def test_an_allowance_missing_on_the_second_leg_keeps_the_first_from_being_sent(desk: Desk) -> None:
    async def missing(of: Intent) -> list[Obstacle]:
        return [Obstacle("no_allowance", f"{of.legs[1].market} may not be moved; approve it")]

    desk.activities = OrderActivities(
        {Venue.KALSHI: desk.venue}, desk.ledger, RUN_ID, lambda: desk.now, permits=missing, authority=Anybody()
    )
    result = await desk.open()
    assert (result.verdict, result.code) == (Verdict.DENIED, "no_allowance")
    assert not desk.venue.arrivals


async def test_an_order_worth_less_than_the_venue_takes_is_denied(desk: Desk) -> None:
    desk.venue.specs[B] = replace(desk.venue.specs[B], min_notional=D(6))
    result = await desk.open()
    assert (result.verdict, result.code) == (Verdict.DENIED, "below_notional")
    assert "$5.50" in result.detail
    assert not desk.venue.arrivals
