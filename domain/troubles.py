"""Which facts are a trouble: from what the ledger and the processes say to what a person is woken for.

| fact                                                | trouble                               | over when              |
|-----------------------------------------------------|---------------------------------------|------------------------|
| a trade is STUCK                                    | stuck, by trade                       | it is not any more     |
| a trade cannot go on (`domain.workflow_fault`)      | workflow_fault, by trade              | it moves again         |
| a halt that a reconciliation has set                | reconciliation, by halt               | a person has lifted it |
| any other halt, a workflow fault's own left out     | halt, by halt                         | a person has lifted it |
| an open trade has no workflow                       | orphan, by trade                      | a run finds none       |
| a venue could not be compared; for long nothing was | reconciliation, by venue or `overdue` | it is compared         |
| ten refusals of a venue within five minutes         | refusals, by venue                    | fewer for five minutes |
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from domain.alerts import AlertKind, Severity, Trouble
from domain.halt import Halt, Rule
from domain.money import plain
from domain.reconcile import Finding, Kind
from domain.workflow_fault import WorkflowFault, clock

_S = 1_000_000
_FOUND = frozenset({Rule.MISMATCH, Rule.UNKNOWN_TOO_OLD, Rule.LOSS, Rule.SAFE_MODE})
"""Rules of a reconciliation: their halts are what it found, and no second alert."""


@dataclass(frozen=True, slots=True)
class Stuck:
    """A trade that asks for a person. `alone` shares without their other side, since `at` (µs)."""

    trade: str
    pair: str
    alone: Decimal
    at: int


def stuck(trade: Stuck) -> Trouble:
    return Trouble(
        AlertKind.STUCK,
        trade.trade,
        f"trade {trade.trade} on {trade.pair} is STUCK since {clock(trade.at)}: {plain(trade.alone)} shares stand "
        "alone",
        f"`surefoot trade {trade.trade}` says why; then `surefoot unwind {trade.trade} --reason ...`, or hold, retry, "
        "accept",
        trade.trade,
    )


def fault(found: WorkflowFault) -> Trouble:
    return Trouble(
        AlertKind.WORKFLOW,
        found.intent_id,
        f"trade {found.intent_id}: {found.what}",
        f"`surefoot trade {found.intent_id}`; mended code heals it at its start; see docs/how-to-run.md",
        found.intent_id,
    )


def halted(halt: Halt) -> Trouble | None:
    """None for the halt that a workflow fault is: the fault itself is told."""
    if halt.rule is Rule.WORKFLOW_FAULT:
        return None
    if halt.rule is Rule.SAFE_MODE:
        do = "`surefoot reconcile` shows what differs; then `surefoot acknowledge --reason ...`"
    elif halt.rule in _FOUND:
        do = f"`surefoot reconcile` shows what differs; then `surefoot resume {halt.id} --reason ...`"
    else:
        do = f"`surefoot resume {halt.id} --reason ...` once it may trade again"
    if halt.rule in _FOUND:
        return Trouble(AlertKind.RECONCILIATION, halt.id, str(halt), do)
    severity = Severity.NOTICE if halt.rule is Rule.OPERATOR else None
    return Trouble(AlertKind.HALT, halt.id, str(halt), do, severity=severity)


def orphan(finding: Finding) -> Trouble | None:
    """None for findings that are something else."""
    if finding.kind is not Kind.ORPHAN_TRADE:
        return None
    trade = finding.intent_id or finding.subject
    return Trouble(AlertKind.ORPHAN, trade, finding.text, finding.do, trade)


def compared(at: int | None, unreached: dict[str, str], now: int, longest: int) -> list[Trouble]:
    """The last reconciliation at `at` (None: there was none yet); `longest` (µs) may lie between two."""
    do = "`surefoot status` says which process or venue does not answer; `surefoot reconcile` compares now"
    found = [
        Trouble(AlertKind.RECONCILIATION, venue, f"{venue} could not be compared with the ledger: {why}", do)
        for venue, why in unreached.items()
    ]
    if at is not None and now - at > longest:
        text = f"venues and ledger were last compared at {clock(at)}; expected every {longest // 5 // _S} s"
        found.append(Trouble(AlertKind.RECONCILIATION, "overdue", text, do))
    return found


@dataclass(frozen=True, slots=True)
class Refusals:
    """How often a venue refused orders of late, `code` its most frequent word for it."""

    venue: str
    count: int
    code: str


BURST = 10
"""So many refusals within `BURST_WINDOW` are a trouble."""
BURST_WINDOW = 300 * _S


def burst(refusals: Iterable[Refusals]) -> list[Trouble]:
    """One trouble a venue, however many orders it refuses."""
    return [
        Trouble(
            AlertKind.REFUSALS,
            each.venue,
            f"{each.venue} refused {each.count} orders within {BURST_WINDOW // _S // 60} minutes, most of them "
            f"with {each.code or 'no code'}",
            f"`surefoot trades` shows them; if it goes on: `surefoot halt --venue {each.venue} --reason refusals`",
        )
        for each in refusals
        if each.count >= BURST
    ]
