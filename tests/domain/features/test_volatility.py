"""Volatility at the traded horizon: known answers, gaps, and bounded work."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.features.feature import Flaw
from domain.features.volatility import RealisedVolatility, Sampling, annualised, realised_volatility

SECOND = 1_000_000
QUICK = Sampling(horizon=4 * SECOND, step=SECOND, window=40 * SECOND, tolerance=3 * SECOND, least=10)


def test_a_price_that_grows_evenly_has_that_return_every_time() -> None:
    # ln P grows by 0.001 a second: every 4 s return is 0.004, so σ² = 0.004²/4.
    times = [n * SECOND for n in range(1, 61)]
    prices = [math.exp(0.001 * n) for n in range(1, 61)]
    assert realised_volatility(times, prices, QUICK).value == pytest.approx(0.004 / 2)


def test_a_random_walk_has_its_own_sigma_at_every_horizon() -> None:
    rng = random.Random(5)
    log, prices = 0.0, []
    for _ in range(20_000):
        prices.append(math.exp(log))
        log += rng.gauss(0.0, 1e-4)
    times = [n * SECOND for n in range(1, len(prices) + 1)]
    for horizon in (1, 10, 60):
        sampling = Sampling(horizon=horizon * SECOND, window=20_000 * SECOND, least=100)
        assert realised_volatility(times, prices, sampling).value == pytest.approx(1e-4, rel=0.08)


def test_a_smoothed_feed_shows_its_volatility_only_at_a_longer_horizon() -> None:
    rng = random.Random(6)
    raw, log = [], 0.0
    for _ in range(5_000):
        log += rng.gauss(0.0, 1e-4)
        raw.append(log)
    smooth = [math.exp(sum(raw[n : n + 10]) / 10) for n in range(len(raw) - 10)]
    times = [n * SECOND for n in range(1, len(smooth) + 1)]
    short, long = (
        realised_volatility(times, smooth, Sampling(horizon=h * SECOND, window=4_900 * SECOND, least=100)).value
        for h in (1, 60)
    )
    assert short < 0.5 * long


def test_it_warms_up_goes_stale_and_misses_what_was_not_there() -> None:
    fold = RealisedVolatility(QUICK)
    assert fold.at(0).flaw is Flaw.MISSING
    for n in range(1, 15):
        fold.update(n * SECOND, 100.0)
    assert fold.at(14 * SECOND).flaw is Flaw.WARMING
    fold.update(15 * SECOND, 100.0)
    assert fold.at(15 * SECOND).value == 0.0
    assert fold.at(18 * SECOND).valid
    assert fold.at(18 * SECOND + 1).flaw is Flaw.STALE
    # After eleven silent seconds only returns whose both ends were seen count: none spans the gap.
    fold.update(26 * SECOND, 200.0)
    for n in range(27, 40):
        fold.update(n * SECOND, 200.0)
    answer = fold.at(39 * SECOND)
    assert answer.valid
    assert answer.value == 0.0


def test_a_long_silence_costs_no_more_than_a_window() -> None:
    fold = RealisedVolatility(QUICK)
    for n in range(1, 30):
        fold.update(n * SECOND, 100.0)
    fold.update(10**15, 100.0)
    assert fold.at(10**15).flaw is Flaw.WARMING
    for n in range(1, 20):
        fold.update(10**15 + n * SECOND, 100.0)
    assert fold.at(10**15 + 19 * SECOND).value == 0.0


@given(st.lists(st.tuples(st.integers(0, 2 * SECOND), st.floats(50, 150)), min_size=2, max_size=80))
def test_ticks_at_one_time_count_as_the_last_of_them(steps: list[tuple[int, float]]) -> None:
    at, times, prices = SECOND, [], []
    for gap, price in steps:
        at += gap
        times.append(at)
        prices.append(price)
    last = dict(zip(times, prices, strict=True))
    once = realised_volatility(list(last), list(last.values()), QUICK)
    assert realised_volatility(times, prices, QUICK) == once


def test_what_cannot_be_sampled_is_said_at_once() -> None:
    for wrong in ({"horizon": 1_500_000}, {"window": 30_000_000}, {"least": 10_000}, {"tolerance": 0}):
        with pytest.raises(ValueError, match="expected"):
            Sampling(**wrong)
    with pytest.raises(ValueError, match="no logarithm"):
        RealisedVolatility(QUICK).update(1, 0.0)
    fold = RealisedVolatility(QUICK)
    fold.update(2 * SECOND, 1.0)
    fold.update(SECOND, 1.0)
    assert fold.late == 1
    assert annualised(1.0) == pytest.approx(5615.69, rel=1e-5)
