"""The trade's states and the record it leaves: what the ledger stores and the story people read."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from domain.evidence import Fill
from domain.orders import OrderTicket, SubmitResult


class TradeState(StrEnum):
    PLANNED = "PLANNED"
    LEG_A = "LEG_A"
    RECHECK = "RECHECK"
    LEG_B = "LEG_B"
    REBALANCE = "REBALANCE"
    UNWIND = "UNWIND"
    STUCK = "STUCK"
    HEDGED = "HEDGED"
    MISSED = "MISSED"
    CLOSED = "CLOSED"


class Outcome(StrEnum):
    """How a closed trade ended. Every closed trade has exactly one."""

    HEDGED = "hedged"  # every filled share has its other side
    UNWOUND = "unwound"  # nothing is left of either leg
    REDUCED = "reduced"  # part hedged, the rest unwound
    MISSED = "missed"  # leg A proved unfilled
    DENIED = "denied"  # refused before anything was sent
    RESIDUAL = "residual"  # what stands alone was accepted: as dust by the policy


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a trade's story. `at` is workflow time in microseconds; `text` is for people, numbers included."""

    at: int
    state: TradeState
    text: str


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """An order as the trade knows it: the ticket, its last answer, and what evidence settled."""

    ticket: OrderTicket
    result: SubmitResult | None
    settled: bool
    filled: Decimal


@dataclass(frozen=True, slots=True)
class TradeRecord:
    """Everything the ledger keeps of a trade at one moment; written again and again, the last one wins.

    `hedged`, `unwound` and `residual` are shares; together they are what leg A and the repairs filled.
    `pnl` is realised dollars: cash of all fills plus the certain payoff of the hedged shares.
    """

    intent_id: str
    state: TradeState
    outcome: Outcome | None
    hedged: Decimal
    unwound: Decimal
    residual: Decimal
    pnl: Decimal
    reserved: Decimal
    orders: tuple[OrderRecord, ...]
    fills: tuple[Fill, ...]
    steps: tuple[Step, ...]
    revision: int
    at: int
