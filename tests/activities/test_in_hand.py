"""Lost answers, a list that lags, a statement of freshness that does not, and fills in the ledger from the user
channel: nothing is absent, nothing is missed, and what rests is cancelled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.authority import Anybody
from activities.settlement import SettlementActivities
from domain.errors import Unavailable
from domain.evidence import Fill, FillStatus, OrderEvidence, OrderStatus
from domain.halt import Rule, Scope
from domain.market import Venue
from domain.orders import Guard, OrderTicket, Purpose, SubmitResult, TimeInForce, Verdict
from domain.requests import EvidenceRequest, Settlement, SettleRequest
from domain.trade import OrderRecord, Outcome, TradeRecord, TradeState
from tests.activities.ordering import PLANNED, Desk
from tests.ledger.samples import RUN_ID, SECOND, A, D, ticket

HOUR = 3600 * SECOND
MINUTE = 60 * SECOND
RESTING = replace(ticket(PLANNED, "A"), tif=TimeInForce.GTC)
LOST = SubmitResult(Verdict.UNKNOWN, "timeout", "no answer in time")


@pytest.fixture
def desk() -> Desk:
    return Desk()


def absent(desk: Desk) -> None:
    """The list lacks every order, and is said to be of this moment."""

    async def lies(asked: object, **named: object) -> OrderEvidence:
        return OrderEvidence(RESTING.client_order_id, OrderStatus.ABSENT, fresh_at=desk.now, at=desk.now)

    desk.venue.evidence = lies  # type: ignore[method-assign, assignment]


async def seen(desk: Desk) -> OrderEvidence:
    request = EvidenceRequest(RESTING, None, desk.now - HOUR, 0)
    found: OrderEvidence = await ActivityEnvironment().run(desk.activities.find_evidence, request)
    return found


async def opened(desk: Desk, *, told: bool = True) -> Fill:
    """Sent with four shares there, so that four fill and six rest; the user channel tells the ledger."""
    desk.venue.set_book(A, bids=[], asks=[("0.40", "4")])
    sent = await desk.submit(RESTING, Guard(not_after=PLANNED.expires_at), PLANNED)
    assert (sent.filled, sent.remaining) == (4, 6)
    fill = (await desk.venue.account()).fills[0]
    if told:
        await desk.ledger.record_fills([fill])
    return fill


async def settle(desk: Desk, order: OrderRecord) -> Settlement:
    activities = SettlementActivities(
        {Venue.KALSHI: desk.venue}, desk.ledger, RUN_ID, lambda: desk.now, authority=Anybody()
    )
    zero = D(0)
    record = TradeRecord(
        PLANNED.id, TradeState.CLOSED, Outcome.MISSED, zero, zero, zero, zero, zero, (order,), (), (), 9, desk.now
    )
    answer: Settlement = await ActivityEnvironment().run(activities.settle_trade, SettleRequest(PLANNED, record))
    return answer


async def test_an_order_whose_fill_the_ledger_holds_is_not_absent_however_fresh_the_list_says_it_is(desk: Desk) -> None:
    await opened(desk)
    absent(desk)
    assert (await seen(desk)).status is OrderStatus.UNSEEN


async def test_without_a_fill_in_hand_absence_stands(desk: Desk) -> None:
    await opened(desk, told=False)
    absent(desk)
    assert (await seen(desk)).status is OrderStatus.ABSENT


async def test_a_ledger_that_cannot_be_asked_proves_no_absence(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(intent_id: str) -> None:
        raise Unavailable("away", "ledger_unavailable")

    await opened(desk)
    absent(desk)
    monkeypatch.setattr(desk.ledger, "in_hand", away)
    assert (await seen(desk)).status is OrderStatus.UNSEEN


async def test_a_dead_order_with_fewer_fills_than_the_ledger_holds_is_asked_for_again(desk: Desk) -> None:
    fill = await opened(desk)
    await desk.ledger.record_fills([replace(fill, trade_id="another", size=D(2))])
    resting = (await desk.venue.account()).open_orders[0]
    await desk.venue.cancel(A, resting.order_id)
    with pytest.raises(ApplicationError, match="fills of 2 more"):
        await seen(desk)


def _unanswered(desk: Desk) -> OrderRecord:
    return OrderRecord(RESTING, replace(LOST, at=desk.now), settled=True, filled=D(0))


def _refused(desk: Desk) -> OrderRecord:
    return OrderRecord(RESTING, SubmitResult(Verdict.REJECTED, "no", "no", at=desk.now), settled=True, filled=D(0))


@pytest.mark.parametrize("order", [_unanswered, _refused])
async def test_no_trade_closes_as_missed_while_the_ledger_holds_its_fills(
    desk: Desk, order: Callable[[Desk], OrderRecord]
) -> None:
    await opened(desk)
    absent(desk)
    with pytest.raises(ApplicationError, match="waiting for its reads"):
        await settle(desk, order(desk))


async def test_no_trade_closes_while_the_ledger_holds_a_fill_of_an_order_it_has_forgotten(desk: Desk) -> None:
    await opened(desk)
    other = replace(RESTING, attempt=2, purpose=Purpose.HEDGE)
    order = OrderRecord(other, SubmitResult(Verdict.REJECTED, "no", "no"), settled=True, filled=D(0))
    with pytest.raises(ApplicationError, match="counts as refused"):
        await settle(desk, order)


async def test_the_same_trade_learns_of_its_fills_once_the_list_shows_them(desk: Desk) -> None:
    await opened(desk)
    resting = (await desk.venue.account()).open_orders[0]
    await desk.venue.cancel(A, resting.order_id)
    answer = await settle(desk, _unanswered(desk))
    assert not answer.agrees
    assert [one.filled for one in answer.evidence] == [4]


async def _told_too_much(desk: Desk) -> tuple[OrderRecord, Fill]:
    """Four filled and six cancelled by the venue; the user channel told of two more."""
    fill = await opened(desk)
    wrong = replace(fill, trade_id="another", size=D(2))
    await desk.ledger.record_fills([wrong])
    resting = (await desk.venue.account()).open_orders[0]
    await desk.venue.cancel(A, resting.order_id)
    return OrderRecord(RESTING, replace(LOST, at=desk.now), settled=True, filled=D(4)), wrong


async def _standing(desk: Desk) -> set[str]:
    held = (await desk.ledger.in_hand(PLANNED.id)).fills
    return {fill.trade_id for fill in held if fill.status is not FillStatus.VOID}


async def test_a_fill_that_the_complete_list_lacks_for_ten_minutes_is_void_and_halts_its_market(desk: Desk) -> None:
    order, wrong = await _told_too_much(desk)
    desk.now += 10 * MINUTE
    with pytest.raises(ApplicationError, match="fills of 2 more"):
        await settle(desk, order)
    assert not await desk.ledger.halts()
    desk.now += SECOND
    assert (await seen(desk)).filled == 4
    assert (await settle(desk, order)).agrees
    assert wrong.trade_id not in await _standing(desk)
    assert len(await _standing(desk)) == 1
    (halt,) = await desk.ledger.halts()
    assert (halt.scope, halt.target, halt.rule) == (Scope.MARKET, f"kalshi/{A}", Rule.MISMATCH)
    assert "2 at 0.40 (another)" in halt.reason
    assert "done with 4 of 10 filled" in halt.reason


async def test_a_list_that_explains_not_every_share_outweighs_no_fill(desk: Desk) -> None:
    await _told_too_much(desk)
    desk.now += 24 * HOUR
    honest = desk.venue.evidence

    async def lagging(asked: OrderTicket, **named: Any) -> OrderEvidence:
        return replace(await honest(asked, **named), fills=())

    desk.venue.evidence = lagging  # type: ignore[method-assign]
    with pytest.raises(ApplicationError, match="its list lags"):
        await seen(desk)


async def test_a_list_of_before_the_fill_outweighs_nothing(desk: Desk) -> None:
    fill = await opened(desk)
    desk.now += 24 * HOUR

    async def stale(asked: object, **named: object) -> OrderEvidence:
        return OrderEvidence(RESTING.client_order_id, OrderStatus.ABSENT, fresh_at=fill.at, at=desk.now)

    desk.venue.evidence = stale  # type: ignore[method-assign, assignment]
    assert (await seen(desk)).status is OrderStatus.UNSEEN


async def test_an_order_that_is_absent_for_an_hour_is_absent_and_its_fill_void(desk: Desk) -> None:
    fill = await opened(desk)
    absent(desk)
    desk.now += HOUR
    assert (await seen(desk)).status is OrderStatus.UNSEEN
    desk.now += SECOND
    assert (await seen(desk)).status is OrderStatus.ABSENT
    assert (await settle(desk, _unanswered(desk))).agrees
    assert fill.trade_id not in await _standing(desk)
    assert [halt.target for halt in await desk.ledger.halts()] == [f"kalshi/{A}"]


async def test_a_fill_stamped_years_ahead_blocks_no_longer(desk: Desk) -> None:
    order, wrong = await _told_too_much(desk)
    await desk.ledger.record_fills([replace(wrong, trade_id="a third", at=desk.now + 10_000 * HOUR)])
    desk.now += 10 * MINUTE + SECOND
    assert (await settle(desk, order)).agrees
    assert len(await _standing(desk)) == 1


async def test_a_fill_told_in_another_market_is_the_one_that_is_listed(desk: Desk) -> None:
    fill = await opened(desk, told=False)
    await desk.ledger.record_fills([replace(fill, market="ELSEWHERE")])
    resting = (await desk.venue.account()).open_orders[0]
    await desk.venue.cancel(A, resting.order_id)
    assert (await seen(desk)).filled == 4


async def test_a_fill_that_the_venue_itself_voids_halts_nothing(desk: Desk) -> None:
    order, wrong = await _told_too_much(desk)
    honest = desk.venue.evidence

    async def voided(asked: OrderTicket, **named: Any) -> OrderEvidence:
        listed = await honest(asked, **named)
        return replace(listed, fills=(*listed.fills, replace(wrong, status=FillStatus.VOID)))

    desk.venue.evidence = voided  # type: ignore[method-assign]
    assert (await settle(desk, order)).agrees
    assert not await desk.ledger.halts()


async def test_a_fill_of_a_forgotten_order_that_the_venue_never_had_blocks_for_an_hour(desk: Desk) -> None:
    fill = await opened(desk)
    other = replace(RESTING, attempt=2, purpose=Purpose.HEDGE)
    order = OrderRecord(other, SubmitResult(Verdict.REJECTED, "no", "no"), settled=True, filled=D(0))
    absent(desk)
    desk.now += HOUR
    with pytest.raises(ApplicationError, match="counts as refused"):
        await settle(desk, order)
    desk.now += SECOND
    assert (await settle(desk, order)).agrees
    assert fill.trade_id not in await _standing(desk)
    assert [halt.target for halt in await desk.ledger.halts()] == [f"kalshi/{A}"]


async def test_a_fill_of_a_forgotten_order_that_the_venue_lists_blocks_until_it_is_adopted(desk: Desk) -> None:
    fill = await opened(desk)
    resting = (await desk.venue.account()).open_orders[0]
    await desk.venue.cancel(A, resting.order_id)
    other = replace(RESTING, attempt=2, purpose=Purpose.HEDGE)
    order = OrderRecord(other, SubmitResult(Verdict.REJECTED, "no", "no"), settled=True, filled=D(0))
    desk.now += 24 * HOUR
    with pytest.raises(ApplicationError, match="it says done, 4 filled"):
        await settle(desk, order)
    known = replace(RESTING, attempt=3, purpose=Purpose.ADOPTED, foreign_id=f"foreign-{fill.order_id}")
    result = SubmitResult(Verdict.ACCEPTED, "", "", order_id=fill.order_id, filled=D(4), at=desk.now)
    assert (await settle(desk, OrderRecord(known, result, settled=True, filled=D(4)))).agrees
    assert fill.trade_id in await _standing(desk)


async def test_a_fill_that_was_voided_shows_all_the_same_that_its_order_arrived(desk: Desk) -> None:
    fill = await opened(desk)
    await desk.ledger.record_fills([replace(fill, status=FillStatus.VOID)])
    absent(desk)
    assert (await seen(desk)).status is OrderStatus.UNSEEN
    desk.now += HOUR + SECOND
    assert (await seen(desk)).status is OrderStatus.ABSENT
