"""Judge of halts: which stops forbid opening an intent. Written a second time, from the operator's manual alone.

The ledger refuses an opening with `domain.halt`; a world that asked the same function whether that was right would
notice nothing when the function is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stop:
    """One halt in force, in words: `scope` is all, venue, market or strategy."""

    id: str
    scope: str
    target: str

    def __str__(self) -> str:
        return f"{self.id} ({self.scope} {self.target})".replace(" )", ")")


def forbidding(stops: Iterable[Stop], strategy: str, places: Iterable[tuple[str, str]]) -> list[Stop]:
    """The stops over a trade of `strategy` whose legs lie at `places` (venue, market), every one of them."""
    names = {("all", ""), ("strategy", str(strategy))}
    if str(strategy) == "pair":  # a set of two outcomes, which the strategy `basket` trades
        names.add(("strategy", "basket"))
    for venue, market in places:
        names.add(("venue", str(venue)))
        names.add(("market", str(market)))
        names.add(("market", f"{venue}/{market}"))
    return [stop for stop in stops if (str(stop.scope), "" if stop.scope == "all" else str(stop.target)) in names]
