"""In which order the legs of a trade are sent: the one with the best expected value.

A first leg that does not fill costs nothing. A later one that is gone by the time it is sent leaves everything before
it to be unwound. With F the chance that a leg fills when it is sent first, π that it is gone when it is sent later, L
what unwinding it loses and Π the profit of the whole, the order 1 … N is worth

    EV = F₁ · ( Π · ∏(1 − πₖ)  −  Σₖ πₖ · (L₁ + … + Lₖ₋₁) · ∏_{1<j<k}(1 − πⱼ) ),   k = 2 … N

For two legs this is F_A·((1 − π_B)Π − π_B·L_A); where both fill alike, A goes first iff π_B(Π + L_A) < π_A(Π + L_B).

Two later legs that follow each other, i then j, are better in that order iff πᵢ/((1 − πᵢ)Lᵢ) > πⱼ/((1 − πⱼ)Lⱼ),
whatever comes before and after: the terms of all others cancel. So later legs stand in the order of that index, and
only the first leg has to be tried: the best of all N! orders is found in N tries, exactly, for any N.

Probabilities are in ppm and money in picos; every comparison is between exact whole numbers or fractions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

PPM = 1_000_000


@dataclass(frozen=True, slots=True)
class LegRisk:
    """One leg's chances. `fills` is F, `gone` is π (below certainty), both in ppm; `loss` is L in picos, at least 1.

    `key` tells legs apart and decides between equals, so that an order does not depend on how the legs came in.
    """

    key: str
    fills: int
    gone: int
    loss: int

    def __post_init__(self) -> None:
        if not (0 <= self.fills <= PPM and 0 <= self.gone < PPM and self.loss >= 1):
            raise ValueError(
                f"{self.key}: fills {self.fills} ppm, gone {self.gone} ppm, loss {self.loss}; expected fills from 0 to "
                f"{PPM}, gone from 0 to {PPM - 1}, loss from 1"
            )

    @property
    def doubt(self) -> Fraction:
        """π / ((1 − π)·L): the larger, the earlier among the later legs."""
        return Fraction(self.gone, (PPM - self.gone) * self.loss)


def expected_value(legs: Sequence[LegRisk], profit: int) -> Fraction:
    """Picos the legs are worth in this order; `profit` is Π in picos."""
    return Fraction(_scaled_value(legs, profit), PPM ** len(legs))


def best_order(legs: Sequence[LegRisk], profit: int) -> tuple[int, ...]:
    """Indices of `legs` in the order worth most. Between equals the more doubtful first, then the smaller key.

    Every order of the same legs gives the same answer, provided their keys differ.
    """
    doubtful = sorted(range(len(legs)), key=lambda n: (-legs[n].doubt, legs[n].key))
    orders = [(first, *(n for n in doubtful if n != first)) for first in doubtful]
    return max(orders, key=lambda order: _scaled_value([legs[n] for n in order], profit), default=())


def _scaled_value(legs: Sequence[LegRisk], profit: int) -> int:
    """The value times PPM ** len(legs): one factor for each leg keeps it whole."""
    owned = [0]
    for leg in legs:
        owned.append(owned[-1] + leg.loss)
    value, scale = profit, 1
    for n in range(len(legs) - 1, 0, -1):
        gone = legs[n].gone
        value = (PPM - gone) * value - gone * owned[n] * scale
        scale *= PPM
    return legs[0].fills * value if legs else 0
