"""The trade's states and the record it leaves: what the ledger stores and the story people read."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from domain.evidence import Fill, Redemption
from domain.operator import CommandRecord
from domain.orders import OrderTicket, SubmitResult


class TradeState(StrEnum):
    PLANNED = "PLANNED"
    LEG_A = "LEG_A"
    RECHECK = "RECHECK"
    LEG_B = "LEG_B"
    REBALANCE = "REBALANCE"
    UNWIND = "UNWIND"
    STUCK = "STUCK"
    HEDGED = "HEDGED"  # nothing stands alone; the venue may still void a fill
    SETTLING = "SETTLING"  # every fill is final; held until its markets pay
    MISSED = "MISSED"
    CLOSED = "CLOSED"


DONE_TRADING = frozenset({TradeState.SETTLING, TradeState.CLOSED})
"""States in which nothing more is bought or sold unless a person or the venue's word reopens the trade."""


AT_WORK = frozenset(TradeState) - DONE_TRADING - {TradeState.STUCK}
"""States in which a trade takes the machine's time: it neither rests nor waits for a person."""


class Outcome(StrEnum):
    """How a closed trade ended. Every closed trade has exactly one."""

    HEDGED = "hedged"  # every filled share has its other side
    UNWOUND = "unwound"  # nothing is left of either leg
    REDUCED = "reduced"  # part hedged, the rest unwound
    MISSED = "missed"  # leg A proved unfilled
    DENIED = "denied"  # refused before anything was sent
    RESIDUAL = "residual"  # what stands alone was accepted: as dust, held by the policy's rule, or by a person


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a trade's story. `at` is workflow time in microseconds; `text` is for people, numbers included."""

    at: int
    state: TradeState
    text: str


@dataclass(frozen=True, slots=True)
class Entry:
    """When the trade came into a state, workflow time in microseconds."""

    state: TradeState
    at: int


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
    `pnl` is dollars: cash of all fills, plus what was redeemed once the markets have paid, and the certain payoff of
    the hedged shares until then. `reserved` is the capital held for the trade.
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
    commands: tuple[CommandRecord, ...] = ()
    redemptions: tuple[Redemption, ...] = ()
    entered: tuple[Entry, ...] = ()
