"""Averages over irregular time: known answers, and what no order of ticks may change."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.features.ema import Ema, Hold, ema
from domain.features.feature import Flaw

SECOND = 1_000_000
HOLDS = list(Hold)


def test_one_halflife_halves_the_distance() -> None:
    times, values = [0, 10 * SECOND, 20 * SECOND], [0.0, 1.0, 5.0]
    assert ema(times, values, 10 * SECOND, Hold.NEXT) == pytest.approx([0.0, 0.5, 2.75])
    assert ema(times, values, 10 * SECOND, Hold.PREVIOUS) == pytest.approx([0.0, 0.0, 0.5])


def test_the_linear_average_is_the_integral_of_the_line() -> None:
    # E(t) = ∫₀ᵗ x(s) e^(−(t−s)/τ) ds/τ with x(s) = s and E(0) = 0 is t − τ(1 − e^(−t/τ)).
    tau = 10.0 / math.log(2)
    for seconds in (1, 7, 60):
        expected = seconds - tau * (1 - math.exp(-seconds / tau))
        assert ema([0, seconds * SECOND], [0.0, float(seconds)], 10 * SECOND, Hold.LINEAR)[1] == pytest.approx(expected)
    # A line cut into pieces is the same line.
    cut = ema([0, SECOND, 4 * SECOND, 60 * SECOND], [0.0, 1.0, 4.0, 60.0], 10 * SECOND, Hold.LINEAR)
    assert cut[-1] == pytest.approx(60 - tau * (1 - math.exp(-60 / tau)))


def test_a_burst_weighs_as_long_as_it_lasted() -> None:
    times = [n * SECOND for n in range(60)] + [59 * SECOND + n for n in range(1, 1000)]
    values = [0.0] * 60 + [1.0] * 999
    assert ema(times, values, 10 * SECOND)[-1] < 0.001


series = st.lists(
    st.tuples(st.integers(0, 40 * SECOND), st.floats(-1e6, 1e6, allow_nan=False)), min_size=1, max_size=40
)


@given(series, st.sampled_from(HOLDS))
def test_an_average_lies_between_the_least_and_the_most(steps: list[tuple[int, float]], hold: Hold) -> None:
    times, values, at = [], [], 0
    for gap, x in steps:
        at += gap
        times.append(at)
        values.append(x)
    slack = 1e-9 * max(1.0, *map(abs, values))
    for average in ema(times, values, 10 * SECOND, hold):
        assert min(values) - slack <= average <= max(values) + slack


@given(series, st.sampled_from(HOLDS))
def test_the_same_tick_twice_at_one_time_changes_nothing(steps: list[tuple[int, float]], hold: Hold) -> None:
    times, values, at = [], [], 0
    for gap, x in steps:
        at += gap + 1
        times.append(at)
        values.append(x)
    doubled = ema([t for t in times for _ in (0, 1)], [x for x in values for _ in (0, 1)], 10 * SECOND, hold)
    assert doubled[1::2] == ema(times, values, 10 * SECOND, hold)


@given(series, st.sampled_from(HOLDS))
def test_the_fold_says_what_the_columns_say(steps: list[tuple[int, float]], hold: Hold) -> None:
    fold = Ema(10 * SECOND, hold, least=1, gap_halflives=100)
    times, values, at = [], [], 1
    for gap, x in steps:
        at += gap
        times.append(at)
        values.append(x)
        fold.update(at, x)
    said = fold.at(at)
    if at - times[0] >= 30 * SECOND:
        assert said.value == ema(times, values, 10 * SECOND, hold)[-1]
    else:
        assert said.flaw is Flaw.WARMING


def test_it_is_ready_after_enough_ticks_and_three_halflives() -> None:
    fold = Ema(SECOND, least=3)
    assert fold.at(0).flaw is Flaw.MISSING
    for n in range(3):
        fold.update(10 * SECOND + n, 1.0)
    assert fold.at(10 * SECOND + 2).flaw is Flaw.WARMING  # enough ticks, no time
    fold.update(13 * SECOND, 1.0)
    assert fold.at(13 * SECOND).valid


def test_a_gap_makes_it_warm_up_anew() -> None:
    fold = Ema(SECOND, least=2, gap_halflives=5)
    for n in range(5):
        fold.update(n * SECOND, 1.0)
    assert fold.at(4 * SECOND).valid
    assert fold.at(10 * SECOND).flaw is Flaw.GAP
    fold.update(10 * SECOND, 9.0)
    assert fold.at(10 * SECOND).flaw is Flaw.GAP
    for n in range(11, 14):
        fold.update(n * SECOND, 9.0)
    assert fold.at(13 * SECOND).value == 9.0  # nothing of before the gap is left


def test_an_older_tick_moves_nothing_and_is_counted() -> None:
    fold = Ema(SECOND, least=1)
    for n in range(5):
        fold.update(n * SECOND, 1.0)
    fold.update(2 * SECOND, 100.0)
    assert fold.late == 1
    assert fold.at(4 * SECOND).value == 1.0
    with pytest.raises(ValueError, match="not a finite"):
        fold.update(5 * SECOND, math.nan)
