"""What stands right now, for the metrics page: counted from the ledger every two seconds, of every run.

A trade outlives the run that opened it, so what needs a person is counted whoever left it behind. Values are for
watching; a ledger that is away leaves them as they were, and says so in the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from decimal import Decimal

import structlog

from domain.errors import SurefootError
from domain.exposure import unhedged_notional
from domain.halt import Rule, Scope
from domain.orders import Verdict
from domain.trade import DONE_TRADING, TradeState
from domain.workflow_fault import FaultKind
from ledger.store import Ledger
from ledger.story import TradeRow
from workers import metrics

log = structlog.get_logger(__name__)

_EVERY_S = 2.0
_MOST = 200  # trades standing alone whose fills are read; beyond that the shares still count


class Gauges:
    """Counts for as long as `run` does. `clock` is wall-clock microseconds."""

    def __init__(self, ledger: Ledger, run_id: str, clock: Callable[[], int]) -> None:
        self._ledger = ledger
        self._run_id = run_id
        self._clock = clock

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.count()
            except SurefootError as away:
                log.warning("ledger away; gauges are old", error=away.message)
            await asyncio.sleep(_EVERY_S)

    async def count(self) -> None:
        """Once. Raises what the ledger raises."""
        await self._trades()
        await self._unknowns()
        await self._halts()
        await self._capital()

    async def _trades(self) -> None:
        of_run = await self._ledger.standing(self._run_id)
        metrics.TRADES.clear()
        for state, (number, _) in of_run.items():
            metrics.TRADES.labels(state).set(number)
        at_work = {state: n for state, n in (await self._ledger.standing(None)).items() if state not in DONE_TRADING}
        metrics.STUCK.set(at_work.get(TradeState.STUCK, (0, 0))[0])
        metrics.UNHEDGED.set(float(sum((alone for _, alone in at_work.values()), Decimal(0))))
        standing = [
            row
            for state, (_, alone) in at_work.items()
            if alone
            for row in await self._ledger.trades(state=state, limit=_MOST)
        ]
        metrics.UNHEDGED_NOTIONAL.set(float(await self._notional(row for row in standing if row.residual)))

    async def _notional(self, rows: Iterable[TradeRow]) -> Decimal:
        total = Decimal(0)
        for row in rows:
            story = await self._ledger.trade(row.intent_id)
            total += unhedged_notional(story.intent, story.fills)
        return total

    async def _unknowns(self) -> None:
        orders = await self._ledger.unsettled_orders()
        sent = [order.first_sent_at for order in orders if order.verdict in (None, Verdict.UNKNOWN)]
        metrics.UNKNOWNS.set(len(sent))
        metrics.UNKNOWN_AGE.set(max(self._clock() - min(sent), 0) / 1e6 if sent else 0)

    async def _halts(self) -> None:
        standing = await self._ledger.halts()
        for scope in Scope:
            metrics.HALTS.labels(scope).set(sum(halt.scope is scope for halt in standing))
        metrics.SAFE_MODE.set(any(halt.rule is Rule.SAFE_MODE for halt in standing))
        faults = await self._ledger.workflow_faults()
        for kind in FaultKind:
            metrics.WORKFLOW_FAULTS.labels(kind).set(sum(fault.kind is kind for fault in faults))

    async def _capital(self) -> None:
        for venue in await self._ledger.capital():
            metrics.CAPITAL_CASH.labels(venue.venue).set(float(venue.cash))
            metrics.CAPITAL_RESERVED.labels(venue.venue).set(float(venue.reserved))
            metrics.CAPITAL_FREE.labels(venue.venue).set(float("nan" if venue.free is None else venue.free))
