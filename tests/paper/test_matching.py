"""What an order meets, and what resting orders the book crosses."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from paper.core.engine import MarketEngine, Resting, Take

CENT, LOT, STEP, ONE = 10_000, 1_000_000, 10_000, 1_000_000


def engine() -> MarketEngine:
    """Bids 0.47×100, 0.46×50; asks 0.49×80, 0.50×40."""
    made = MarketEngine(STEP)
    made.book.reset([(47 * CENT, 100 * LOT), (46 * CENT, 50 * LOT)], [(51 * CENT, 80 * LOT), (50 * CENT, 40 * LOT)])
    return made


def test_a_buyer_walks_the_asks_best_first_each_at_its_own_price() -> None:
    plan = engine().plan("bid", 55 * CENT, 100 * LOT, "taker_at_cross")
    assert plan.takes == (
        Take(49 * CENT, 80 * LOT, "no", 51 * CENT),
        Take(50 * CENT, 20 * LOT, "no", 50 * CENT),
    )


def test_a_seller_walks_the_bids_and_stops_at_its_limit() -> None:
    plan = engine().plan("ask", 47 * CENT, 120 * LOT, "taker_at_cross")
    assert plan.takes == (Take(47 * CENT, 100 * LOT, "yes", 47 * CENT),)


def test_nothing_at_the_limit_or_better_means_no_take() -> None:
    assert not engine().plan("bid", 48 * CENT, LOT, "taker_at_cross").crosses


def test_others_at_a_level_trade_first_then_our_own_order_stops_the_taker() -> None:
    made = engine()
    made.rest(Resting("mine", 1, "ask", 49 * CENT, 5 * LOT))
    plan = made.plan("bid", 50 * CENT, 100 * LOT, "taker_at_cross")
    assert plan.takes == (Take(49 * CENT, 80 * LOT, "no", 51 * CENT),)
    assert plan.stopped


def test_with_maker_prevention_our_resting_order_gives_way_and_the_taker_goes_on() -> None:
    made = engine()
    made.rest(Resting("mine", 1, "ask", 49 * CENT, 5 * LOT))
    plan = made.plan("bid", 50 * CENT, 100 * LOT, "maker")
    assert plan.displaced == ("mine",)
    assert plan.size == 100 * LOT


def test_a_resting_bid_is_filled_at_its_own_price_by_size_that_comes_to_cross_it() -> None:
    made = engine()
    made.rest(Resting("mine", 1, "bid", 48 * CENT, 10 * LOT))
    made.book.change("no", 53 * CENT, 4 * LOT)  # an ask at 0.47
    assert list(made.crossed()) == [("mine", Take(48 * CENT, 4 * LOT, "no", 53 * CENT))]
    assert made.book.public("no", 53 * CENT) == 0
    assert made.resting["mine"].remaining == 6 * LOT
    made.book.change("no", 52 * CENT, 100 * LOT)  # an ask at 0.48 stands at our price: it meets us
    assert [(order, take.size) for order, take in made.crossed()] == [("mine", 6 * LOT)]
    assert made.resting == {}


def test_the_better_resting_price_is_filled_first() -> None:
    made = engine()
    made.rest(Resting("early", 1, "bid", 47 * CENT, 5 * LOT))
    made.rest(Resting("better", 2, "bid", 48 * CENT, 5 * LOT))
    made.book.change("yes", 47 * CENT, -100 * LOT)  # who stood before "early" has left: it is first in line there
    made.shorten()
    made.book.change("no", 53 * CENT, 6 * LOT)
    assert [(order, take.size) for order, take in made.crossed()] == [("better", 5 * LOT), ("early", 1 * LOT)]


def test_what_comes_across_goes_to_who_stood_there_first() -> None:
    made = engine()
    made.rest(Resting("mine", 1, "bid", 47 * CENT, 5 * LOT))
    assert made.ahead("mine") == 100 * LOT
    made.book.change("no", 53 * CENT, 102 * LOT)
    assert [(order, take.size) for order, take in made.crossed()] == [("mine", 2 * LOT)]


_LEVELS = st.dictionaries(st.integers(1, 99).map(lambda n: n * CENT), st.integers(1, 5000).map(lambda n: n * 7919))


@given(
    yes=_LEVELS,
    no=_LEVELS,
    side=st.sampled_from(["bid", "ask"]),
    price=st.integers(1, 99).map(lambda n: n * CENT),
    size=st.integers(1, 10**6).map(lambda n: n * STEP),
)
def test_a_plan_never_exceeds_the_order_the_limit_or_what_is_displayed(
    yes: dict[int, int], no: dict[int, int], side: str, price: int, size: int
) -> None:
    made = MarketEngine(STEP)
    made.book.reset(yes.items(), no.items())
    plan = made.plan(side, price, size, "taker_at_cross")
    assert plan.size <= size
    for take in plan.takes:
        assert take.size % STEP == 0
        assert take.size <= made.book.visible(take.level_side, take.level)
        assert take.price <= price if side == "bid" else take.price >= price
        made.take(take)
    ladder = [take.price if side == "bid" else -take.price for take in plan.takes]
    assert ladder == sorted(ladder)
    if plan.size < size:  # what is left over really meets nothing more
        assert not made.plan(side, price, size - plan.size, "taker_at_cross").crosses
