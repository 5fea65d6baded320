"""The chance of Up: known limits, and what a simulation says."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.features.digital import by_average, by_last_price

SIGMA = 1e-4


def test_at_the_end_the_price_decides_and_a_tie_is_up() -> None:
    assert by_last_price(100, 100, SIGMA, 0).chance == 1.0
    assert by_last_price(99.99, 100, SIGMA, 0).chance == 0.0
    assert by_average(100, 100, SIGMA, 0, 60, averaged=100).chance == 1.0
    assert by_average(200, 100, SIGMA, 0, 60, averaged=99.99).chance == 0.0


def test_one_sigma_is_one_sigma() -> None:
    left = 300.0
    spot = 100 * math.exp(SIGMA * math.sqrt(left) + 0.5 * SIGMA**2 * left)
    assert by_last_price(spot, 100, SIGMA, left).chance == pytest.approx(0.8413447, abs=1e-6)


def test_halfway_through_the_look_back_most_is_decided() -> None:
    # The mean leans half on the spot; the spread of it is √(h/24) against √(h/2).
    h = 60.0
    at_par = by_average(100, 100, SIGMA, h / 2, h, averaged=100)
    spread = 0.5 / (at_par.delta * math.sqrt(2 * math.pi))
    assert spread / (SIGMA * math.sqrt(h / 2)) == pytest.approx(0.2887, abs=1e-4)


@pytest.mark.parametrize("left", [120, 60, 30])
def test_a_simulation_agrees(left: int) -> None:
    rng = random.Random(left)
    h, spot, strike, averaged = 60, 100.0, 100.02, 100.05
    ups, runs = 0, 6_000
    for _ in range(runs):
        log, total = math.log(spot), 0.0
        for second in range(left):
            before = log
            log += rng.gauss(0.0, SIGMA)
            if second >= left - h:
                total += (before + log) / 2
        mean = (total + max(h - left, 0) * math.log(averaged)) / h
        ups += mean >= math.log(strike)
    assert by_average(spot, strike, SIGMA, left, h, averaged=averaged).chance == pytest.approx(ups / runs, abs=0.02)


spots = st.floats(99.0, 101.0)
lefts = st.floats(0.5, 900.0)


@given(spots, lefts)
def test_chances_are_chances_and_rise_with_the_spot(spot: float, left: float) -> None:
    for rule in (
        lambda s: by_last_price(s, 100, SIGMA, left),
        lambda s: by_average(s, 100, SIGMA, left, 60, averaged=100.0),
    ):
        low, high = rule(spot), rule(spot * 1.0001)
        assert 0.0 <= low.chance <= high.chance <= 1.0
        assert low.delta >= 0.0


@given(spots)
def test_nothing_jumps_when_the_look_back_begins(spot: float) -> None:
    before = by_average(spot, 100, SIGMA, 60.0, 60.0)
    after = by_average(spot, 100, SIGMA, 60.0 - 1e-9, 60.0, averaged=spot)
    assert after.chance == pytest.approx(before.chance, abs=1e-6)


@given(st.floats(99.99, 100.01), st.floats(5.0, 900.0))
def test_delta_is_the_slope(spot: float, left: float) -> None:
    step = 1e-7
    for rule in (
        lambda s: by_last_price(s, 100, SIGMA, left),
        lambda s: by_average(s, 100, SIGMA, left, 60, averaged=100.0),
    ):
        slope = (rule(spot * math.exp(step)).chance - rule(spot * math.exp(-step)).chance) / (2 * step)
        assert rule(spot).delta == pytest.approx(slope, rel=1e-2, abs=1.0)


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="expected prices above 0"):
        by_last_price(0, 100, SIGMA, 1)
    with pytest.raises(ValueError, match="expected the average so far"):
        by_average(100, 100, SIGMA, 30, 60)
    with pytest.raises(ValueError, match="look-back"):
        by_average(100, 100, SIGMA, 30, 0)
