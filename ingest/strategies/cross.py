"""One claim at two venues: bought where it is cheap, and sold, or its opposite bought, where that leaves a profit.

Which two instruments make a pair, on which sides, and what they pay at worst is not decided here: an approved
equivalence record says it (`domain.claims`), and every intent pins the version it rests on. At Polymarket nothing is
sold that is not held: its other token is bought instead, which is the same claim's opposite.

A pair is taken where the worst joint payoff less the exact cost of both legs, each with its own venue's fees, leaves
the margin, and what the money locked until the result could have earned elsewhere besides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from domain.claims import Cross, EquivalenceRecord, InstrumentKey, crosses
from domain.errors import BadInput
from domain.intent import LegPolicy
from domain.limits import CrossParams, GateLimits
from domain.market import MarketSpec
from ingest.strategies.combination import Carry, Combination, CombinationStrategy, Sizing, version_of
from ingest.strategy import Ground
from venues.registry import SELLABLE

NAME = "cross"

LOGIC = "2"
"""Raised when the same books and parameters would give another intent."""


def cross_strategies(
    claims: Iterable[EquivalenceRecord],
    specs: Iterable[MarketSpec],
    params: CrossParams,
    limits: GateLimits,
    policy: LegPolicy,
    *,
    paper: bool = False,
    name: str = NAME,
) -> tuple[CombinationStrategy, ...]:
    """Every pair of the approved claims, in order of the claims; all pairs of a claim share its count of open trades.

    `specs` are the rules of the claims' instruments. Claims that a recording has declared are passed over unless
    `paper` says that no real money is meant; so are claims that are not approved. Raises BadInput (`no_market`) for an
    approved claim on an instrument that is not among `specs`.
    """
    known = {(spec.venue, spec.market): spec for spec in specs}
    version = version_of(LOGIC, params, limits)
    sizing = Sizing(params.margin, params.min_size, params.max_size, params.ttl_ms)
    carry = Carry(params.hurdle, params.lock_days)
    return tuple(
        CombinationStrategy(_combination(record, pair, known), sizing, policy, name, version, carry)
        for record in claims
        if record.tradable and (paper or not record.paper)
        for pair in crosses(record, SELLABLE)
    )


def make(params: CrossParams, name: str, ground: Ground) -> tuple[CombinationStrategy, ...]:
    """Every pair of every claim that may be traded there."""
    return cross_strategies(
        ground.claims, ground.specs, params, ground.limits, ground.policy, paper=ground.paper, name=name or NAME
    )


def _combination(record: EquivalenceRecord, pair: Cross, known: Mapping[InstrumentKey, MarketSpec]) -> Combination:
    markets: list[MarketSpec] = []
    for place in pair.places:
        one = record.instruments[place]
        spec = known.get(one.key)
        if spec is None:
            raise BadInput(
                f"claim {record.pin} is about {one.market} on {one.venue}, whose rules were not read; watch that "
                f"market, or `surefoot claims withdraw {record.id}`",
                "no_market",
            )
        markets.append(spec)
    return Combination(record.id, tuple(markets), pair.sides, pair.worst, claim=record.pin)
