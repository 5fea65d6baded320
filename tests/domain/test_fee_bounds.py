"""No split of an order's fills, and no prices within its limit, cost more in fees than the bound says."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.fee_bounds import worst_fee
from domain.fees import FeeModel, FeeSchedule, RoundingAccumulator
from domain.money import from_micros, to_micros
from domain.orders import Side

_ANY = Decimal("0.0001")
rates = st.integers(0, 2_000).map(lambda n: n * _ANY)
sides = st.sampled_from(Side)
limits = st.integers(1, 9_999).map(lambda n: n * _ANY)
lots = st.lists(st.tuples(st.integers(1, 5_000), st.floats(0, 1)), min_size=1, max_size=40)
members = st.sampled_from([Decimal("0.0001"), Decimal("0.01")])


def price_within(side: Side, limit: Decimal, where: float) -> Decimal:
    """A price of four places at the limit or better."""
    low, high = (_ANY, limit) if side is Side.BUY else (limit, 1 - _ANY)
    return low + int(where * int((high - low) / _ANY)) * _ANY


@given(taker=rates, maker=rates, unit=members, side=sides, limit=limits, parts=lots, rests=st.booleans())
def test_no_fills_at_kalshi_cost_more_than_the_bound(
    *,
    taker: Decimal,
    maker: Decimal,
    unit: Decimal,
    side: Side,
    limit: Decimal,
    parts: list[tuple[int, float]],
    rests: bool,
) -> None:
    schedule = FeeSchedule(taker, maker, unit)
    order = RoundingAccumulator(to_micros(unit))
    charged = size = Decimal(0)
    for hundredths, where in parts:
        count, price = Decimal(hundredths) / 100, price_within(side, limit, where)
        gross = to_micros(count * price)
        fee = to_micros(schedule.trade_fee(price, count, maker=rests))
        charged += from_micros(order.charge(gross if side is Side.SELL else -gross, fee))
        size += count
    assert charged <= worst_fee(schedule, side, limit, size)
    assert charged <= worst_fee(schedule, side, limit, size, fills=len(parts))


@given(
    taker=rates,
    exponent=st.integers(0, 3),
    side=sides,
    limit=limits,
    parts=lots,
    grain=st.sampled_from([1, 100, 10_000]),
)
def test_no_fills_at_polymarket_cost_more_than_the_bound(
    *, taker: Decimal, exponent: int, side: Side, limit: Decimal, parts: list[tuple[int, float]], grain: int
) -> None:
    schedule = FeeSchedule(taker, Decimal(0), Decimal("0.000001"), FeeModel.POLYMARKET, exponent)
    sizes = [from_micros(n * grain) for n, _ in parts]
    charged = sum(
        (
            schedule.trade_fee(price_within(side, limit, where), size)
            for size, (_, where) in zip(sizes, parts, strict=True)
        ),
        Decimal(0),
    )
    size = sum(sizes, Decimal(0))
    assert charged <= worst_fee(schedule, side, limit, size)
    assert charged <= worst_fee(schedule, side, limit, size, fills=len(parts))
    assert charged <= worst_fee(schedule, side, limit, size, lot=from_micros(grain))


def test_the_bound_is_reached_by_the_smallest_fills_at_the_dearest_price() -> None:
    kalshi = FeeSchedule()
    singles = 500 * kalshi.trade_fee(Decimal("0.45"), Decimal("0.01"))
    assert worst_fee(kalshi, Side.BUY, Decimal("0.45"), Decimal(5)) == singles + Decimal("0.01")
    polymarket = FeeSchedule(Decimal("0.07"), model=FeeModel.POLYMARKET, unit=Decimal("0.000001"))
    half = Decimal("0.00028571428571428571")  # its fee at 0.50 is just below half a step, so none
    assert polymarket.trade_fee(Decimal("0.5"), half) == 0
    assert polymarket.trade_fee(Decimal("0.5"), Decimal("0.000286")) == Decimal("0.00001")
    assert worst_fee(polymarket, Side.BUY, Decimal("0.5"), Decimal("0.000286")) == Decimal("0.00001")


@pytest.mark.parametrize("model", FeeModel)
def test_one_fill_is_bounded_within_a_step_and_the_rounding_cent(model: FeeModel) -> None:
    schedule = FeeSchedule(model=model)
    exact = schedule.trade_fee(Decimal("0.45"), Decimal(100))
    assert exact <= worst_fee(schedule, Side.BUY, Decimal("0.45"), Decimal(100), fills=1) <= exact + Decimal("0.0002")


@given(st.decimals(), st.decimals(), st.sampled_from(FeeModel), sides)
def test_every_two_numbers_have_a_fee_and_a_bound(price: Decimal, size: Decimal, model: FeeModel, side: Side) -> None:
    schedule = FeeSchedule(model=model)
    fee = schedule.trade_fee(price, size)
    assert fee >= 0
    assert fee.is_finite()
    assert worst_fee(schedule, side, price, size).is_finite()


@pytest.mark.parametrize("number", ["NaN", "sNaN", "-Infinity", "1e400000", "1e-400000", "-5", "1e999999"])
@pytest.mark.parametrize("model", FeeModel)
def test_what_is_no_amount_has_a_fee_all_the_same(number: str, model: FeeModel) -> None:
    schedule = FeeSchedule(model=model)
    for price, size in ((Decimal(number), Decimal(5)), (Decimal("0.3"), Decimal(number))):
        assert schedule.trade_fee(price, size) >= 0
        assert schedule.share_fee(price) >= 0
        assert worst_fee(schedule, Side.SELL, price, size) >= 0


def test_an_average_of_many_places_has_the_fee_of_its_exact_value() -> None:
    third = Decimal(1) / 3
    assert FeeSchedule().trade_fee(third, Decimal(90)) == Decimal("1.4000")  # 0.07 · 90 · 2/9 is 1.4 and a shade less
    assert FeeSchedule(model=FeeModel.POLYMARKET).trade_fee(third, Decimal(90)) == Decimal("1.40000")
