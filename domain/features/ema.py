"""Exponential averages of observations that come when they come: weighted by time, not by count.

With Δt since the last observation, τ = halflife / ln 2, w = Δt / τ and u = e^(−w):

    next      E ← u·E + (1 − u)·xᵢ                            the new value held since the last observation
    previous  E ← u·E + (1 − u)·xᵢ₋₁                          the last value held until now: right for quotes
    linear    E ← u·E + (v − u)·xᵢ₋₁ + (1 − v)·xᵢ,  v = (1 − u)/w      a straight line in between

Müller (1991), Eckner (2019, "Algorithms for unevenly spaced time series: moving averages and other rolling operators").
An average weighted by count lets one burst of ticks outvote an hour. Exchange time only: an observation that is not
later than the one before it moves no average.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from domain.features.feature import Feature, Flaw, flawed

_LN2 = math.log(2.0)
_SMALL = 1e-8


class Hold(StrEnum):
    """What the series is taken to have been between two observations."""

    NEXT = "next"
    PREVIOUS = "previous"
    LINEAR = "linear"


@dataclass(frozen=True, slots=True)
class EmaState:
    """An average as plain data, to go on with later; times in microseconds."""

    value: float
    x: float
    last: int
    began: int
    count: int
    broke: bool


class Ema:
    """One average. `halflife` in microseconds.

    Valid once `least` observations and three halflives were seen. A gap of more than `gap_halflives` begins it anew: an
    average over nothing is a guess. Observations that came in no order are counted in `late` and left out, those at the
    time of the last one replace its value and leave the average as it is.
    """

    __slots__ = (
        "_began",
        "_count",
        "_gap",
        "_halflife",
        "_hold",
        "_last",
        "_least",
        "_tau",
        "_value",
        "_x",
        "broke",
        "late",
    )

    def __init__(
        self, halflife: int, hold: Hold = Hold.PREVIOUS, *, least: int = 3, gap_halflives: float = 10.0
    ) -> None:
        if halflife <= 0 or least < 1 or gap_halflives <= 0:
            raise ValueError(f"halflife {halflife} µs, least {least}, gap {gap_halflives}; expected each above 0")
        self._halflife = halflife
        self._tau = halflife / _LN2
        self._gap = gap_halflives * halflife
        self._hold = hold
        self._least = least
        self._value = 0.0
        self._x = 0.0
        self._last = 0
        self._began = 0
        self._count = 0
        self.broke = False  # a gap was seen since the average was last valid
        self.late = 0

    def update(self, at: int, x: float) -> None:
        """`x` seen at exchange time `at` (µs). Raises ValueError for a value that is not finite."""
        if not math.isfinite(x):
            raise ValueError(f"observation {x} is not a finite number")
        if self._count and at - self._last > self._gap:
            self.broke = True
            self._count = 0
        if not self._count:
            self._value = self._x = x
            self._began = self._last = at
            self._count = 1
            return
        gap = at - self._last
        if gap < 0:
            self.late += 1
            return
        if gap > 0:
            self._value = _step(self._hold, self._value, self._x, x, gap / self._tau)
            self._last = at
            self._count += 1
            if self._ready(at):
                self.broke = False
        self._x = x

    def state(self) -> EmaState:
        return EmaState(self._value, self._x, self._last, self._began, self._count, self.broke)

    def restore(self, state: EmaState) -> None:
        """Go on where `state` was. Raises ValueError for one that no average was ever in."""
        if state.count < 0 or not state.began <= state.last or not math.isfinite(state.value + state.x):
            raise ValueError(f"{state}; expected finite values, a count from 0, and a beginning before the end")
        self._value, self._x, self._last = state.value, state.x, state.last
        self._began, self._count, self.broke = state.began, state.count, state.broke

    def at(self, now: int) -> Feature:
        """The average as of the last observation, in the unit of the observations, judged at exchange time `now`."""
        if not self._count:
            return flawed(Flaw.MISSING)
        if now - self._last > self._gap:
            return flawed(Flaw.GAP, f"nothing for {(now - self._last) / 1e6:.1f} s")
        if not self._ready(self._last):
            return flawed(Flaw.GAP if self.broke else Flaw.WARMING, f"{self._count} observations so far")
        return Feature(self._value)

    def _ready(self, at: int) -> bool:
        return self._count >= self._least and at - self._began >= 3 * self._halflife


def ema(times: Sequence[int], values: Sequence[float], halflife: int, hold: Hold = Hold.PREVIOUS) -> list[float]:
    """The average after each observation; `times` in microseconds, not decreasing. No readiness, no gaps.

    >>> ema([0, 1_000_000], [0.0, 1.0], 1_000_000, Hold.NEXT)
    [0.0, 0.5]
    """
    tau = halflife / _LN2
    averages: list[float] = []
    value = previous = 0.0
    last = 0
    for place, (at, x) in enumerate(zip(times, values, strict=True)):
        if place == 0:
            value = x
        elif at > last:
            value = _step(hold, value, previous, x, (at - last) / tau)
        previous, last = x, at
        averages.append(value)
    return averages


def _step(hold: Hold, value: float, previous: float, x: float, w: float) -> float:
    u = math.exp(-w)
    if hold is Hold.NEXT:
        return u * value + (1.0 - u) * x
    if hold is Hold.PREVIOUS:
        return u * value + (1.0 - u) * previous
    v = -math.expm1(-w) / w if w > _SMALL else 1.0 - w / 2.0
    return u * value + (v - u) * previous + (1.0 - v) * x
