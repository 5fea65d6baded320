"""How far a token is behind the spot price it follows.

    Δ_SPD = β·r_spot − Δq

over one window: r the log return of the spot, q the token's (micro-)price in dollars, β what q moves for a return of
one. Positive: the token has not moved up as far as the spot says. β is estimated from pairs of equal clock times, the
spot's taken `lag` steps earlier, without a constant:

    β̂ = Σ r·Δq / Σ r²,   β = w·β̂ + (1 − w)·β₀

β₀ is the theoretical delta. A window in which the spot hardly moved has no β̂ (`Flaw.ILL_POSED`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from domain.features.feature import Feature, Flaw, flawed


def beta(
    spot_returns: Sequence[float],
    token_moves: Sequence[float],
    *,
    lag: int = 0,
    least: int = 30,
    least_rms: float = 1e-6,
    prior: float = 0.0,
    weight: float = 1.0,
) -> Feature:
    """β of two columns of equal length. `least` pairs are needed, and a root mean square return of `least_rms`.

    Raises ValueError for columns of different length, a negative lag, or a weight outside [0, 1].
    """
    if len(spot_returns) != len(token_moves) or lag < 0 or not 0.0 <= weight <= 1.0:
        raise ValueError(
            f"{len(spot_returns)} returns, {len(token_moves)} moves, lag {lag}, weight {weight}; expected columns of "
            "one length, a lag from 0 and a weight from 0 to 1"
        )
    pairs = list(zip(spot_returns[: len(spot_returns) - lag], token_moves[lag:], strict=True))
    if len(pairs) < least:
        return flawed(Flaw.WARMING, f"{len(pairs)} pairs of {least}")
    square = math.fsum(r * r for r, _ in pairs)
    if square <= least_rms * least_rms * len(pairs):
        return flawed(Flaw.ILL_POSED, "the spot hardly moved in the window")
    return Feature(weight * math.fsum(r * dq for r, dq in pairs) / square + (1.0 - weight) * prior)


def spread_dislocation(slope: Feature, spot_return: float, token_move: float) -> Feature:
    """Δ_SPD in dollars, with the flaw of β if it has one."""
    if not slope.valid:
        return slope
    return Feature(slope.value * spot_return - token_move)
