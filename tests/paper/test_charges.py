"""What the exchange charges: the venues' own figures, and agreement with what clients expect to be charged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.fees import RoundingAccumulator, power_fee, quadratic_fee
from paper.core.charges import kalshi_charge, kalshi_trade_fee, polymarket_fee

DOLLAR = 1_000_000


@pytest.mark.parametrize(
    ("price", "size", "fee"),
    [(520_000, DOLLAR, 17_500), (990_000, DOLLAR, 700), (500_000, 100 * DOLLAR, 1_750_000), (10_000, 10_000, 100)],
)
def test_kalshi_charges_what_its_recorded_fills_were_charged_and_rounds_up(price: int, size: int, fee: int) -> None:
    assert kalshi_trade_fee(70_000, price, size) == fee


def test_kalshis_documented_example_of_rounding_is_charged_as_documented() -> None:
    charged, gathered = [], 0
    for _ in range(3):
        extra, gathered = kalshi_charge(-55_000 - 8_500, 10_000, gathered)
        charged.append(8_500 + extra)
    assert charged == [15_000, 5_000, 15_000]


@pytest.mark.parametrize(
    ("rate", "exponent", "price", "shares", "fee"),
    [
        (70_000, 1, 500_000, 100, 1_750_000),  # the page's peak of crypto markets: $1.75 for 100 shares
        (70_000, 1, 300_000, 100, 1_470_000),
        (70_000, 1, 700_000, 100, 1_470_000),  # "symmetric around 50%"
        (40_000, 1, 500_000, 100, 1_000_000),
        (250_000, 2, 500_000, 100, 1_562_500),  # the curve of an exponent of two, as the venue's client has it
    ],
)
def test_polymarket_charges_the_figures_of_its_page(
    rate: int, exponent: int, price: int, shares: int, fee: int
) -> None:
    assert polymarket_fee(rate, exponent, price, shares * DOLLAR) == fee


@pytest.mark.parametrize(
    ("price", "size", "fee"),
    [
        (1_000, 10_000, 0),  # 0.0000004995 dollars: "anything smaller rounds to zero"
        (490_000, 1_230_000, 15_370),  # 0.015369… up
        (500_000, 20_000, 250),  # exact
        (500_000, 10_000, 130),  # 0.000125: the half goes up
        (480_000, 10_000, 120),  # 0.0001248
    ],
)
def test_polymarket_rounds_half_up_to_a_hundred_thousandth_of_a_dollar(price: int, size: int, fee: int) -> None:
    assert polymarket_fee(50_000, 1, price, size) == fee


prices = st.integers(1, 9_999).map(lambda n: n * 100)
sizes = st.integers(1, 10**8).map(lambda n: n * 10_000)
rates = st.sampled_from([0, 17_500, 35_000, 40_000, 50_000, 70_000])


@given(rates, prices, sizes, st.integers(0, 3))
def test_what_clients_compute_by_other_arithmetic_is_the_same(rate: int, price: int, size: int, exponent: int) -> None:
    assert kalshi_trade_fee(rate, price, size) == quadratic_fee(rate, price, size)
    assert polymarket_fee(rate, exponent, price, size) == power_fee(rate, exponent, price, size)


fills = st.lists(st.tuples(st.integers(-(10**9), 10**9), st.integers(0, 10**6).map(lambda n: n * 100)), max_size=30)


@given(st.sampled_from([100, 10_000]), fills)
def test_an_orders_rounding_fees_come_back_as_clients_expect(unit: int, fills: list[tuple[int, int]]) -> None:
    theirs, gathered = RoundingAccumulator(unit), 0
    for revenue, fee in fills:
        extra, gathered = kalshi_charge(revenue - fee, unit, gathered)
        assert fee + extra == theirs.charge(revenue, fee)
