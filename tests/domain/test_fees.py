"""Kalshi's quadratic fee and the rounding around it."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.fees import FeeModel, FeeSchedule, RoundingAccumulator, quadratic_fee

prices = st.integers(1, 9_999).map(lambda n: n * 100)  # $0.0001 to $0.9999, in micros
sizes = st.integers(1, 10**8).map(lambda n: n * 10_000)  # a hundredth of a contract upwards
rates = st.sampled_from([70_000, 35_000, 17_500, 0])


@pytest.mark.parametrize(
    ("price", "size", "fee"),
    [
        ("0.52", "1", "0.0175"),
        ("0.99", "1", "0.0007"),
        ("0.50", "100", "1.75"),
        ("0.10", "100", "0.63"),
        ("0.50", "1", "0.0175"),
        ("0.01", "0.01", "0.0001"),
    ],
)
def test_the_fee_of_known_fills(price: str, size: str, fee: str) -> None:
    assert FeeSchedule().trade_fee(Decimal(price), Decimal(size)) == Decimal(fee)


@pytest.mark.parametrize(
    ("rate", "price", "size", "fee"),
    [
        ("0.07", "0.50", "100", "1.75"),  # the dearest of the venue's own table for crypto markets
        ("0.05", "0.50", "100", "1.25"),  # and for sports
        ("0.05", "0.13", "25", "0.14138"),  # 0.141375: the half goes up
        ("0.05", "0.50", "0.01", "0.00013"),  # 0.000125
        ("0.05", "0.48", "0.01", "0.00012"),  # 0.0001248
        ("0.05", "0.49", "1.23", "0.01537"),  # 0.01536885
        ("0.05", "0.001", "0.01", "0"),
        ("0", "0.50", "100", "0"),  # geopolitics
    ],
)
def test_polymarkets_fee_is_rounded_half_up_to_a_hundred_thousandth_of_a_dollar(
    rate: str, price: str, size: str, fee: str
) -> None:
    charged = FeeSchedule(taker=Decimal(rate), unit=Decimal("0.000001"), model=FeeModel.POLYMARKET)
    assert charged.trade_fee(Decimal(price), Decimal(size)) == Decimal(fee)


def test_makers_pay_nothing_unless_the_series_says_so() -> None:
    half = Decimal("0.5")
    assert FeeSchedule().trade_fee(half, Decimal(100), maker=True) == 0
    charging = FeeSchedule(maker=Decimal("0.0175"))
    assert charging.trade_fee(half, Decimal(100), maker=True) == Decimal("0.4375")


@given(rates, prices, sizes)
def test_the_fee_is_the_exact_product_rounded_up_to_a_hundredth_of_a_cent(rate: int, price: int, size: int) -> None:
    fee = quadratic_fee(rate, price, size)
    exact = Fraction(rate * size * price * (1_000_000 - price), 10**24) * 10**6
    assert fee % 100 == 0
    assert exact <= fee < exact + 100


@given(rates, prices, sizes)
def test_yes_and_no_cost_the_same_fee(rate: int, price: int, size: int) -> None:
    assert quadratic_fee(rate, price, size) == quadratic_fee(rate, 1_000_000 - price, size)


@given(rates, prices, sizes, sizes)
def test_a_fill_in_two_parts_never_costs_less_than_in_one(rate: int, price: int, one: int, other: int) -> None:
    whole = quadratic_fee(rate, price, one + other)
    parts = quadratic_fee(rate, price, one) + quadratic_fee(rate, price, other)
    assert whole <= parts <= whole + 100


def test_three_lots_of_the_documented_example_are_charged_as_documented() -> None:
    whole_cents = RoundingAccumulator(unit=10_000)
    assert [whole_cents.charge(-55_000, 8_500) for _ in range(3)] == [15_000, 5_000, 15_000]


fills = st.lists(st.tuples(st.integers(-(10**9), 10**9), st.integers(0, 10**6).map(lambda n: n * 100)), max_size=60)


@given(st.sampled_from([100, 10_000]), fills)
def test_the_accumulator_never_keeps_more_than_a_cent_and_gives_back_whole_cents(
    unit: int, fills: list[tuple[int, int]]
) -> None:
    accumulator = RoundingAccumulator(unit=unit)
    charged = rounding = 0
    for revenue, fee in fills:
        net = accumulator.charge(revenue, fee)
        assert (revenue - net) % unit == 0  # the balance stays in the member's units
        charged += net
        rounding += net - fee
        assert 0 <= accumulator.gathered <= 10_000
    assert charged == sum(fee for _, fee in fills) + accumulator.gathered
    assert rounding == accumulator.gathered
