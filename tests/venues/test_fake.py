"""The venue in memory keeps the port's promises, so that what is rehearsed on it is worth something."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.depth import TakerFees, buy
from domain.errors import Rejected, Unavailable
from domain.evidence import OrderStatus
from domain.market import MarketSpec, Venue
from domain.money import from_micros, to_micros
from domain.orders import Purpose, Side, Verdict
from testing.venue import FakeVenue, Fault
from tests.ledger.samples import START, A, D, intent, ticket
from venues.port import VenueClient

PLANNED = intent()
ORDER = ticket(PLANNED, limit="0.42")
LEVELS = [("0.40", "3.37"), ("0.41", "4.01"), ("0.43", "50")]


class Clock:
    now = START

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def venue(clock: Clock) -> FakeVenue:
    made = FakeVenue(clock, {A: MarketSpec(Venue.KALSHI, A, "GAME", A, PLANNED.legs[0].fees)}, venue=Venue.KALSHI)
    made.set_book(A, bids=[("0.38", "5")], asks=LEVELS)
    return made


async def test_it_takes_the_levels_within_the_limit_and_charges_what_the_depth_arithmetic_says(
    venue: FakeVenue,
) -> None:
    port: VenueClient = venue
    result = await port.submit(ORDER)
    walk = buy([(to_micros(p), to_micros(s)) for p, s in LEVELS], to_micros("7.38"), TakerFees(to_micros("0.07")))
    account = await port.account()
    assert (result.verdict, result.filled, result.remaining) == (Verdict.ACCEPTED, D("7.38"), D(0))
    assert [fill.price for fill in account.fills] == [D("0.40"), D("0.41")]
    assert sum(fill.fee for fill in account.fills) == from_micros(walk.fee)
    assert account.cash == D(1000) + sum((fill.cash for fill in account.fills), D(0))
    assert account.positions == {A: D("7.38")}
    assert (await port.quote(A)).asks == ((D("0.43"), D(50)),)


async def test_its_answer_states_what_was_paid_and_charged_exactly(venue: FakeVenue) -> None:
    result = await venue.submit(ORDER)
    fills = (await venue.account()).fills
    assert result.paid == D("3.37") * D("0.40") + D("4.01") * D("0.41") == sum(fill.gross for fill in fills)
    assert result.fees_paid == sum(fill.fee for fill in fills)


async def test_a_venue_that_answers_with_averages_states_no_sum(clock: Clock) -> None:
    venue = FakeVenue(
        clock, {A: MarketSpec(Venue.KALSHI, A, "GAME", A, PLANNED.legs[0].fees)}, averages=True, venue=Venue.KALSHI
    )
    venue.set_book(A, asks=LEVELS)
    result = await venue.submit(ORDER)
    assert result.average_price is not None
    assert (result.paid, result.fees_paid) == (None, None)


async def test_an_answer_that_miscounts_has_no_sum_for_its_count(venue: FakeVenue) -> None:
    venue.script("submit", Fault.MISCOUNT)
    assert (await venue.submit(ORDER)).paid is None


async def test_a_sale_takes_bids_and_empties_the_position(venue: FakeVenue) -> None:
    await venue.submit(replace(ORDER, size=D(3)))
    sale = replace(ORDER, attempt=2, side=Side.SELL, size=D(3), limit=D("0.38"), purpose=Purpose.UNWIND)
    assert (await venue.submit(sale)).filled == D(3)
    assert (await venue.account()).positions == {}


async def test_a_second_copy_has_no_effect_and_is_told_apart_from_other_bytes(venue: FakeVenue) -> None:
    await venue.submit(ORDER)
    again = await venue.submit(ORDER)
    assert (again.verdict, again.landed) == (Verdict.UNKNOWN, True)
    await venue.submit(replace(ORDER, limit=D("0.50")))
    (arrival,) = venue.arrivals.values()
    assert (arrival.times, len(arrival.sha256)) == (3, 2)
    assert (await venue.account()).positions == {A: D("7.38")}


async def test_absence_is_only_said_by_a_list_fresh_enough_and_never_of_a_known_id(
    venue: FakeVenue, clock: Clock
) -> None:
    async def status(order_id: str | None = None) -> OrderStatus:
        return (await venue.evidence(ORDER, order_id=order_id, sent_at=START, grace_ms=1_000)).status

    venue.lag_ms = 500
    assert await status() is OrderStatus.UNSEEN
    clock.now = START + 1_499_999
    assert await status() is OrderStatus.UNSEEN
    clock.now += 1
    assert await status() is OrderStatus.ABSENT
    assert await status("o-1") is OrderStatus.UNSEEN
    await venue.submit(ORDER)
    assert await status() is OrderStatus.ABSENT  # it has just arrived, and the list is half a second old
    clock.now += 500_000
    assert await status() is OrderStatus.DONE


@pytest.mark.parametrize("fault", [Fault.WORKS, Fault.RESTS])
async def test_an_order_that_works_on_is_listed_until_it_is_cancelled(venue: FakeVenue, fault: Fault) -> None:
    venue.script("submit", fault)
    await venue.submit(ORDER)
    seen = await venue.evidence(ORDER, order_id=None, sent_at=START, grace_ms=0)
    assert (seen.status, seen.filled, seen.remaining) == (OrderStatus.RESTING, D(5), D(5))
    assert len((await venue.account()).open_orders) == 1
    await venue.cancel(A, "o-1")
    seen = await venue.evidence(ORDER, order_id="o-1", sent_at=START, grace_ms=0)
    assert (seen.status, seen.complete) == (OrderStatus.DONE, True)


async def test_faults_come_in_the_order_they_were_scripted_and_then_all_goes_well(venue: FakeVenue) -> None:
    venue.script("submit", Fault.UNAVAILABLE, Fault.LOST_BEFORE, Fault.REJECT, None)
    verdicts = [(await venue.submit(ORDER)).verdict for _ in range(4)]
    assert verdicts == [Verdict.DENIED, Verdict.UNKNOWN, Verdict.REJECTED, Verdict.ACCEPTED]
    venue.script("cash", Fault.UNAVAILABLE)
    with pytest.raises(Unavailable, match="asking again is safe"):
        await venue.cash()
    assert await venue.cash() < D(1000)
    with pytest.raises(Rejected, match="no such market"):
        await venue.market("OTHER")
