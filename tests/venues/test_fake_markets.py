"""The model exchange's other half: orders that rest, shares held short, words that come later, sets, and payment."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.errors import Rejected
from domain.evidence import Fill, FillStatus, OrderStatus
from domain.market import MarketSpec, Venue
from domain.orders import SETS, OrderTicket, Purpose, Side, TimeInForce, Verdict
from testing.venue import FakeVenue
from tests.ledger.samples import START, A, B, D, intent, ticket

PLANNED = intent()
IOC = ticket(PLANNED, limit="0.40")
GTC = replace(IOC, tif=TimeInForce.GTC, limit=D("0.39"))


class Clock:
    now = START

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def venue(clock: Clock) -> FakeVenue:
    fees = PLANNED.legs[0].fees
    specs = {market: MarketSpec(Venue.KALSHI, market, "GAME", market, fees, set_id="set") for market in (A, B)}
    made = FakeVenue(clock, specs, venue=Venue.KALSHI)
    for market in (A, B):
        made.set_book(market, bids=[("0.38", "20")], asks=[("0.40", "20")])
    return made


async def seen(venue: FakeVenue, order: OrderTicket) -> tuple[OrderStatus, str]:
    found = await venue.evidence(order, order_id=None, sent_at=START, grace_ms=0)
    return found.status, str(found.filled)


# ---------------------------------------------------------------------- styles


async def test_an_order_that_rests_is_filled_by_others_in_its_turn_at_its_own_price(venue: FakeVenue) -> None:
    result = await venue.submit(GTC)
    assert (result.verdict, result.filled, result.remaining) == (Verdict.ACCEPTED, D(0), D(10))
    assert venue.flow(A, Side.SELL, "4", "0.38") == D(4)  # ours is the best bid
    assert await seen(venue, GTC) == (OrderStatus.RESTING, "4")
    venue.set_book(A, bids=[("0.40", "3"), ("0.38", "20")], asks=[("0.41", "1")])
    assert venue.flow(A, Side.SELL, "5", "0.38") == D(2)  # three went to the better bid
    (first, second) = (await venue.account()).fills
    assert {(fill.price, fill.taker) for fill in (first, second)} == {(D("0.39"), False)}


async def test_a_book_that_crosses_a_resting_order_fills_it(venue: FakeVenue) -> None:
    await venue.submit(GTC)
    venue.set_book(A, asks=[("0.37", "7")])
    assert await seen(venue, GTC) == (OrderStatus.RESTING, "7")
    assert (await venue.quote(A)).bids == ((D("0.39"), D(3)),)  # what is left of ours


async def test_a_cancel_keeps_what_filled_before_it_and_a_lagging_read_shows_the_order_as_it_was(
    venue: FakeVenue, clock: Clock
) -> None:
    placed = await venue.submit(GTC)
    clock.now += 50_000
    venue.flow(A, Side.SELL, "4", "0.38")
    await venue.cancel(A, placed.order_id or "")
    assert await seen(venue, GTC) == (OrderStatus.DONE, "4")
    venue.lag_ms = 10
    assert await seen(venue, GTC) == (OrderStatus.RESTING, "0")
    clock.now += 10_000
    assert await seen(venue, GTC) == (OrderStatus.DONE, "4")


@pytest.mark.parametrize(
    ("order", "code"),
    [
        (replace(GTC, post_only=True, limit=D("0.40")), "post_only_cross"),
        (replace(IOC, tif=TimeInForce.FOK, size=D(21)), "fill_or_kill_insufficient_resting_volume"),
        (replace(IOC, size=D("10.001")), "invalid_order"),
        (replace(IOC, limit=D("0.405")), "invalid_order"),
        (replace(IOC, size=D("0.5")), "invalid_order"),
    ],
)
async def test_what_cannot_be_taken_as_asked_is_refused_without_a_fill(
    venue: FakeVenue, order: OrderTicket, code: str
) -> None:
    result = await venue.submit(order)
    assert (result.verdict, result.code) == (Verdict.REJECTED, code)
    assert not (await venue.account()).fills
    assert bool(venue.malformed) == (code == "invalid_order")


async def test_nobody_trades_with_himself(venue: FakeVenue) -> None:
    await venue.submit(GTC)
    sale = replace(IOC, attempt=2, side=Side.SELL, limit=D("0.38"))
    assert (await venue.submit(sale)).filled == D(0)


async def test_a_paused_market_refuses_orders_and_lets_cancels_pass(venue: FakeVenue) -> None:
    placed = await venue.submit(GTC)
    venue.set_open(A, False)
    assert (await venue.submit(IOC)).code == "market_closed"
    await venue.cancel(A, placed.order_id or "")
    venue.set_open(A, True)
    assert not (await venue.account()).open_orders


# ---------------------------------------------------------------------- money


async def test_shares_sold_short_hold_a_dollar_each_until_they_are_bought_back(venue: FakeVenue) -> None:
    sale = replace(IOC, side=Side.SELL, limit=D("0.38"))
    await venue.submit(sale)
    (fill,) = (await venue.account()).fills
    assert await venue.cash() == D(1000) + fill.cash - 10
    assert (await venue.account()).positions == {A: D(-10)}
    await venue.submit(replace(IOC, attempt=2))
    fills = (await venue.account()).fills
    assert await venue.cash() == D(1000) + sum((one.cash for one in fills), D(0))
    assert venue.purse.least < D(1000) - 6


async def test_a_venue_without_shorts_sells_what_is_held_and_no_more(venue: FakeVenue) -> None:
    venue.shorts = False
    early, sale = (replace(IOC, side=Side.SELL, limit=D("0.38"), attempt=n) for n in (2, 3))
    assert (await venue.submit(early)).code == "insufficient_shares"
    await venue.submit(IOC)
    assert (await venue.submit(sale)).filled == sale.size
    assert (await venue.submit(sale)).code == "order_already_exists"  # the id is looked at first


@pytest.mark.parametrize("status", [FillStatus.FINAL, FillStatus.VOID])
async def test_a_fill_is_provisional_until_the_venues_final_word(clock: Clock, status: FillStatus) -> None:
    def word(fill: Fill) -> tuple[int, FillStatus]:
        return 500, status

    spec = MarketSpec(Venue.KALSHI, A, "GAME", A, PLANNED.legs[0].fees)
    venue = FakeVenue(clock, {A: spec}, word=word, venue=Venue.KALSHI)
    venue.set_book(A, asks=[("0.40", "20")])
    await venue.submit(IOC)
    first = await venue.evidence(IOC, order_id=None, sent_at=START, grace_ms=0)
    assert (first.provisional, first.filled, first.complete) == (True, D(10), True)
    clock.now += 500_000
    last = await venue.evidence(IOC, order_id=None, sent_at=START, grace_ms=0)
    void = status is FillStatus.VOID
    assert (last.provisional, last.filled, last.complete) == (False, D(0) if void else D(10), True)
    assert (await venue.account()).positions == ({} if void else {A: D(10)})
    assert (await venue.cash() == D(1000)) == void


async def test_a_market_that_pays_turns_shares_into_cash_and_is_closed_for_good(venue: FakeVenue) -> None:
    await venue.submit(IOC)
    await venue.submit(replace(GTC, attempt=2))
    before = await venue.cash()
    assert (await venue.resolution(A)).payout is None
    venue.resolve(A, "1")
    venue.set_open(A, True)
    assert (await venue.resolution(A)).payout == D(1)
    assert await venue.cash() == before + 10
    account = await venue.account()
    assert (account.positions, account.open_orders) == ({}, ())
    assert (await venue.submit(replace(IOC, attempt=3))).code == "market_closed"


async def test_whole_sets_go_back_for_their_payoff_once(venue: FakeVenue) -> None:
    for market in (A, B):
        await venue.submit(replace(ticket(PLANNED, "A" if market == A else "B", limit="0.40"), market=market))
    before = await venue.cash()
    merge = replace(IOC, leg=SETS, purpose=Purpose.MERGE, market="set", side=Side.SELL, size=D(4), limit=D(1))
    assert (await venue.submit(merge)).filled == D(4)
    assert await venue.cash() == before + 4
    found = await venue.evidence(merge, order_id=None, sent_at=START, grace_ms=0)
    assert (found.complete, len(found.fills)) == (True, 2)
    assert all(fill.merged for fill in found.fills)
    assert (await venue.submit(merge)).landed
    assert (await venue.submit(replace(merge, attempt=2, size=D(7)))).code == "insufficient_shares"
    assert (await venue.account()).positions == {A: D(6), B: D(6)}


# ---------------------------------------------------------------------- orders of others


async def test_an_order_placed_by_hand_can_be_looked_up_by_the_venues_id(venue: FakeVenue) -> None:
    placed = venue.place_by_hand(A, Side.BUY, "3", "0.40")
    found = await venue.look_up(placed.order_id)
    assert (found.side, found.size, found.evidence.status, found.evidence.filled) == (
        Side.BUY,
        D(3),
        OrderStatus.DONE,
        D(3),
    )
    assert not venue.arrivals  # no bytes of ours
    with pytest.raises(Rejected, match="no such order"):
        await venue.look_up("o-99")


async def test_a_read_may_list_fills_twice_and_they_do_not_explain_the_count(clock: Clock) -> None:
    spec = MarketSpec(Venue.KALSHI, A, "GAME", A, PLANNED.legs[0].fees)
    venue = FakeVenue(clock, {A: spec}, listing=lambda fills: (*fills, *fills), venue=Venue.KALSHI)
    venue.set_book(A, asks=[("0.40", "20")])
    await venue.submit(IOC)
    found = await venue.evidence(IOC, order_id=None, sent_at=START, grace_ms=0)
    assert (found.filled, len(found.fills), found.complete) == (D(10), 2, False)
