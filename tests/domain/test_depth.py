"""Exact cost over depth, and the largest pair whose last share still pays."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from domain.book import Book, Level
from domain.depth import PairTerms, best_pair_size, buy, marginal, pair_quote, sell
from domain.money import MICRO

RATE = 70_000
LOT = 10_000  # 0.01 contract

cents = st.integers(1, 99)
lots = st.integers(1, 300)


@st.composite
def ladders(draw: st.DrawFn, low: int = 1, high: int = 99) -> tuple[Level, ...]:
    """Asks best first: distinct prices in whole cents, sizes in hundredths of a contract."""
    prices = sorted(draw(st.sets(st.integers(low, high), max_size=6)))
    return tuple((price * 10_000, draw(lots) * LOT) for price in prices)


def terms(*, margin: int = 0, max_size: int = 10**12, step: int = LOT) -> PairTerms:
    return PairTerms(MICRO, margin, max_size, step, RATE, RATE)


def test_a_hundred_at_a_half_costs_fifty_and_the_fee_of_one_seventy_five() -> None:
    walk = buy(((500_000, 200 * MICRO),), 100 * MICRO, RATE)
    assert (walk.filled, walk.gross, walk.fee, walk.worst, walk.complete) == (
        100 * MICRO,
        50 * MICRO * MICRO,
        1_750_000,
        500_000,
        True,
    )


def test_a_member_whose_balance_is_kept_in_cents_pays_the_rounding_too() -> None:
    # 0.50 + 0.0175 leaves a balance that is floored to the cent: one contract costs 0.52 in all.
    assert buy(((500_000, MICRO),), MICRO, RATE, unit=10_000).fee == 20_000


def test_a_walk_that_runs_out_of_depth_is_incomplete_and_says_what_it_found() -> None:
    walk = buy(((400_000, 2 * MICRO), (410_000, 3 * MICRO)), 6 * MICRO, RATE)
    assert (walk.filled, walk.worst, walk.complete) == (5 * MICRO, 410_000, False)


@given(ladders(), lots, lots)
def test_cost_rises_with_size_and_each_part_of_it_costs_at_least_as_much_as_the_part_before(
    asks: tuple[Level, ...], first: int, more: int
) -> None:
    small = buy(asks, first * LOT, RATE)
    large = buy(asks, (first + more) * LOT, RATE)
    assert large.cost >= small.cost
    if large.complete and small.complete:
        # Convex before the fee's rounding: the added shares are never cheaper on average than the first ones.
        assert (large.gross - small.gross) * first >= small.gross * more
        assert large.worst >= small.worst


@given(ladders())
def test_marginal_cost_never_falls_along_a_ladder(asks: tuple[Level, ...]) -> None:
    costs = [marginal(price, RATE) for price, _ in asks]
    assert costs == sorted(costs)


@given(ladders(2, 99), st.integers(1, 98), lots, st.sampled_from([100, 10_000]))
def test_buying_and_selling_at_once_never_makes_money(asks: tuple[Level, ...], bid: int, size: int, unit: int) -> None:
    best_ask = asks[0][0] // 10_000 if asks else 100
    bids = ((min(bid, best_ask - 1) * 10_000, 500 * LOT),)
    bought = buy(asks, size * LOT, RATE, unit)
    sold = sell(bids, bought.filled, RATE, unit)
    assert sold.proceeds - bought.cost <= 0


@given(ladders(1, 60), ladders(1, 60), st.integers(0, 30_000), st.integers(1, 400), st.sampled_from([LOT, 7 * LOT]))
def test_the_pair_size_is_the_largest_whose_last_share_pays(
    asks_a: tuple[Level, ...], asks_b: tuple[Level, ...], margin: int, most: int, step: int
) -> None:
    rules = terms(margin=margin, max_size=most * LOT, step=step)
    found = best_pair_size(asks_a, asks_b, rules)

    def pays(size: int) -> bool:
        a, b = buy(asks_a, size, RATE), buy(asks_b, size, RATE)
        bound = (MICRO - margin) * 10**12
        return a.complete and b.complete and marginal(a.worst, RATE) + marginal(b.worst, RATE) < bound

    assert found % step == 0
    assert 0 <= found <= rules.max_size
    assert found == 0 or pays(found)
    assert found + step > rules.max_size or not pays(found + step)


@given(ladders(1, 60), ladders(1, 60), st.integers(0, 20_000))
def test_a_pair_never_earns_more_than_it_pays_out_nor_less_than_its_margin(
    asks_a: tuple[Level, ...], asks_b: tuple[Level, ...], margin: int
) -> None:
    a, b = Book("A"), Book("B")
    a.reset((), [(MICRO - price, size) for price, size in asks_a], 1, 1)
    b.reset((), [(MICRO - price, size) for price, size in asks_b], 1, 1)
    quote = pair_quote(a, b, terms(margin=margin))
    if quote is None:
        return
    assert quote.a.complete
    assert quote.b.complete
    assert quote.a.filled == quote.b.filled == quote.size
    assert 0 < quote.edge <= quote.size * MICRO
    assert quote.edge >= quote.size * margin


def test_asks_that_add_up_to_the_payoff_or_whose_fees_eat_the_rest_are_no_pair() -> None:
    a, b = Book("A"), Book("B")
    a.reset((), [(500_000, MICRO)], 1, 1)  # YES ask 0.50
    b.reset((), [(500_000, MICRO)], 1, 1)
    assert pair_quote(a, b, terms()) is None
    b.reset((), [(530_000, MICRO)], 2, 2)  # 0.47: three cents below, fees are 3.5
    assert pair_quote(a, b, terms()) is None
    b.reset((), [(540_000, MICRO)], 3, 3)
    quote = pair_quote(a, b, terms())
    assert quote is not None
    # 1 − 0.50 − 0.46 − 0.0175 − ceil(0.07·0.46·0.54 = 0.017388) = 0.0051
    assert quote.edge == 5_100 * MICRO


def test_an_empty_side_is_no_pair() -> None:
    a, b = Book("A"), Book("B")
    a.reset((), [(900_000, MICRO)], 1, 1)
    b.reset([(100_000, MICRO)], (), 1, 1)
    assert pair_quote(a, b, terms()) is None
    assert best_pair_size((), ((1, 1),), terms()) == 0
