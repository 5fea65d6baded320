"""Durable stops: who stopped what, why and when. Entries stop; exits, hedges and cancels of open trades still pass.

A halt is set by a person or by a rule, survives every restart, and is cleared only by a named person. The one exception
is the halt that a workflow fault is (`domain.workflow_fault`): it stands for as long as its trade cannot go on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from domain.intent import Intent
from domain.market import Venue


class Scope(StrEnum):
    ALL = "all"
    VENUE = "venue"
    MARKET = "market"
    STRATEGY = "strategy"


class Rule(StrEnum):
    """What set a halt; one standing halt for each (scope, target, rule) is enough."""

    OPERATOR = "operator"  # a person
    MISMATCH = "mismatch"  # venue and ledger disagree about this market, or about a venue's cash
    UNKNOWN_TOO_OLD = "unknown_too_old"  # an order's outcome has been open for longer than allowed
    LOSS = "loss"  # realised losses passed the limit
    SAFE_MODE = "safe_mode"  # start-up found exposure that no trade owns; stands until a person acknowledges it
    WORKFLOW_FAULT = "workflow_fault"  # a trade on this market cannot go on; ends by itself once it can


FAMILIES = {"pair": "basket"}
"""A strategy's name → the name of the code that it belongs to: the code `basket` calls its sets of two `pair`."""


def strategy_targets(strategy: str) -> tuple[str, ...]:
    """What a halt may name to stop this strategy: itself, and its family."""
    return (strategy, FAMILIES[strategy]) if strategy in FAMILIES else (strategy,)


@dataclass(frozen=True, slots=True)
class Halt:
    """A stop in force. `target` names the venue, market or strategy; it is empty for scope ALL. `at` wall-clock µs."""

    id: str
    scope: Scope
    target: str
    rule: Rule
    author: str
    reason: str
    at: int

    def covers(self, intent: Intent) -> bool:
        """Whether any leg of the intent, or its strategy, lies in the halt's scope."""
        match self.scope:
            case Scope.ALL:
                return True
            case Scope.VENUE:
                return any(leg.venue == self.target for leg in intent.legs)
            case Scope.MARKET:
                return any(self.target in (leg.market, f"{leg.venue}/{leg.market}") for leg in intent.legs)
            case Scope.STRATEGY:
                return self.target in strategy_targets(intent.strategy)

    def covers_market(self, venue: Venue, market: str, strategy: str) -> bool:
        """The same before there is an intent: for one market of a venue, as one strategy watches it."""
        match self.scope:
            case Scope.ALL:
                return True
            case Scope.VENUE:
                return venue == self.target
            case Scope.MARKET:
                return self.target in (market, f"{venue}/{market}")
            case Scope.STRATEGY:
                return self.target in strategy_targets(strategy)

    def __str__(self) -> str:
        where = "everything" if self.scope is Scope.ALL else f"{self.scope} {self.target}"
        return f"{self.id}: {where} halted by {self.author} ({self.rule}): {self.reason}"


def covering(halts: Iterable[Halt], intent: Intent) -> list[Halt]:
    """The halts that forbid opening this intent."""
    return [halt for halt in halts if halt.covers(intent)]
