"""Every outcome of an event at once: bought when all of them cost less than the one that wins will pay, or sold when
they bring more than that.

Two outcomes are the strategy `pair`, more are `basket`: one code, two names, so that people can halt and count them
apart. All outcomes are of one venue: Kalshi's game and cup markets, or the YES tokens of a Polymarket neg-risk event.
"""

from __future__ import annotations

from collections.abc import Iterable

from domain.intent import LegPolicy
from domain.limits import GateLimits, SetParams
from domain.orders import Side
from ingest.sets import OutcomeSet
from ingest.strategies.combination import Combination, CombinationStrategy, Sizing, version_of
from ingest.strategy import Ground

LOGIC = "2"
"""Raised when the same books and parameters would give another intent."""


class BasketStrategy(CombinationStrategy):
    """One set and one side of it. Books come in the order of the set. What decides otherwise on the same books names
    its own `logic`."""

    def __init__(
        self,
        outcomes: OutcomeSet,
        params: SetParams,
        limits: GateLimits,
        policy: LegPolicy,
        side: Side = Side.BUY,
        *,
        name: str = "",
        logic: str = LOGIC,
    ) -> None:
        markets = outcomes.markets
        self.outcomes = outcomes
        self.side = side
        payoff = markets[0].payoff
        sets = {spec.set_id for spec in markets}
        super().__init__(
            Combination(
                pair=outcomes.name,
                markets=markets,
                sides=(side,) * len(markets),
                payoff=payoff if side is Side.BUY else -payoff,
                set_id=sets.pop() if side is Side.BUY and len(sets) == 1 else "",
            ),
            Sizing(params.margin, params.min_size, params.max_size, params.ttl_ms),
            policy,
            name or ("pair" if len(markets) == 2 else "basket"),
            version_of(logic, params, limits),
        )


def make(params: SetParams, name: str, ground: Ground) -> list[BasketStrategy]:
    """Every set on each of its sides."""
    return [
        BasketStrategy(outcomes, params, ground.limits, ground.policy, side, name=name)
        for outcomes in ground.sets
        for side in sides_of(params)
    ]


def baskets(
    sets: Iterable[OutcomeSet], params: SetParams, limits: GateLimits, policy: LegPolicy
) -> list[BasketStrategy]:
    """`sets` by their usual names."""
    return make(params, "", Ground(tuple(sets), (), (), limits, policy))


def sides_of(params: SetParams) -> tuple[Side, ...]:
    """Sets are bought, and sold too if `params` say so."""
    return (Side.BUY, Side.SELL) if params.sell else (Side.BUY,)
