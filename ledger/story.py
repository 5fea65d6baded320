"""What the ledger's reads return: runs, trades in a list, one trade's whole story, and the snapshot of everything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from domain.decisions import Suppression
from domain.errors import BadInput
from domain.evidence import Fill, Redemption
from domain.halt import Halt
from domain.intent import Intent
from domain.operator import CommandRecord
from domain.snapshot import LedgerFacts, OrderFacts, TradeFacts
from domain.trade import Outcome, Step, TradeState
from domain.workflow_fault import WorkflowFault

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Run:
    """One session of the system. `mode` is live, paper, replay or back-test; `source` where its events came from."""

    run_id: str
    profile: str
    mode: str
    source: str
    started_at: int
    finished_at: int | None


@dataclass(frozen=True, slots=True)
class TradeRow:
    """One line of a list of trades. Shares and dollars exact; `at` is when the trade last wrote, microseconds."""

    run_id: str
    intent_id: str
    strategy: str
    pair: str
    size: Decimal
    edge: Decimal
    decided_at: int
    state: TradeState
    outcome: Outcome | None
    hedged: Decimal
    unwound: Decimal
    residual: Decimal
    pnl: Decimal
    reserved: Decimal
    revision: int
    at: int


@dataclass(frozen=True, slots=True)
class SentBody:
    """One copy of an order as it left. `body` is the exact text."""

    client_order_id: str
    n: int
    sha256: str
    body: str
    at: int


@dataclass(frozen=True, slots=True)
class TradeStory:
    """All the ledger knows of one intent. `trade` is None when no order was ever begun for it."""

    run_id: str
    intent: Intent
    trade: TradeFacts | None
    orders: tuple[OrderFacts, ...]
    sends: tuple[SentBody, ...]
    fills: tuple[Fill, ...]
    steps: tuple[Step, ...]
    commands: tuple[CommandRecord, ...] = ()
    redemptions: tuple[Redemption, ...] = ()
    faults: tuple[WorkflowFault, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The ledger at one moment: one run's decisions (all runs' when `run` is None) and the facts of every run.

    `halts` are those in force.
    """

    run: Run | None
    intents: tuple[Intent, ...]
    suppressions: tuple[Suppression, ...]
    facts: LedgerFacts
    halts: tuple[Halt, ...] = ()


def choose(wanted: str, candidates: Sequence[str]) -> str:
    """The one id that is meant. Raises `BadInput` (`no_such_trade`, `ambiguous_trade`) when none or several are."""
    if wanted in candidates:
        return wanted
    if not candidates:
        raise BadInput(f"no trade has an id that starts with {wanted!r}; `surefoot trades` lists them", "no_such_trade")
    if len(candidates) > 1:
        some = ", ".join(sorted(candidates)[:_SHOWN]) + (", …" if len(candidates) > _SHOWN else "")
        raise BadInput(
            f"{wanted!r} is the start of {len(candidates)} trades: {some}; give more of the id", "ambiguous_trade"
        )
    return candidates[0]


def starts(intent_id: str, prefix: str) -> bool:
    """Whether `prefix`, with or without the leading `i-`, is the start of `intent_id`; an empty one is of none."""
    return bool(prefix) and intent_id.startswith((prefix, "i-" + prefix))
