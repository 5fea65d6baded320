"""Why nothing is traded: what `Engine.reasons` finds, in words and as plain data.

An answer is of one strategy and one trade it looks for: every reason that would stop that trade now, the most serious
first, whatever the market does meanwhile.

| reason                             | means                                                                     |
|------------------------------------|---------------------------------------------------------------------------|
| a gate of `LASTING`                | somebody or something stopped it, and it stays so however prices move     |
| any other gate                     | the books are not to be believed, or not now: see `ingest.gates`          |
| a side is empty                    | a leg cannot be had at all                                                |
| no edge                            | what the legs cost is not below what they pay, after fees and the margin  |
| nothing                            | it trades at the next change of one of its books                          |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from domain.decisions import Gate
from domain.market import MarketSpec
from domain.money import from_micros, from_picos
from ingest.readiness import Change, Condition, Phase

ONLY_WITH_AN_EDGE = frozenset({Gate.STALE, Gate.SKEWED, Gate.LAGGED, Gate.SHALLOW})
"""Gates that speak of the deciding event and of what it offers: without an edge there is no such event."""

LASTING = (Gate.HALTED, Gate.PAUSED, Gate.USERS, Gate.BUSY, Gate.OPEN_TRADE, Gate.NOT_READY)
"""Gates that speak of no event and no price, the most serious first. They come before all others: a market that falls
silent must not hide a halt."""

_NOTHING = "nothing: it trades at the next change of one of its books"


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
    """`gates` that are shut, each with what was seen, the most serious first. `cost` of one share of every leg at the
    best prices and `payoff`, in micros, the latter None where the strategy decides without them; `edge` in picos, None
    where there is none after fees."""

    strategy: str
    pair: str
    gates: tuple[tuple[Gate, str], ...]
    cost: int | None
    payoff: int | None
    edge: int | None
    markets: tuple[MarketState, ...]

    @property
    def gate(self) -> Gate | None:
        """The most serious one."""
        return self.gates[0][0] if self.gates else None

    @property
    def reasons(self) -> tuple[str, ...]:
        """In words, the most serious first; never none."""
        shut = tuple(f"{gate}: {detail}" for gate, detail in self.gates)
        price = self._price
        return shut if self.gate and (price == _NOTHING or not self._priced) else (*shut, price)

    @property
    def _priced(self) -> bool:
        """Whether there are books that a price can be read off."""
        return all(gate is not Gate.NOT_READY for gate, _ in self.gates)

    @property
    def words(self) -> str:
        return "; ".join(self.reasons)

    @property
    def _price(self) -> str:
        if self.cost is None:
            return "a side that it needs is empty"
        if self.payoff is None:
            return "it finds nothing to take" if self.edge is None else _NOTHING
        cost, pays = from_micros(self.cost), from_micros(self.payoff)
        if self.edge is None:
            if self.cost >= self.payoff:
                return f"no edge: a share of each costs ${cost} and pays ${pays}"
            return f"no edge after fees: a share of each costs ${cost} before fees and pays ${pays}"
        return _NOTHING

    def names(self, market: str) -> bool:
        """Whether the answer is about `market`: a market, its event or the pair, whole or how it begins."""
        named = (self.pair, *(s.spec.market for s in self.markets), *(s.spec.event for s in self.markets))
        return any(name.casefold().startswith(market.casefold()) for name in named)


@dataclass(frozen=True, slots=True)
class Answer:
    """The whole of it at `at` (our clock, µs): the process's phase and what keeps it from running (empty for nothing),
    conditions, recent changes, the strategies."""

    at: int
    phase: Phase
    why: str
    conditions: tuple[Condition, ...]
    changes: tuple[Change, ...]
    reasons: tuple[Reason, ...]


def plain(answer: Answer) -> dict[str, Any]:
    """As JSON takes it: prices and money as text, times in microseconds."""
    return {
        "at": answer.at,
        "phase": answer.phase,
        "why": answer.why,
        "conditions": [
            {"name": c.name, "ok": c.ok, "why": c.why, "since": c.since, "pauses": c.pauses} for c in answer.conditions
        ],
        "changes": [{"before": c.before, "after": c.after, "at": c.at, "why": c.why} for c in answer.changes],
        "strategies": [_plain_reason(reason) for reason in answer.reasons],
    }


def _plain_reason(reason: Reason) -> dict[str, Any]:
    return {
        "strategy": reason.strategy,
        "pair": reason.pair,
        "why": reason.words,
        "gate": reason.gate,
        "gates": [{"gate": gate, "detail": detail} for gate, detail in reason.gates],
        "reasons": list(reason.reasons),
        "cost": _dollars(reason.cost),
        "payoff": _dollars(reason.payoff),
        "edge": None if reason.edge is None else str(from_picos(reason.edge)),
        "markets": [
            {
                "venue": state.spec.venue,
                "market": state.spec.market,
                "event": state.spec.event,
                "title": state.spec.title,
                "phase": state.phase,
                "why": state.why,
                "bid": _dollars(state.best_bid),
                "ask": _dollars(state.best_ask),
                "changed_at": state.changed_at,
            }
            for state in reason.markets
        ],
    }


def _dollars(micros: int | None) -> str | None:
    return None if micros is None else str(from_micros(micros))
