"""Money is exact in both of its forms, and what cannot be exact is refused."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import Inexact, ceil_div, decimal, from_micros, from_picos, plain, tidy, to_micros

micros = st.integers(-(10**18), 10**18)


@given(micros)
def test_micros_survive_the_way_to_dollars_and_back(amount: int) -> None:
    assert to_micros(from_micros(amount)) == amount
    assert to_micros(plain(from_micros(amount))) == amount


@given(st.integers(-(10**9), 10**9), st.integers(0, 10**12))
def test_a_product_of_micros_is_the_product_of_the_dollars(price: int, size: int) -> None:
    assert from_picos(price * size) == from_micros(price) * from_micros(size)


@given(st.decimals(-(10**9), 10**9, places=6))
def test_six_places_are_always_exact(value: Decimal) -> None:
    assert Decimal(to_micros(value)) / 10**6 == value


@pytest.mark.parametrize(
    "text",
    [
        "0.0000001",
        "0.1234560000000000000000000000000000000001",  # scaled first, this would be rounded into exactness
        "1234567.0000001",
    ],
)
def test_a_seventh_place_is_refused_however_far_it_is(text: str) -> None:
    with pytest.raises(Inexact, match="six decimal places"):
        to_micros(text)


@pytest.mark.parametrize("text", ["", "abc", "0,47", "NaN", "sNaN", "Infinity", "-inf", "1e400000000000000000000"])
def test_what_is_not_a_finite_number_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(Inexact, match=r"0\.47"):
        decimal(text)


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("Infinity"), Decimal("1e999999"), "1e15"])
def test_an_amount_beyond_any_account_is_refused_not_computed(value: Decimal | str) -> None:
    with pytest.raises(Inexact, match="below 1e15"):
        to_micros(value)


@pytest.mark.parametrize(("amount", "text"), [(470_000, "0.47"), (17_500, "0.0175"), (1, "0.000001"), (10**7, "10.00")])
def test_dollars_show_two_places_and_more_only_where_needed(amount: int, text: str) -> None:
    assert plain(from_micros(amount)) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [("0.5000", "0.50"), ("12", "12.00"), ("0.0175", "0.0175"), ("-1E+3", "-1000.00"), ("0E-9", "0.00")],
)
def test_tidy_money_has_two_places_at_least_and_no_idle_zeros(value: str, text: str) -> None:
    assert tidy(Decimal(value)) == text


@given(st.integers(-(10**20), 10**20), st.integers(1, 10**10))
def test_ceil_div_is_the_least_whole_number_not_below(numerator: int, denominator: int) -> None:
    result = ceil_div(numerator, denominator)
    assert (result - 1) * denominator < numerator <= result * denominator


def test_plain_never_writes_an_exponent() -> None:
    assert plain(Decimal("1E-4")) == "0.0001"
    assert plain(Decimal("1E+3")) == "1000"
