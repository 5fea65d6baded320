"""Trades that the ledger has as open and no workflow carries: found within seconds, their pair halted, then compared.

A trade that was terminated between its legs stands on one leg and hears nothing. A reconciliation finds it too, once a
minute, and only after it has asked every venue. Here Temporal and the ledger alone are asked, every three seconds,
about the trades that trade; those that wait for payment are left to the reconciliation.

| ledger                            | Temporal                            | done                                      |
|-----------------------------------|-------------------------------------|-------------------------------------------|
| open, filled or an order unproven | lists it as running                 | nothing                                   |
| the same                          | does not list it, runs when asked   | nothing: listings are late                |
|                                   | for by its id                       |                                           |
| the same, after that was asked    | does not run                        | its markets are halted, an alert; one     |
|                                   |                                     | reconciliation puts the finding on record |
| acknowledged by a person          | does not run                        | nothing                                   |
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog
from temporalio.client import Client
from temporalio.service import RPCError

from activities.alerts import Alerts
from activities.findings import HaltLedger, halt_for
from domain.custody import OpenTrade, compare_trades
from domain.errors import SurefootError
from domain.reconcile import Finding, Trigger
from domain.trade import TradeState
from workers import task_looks
from workflows import names

log = structlog.get_logger(__name__)

LOOK_S = 3.0
_TRADING = (
    f"WorkflowType = '{names.TRADE_WORKFLOW}' AND ExecutionStatus = 'Running' "
    f"AND ({names.SEARCH_STATE} IS NULL OR {names.SEARCH_STATE} != '{TradeState.SETTLING}')"
)


class OpenTrades(Protocol):
    """What the watch needs of `ledger.reconciliations.ReconcileLedger`."""

    async def open_trades(self) -> tuple[OpenTrade, ...]: ...

    async def known(self) -> frozenset[str]: ...


class OrphanWatch:
    """`compare` runs a reconciliation; `clock` is wall-clock microseconds."""

    def __init__(
        self,
        client: Client,
        trades: OpenTrades,
        halts: HaltLedger,
        alerts: Alerts,
        *,
        clock: Callable[[], int],
        compare: Callable[[], Awaitable[object]],
    ) -> None:
        self._client = client
        self._trades = trades
        self._halts = halts
        self._alerts = alerts
        self._clock = clock
        self._compare = compare
        self._told: set[str] = set()
        self._due = False
        self._comparing: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                await asyncio.sleep(LOOK_S)
                try:
                    await self.look()
                except (RPCError, SurefootError, TimeoutError) as away:
                    log.info("orphans are looked for again", error=getattr(away, "message", "") or str(away))
        finally:
            if self._comparing is not None:
                self._comparing.cancel()

    async def look(self) -> tuple[Finding, ...]:
        """What is found now; what is new of it is halted and compared. Raises `RPCError` and what the ledger raises."""
        found = await self._find()
        ids = {finding.subject for finding in found}
        self._told &= ids  # taken up again and lost again, it is new
        if ids - self._told:
            _, halted = await halt_for(self._halts, self._alerts, found, Trigger.REQUEST, self._clock())
            for finding in found:
                log.error("a trade has no workflow", trade=finding.subject, text=finding.text, halted=len(halted))
            self._told |= ids
            self._due = True
            if self._comparing is None or self._comparing.done():
                self._comparing = asyncio.create_task(self._put_on_record())
        return found

    async def _put_on_record(self) -> None:
        """Beside the looks: a venue that is away must not hide the next one."""
        while self._due:
            self._due = False
            try:
                await self._compare()
            except SurefootError as failed:
                log.warning("orphans are compared again", error=failed.message)
                self._due = True
                await asyncio.sleep(LOOK_S)

    async def _find(self) -> tuple[Finding, ...]:
        open_trades = [one for one in await self._trades.open_trades() if one.state is not TradeState.SETTLING]
        suspects = {one.id: one for one in open_trades if one.filled or one.unproven}
        if not suspects:
            return ()
        async for execution in self._client.list_workflows(_TRADING):
            suspects.pop(execution.id, None)
        if not suspects:
            return ()
        looks = await task_looks.look_at_all(self._client, sorted(suspects))
        gone = {trade for trade, now in looks.items() if now is None}
        if not gone:
            return ()
        # Asked again: a trade that closed since is in the ledger as closed before its workflow ends.
        left = [one for one in await self._trades.open_trades() if one.id in gone]
        known = await self._trades.known()
        return compare_trades(left, {}, (), known, gone, now=self._clock())
