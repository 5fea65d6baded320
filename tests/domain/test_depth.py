"""Exact cost over depth, and the largest set whose last share still pays, bought or sold."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from domain.book import Book, Level
from domain.depth import SetTerms, TakerFees, best_set_size, buy, marginal, sell, set_quote
from domain.fees import FeeModel, power_fee
from domain.money import MICRO
from domain.orders import Side

FEES = TakerFees(70_000)
LOT = 10_000  # 0.01 contract

cents = st.integers(1, 99)
lots = st.integers(1, 300)


@st.composite
def ladders(draw: st.DrawFn, low: int = 1, high: int = 99) -> tuple[Level, ...]:
    """Asks best first: distinct prices in whole cents, sizes in hundredths of a contract."""
    prices = sorted(draw(st.sets(st.integers(low, high), max_size=6)))
    return tuple((price * 10_000, draw(lots) * LOT) for price in prices)


def terms(
    outcomes: int = 2, *, side: Side = Side.BUY, margin: int = 0, max_size: int = 10**12, step: int = LOT
) -> SetTerms:
    payoff = MICRO if side is Side.BUY else -MICRO
    return SetTerms(payoff, margin, max_size, step, (side,) * outcomes, (FEES,) * outcomes)


def asking(market: str, asks: tuple[Level, ...]) -> Book:
    book = Book(market)
    book.reset((), [(MICRO - price, size) for price, size in asks], 1, 1)
    return book


def bidding(market: str, bids: tuple[Level, ...]) -> Book:
    book = Book(market)
    book.reset(bids, (), 1, 1)
    return book


def test_a_hundred_at_a_half_costs_fifty_and_the_fee_of_one_seventy_five() -> None:
    walk = buy(((500_000, 200 * MICRO),), 100 * MICRO, FEES)
    assert (walk.filled, walk.gross, walk.fee, walk.worst, walk.complete) == (
        100 * MICRO,
        50 * MICRO * MICRO,
        1_750_000,
        500_000,
        True,
    )


def test_a_member_whose_balance_is_kept_in_cents_pays_the_rounding_too() -> None:
    # 0.50 + 0.0175 leaves a balance that is floored to the cent: one contract costs 0.52 in all.
    assert buy(((500_000, MICRO),), MICRO, TakerFees(70_000, 10_000)).fee == 20_000


def test_a_walk_that_runs_out_of_depth_is_incomplete_and_says_what_it_found() -> None:
    walk = buy(((400_000, 2 * MICRO), (410_000, 3 * MICRO)), 6 * MICRO, FEES)
    assert (walk.filled, walk.worst, walk.complete) == (5 * MICRO, 410_000, False)


@given(ladders(), lots, lots)
def test_cost_rises_with_size_and_each_part_of_it_costs_at_least_as_much_as_the_part_before(
    asks: tuple[Level, ...], first: int, more: int
) -> None:
    small = buy(asks, first * LOT, FEES)
    large = buy(asks, (first + more) * LOT, FEES)
    assert large.cost >= small.cost
    if large.complete and small.complete:
        # Convex before the fee's rounding: the added shares are never cheaper on average than the first ones.
        assert (large.gross - small.gross) * first >= small.gross * more
        assert large.worst >= small.worst


@given(ladders())
def test_marginal_cost_never_falls_along_a_ladder(asks: tuple[Level, ...]) -> None:
    costs = [marginal(price, FEES) for price, _ in asks]
    assert costs == sorted(costs)


@given(ladders(2, 99), st.integers(1, 98), lots, st.sampled_from([100, 10_000]))
def test_buying_and_selling_at_once_never_makes_money(asks: tuple[Level, ...], bid: int, size: int, unit: int) -> None:
    best_ask = asks[0][0] // 10_000 if asks else 100
    bids = ((min(bid, best_ask - 1) * 10_000, 500 * LOT),)
    bought = buy(asks, size * LOT, TakerFees(70_000, unit))
    sold = sell(bids, bought.filled, TakerFees(70_000, unit))
    assert sold.proceeds - bought.cost <= 0


@given(
    st.lists(ladders(1, 45), min_size=2, max_size=4),
    st.integers(0, 30_000),
    st.integers(1, 400),
    st.sampled_from([LOT, 7 * LOT]),
)
def test_the_size_bought_is_the_largest_whose_last_share_pays(
    asks: list[tuple[Level, ...]], margin: int, most: int, step: int
) -> None:
    rules = terms(len(asks), margin=margin, max_size=most * LOT, step=step)
    found = best_set_size(asks, rules)

    def pays(size: int) -> bool:
        walks = [buy(ladder, size, FEES) for ladder in asks]
        last = sum(marginal(walk.worst, FEES) for walk in walks)
        return all(walk.complete for walk in walks) and last < (MICRO - margin) * 10**12

    assert found % step == 0
    assert 0 <= found <= rules.max_size
    assert found == 0 or pays(found)
    assert found + step > rules.max_size or not pays(found + step)


@given(st.lists(ladders(20, 90), min_size=2, max_size=4), st.integers(0, 30_000), st.integers(1, 400))
def test_the_size_sold_is_the_largest_whose_last_share_brings_more_than_it_gives_back(
    ladders_up: list[tuple[Level, ...]], margin: int, most: int
) -> None:
    bids = [tuple(reversed(ladder)) for ladder in ladders_up]
    rules = terms(len(bids), side=Side.SELL, margin=margin, max_size=most * LOT)
    found = best_set_size(bids, rules)

    def pays(size: int) -> bool:
        walks = [sell(ladder, size, FEES) for ladder in bids]
        last = sum(marginal(walk.worst, FEES, Side.SELL) for walk in walks)
        return all(walk.complete for walk in walks) and -last > (MICRO + margin) * 10**12

    assert found == 0 or pays(found)
    assert found + LOT > rules.max_size or not pays(found + LOT)


@given(st.lists(ladders(1, 45), min_size=2, max_size=4), st.integers(0, 20_000))
def test_a_set_bought_never_earns_more_than_it_pays_out_nor_less_than_its_margin(
    asks: list[tuple[Level, ...]], margin: int
) -> None:
    books = [asking(str(n), ladder) for n, ladder in enumerate(asks)]
    quote = set_quote(books, terms(len(books), margin=margin))
    if quote is None:
        return
    assert {walk.filled for walk in quote.walks} == {quote.size}
    assert quote.edge == quote.size * MICRO - sum(walk.cost for walk in quote.walks)
    assert 0 < quote.edge <= quote.size * MICRO
    assert quote.edge >= quote.size * margin


@given(st.lists(ladders(20, 90), min_size=2, max_size=4), st.integers(0, 20_000))
def test_a_set_sold_keeps_its_margin_over_what_it_gives_back(bids: list[tuple[Level, ...]], margin: int) -> None:
    books = [bidding(str(n), ladder) for n, ladder in enumerate(bids)]
    quote = set_quote(books, terms(len(books), side=Side.SELL, margin=margin))
    if quote is None:
        return
    assert all(walk.complete and walk.filled == quote.size for walk in quote.walks)
    assert quote.edge == sum(walk.proceeds for walk in quote.walks) - quote.size * MICRO
    assert quote.edge >= quote.size * margin
    assert quote.edge > 0


@given(ladders(2, 98), ladders(2, 98), st.sampled_from([100, 10_000]))
def test_selling_two_outcomes_is_worth_what_buying_their_opposites_is(
    one: tuple[Level, ...], other: tuple[Level, ...], unit: int
) -> None:
    # A YES bid at p is a NO ask at 1 − p with the same fee, and one NO of each of two outcomes pays a dollar too.
    yes = [tuple(reversed(ladder)) for ladder in (one, other)]
    no = [tuple((MICRO - price, size) for price, size in ladder) for ladder in yes]
    fees = (TakerFees(70_000, unit),) * 2
    selling = SetTerms(-MICRO, 0, 10**12, LOT, (Side.SELL, Side.SELL), fees)
    buying = SetTerms(MICRO, 0, 10**12, LOT, (Side.BUY, Side.BUY), fees)
    sold = set_quote([bidding(str(n), ladder) for n, ladder in enumerate(yes)], selling)
    bought = set_quote([asking(str(n), ladder) for n, ladder in enumerate(no)], buying)
    assert (sold and (sold.size, sold.edge)) == (bought and (bought.size, bought.edge))


def test_asks_that_add_up_to_the_payoff_or_whose_fees_eat_the_rest_are_no_set() -> None:
    a, b = Book("A"), Book("B")
    a.reset((), [(500_000, MICRO)], 1, 1)  # YES ask 0.50
    b.reset((), [(500_000, MICRO)], 1, 1)
    assert set_quote([a, b], terms()) is None
    b.reset((), [(530_000, MICRO)], 2, 2)  # 0.47: three cents below, fees are 3.5
    assert set_quote([a, b], terms()) is None
    b.reset((), [(540_000, MICRO)], 3, 3)
    quote = set_quote([a, b], terms())
    assert quote is not None
    # 1 − 0.50 − 0.46 − 0.0175 − ceil(0.07·0.46·0.54 = 0.017388) = 0.0051
    assert quote.edge == 5_100 * MICRO


def test_three_outcomes_pay_the_fees_of_all_three() -> None:
    books = [asking(name, ((cents * 10_000, 2 * MICRO),)) for name, cents in (("A", 40), ("B", 30), ("C", 24))]
    quote = set_quote(books, terms(3))
    assert quote is not None
    # a share: 1 − 0.94 − 0.0168 − 0.0147 − 0.012768; the last fee of two shares rounds up to 0.0256
    assert quote.size == 2 * MICRO
    assert quote.edge == (2 * MICRO - 1_880_000 - 33_600 - 29_400 - 25_600) * MICRO


def test_three_bids_above_the_payoff_are_sold_for_more_than_they_give_back() -> None:
    books = [bidding(name, ((cents * 10_000, MICRO),)) for name, cents in (("A", 50), ("B", 40), ("C", 20))]
    quote = set_quote(books, terms(3, side=Side.SELL))
    assert quote is not None
    # 1.10 − 1 − 0.0175 − 0.0168 − 0.0112
    assert quote.edge == 54_500 * MICRO
    assert set_quote(books[:2], terms(2, side=Side.SELL)) is None


def test_an_empty_side_is_no_set() -> None:
    a, b = Book("A"), Book("B")
    a.reset((), [(900_000, MICRO)], 1, 1)
    b.reset([(100_000, MICRO)], (), 1, 1)
    assert set_quote([a, b], terms()) is None
    assert best_set_size([(), ((1, 1),)], terms()) == 0


@given(st.integers(1, 999), st.integers(1, 300), st.integers(0, 250_000), st.sampled_from([1, 2]))
def test_a_polymarket_walk_pays_the_venues_fee_and_its_marginal_fee_is_never_below_the_curve(
    price: int, size: int, rate: int, exponent: int
) -> None:
    fees = TakerFees(rate, 1, FeeModel.POLYMARKET, exponent)
    micros = price * 1_000
    walk = buy(((micros, size * LOT),), size * LOT, fees)
    assert walk.fee == power_fee(rate, exponent, micros, size * LOT)
    curve = Fraction(rate, MICRO) * Fraction(micros * (MICRO - micros), MICRO**2) ** exponent
    assert 0 <= Fraction(fees.marginal(micros), 10**18) - curve < Fraction(1, 10**18)
