"""A venue's grid: which prices exist, and which is nearest."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.fees import FeeSchedule
from domain.market import MarketSpec, PriceRange, Venue, floored, raised

D = Decimal


def spec(*ranges: tuple[str, str, str]) -> MarketSpec:
    bands = tuple(PriceRange(D(start), D(end), D(step)) for start, end, step in ranges)
    market = MarketSpec(Venue.KALSHI, "M", "E", "title", FeeSchedule())
    return MarketSpec(Venue.KALSHI, "M", "E", "title", FeeSchedule(), bands) if bands else market


CENTS = spec()
TAPERED = spec(("0.001", "0.1", "0.001"), ("0.1", "0.9", "0.01"), ("0.9", "0.999", "0.001"))
GAPPED = spec(("0.01", "0.20", "0.01"), ("0.80", "0.99", "0.01"))
specs = st.sampled_from([CENTS, TAPERED, GAPPED])
prices = st.integers(0, 10_000).map(lambda n: D(n) / 10_000)


def grid(of: MarketSpec) -> list[Decimal]:
    """Every price of the market, counted out."""
    return sorted(
        {
            band.start + n * band.step
            for band in of.price_ranges
            for n in range(int((band.end - band.start) / band.step) + 1)
        }
    )


@given(specs, prices)
def test_the_nearest_price_is_on_the_grid_and_none_is_closer(of: MarketSpec, price: Decimal) -> None:
    nearest = of.nearest(price)
    assert of.on_grid(nearest)
    assert abs(nearest - price) == min(abs(other - price) for other in grid(of))


@given(specs, prices)
def test_a_price_is_on_the_grid_exactly_when_it_is_counted_out(of: MarketSpec, price: Decimal) -> None:
    assert of.on_grid(price) == (price in grid(of))
    assert of.on_grid(price) == (of.nearest(price) == price)


@pytest.mark.parametrize(
    ("price", "nearest"), [("0.5051", "0.51"), ("0.505", "0.51"), ("0.5049", "0.50"), ("0", "0.01")]
)
def test_a_price_between_two_steps_goes_to_the_closer_and_a_tie_goes_up(price: str, nearest: str) -> None:
    assert CENTS.nearest(D(price)) == D(nearest)


def test_the_step_is_that_of_the_band_the_price_is_in() -> None:
    assert [TAPERED.step_at(D(p)) for p in ("0.05", "0.5", "0.95")] == [D("0.001"), D("0.01"), D("0.001")]
    assert GAPPED.range_of(D("0.5")) is None
    assert GAPPED.step_at(D("0.5")) == D("0.01")


GRID = (
    PriceRange(Decimal("0.001"), Decimal("0.10"), Decimal("0.001")),
    PriceRange(Decimal("0.10"), Decimal("0.90"), Decimal("0.01")),
    PriceRange(Decimal("0.90"), Decimal("0.999"), Decimal("0.001")),
)


@pytest.mark.parametrize(
    ("price", "below", "above"),
    [
        ("0.0995", "0.099", "0.10"),
        ("0.105", "0.10", "0.11"),
        ("0.50", "0.50", "0.50"),
        ("0.895", "0.89", "0.90"),
        ("0.9014", "0.901", "0.902"),
        ("0.9995", "0.999", None),
        ("0.0001", None, "0.001"),
    ],
)
def test_on_a_grid_of_several_steps_a_price_has_a_neighbour_below_and_above(
    price: str, below: str | None, above: str | None
) -> None:
    asked = Decimal(price)
    assert floored(GRID, asked) == (None if below is None else Decimal(below))
    assert raised(GRID, asked) == (None if above is None else Decimal(above))
