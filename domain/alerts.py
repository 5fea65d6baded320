"""What wakes a person: troubles that are seen, alerts raised and resolved once each, and nothing that flaps.

A `Trouble` is what is wrong now; whoever sees it says so again and again. An `Alert` is what a person hears of it:

    trouble stands for `after` ──▶ raised, once ──▶ trouble is away for `clear` ──▶ resolved, once

A trouble that comes and goes within `clear` is one trouble, so what flaps is one alert; before it is raised, one that
was away for half of `after` begins anew. Some are told rather than seen (a command without a seal, more shares than
were ordered): nothing shows their end, so their alert lasts for `life` after the last of them. Refusals of a venue are
counted before they are a trouble: a burst is one.

Pure: times are microseconds and come with what is said, so a recorded night replays to the same alerts.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

_S = 1_000_000
MOST_TEXT = 2_000
"""Characters of an alert's text that are kept."""


class Severity(StrEnum):
    CRITICAL = "critical"  # money may stand on one leg, or nothing guards it: get up
    WARNING = "warning"  # it does not trade, or will not for long
    NOTICE = "notice"  # somebody did this, or asked for it


class AlertKind(StrEnum):
    """The stable word in JSON, tables and documents. docs/alerts.md says what each means and what to do."""

    STUCK = "stuck"
    WORKFLOW = "workflow_fault"
    NOT_RUNNING = "not_running"
    FEED = "feed"
    PROCESS = "process"
    UNSUPERVISED = "unsupervised"
    REFUSALS = "refusals"
    DISK = "disk"
    HALT = "halt"
    RECONCILIATION = "reconciliation"
    ORPHAN = "orphan"
    OVERFILL = "overfill"
    STRANGER = "stranger"
    CLAIM = "claim_suspended"
    TEST = "test"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Manner:
    """How alerts of a kind are raised and end; microseconds. With `life` they are told, and nothing shows their end."""

    severity: Severity
    after: int = 0
    clear: int = 5 * _S
    life: int | None = None


_TOLD = 3_600 * _S

MANNERS: Mapping[AlertKind, Manner] = {
    AlertKind.STUCK: Manner(Severity.CRITICAL),
    AlertKind.WORKFLOW: Manner(Severity.CRITICAL),
    AlertKind.NOT_RUNNING: Manner(Severity.WARNING, after=60 * _S, clear=30 * _S),
    AlertKind.FEED: Manner(Severity.WARNING, after=30 * _S, clear=60 * _S),
    AlertKind.PROCESS: Manner(Severity.CRITICAL, after=10 * _S, clear=20 * _S),
    AlertKind.UNSUPERVISED: Manner(Severity.CRITICAL, after=5 * _S, clear=5 * _S),
    AlertKind.REFUSALS: Manner(Severity.WARNING, clear=300 * _S),
    AlertKind.DISK: Manner(Severity.CRITICAL, clear=60 * _S),
    AlertKind.HALT: Manner(Severity.WARNING, clear=0),
    AlertKind.RECONCILIATION: Manner(Severity.CRITICAL, clear=0),
    AlertKind.ORPHAN: Manner(Severity.CRITICAL, clear=0),
    AlertKind.OVERFILL: Manner(Severity.CRITICAL, life=_TOLD),
    AlertKind.STRANGER: Manner(Severity.CRITICAL, life=_TOLD),
    AlertKind.CLAIM: Manner(Severity.WARNING, life=_TOLD),
    AlertKind.TEST: Manner(Severity.NOTICE, life=0),
    AlertKind.OTHER: Manner(Severity.WARNING, life=_TOLD),
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong. `subject` tells it from others of its kind (a trade, a venue, a process, a halt) and
    stays the same for as long as it lasts; `text` says what was seen, `do` what a person types. `severity` where it is
    not its kind's own."""

    kind: AlertKind
    subject: str
    text: str
    do: str
    trade: str = ""
    severity: Severity | None = None

    @property
    def key(self) -> str:
        return f"{self.kind}:{clean(self.subject)}"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an alert comes from: the machine, the run and its mode, and the process that saw it."""

    host: str = ""
    run: str = ""
    mode: str = ""
    seen_by: str = ""


@dataclass(frozen=True, slots=True)
class Alert:
    """A trouble that was raised. Times are wall-clock microseconds; `resolved_at` None while it is open, `last_seen`
    when it was last told, for kinds that are. `delivery` is what came of the alert command, for people."""

    id: str
    kind: AlertKind
    subject: str
    severity: Severity
    text: str
    do: str
    trade: str
    host: str
    run: str
    mode: str
    seen_by: str
    raised_at: int
    last_seen: int
    resolved_at: int | None = None
    delivery: str = ""

    @classmethod
    def of(cls, trouble: Trouble, origin: Origin, at: int) -> Self:
        name = f"{trouble.key}|{origin.host}|{at}"
        return cls(
            id=f"a-{hashlib.sha256(name.encode()).hexdigest()[:8]}",
            kind=trouble.kind,
            subject=clean(trouble.subject),
            severity=trouble.severity or MANNERS[trouble.kind].severity,
            text=clean(trouble.text),
            do=clean(trouble.do),
            trade=trouble.trade,
            host=origin.host,
            run=origin.run,
            mode=origin.mode,
            seen_by=origin.seen_by,
            raised_at=at,
            last_seen=at,
        )

    @property
    def key(self) -> str:
        return f"{self.kind}:{self.subject}"

    @property
    def open(self) -> bool:
        return self.resolved_at is None


_PASSWORD = re.compile(r"(\w+://[^\s:/@]*):[^\s@]*@")
_SECRET = re.compile(r"-----BEGIN [^-]*PRIVATE KEY-----.*?(-----END [^-]*-----|$)", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def clean(text: str) -> str:
    """As an alert may carry it beyond this machine: without passwords of addresses, keys and control characters."""
    text = _SECRET.sub("(key, not shown)", _PASSWORD.sub(r"\1:***@", text))
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)[:MOST_TEXT]


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What a look brings about."""

    raised: tuple[Trouble, ...] = ()
    resolved: tuple[Alert, ...] = ()


class AlertDesk:
    """One watcher's memory of what it has seen for how long. What is open is not its own: it is told with each look,
    since other watchers raise and resolve the same alerts."""

    def __init__(self) -> None:
        self._since: dict[str, int] = {}  # a trouble that is seen, or was of late
        self._gone: dict[str, int] = {}  # since when it is not seen any more

    def look(
        self, seen: Iterable[Trouble], able: Collection[AlertKind], opened: Mapping[str, Alert], now: int
    ) -> Verdicts:
        """What `seen` at `now` raises and resolves. Only of kinds that this look was `able` to see is absence a word:
        of the others nothing is resolved, and nothing forgotten."""
        found = {trouble.key: trouble for trouble in seen}
        raised = [trouble for trouble in found.values() if self._stands(trouble, now) and trouble.key not in opened]
        for key in self._since.keys() - found.keys():
            kind = AlertKind(key.partition(":")[0])
            if kind in able and key not in opened and self._away(key, MANNERS[kind].after // 2, now):
                self._forget(key)
        resolved = []
        for key, alert in opened.items():
            life = MANNERS[alert.kind].life
            over = now - alert.last_seen >= life if life is not None else alert.kind in able and key not in found
            if over and (life is not None or self._away(key, MANNERS[alert.kind].clear, now)):
                resolved.append(alert)
                self._forget(key)
        return Verdicts(tuple(raised), tuple(resolved))

    def _stands(self, trouble: Trouble, now: int) -> bool:
        self._gone.pop(trouble.key, None)
        return now - self._since.setdefault(trouble.key, now) >= MANNERS[trouble.kind].after

    def _away(self, key: str, for_us: int, now: int) -> bool:
        return now - self._gone.setdefault(key, now) >= for_us

    def _forget(self, key: str) -> None:
        self._since.pop(key, None)
        self._gone.pop(key, None)
