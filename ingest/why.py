"""Why nothing is traded: what `Engine.reasons` finds, in words and as plain data.

An answer is of one strategy and one trade it looks for. The first of these that holds is the reason:

| reason             | means                                                                     |
|--------------------|---------------------------------------------------------------------------|
| a gate             | it would be shut whatever the prices were: see `ingest.gates`             |
| a side is empty    | a leg cannot be had at all                                                |
| no edge            | what the legs cost is not below what they pay, after fees and the margin  |
| nothing            | it trades at the next change of one of its books                          |
"""

from __future__ import annotations

from dataclasses import dataclass

from domain.decisions import Gate
from domain.market import MarketSpec
from domain.money import from_micros
from ingest.readiness import Change, Condition, Phase

ONLY_WITH_AN_EDGE = frozenset({Gate.STALE, Gate.SKEWED, Gate.LAGGED, Gate.SHALLOW})
"""Gates that speak of the deciding event and of what it offers: without an edge there is no such event."""


@dataclass(frozen=True, slots=True)
class MarketState:
    """One leg's market: prices in micros of a dollar, None for a side that is empty; `changed_at` exchange time, µs."""

    spec: MarketSpec
    best_bid: int | None
    best_ask: int | None
    changed_at: int
    phase: Phase
    why: str


@dataclass(frozen=True, slots=True)
class Reason:
    """`cost` of one share of every leg at the best prices and `payoff`, in micros; `edge` in dollars as its quote has
    it, None where there is none."""

    strategy: str
    pair: str
    gate: Gate | None
    detail: str
    cost: int | None
    payoff: int
    edge: object | None
    markets: tuple[MarketState, ...]

    @property
    def words(self) -> str:
        if self.gate is not None:
            return f"{self.gate}: {self.detail}"
        if self.cost is None:
            return "a side that it needs is empty"
        cost, pays = from_micros(self.cost), from_micros(self.payoff)
        if self.edge is None:
            if self.cost >= self.payoff:
                return f"no edge: a share of each costs ${cost} and pays ${pays}"
            return f"no edge after fees: a share of each costs ${cost} before fees and pays ${pays}"
        return "nothing: it trades at the next change of one of its books"

    def names(self, market: str) -> bool:
        """Whether the answer is about `market`: a market, its event or the pair, whole or how it begins."""
        named = (self.pair, *(s.spec.market for s in self.markets), *(s.spec.event for s in self.markets))
        return any(name.casefold().startswith(market.casefold()) for name in named)


@dataclass(frozen=True, slots=True)
class Answer:
    """The whole of it at `at` (our clock, µs): the process's phase and conditions, recent changes, the strategies."""

    at: int
    phase: Phase
    conditions: tuple[Condition, ...]
    changes: tuple[Change, ...]
    reasons: tuple[Reason, ...]
