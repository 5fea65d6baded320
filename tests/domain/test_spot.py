"""Spot prices come in exactly or not at all."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.spot import ATTO, price_attos, size_attos, to_attos


@pytest.mark.parametrize(
    ("text", "attos"),
    [
        ("61837.63000000", 61_837_630_000_000_000_000_000),
        ("0.00001303", 13_030_000_000_000),
        ("63304.200301195075000000", 63_304_200_301_195_075_000_000),
        ("0", 0),
        ("-1", -ATTO),
        ("1E+3", 1_000 * ATTO),
        ("1e-18", 1),
        ("0.1000000000000000000000", ATTO // 10),
        ("0E-400", 0),
    ],
)
def test_a_decimal_becomes_attos_to_the_last_digit(text: str, attos: int) -> None:
    assert to_attos(text) == attos


@pytest.mark.parametrize(
    "text",
    [
        "",
        "abc",
        "NaN",
        "Infinity",
        "-inf",
        "1e15",
        "1E+999999999",
        "1e-19",
        "1_000",
        " 1",
        "٣.٥",
        "1e99999999999999999999",
        "0.12345678901234567891",
        "0E+99999",
    ],
)
def test_what_is_no_price_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|finer"):
        to_attos(text)


def test_a_price_is_above_zero_and_a_size_not_below() -> None:
    for text in ("0", "-0.01"):
        with pytest.raises(ValueError, match="not above zero"):
            price_attos(text)
    assert size_attos("0.00000000") == 0
    with pytest.raises(ValueError, match="negative"):
        size_attos("-1")


@given(st.decimals(min_value=-(10**14), max_value=10**14, places=18))
def test_nothing_is_rounded(number: Decimal) -> None:
    attos = to_attos(format(number, "f"))
    assert Decimal(attos).scaleb(-18).compare(number) == 0 or abs(attos) >= 10**28  # the context's own digits end there
