"""A basket that is taken only while its spot is calm.

The legs go out one after another. What makes a later leg dear is that its price moves meanwhile, and the prices of a
set on a spot price (`between 60,000 and 61,000 at noon`) all move when that does. So the profit is taken only while the
spot's realised volatility is low. The feature is `sigma` of the set's first market; `calmest` is in the same sense, but
as people say it: how far one standard deviation goes in an hour.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal

from domain.intent import LegPolicy
from domain.limits import GateLimits, SetParams
from domain.orders import Side
from ingest.sets import OutcomeSet
from ingest.strategies.basket import BasketStrategy, sides_of
from ingest.strategy import Ground, Proposal
from ingest.view import View

LOGIC = "1"
"""Raised when the same view and parameters would give another proposal."""

_HOUR_ROOT = math.sqrt(3_600.0)


@dataclass(frozen=True, slots=True)
class CalmParams(SetParams):
    """As for a basket, and `calmest`: the hourly volatility of the spot, as a fraction of its price, above which
    nothing is taken. Half a percent an hour is 47 % a year."""

    calmest: Decimal = Decimal("0.005")

    def __post_init__(self) -> None:
        SetParams.__post_init__(self)
        if self.calmest <= 0:
            raise ValueError(f"calmest {self.calmest}: no spot is that calm; expected above 0, such as 0.005")


class CalmBasket(BasketStrategy):
    """One set and one side of it, while `sigma` allows."""

    features: tuple[str, ...] = ("sigma",)

    def __init__(  # noqa: PLR0917 - what is taken, by which rules, and under which name
        self, outcomes: OutcomeSet, params: CalmParams, limits: GateLimits, policy: LegPolicy, side: Side, name: str
    ) -> None:
        super().__init__(outcomes, params, limits, policy, side, name=name, logic=LOGIC)
        self._spot = outcomes.markets[0].market
        self._calmest = float(params.calmest) / _HOUR_ROOT

    def on_event(self, view: View) -> Proposal | None:
        proposal = super().on_event(view)
        if proposal is None:
            return None
        sigma = view.features(self._spot)["sigma"]
        if not sigma.valid or sigma.value <= self._calmest:
            return proposal  # of a sigma that is not valid the engine speaks
        moves, allowed = (100 * each * _HOUR_ROOT for each in (sigma.value, self._calmest))
        return Proposal(proposal.quote, f"the spot moves {moves:.3f} % an hour; calm is up to {allowed:.3f} %")


def make(params: CalmParams, name: str, ground: Ground) -> list[CalmBasket]:
    """Every set on each of its sides."""
    return [
        CalmBasket(outcomes, params, ground.limits, ground.policy, side, name)
        for outcomes in ground.sets
        for side in sides_of(params)
    ]
