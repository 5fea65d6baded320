"""What became of one trade of a simulated world."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from domain.orders import SubmitResult
from domain.trade import TradeState
from proof.simulate.durable import History
from proof.simulate.scenario import Plan


@dataclass(slots=True)
class Life:
    """What became of one trade, as the world saw it. Times in microseconds. `parks` are the starts of its later runs,
    each with whether it is a parked one."""

    plan: Plan
    history: History
    states: list[tuple[int, TradeState, Decimal]] = field(default_factory=list)
    answers: list[tuple[int, SubmitResult]] = field(default_factory=list)
    deaths: set[tuple[int, int]] = field(default_factory=set)
    down_ms: int = 0
    disagreed: int = 0
    closed_at: int | None = None
    told: int = 0
    broken_on_purpose: bool = False
    parks: list[tuple[int, bool]] = field(default_factory=list)
