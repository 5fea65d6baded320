"""Runs the reconciliation on demand, and takes a person's word about what it found."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import TYPE_CHECKING

from domain.errors import Denied, Unavailable
from domain.halt import Halt, Rule, Scope
from domain.market import Venue
from domain.reconcile import ACKNOWLEDGEABLE, ADDS_UP, Kind, Reconciliation, Trigger
from ledger.port import HaltLedger
from workers.operator.port import Acknowledged, Person

if TYPE_CHECKING:
    from ledger.reconciliations import Acknowledgement, ReconcileLedger, Reconciliations
    from workers.local.layout import Stack

_PATIENCE_S = 120.0


class StackReconciliation:
    """`ReconciliationOperator` of one stack."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    async def run(self) -> Reconciliation:
        # The SDK's native library is loaded by the commands that need it.
        import asyncio

        from workers.reconciler import reconcile_now
        from workers.trading import connect_temporal

        client = await connect_temporal(self._stack)
        try:
            async with asyncio.timeout(_PATIENCE_S):
                return await reconcile_now(client, Trigger.REQUEST, venues=self._stack.settings.in_use)
        except TimeoutError:
            raise Unavailable(
                f"no worker took the reconciliation within {_PATIENCE_S:g} s; see `surefoot status`", "reconcile"
            ) from None

    async def last(self) -> Reconciliation:
        async with open_records(self._stack) as records:
            runs = await records.latest()
        if not runs:
            raise Unavailable("no reconciliation has run yet; run one with `surefoot reconcile`", "reconcile")
        return runs[0]

    async def acknowledge(self, person: Person) -> Acknowledged:
        from workers.local.books import open_ledger

        async with open_ledger(self._stack) as ledger, open_records(self._stack) as records:
            return await take_note(ledger, records, _named(person))

    async def declare_transfer(self, venue: Venue, dollars: Decimal, person: Person) -> None:
        async with open_records(self._stack) as records:
            await records.declare_transfer(venue, dollars, _named(person))


def _named(person: Person) -> Acknowledgement:
    from ledger.reconciliations import Acknowledgement
    from workers.local.books import now

    return Acknowledgement(person.author, person.reason, now())


async def take_note(halts: HaltLedger, records: ReconcileLedger, by: Acknowledgement) -> Acknowledged:
    """Acknowledge the last run that reached every venue.

    Raises `Denied` if nothing waits for a person. What is declared known is written first: a crash before a halt is
    lifted leaves the halt.
    """
    runs = [run for run in await records.latest(20) if not run.unreached]
    latest = runs[0] if runs else None
    known = await records.known()
    standing: Sequence[Halt] = await halts.halts()
    findings = tuple(
        finding
        for finding in (latest.findings if latest is not None else ())
        if finding.kind in ACKNOWLEDGEABLE and (finding.kind in ADDS_UP or finding.known_as not in known)
    )
    safe = [halt for halt in standing if halt.rule is Rule.SAFE_MODE]
    if not findings and not safe:
        raise Denied("nothing waits to be acknowledged; `surefoot reconcile` compares now", "nothing_to_acknowledge")
    if latest is not None:
        await records.acknowledge(latest, findings, by)
    settled = {market for finding in findings for market in finding.markets}
    explained = {finding.venue for finding in findings if finding.kind is Kind.UNEXPLAINED_CASH}
    others = latest.findings if latest is not None else ()
    settled -= {m for f in others if f.stops and f not in findings and f.known_as not in known for m in f.markets}
    lifted = [
        await halts.clear_halt(halt.id, by.author, by.reason, by.at)
        for halt in standing
        if halt in safe
        or (halt.rule is Rule.MISMATCH and halt.scope is Scope.MARKET and halt.target in settled)
        or (halt.rule is Rule.MISMATCH and halt.scope is Scope.VENUE and halt.target in explained)
    ]
    return Acknowledged(findings, tuple(lifted), tuple(await halts.halts()))


@asynccontextmanager
async def open_records(stack: Stack) -> AsyncIterator[Reconciliations]:
    from ledger.reconciliations import Reconciliations

    records = await Reconciliations.connect(stack.postgres_dsn)
    try:
        yield records
    finally:
        await records.close()
