"""The model exchange with worse manners: makers, rows of several prices, more than was signed, orders of our own."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from domain.evidence import OrderStatus
from domain.fees import FeeModel, FeeSchedule
from domain.market import MarketSpec, Venue
from domain.orders import OrderTicket, Purpose, Side, TimeInForce, Verdict
from testing.venue import FakeVenue
from testing.venue.books import Books
from testing.venue.manners import Manners
from testing.venue.orders import Placed
from tests.ledger.samples import START, A, D, intent, ticket

POWER = FeeSchedule(taker=D("0.05"), unit=D("0.000001"), model=FeeModel.POLYMARKET)
ORDER = ticket(intent(), limit="0.50", size="90")


class Rude(Manners):
    row = False
    extra = D(0)
    yields = False
    offer: tuple[Decimal, Decimal] | None = None

    def meets(self, books: Books, ticket: OrderTicket) -> None:
        if self.offer is not None:
            books.levels(ticket.market, ticket.side).insert(0, self.offer)

    def makers(self, ticket: OrderTicket, size: Decimal) -> list[Decimal]:
        return [size - 1, D(1)] if size > 1 else [size]

    def in_one_row(self, ticket: OrderTicket, matches: int) -> bool:
        return self.row

    def beyond(self, ticket: OrderTicket) -> Decimal:
        return self.extra

    def gives_way(self, mine: Placed, ticket: OrderTicket) -> bool:
        return self.yields


@pytest.fixture
def manners() -> Rude:
    return Rude()


@pytest.fixture
def venue(manners: Rude) -> FakeVenue:
    specs = {A: MarketSpec(Venue.KALSHI, A, "GAME", A, POWER)}
    made = FakeVenue(lambda: START, specs, manners=manners, venue=Venue.KALSHI)
    made.set_book(A, asks=[("0.49", "80"), ("0.50", "50")])
    return made


async def test_each_maker_is_a_fill_and_is_charged_by_itself(venue: FakeVenue) -> None:
    result = await venue.submit(ORDER)
    fills = (await venue.account()).fills
    assert [fill.size for fill in fills] == [D(79), D(1), D(9), D(1)]
    assert result.filled == 90
    assert result.fees_paid == sum((POWER.trade_fee(fill.price, fill.size) for fill in fills), D(0))


async def test_one_row_of_several_prices_says_exactly_what_was_paid(venue: FakeVenue, manners: Rude) -> None:
    manners.row = True
    result = await venue.submit(ORDER)
    (fill,) = (await venue.account()).fills
    assert (fill.size, fill.paid, fill.gross) == (D(90), D("44.2"), D("44.2"))
    assert fill.price == D("0.491111")  # for people: 44.2 / 90 does not end
    assert result.paid == D("44.2")
    parts = [("0.49", "79"), ("0.49", "1"), ("0.50", "9"), ("0.50", "1")]
    assert fill.fee == sum((POWER.trade_fee(D(price), D(size)) for price, size in parts), D(0))
    assert venue.purse.cash == 1000 - D("44.2") - fill.fee
    seen = await venue.evidence(ORDER, order_id=None, sent_at=START, grace_ms=0)
    assert seen.complete


async def test_an_offer_nobody_saw_is_met_first(venue: FakeVenue, manners: Rude) -> None:
    manners.offer = (D("0.31"), D("3.37"))
    await venue.submit(ORDER)
    first = (await venue.account()).fills[0]
    assert (first.price, first.size) == (D("0.31"), D("2.37"))


async def test_more_than_was_signed_is_traded_as_far_as_the_limit_reaches(venue: FakeVenue, manners: Rude) -> None:
    manners.extra = D(100)
    result = await venue.submit(ORDER)
    assert result.filled == 130  # all there was at 0.50 or better
    assert venue.purse.held[A] == 130


async def test_our_resting_order_gives_way_to_our_own_new_one_or_ends_it(venue: FakeVenue, manners: Rude) -> None:
    venue.set_book(A)
    resting = replace(ORDER, tif=TimeInForce.GTC)
    sale = OrderTicket("i-2", "A", 1, Purpose.UNWIND, Venue.KALSHI, A, Side.SELL, D(5), D("0.40"))
    await venue.submit(resting)
    await venue.submit(sale)
    assert [order.ticket for order in venue.books.resting] == [resting]  # the new one died
    manners.yields = True
    venue.set_book(A, bids=[("0.45", "5")])
    venue.books.resting[0].ticket = replace(resting, limit=D("0.46"))
    result = await venue.submit(replace(sale, attempt=2))
    assert (result.verdict, result.filled) == (Verdict.ACCEPTED, D(5))
    assert venue.books.resting == []


async def test_the_exchange_takes_resting_orders_out_or_makes_them_smaller(venue: FakeVenue) -> None:
    venue.set_book(A)
    resting = replace(ORDER, tif=TimeInForce.GTC)
    await venue.submit(resting)
    assert venue.cancel_resting(A, keep=D("0.5")) == 1
    seen = await venue.evidence(resting, order_id=None, sent_at=START, grace_ms=0)
    assert (seen.status, seen.remaining) == (OrderStatus.RESTING, D(45))
    assert venue.cancel_resting(A) == 1
    seen = await venue.evidence(resting, order_id=None, sent_at=START, grace_ms=0)
    assert (seen.status, seen.filled, seen.remaining) == (OrderStatus.DONE, D(0), D(0))
    assert venue.cancel_resting(A) == 0
