"""Orders as activities: obstacles are denied in words before anything leaves; a lost ledger strands no leg."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.orders import OrderActivities
from domain.errors import BadInput, Denied, Halted, Unavailable
from domain.evidence import OrderEvidence, OrderStatus
from domain.halt import Halt, Rule, Scope
from domain.intent import Intent
from domain.market import MarketSpec, Venue
from domain.orders import Guard, OrderTicket, Purpose, Side, SubmitResult, Verdict
from domain.requests import CancelRequest, EvidenceRequest, QuoteRequest, SubmitRequest
from domain.validation import Obstacle
from ledger.memory import MemoryLedger
from tests.ledger.samples import RUN_ID, SECOND, START, A, B, D, intent, ticket
from venues.fake import FakeVenue, Fault

PLANNED = intent()
FAR = 2**62


class Desk:
    """Activities on a venue and a ledger in memory; `now` stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = START
        specs = {m: MarketSpec(Venue.KALSHI, m, "GAME", m, PLANNED.legs[0].fees) for m in (A, B)}
        self.venue = FakeVenue(lambda: self.now, specs)
        self.venue.set_book(A, bids=[("0.38", "10")], asks=[("0.40", "10")])
        self.venue.set_book(B, bids=[("0.53", "10")], asks=[("0.55", "10")])
        self.ledger = MemoryLedger()
        self.observed: list[tuple[str, Verdict, bool, int]] = []
        self.activities = OrderActivities(
            {Venue.KALSHI: self.venue}, self.ledger, RUN_ID, lambda: self.now, self._observe
        )

    def _observe(self, sent: OrderTicket, result: SubmitResult, opening: Intent | None, at: int) -> None:
        self.observed.append((sent.leg, result.verdict, opening is not None, at))

    async def submit(self, what: OrderTicket, guard: Guard | None = None, of: Intent | None = None) -> SubmitResult:
        request = SubmitRequest(ticket=what, guard=guard or Guard(not_after=FAR), opening=of)
        result: SubmitResult = await ActivityEnvironment().run(self.activities.submit_order, request)
        return result

    async def open(self, of: Intent = PLANNED) -> SubmitResult:
        return await self.submit(ticket(of), Guard(not_after=of.expires_at), of)


@pytest.fixture
def desk() -> Desk:
    return Desk()


HEDGE = ticket(PLANNED, "B", purpose=Purpose.HEDGE)
RECHECK = Guard(not_after=FAR, recheck=True, max_quote_age_ms=500, min_depth=D(10))


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
    desk.venue.money = D("14.99")
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


# ---------------------------------------------------------------------- the ledger away


class _Away(MemoryLedger):
    def __init__(self, failure: Exception) -> None:
        super().__init__()
        self.failure = failure

    async def begin_order(self, *args: Any, order_id: str = "") -> int:
        raise self.failure

    async def finish_order(self, *args: Any) -> None:
        raise self.failure


@pytest.mark.parametrize("failure", [Unavailable("Postgres is gone", "ledger_unavailable"), BadInput("no such table")])
async def test_without_a_ledger_leg_a_is_denied_and_leg_b_goes_out_all_the_same(failure: Exception) -> None:
    desk = Desk()
    desk.activities = OrderActivities({Venue.KALSHI: desk.venue}, _Away(failure), RUN_ID, lambda: desk.now)
    refused = await desk.open()
    assert (refused.verdict, refused.sent) == (Verdict.DENIED, False)
    assert str(failure) in refused.detail
    assert not desk.venue.arrivals
    assert (await desk.submit(HEDGE, RECHECK)).verdict is Verdict.ACCEPTED


async def test_a_ledger_that_hangs_denies_leg_a_since_no_halt_can_be_ruled_out(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.orders._ENTRY_PATIENCE_S", 0.02)

    async def hang(*args: Any, order_id: str = "") -> int:
        await asyncio.Event().wait()
        return 0

    desk.ledger.begin_order = hang  # type: ignore[method-assign]
    result = await desk.open()
    assert (result.verdict, result.code, result.sent) == (Verdict.DENIED, "ledger_unavailable", False)
    assert "no halt can be ruled out" in result.detail
    assert not desk.venue.arrivals


async def test_an_opening_order_without_its_intent_is_denied_since_no_halt_can_be_matched(desk: Desk) -> None:
    result = await desk.submit(ticket(PLANNED))
    assert (result.verdict, result.code, result.sent) == (Verdict.DENIED, "no_intent", False)
    assert not desk.venue.arrivals


# ---------------------------------------------------------------------- halts


class _Refusing(MemoryLedger):
    """A ledger whose capital check refuses every opening."""

    def __init__(self, refusal: Exception) -> None:
        super().__init__()
        self.refusal = refusal

    async def begin_order(
        self, run_id: str, intent: Intent | None, ticket: OrderTicket, body: bytes, at: int, *, order_id: str = ""
    ) -> int:
        if intent is not None:
            raise self.refusal
        return await super().begin_order(run_id, intent, ticket, body, at, order_id=order_id)


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (Halted("h-1: everything halted by Ada (operator): storm", "halted"), "halted"),
        (Halted("h-1: everything halted by Ada (operator): storm"), "halted"),
        (Denied("$12 free at kalshi, the trade may need $15", "above_balance"), "above_balance"),
    ],
)
async def test_what_the_ledger_refuses_to_open_is_denied_in_its_words(refusal: Exception, code: str) -> None:
    desk = Desk()
    desk.activities = OrderActivities({Venue.KALSHI: desk.venue}, _Refusing(refusal), RUN_ID, lambda: desk.now)
    result = await desk.open()
    assert (result.verdict, result.code, result.detail) == (Verdict.DENIED, code, str(refusal))
    assert not desk.venue.arrivals


@pytest.mark.parametrize("purpose", [purpose for purpose in Purpose if not purpose.entry])
async def test_what_closes_or_bounds_an_open_trade_passes_every_halt(desk: Desk, purpose: Purpose) -> None:
    await desk.ledger.set_halt(Halt("h-1", Scope.ALL, "", Rule.OPERATOR, "Ada", "storm", START))
    side = Side.SELL if purpose is Purpose.UNWIND else Side.BUY
    closing = ticket(PLANNED, "B", purpose=purpose, side=side, limit="0.53" if side is Side.SELL else "0.55")
    assert (await desk.submit(closing)).verdict is not Verdict.DENIED
    await ActivityEnvironment().run(desk.activities.cancel_order, CancelRequest(closing, "o-1"))


@pytest.mark.parametrize(
    ("scope", "target"),
    [
        (Scope.ALL, ""),
        (Scope.VENUE, "kalshi"),
        (Scope.MARKET, B),
        (Scope.MARKET, f"kalshi/{B}"),
        (Scope.STRATEGY, "pair"),
    ],
)
async def test_a_halt_that_covers_any_leg_denies_leg_a(desk: Desk, scope: Scope, target: str) -> None:
    await desk.ledger.set_halt(Halt("h-1", scope, target, Rule.OPERATOR, "Ada", "storm", START))
    result = await desk.open()
    assert (result.verdict, result.code, result.sent) == (Verdict.DENIED, "halted", False)
    assert "Ada" in result.detail
    assert not desk.venue.arrivals


async def test_a_halt_elsewhere_stops_nothing(desk: Desk) -> None:
    await desk.ledger.set_halt(Halt("h-1", Scope.MARKET, "OTHER", Rule.OPERATOR, "Ada", "storm", START))
    assert (await desk.open()).verdict is Verdict.ACCEPTED


async def test_a_ledger_that_hangs_does_not_hold_leg_b(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("activities.orders._LEDGER_PATIENCE_S", 0.02)

    async def hang(*args: Any, order_id: str = "") -> int:
        await asyncio.Event().wait()
        return 0

    desk.ledger.begin_order = hang  # type: ignore[method-assign]
    assert (await desk.submit(HEDGE, RECHECK)).verdict is Verdict.ACCEPTED


async def test_a_body_the_wire_cannot_carry_is_denied(desk: Desk) -> None:
    def refuse(what: OrderTicket) -> bytes:
        raise Denied("price 0.5551 cannot be written", "off_tick")

    desk.venue.body = refuse  # type: ignore[method-assign]
    result = await desk.submit(HEDGE)
    assert (result.verdict, result.code, result.sent) == (Verdict.DENIED, "off_tick", False)


# ---------------------------------------------------------------------- questions


async def test_every_word_of_the_venue_on_an_order_is_observed_with_the_time_it_came(desk: Desk) -> None:
    heard: list[tuple[str, OrderEvidence, int]] = []
    desk.activities = OrderActivities(
        {Venue.KALSHI: desk.venue},
        desk.ledger,
        RUN_ID,
        lambda: desk.now,
        answered=lambda request, evidence, at: heard.append((request.ticket.leg, evidence, at)),
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
        {Venue.KALSHI: desk.venue}, desk.ledger, RUN_ID, lambda: desk.now, permits=missing
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
