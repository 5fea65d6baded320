"""Realised volatility at the horizon that is traded.

A price feed that smooths shows too little movement from second to second: on a day of Chainlink's BTC/USD the
one-second returns give 19.7 % a year and the five-minute ones 30.3 %, 2.36 times the variance. So the returns are
taken over the horizon itself, and sub-sampled (Zhang, Mykland, Aït-Sahalia 2005): a return over `horizon` ends
at every `step`, which uses all of the data and leaves no choice of where the grid begins.

    r_g = ln P(g) − ln P(g − horizon),   σ² = mean over the window of r_g² / horizon in seconds

P(g) is the last price at or before g (previous tick), and counts only if it is no older than `tolerance`. No mean is
taken off: over minutes the drift is far below the noise. σ is per √second.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from domain.features.feature import Feature, Flaw, flawed

YEAR_S = 365.0 * 86_400.0


@dataclass(frozen=True, slots=True)
class Sampling:
    """Microseconds. `horizon` is a multiple of `step` and `window` at least twice the horizon. A volatility is valid
    from `least` returns on, of the window's `window / step`."""

    horizon: int = 30_000_000
    step: int = 1_000_000
    window: int = 600_000_000
    tolerance: int = 3_000_000
    least: int = 120

    def __post_init__(self) -> None:
        if min(self.horizon, self.step, self.tolerance, self.least) <= 0 or self.horizon % self.step:
            raise ValueError(f"{self}: expected figures above 0 and a horizon that is a multiple of the step")
        if self.window < 2 * self.horizon or self.least > self.window // self.step:
            raise ValueError(f"{self}: expected a window of two horizons and no more returns than it has steps")


@dataclass(frozen=True, slots=True)
class VolatilityState:
    """A volatility as plain data, to go on with later; times in microseconds, None where a price was missing."""

    last_at: int
    last_log: float
    next: int
    logs: tuple[float | None, ...]
    returns: tuple[float | None, ...]


class RealisedVolatility:
    """The volatility over the last window, fed tick by tick. Exchange time; ticks in no order are counted in `late`.

    Work is bounded: a tick after a long silence samples no more than one window.
    """

    __slots__ = ("_last_at", "_last_log", "_logs", "_next", "_returns", "_sampling", "_sigma", "late")

    def __init__(self, sampling: Sampling) -> None:
        self._sampling = sampling
        lags = sampling.horizon // sampling.step
        self._logs: deque[float | None] = deque(maxlen=lags)
        self._returns: deque[float | None] = deque(maxlen=sampling.window // sampling.step)
        self._last_at = 0
        self._last_log = 0.0
        self._next = 0  # the first grid time not yet sampled
        self._sigma: Feature | None = None
        self.late = 0

    def update(self, at: int, price: float) -> None:
        """`price` (any unit, above 0) at exchange time `at` (µs). Raises ValueError for a price that is none."""
        if not (price > 0.0 and math.isfinite(price)):
            raise ValueError(f"price {price} has no logarithm; expected a finite number above 0")
        step = self._sampling.step
        if not self._next:
            self._next = -(-at // step) * step
        elif at < self._last_at:
            self.late += 1
            return
        else:
            self._sample(at)
        self._last_at, self._last_log = at, math.log(price)

    def state(self) -> VolatilityState:
        return VolatilityState(self._last_at, self._last_log, self._next, tuple(self._logs), tuple(self._returns))

    def restore(self, state: VolatilityState) -> None:
        """Go on where `state` was, which was sampled alike. Raises ValueError for one nothing was ever in."""
        known = (state.last_log, *(each for each in (*state.logs, *state.returns) if each is not None))
        if state.next < 0 or state.next % self._sampling.step or not all(math.isfinite(each) for each in known):
            raise ValueError(f"volatility at {state.last_at} µs; expected finite values on the grid of its steps")
        self._last_at, self._last_log, self._next = state.last_at, state.last_log, state.next
        self._logs.clear()
        self._returns.clear()
        self._logs.extend(state.logs)
        self._returns.extend(state.returns)
        self._sigma = None

    def at(self, now: int) -> Feature:
        """σ per √second at exchange time `now`."""
        if not self._next:
            return flawed(Flaw.MISSING)
        if now - self._last_at > self._sampling.tolerance:
            return flawed(Flaw.STALE, f"last price {(now - self._last_at) / 1e6:.1f} s old")
        if self._sigma is None:
            self._sigma = _sigma(self._returns, self._sampling)
        return self._sigma

    def _sample(self, before: int) -> None:
        """Every grid time before `before` gets the last price, which no later tick can change any more."""
        sampling = self._sampling
        skipped = (before - self._next) // sampling.step - (sampling.window + sampling.horizon) // sampling.step
        if skipped > 0:
            self._logs.clear()
            self._returns.clear()
            self._next += skipped * sampling.step
        while self._next < before:
            fresh = self._next - self._last_at <= sampling.tolerance
            log = self._last_log if fresh else None
            if len(self._logs) == self._logs.maxlen:
                past = self._logs[0]
                self._returns.append(None if log is None or past is None else log - past)
            self._logs.append(log)
            self._next += sampling.step
            self._sigma = None


def realised_volatility(times: Sequence[int], prices: Sequence[float], sampling: Sampling) -> Feature:
    """σ per √second over the window that ends with the last tick: what the fold above says at that time."""
    fold = RealisedVolatility(sampling)
    for at, price in zip(times, prices, strict=True):
        fold.update(at, price)
    return fold.at(times[-1]) if times else flawed(Flaw.MISSING)


def annualised(sigma: float) -> float:
    """Per √second to per √year of 365 days."""
    return sigma * math.sqrt(YEAR_S)


def _sigma(returns: Sequence[float | None] | deque[float | None], sampling: Sampling) -> Feature:
    seen = [r * r for r in returns if r is not None]
    if len(seen) < sampling.least:
        return flawed(Flaw.WARMING, f"{len(seen)} returns of {sampling.least}")
    return Feature(math.sqrt(math.fsum(seen) / (len(seen) * sampling.horizon / 1e6)))
