"""What a market pays in expectation that pays one dollar if a price, or its average, ends at or above a strike.

No drift; σ per √second; τ seconds left. By the last price:

    P = Φ(d),  d = (ln(S/K) − ½σ²τ) / (σ√τ)

By the average over the last h seconds (a TWAP): while τ ≥ h the mean of the log average is ln S and its variance
σ²(τ − 2h/3). Once τ < h, u = h − τ seconds are averaged already, at a mean log price Ā:

    mean (u·Ā + τ·ln S)/h,   variance σ²τ³/(3h²)

Halfway through the look-back the spread is 0.29 times that of the last price: most of the outcome is decided.
The average of prices is taken as the exponential of the average of logarithms, which over a minute is the same to 1e-6.
A Gaussian is too sure of itself (fat tails): calibrate before trading on it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

_ROOT_2 = math.sqrt(2.0)
_ROOT_2PI = math.sqrt(2.0 * math.pi)


@dataclass(frozen=True, slots=True)
class Digital:
    """`chance` of Up, and `delta`: by how much it moves for a log return of one in the spot."""

    chance: float
    delta: float


def by_last_price(spot: float, strike: float, sigma: float, left: float) -> Digital:
    """`left` seconds to the closing price. Raises ValueError for a price not above 0, a negative σ or time."""
    _check(spot, strike, sigma, left)
    drift = -0.5 * sigma * sigma * left
    return _digital(math.log(spot / strike) + drift, sigma * math.sqrt(left), 1.0)


def by_average(
    spot: float, strike: float, sigma: float, left: float, lookback: float, *, averaged: float | None = None
) -> Digital:
    """`lookback` h in seconds; `averaged` is the average price of what of the look-back is over (needed once
    left < h). Raises ValueError as `by_last_price`, for a look-back not above 0, and for an average that is missing."""
    _check(spot, strike, sigma, left)
    if lookback <= 0.0:
        raise ValueError(f"look-back {lookback} s; expected above 0")
    if left >= lookback:
        return _digital(math.log(spot / strike), sigma * math.sqrt(left - 2.0 * lookback / 3.0), 1.0)
    if averaged is None or averaged <= 0.0:
        raise ValueError(f"{left:g} s are left of a look-back of {lookback:g} s; expected the average so far, above 0")
    weight = left / lookback
    mean = (1.0 - weight) * math.log(averaged / strike) + weight * math.log(spot / strike)
    return _digital(mean, sigma * math.sqrt(left**3 / 3.0) / lookback, weight)


def _digital(mean: float, spread: float, weight: float) -> Digital:
    if spread <= 0.0:
        return Digital(1.0 if mean >= 0.0 else 0.0, 0.0)  # a tie is Up
    d = mean / spread
    return Digital(0.5 * math.erfc(-d / _ROOT_2), math.exp(-0.5 * d * d) / _ROOT_2PI * weight / spread)


def _check(spot: float, strike: float, sigma: float, left: float) -> None:
    if not (spot > 0.0 and strike > 0.0 and sigma >= 0.0 and left >= 0.0):
        raise ValueError(
            f"spot {spot}, strike {strike}, σ {sigma}, {left} s left; expected prices above 0, σ and time from 0"
        )
