"""What venue and ledger may disagree about, what a disagreement stops, and the messages of a reconciliation.

    | kind             | seen                                               | done about it               |
    |------------------|----------------------------------------------------|-----------------------------|
    | missing_fill     | the ledger lacks a fill of an open trade           | recorded, the trade is told |
    | late_fill        | a closed trade was closed without a fill           | recorded, market halted     |
    | foreign_order    | the venue works an order that no trade has sent    | market halted               |
    | foreign_fill     | an order that no trade has sent was filled         | market halted               |
    | stray_order      | the venue works an order whose trade is closed     | market halted               |
    | unlisted_fill    | the ledger has a fill that the venue does not list | market halted               |
    | fill_differs     | both have the fill, with other numbers             | market halted               |
    | position         | shares differ, all fills considered                | market halted               |
    | cash             | cash differs, and so does something else           | venue halted                |
    | unexplained_cash | cash differs, nothing else does, nobody said why   | missing: venue halted       |
    | transfer         | cash differs by what a person declared             | booked as a transfer        |
    | declared_transfer| a declared transfer never showed in the balance    | venue halted                |
    | declaration      | markets paid other than a set or claim declares    | its markets halted          |
    | unknown_order    | nothing shows what became of an order for too long | market halted               |
    | idle_capital     | capital is reserved for a trade that holds nothing | released                    |
    | orphan_trade     | an open trade has no workflow                      | its markets halted          |
    | strange_workflow | a workflow carries a trade unknown to the ledger   | its markets halted          |
    | loss             | realised losses have passed the limit              | everything halted           |

At a start, exposure or an order that no trade owns halts everything (safe mode) until a person acknowledges it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from domain.evidence import Fill
from domain.halt import Rule, Scope
from domain.money import plain


class Kind(StrEnum):
    """The first column of this module's table."""

    MISSING_FILL = "missing_fill"
    LATE_FILL = "late_fill"
    FOREIGN_ORDER = "foreign_order"
    FOREIGN_FILL = "foreign_fill"
    STRAY_ORDER = "stray_order"
    UNLISTED_FILL = "unlisted_fill"
    FILL_DIFFERS = "fill_differs"
    POSITION = "position"
    CASH = "cash"
    UNEXPLAINED_CASH = "unexplained_cash"
    TRANSFER = "transfer"
    DECLARED_TRANSFER = "declared_transfer"
    DECLARATION = "declaration"
    UNKNOWN_ORDER = "unknown_order"
    IDLE_CAPITAL = "idle_capital"
    ORPHAN_TRADE = "orphan_trade"
    STRANGE_WORKFLOW = "strange_workflow"
    LOSS = "loss"


REPAIRED = frozenset({Kind.MISSING_FILL, Kind.TRANSFER, Kind.IDLE_CAPITAL})
"""What a reconciliation puts right by itself: nothing is stopped for it."""

UNOWNED = frozenset(
    {
        Kind.FOREIGN_ORDER,
        Kind.FOREIGN_FILL,
        Kind.STRAY_ORDER,
        Kind.LATE_FILL,
        Kind.POSITION,
        Kind.ORPHAN_TRADE,
        Kind.STRANGE_WORKFLOW,
    }
)
"""Exposure that no trade answers for. Found at a start, it is safe mode."""

ACKNOWLEDGEABLE = UNOWNED | {Kind.UNEXPLAINED_CASH, Kind.DECLARATION}
"""What a person may declare known: from then on it is part of what the comparison expects. Cash that a person declares
known is a transfer by that word."""

ADDS_UP = frozenset({Kind.POSITION, Kind.UNEXPLAINED_CASH})
"""What may be found, and declared known, again and again: each time it is so much more."""


OF_BALANCES = frozenset({Kind.POSITION, Kind.CASH, Kind.UNEXPLAINED_CASH, Kind.TRANSFER, Kind.DECLARED_TRANSFER})
"""What only a balance says. Venues answer those from caches: it is judged on a clock longer than they are late."""


class Trigger(StrEnum):
    START_UP = "start_up"  # before anything may be opened
    SCHEDULE = "schedule"
    REQUEST = "request"  # a person asked


@dataclass(frozen=True, slots=True)
class Finding:
    """One disagreement. `text` says what both sides say, ids and numbers included; `do` what a person does about it.

    `subject` is the id of what it is about: the venue's order id, a market, an intent. Equal findings are equal in
    every field, so a number that moves between two looks makes another finding of the same `key`.
    `markets` are written `venue/market`. `amount` is dollars of cash, capital or losses; of a position, the shares the
    venue has more than expected; of a late fill, the shares that all fills of its order make. `client_order_id` is
    what the sender of a foreign order called it.
    """

    kind: Kind
    venue: str
    subject: str
    text: str
    do: str
    markets: tuple[str, ...] = ()
    intent_id: str = ""
    amount: Decimal = Decimal(0)
    client_order_id: str = ""

    @property
    def key(self) -> str:
        return f"{self.kind}:{self.venue}:{self.subject}"

    @property
    def known_as(self) -> str:
        """What an acknowledgement names: all that is ever found of one order, or of one trade, is acknowledged once; of
        a closed trade's order, so many shares and no more."""
        if self.kind is Kind.LATE_FILL and self.intent_id:
            return f"{self.venue}/{self.subject}={plain(self.amount.normalize())}"
        return f"{self.venue}/{self.subject}"

    @property
    def names(self) -> tuple[str, ...]:
        """All that an acknowledgement makes known: an exchange's audit may know an order by its sender's id alone."""
        if not self.client_order_id:
            return (self.known_as,)
        return (self.known_as, f"{self.venue}/{self.client_order_id}")

    @property
    def stops(self) -> bool:
        """Money that came and that nobody explains is told, and stops nothing: venues pay rebates and rewards."""
        return self.kind not in REPAIRED and not (self.kind is Kind.UNEXPLAINED_CASH and self.amount > 0)

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"


@dataclass(frozen=True, slots=True)
class Stop:
    """A halt that a finding asks for."""

    scope: Scope
    target: str
    rule: Rule
    reason: str


def stops(findings: Iterable[Finding], trigger: Trigger) -> tuple[Stop, ...]:
    """The halts these findings ask for, each scope, target and rule once; safe mode comes first."""
    asked: dict[tuple[Scope, str, Rule], list[str]] = {}
    for finding in sorted(findings, key=lambda one: (one.kind not in UNOWNED, one.key)):
        if trigger is Trigger.START_UP and finding.kind in UNOWNED:
            asked.setdefault((Scope.ALL, "", Rule.SAFE_MODE), []).append(finding.text)
        for scope, target, rule in _scopes(finding):
            asked.setdefault((scope, target, rule), []).append(finding.text)
    first = sorted(asked.items(), key=lambda item: item[0][2] is not Rule.SAFE_MODE)
    return tuple(Stop(scope, target, rule, _reason(texts)) for (scope, target, rule), texts in first)


def _scopes(finding: Finding) -> list[tuple[Scope, str, Rule]]:
    if not finding.stops:
        return []
    if finding.kind is Kind.LOSS:
        return [(Scope.ALL, "", Rule.LOSS)]
    if finding.kind in (Kind.CASH, Kind.UNEXPLAINED_CASH, Kind.DECLARED_TRANSFER):
        return [(Scope.VENUE, finding.venue, Rule.MISMATCH)]
    rule = Rule.UNKNOWN_TOO_OLD if finding.kind is Kind.UNKNOWN_ORDER else Rule.MISMATCH
    return [(Scope.MARKET, market, rule) for market in finding.markets]


def _reason(texts: list[str]) -> str:
    more = f" (and {len(texts) - 1} more)" if len(texts) > 1 else ""
    return texts[0] + more


# ---------------------------------------------------------------------- messages


@dataclass(frozen=True, slots=True)
class ReconcileRequest:
    """Input of the workflow `Reconcile`: what asked for it, and which venues to ask."""

    trigger: Trigger
    venues: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CompareRequest:
    venue: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """One venue account against the ledger, after `looks` looks.

    `findings` were equal in every look; `moving` were there in every look with numbers that changed, which is what
    trading in flight looks like. `fills` are what the ledger is to record. `cash` is the venue's, `booked` what the
    ledger makes of it. `left_out` counts findings beyond what one run carries; they are found again.
    """

    venue: str
    at: int
    looks: int
    cash: Decimal
    booked: Decimal
    findings: tuple[Finding, ...] = ()
    moving: tuple[Finding, ...] = ()
    fills: tuple[Fill, ...] = ()
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class ConsequencesRequest:
    """`id` names this reconciliation. `unreached` maps each venue that could not be asked to why."""

    id: str
    trigger: Trigger
    comparisons: tuple[Comparison, ...]
    unreached: dict[str, str]


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What one run found and did. `agrees`: all were asked, and nothing was found that stops anything."""

    id: str
    trigger: Trigger
    at: int
    comparisons: tuple[Comparison, ...]
    unreached: dict[str, str]
    findings: tuple[Finding, ...]
    moving: tuple[Finding, ...] = ()
    done: tuple[str, ...] = ()
    safe_mode: bool = False

    @property
    def agrees(self) -> bool:
        return not self.unreached and not any(finding.stops for finding in self.findings)
