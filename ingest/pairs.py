"""Which markets make a pair: two of an event whose YES contracts exclude each other and together pay for certain."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from domain.errors import BadInput
from domain.market import MarketSpec


@dataclass(frozen=True, slots=True)
class Pair:
    """Two markets of one event; one YES share of each pays `a.payoff` together, whoever wins. Named by the event."""

    a: MarketSpec
    b: MarketSpec

    @property
    def name(self) -> str:
        return self.a.event


def pairs_of(markets: Iterable[MarketSpec]) -> tuple[Pair, ...]:
    """The pairs among `markets`, by event, in order of their first market.

    Raises BadInput for an event that does not have exactly two open markets of one payoff: with one there is no other
    side, with three the two sides of a pair need not pay.
    """
    events: dict[str, list[MarketSpec]] = {}
    for spec in markets:
        events.setdefault(spec.event, []).append(spec)
    pairs = []
    for event, members in events.items():
        if len(members) != 2 or members[0].payoff != members[1].payoff:
            names = ", ".join(spec.market for spec in members)
            raise BadInput(
                f"event {event} has {names}; a pair needs exactly two markets with one payoff. Name only those two",
                "no_pair",
            )
        pairs.append(Pair(members[0], members[1]))
    return tuple(pairs)
