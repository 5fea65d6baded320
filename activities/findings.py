"""What findings stop, done at once: by a reconciliation, and by whoever finds something before the next one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from activities.alerts import Alerts
from domain import troubles
from domain.halt import Halt, Rule
from domain.reconcile import Finding, Trigger, stops

AUTHOR = "reconciliation"


class HaltLedger(Protocol):
    async def set_halt(self, halt: Halt) -> Halt: ...

    async def halts(self) -> tuple[Halt, ...]: ...


async def halt_for(
    ledger: HaltLedger, alerts: Alerts, found: Iterable[Finding], trigger: Trigger, now: int
) -> tuple[bool, list[Halt]]:
    """Set what the findings ask for: whether safe mode was asked for, and the halts that were set and alerted.

    A halt that stands already is left alone. Raises what the ledger raises.
    """
    asked = stops(found, trigger)
    if not asked:
        return False, []
    standing = {(halt.scope, halt.target, halt.rule) for halt in await ledger.halts()}
    made = []
    for stop in asked:
        if (stop.scope, stop.target, stop.rule) in standing:
            continue
        halt = await ledger.set_halt(Halt("", stop.scope, stop.target, stop.rule, AUTHOR, stop.reason, now))
        made.append(halt)
        if trouble := troubles.halted(halt):
            alerts.raised(trouble)
    return any(stop.rule is Rule.SAFE_MODE for stop in asked), made
