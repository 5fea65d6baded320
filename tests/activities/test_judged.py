"""Whatever venue answers, what cannot be true of what was signed does not get into a trade's history as it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.positions import PositionActivities
from domain.evidence import ForeignOrder, OrderEvidence, Resolution
from domain.market import Venue
from domain.orders import Purpose, Quote, SubmitResult, Verdict
from domain.requests import (
    EvidenceRequest,
    LookUpRequest,
    Position,
    PositionRequest,
    QuoteRequest,
    ResolutionRequest,
)
from tests.activities.ordering import HEDGE, PLANNED, RECHECK, Desk
from tests.ledger.samples import START, A, B, D, intent

RED_UNTIL = START * 3


@pytest.fixture
def desk() -> Desk:
    return Desk()


def bend(desk: Desk, call: str, how: Callable[[Any], Any]) -> None:
    """The venue says something else than the truth in every answer to that call."""
    real = getattr(desk.venue, call)

    async def bent(*asked: Any, **named: Any) -> Any:
        return how(await real(*asked, **named))

    setattr(desk.venue, call, bent)


async def evidence(desk: Desk) -> OrderEvidence:
    request = EvidenceRequest(HEDGE, None, desk.now, 0)
    found: OrderEvidence = await ActivityEnvironment().run(desk.activities.find_evidence, request)
    return found


async def test_an_answer_of_more_than_was_signed_for_is_open_and_landed_and_the_ledger_knows_no_count(
    desk: Desk,
) -> None:
    bend(desk, "submit", lambda said: replace(said, filled=said.filled * 5, paid=said.paid * 5))
    result: SubmitResult = await desk.submit(HEDGE)
    assert (result.verdict, result.code, result.landed, result.filled) == (Verdict.UNKNOWN, "beyond_signed", True, 0)
    assert "filled 50" in result.detail
    facts = await desk.ledger.order_outcome(HEDGE.client_order_id)
    assert facts is not None
    assert (facts.verdict, facts.filled) == (Verdict.UNKNOWN, 0)
    assert desk.observed[-1][1] is Verdict.UNKNOWN


@pytest.mark.parametrize(
    "changes",
    [
        {"filled": D(-5)},
        {"filled": D("NaN")},
        {"remaining": D("-Infinity")},
        {"average_price": D("1.7")},
        {"fees_paid": D(-100)},
    ],
)
async def test_an_answer_that_cannot_be_is_open(desk: Desk, changes: dict[str, Any]) -> None:
    bend(desk, "submit", lambda said: replace(said, **changes))
    result = await desk.submit(HEDGE)
    assert (result.verdict, result.code, result.filled) == (Verdict.UNKNOWN, "impossible", 0)


async def test_evidence_of_more_than_was_signed_for_is_marked(desk: Desk) -> None:
    await desk.submit(HEDGE)
    assert not (await evidence(desk)).beyond
    bend(desk, "evidence", lambda said: replace(said, filled=said.filled * 5))
    seen = await evidence(desk)
    assert (seen.beyond, seen.filled) == (True, 50)


@pytest.mark.parametrize(
    "how",
    [
        lambda said: replace(said, filled=D(-10)),
        lambda said: replace(said, client_order_id="somebody-elses"),
        lambda said: replace(said, fills=tuple(replace(f, side=f.side.opposite) for f in said.fills)),
        lambda said: replace(said, fills=tuple(replace(f, market=A) for f in said.fills)),
        lambda said: replace(said, fills=tuple(replace(f, at=RED_UNTIL) for f in said.fills)),
    ],
)
async def test_evidence_that_cannot_be_is_asked_for_again(desk: Desk, how: Callable[[Any], Any]) -> None:
    await desk.submit(HEDGE)
    bend(desk, "evidence", how)
    with pytest.raises(ApplicationError, match="cannot be true") as told:
        await evidence(desk)
    assert told.value.type == "Unavailable"


async def test_a_book_that_cannot_be_is_neither_acted_on_nor_handed_on(desk: Desk) -> None:
    bend(desk, "quote", lambda said: replace(said, asks=((D("-0.5"), D(100)),)))
    result = await desk.submit(HEDGE, RECHECK)
    assert (result.verdict, result.sent) == (Verdict.DENIED, False)
    with pytest.raises(ApplicationError, match="cannot be true"):
        await ActivityEnvironment().run(desk.activities.take_quote, QuoteRequest(Venue.KALSHI, B))
    bend(desk, "quote", lambda said: Quote("another", (), (), said.asked_at, said.answered_at))
    with pytest.raises(ApplicationError, match="another"):
        await ActivityEnvironment().run(desk.activities.take_quote, QuoteRequest(Venue.KALSHI, B))


async def test_a_payout_and_an_order_looked_up_are_judged_too(desk: Desk) -> None:
    positions = PositionActivities({Venue.KALSHI: desk.venue}, desk.ledger)
    desk.venue.payouts[B] = Resolution(B, D(100), desk.now)  # cents for dollars
    with pytest.raises(ApplicationError, match="cannot be true"):
        await ActivityEnvironment().run(positions.read_resolution, ResolutionRequest(Venue.KALSHI, B))
    placed = desk.venue.place_by_hand(A, HEDGE.side, "3", "0.40")

    def doubled(found: ForeignOrder) -> ForeignOrder:
        return replace(found, size=-found.size)

    bend(desk, "look_up", doubled)
    request = LookUpRequest(Venue.KALSHI, placed.order_id, PLANNED.id)
    answer = await ActivityEnvironment().run(positions.look_up_order, request)
    assert answer.order is None
    assert "cannot be true" in answer.refusal
    assert placed.ticket.purpose is Purpose.ADOPTED


async def test_a_position_is_told_with_whose_it_is(desk: Desk) -> None:
    desk.venue.set_book(A, asks=[("0.40", "100")])
    mine, other = intent(), intent(7)
    positions = PositionActivities({Venue.KALSHI: desk.venue}, desk.ledger, lambda: desk.now)
    await desk.open(mine)
    await desk.open(other)
    desk.venue.place_by_hand(A, HEDGE.side, "3", "0.40")
    request = PositionRequest(Venue.KALSHI, A, mine.id)
    told = await ActivityEnvironment().run(positions.read_position, request)
    assert told == Position(Venue.KALSHI, A, account=D(23), own=D(10), others=D(10), at=desk.now)
    assert told.left == 13


async def test_a_position_that_cannot_be_read_is_asked_for_again(desk: Desk) -> None:
    positions = PositionActivities({Venue.KALSHI: desk.venue}, desk.ledger)
    bend(desk, "account", lambda said: replace(said, positions={A: D("NaN")}))
    with pytest.raises(ApplicationError, match="position"):
        await ActivityEnvironment().run(positions.read_position, PositionRequest(Venue.KALSHI, A, PLANNED.id))
