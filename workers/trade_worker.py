"""The trade worker as a process of the stack: `python -m workers.trade_worker --state-dir DIR`. Any number may run.

It also takes reconciliations, which are no trades, from a queue of their own.
"""

from __future__ import annotations

import asyncio

import structlog

from domain.errors import SurefootError
from ledger.store import Ledger
from workers import metrics
from workers.process import child_main, until_told_to_stop
from workers.reconciler import reconciling
from workers.stack.layout import Stack
from workers.trading import trading

log = structlog.get_logger(__name__)

_COUNT_EVERY_S = 2.0


async def run(stack: Stack) -> None:
    """Works until SIGTERM; `/healthz` answers 200 once tasks are taken."""
    serving = False
    runtime = metrics.temporal_runtime(stack.metrics_ports["worker_sdk"])
    page = metrics.serve(stack.metrics_ports["worker"], health=lambda: None if serving else "starting")
    try:
        async with until_told_to_stop() as stop, trading(stack, runtime) as desk, reconciling(stack, desk):
            serving = True
            log.info("taking trades")
            counting = asyncio.create_task(_count(stack, desk.ledger))
            await stop.wait()
            counting.cancel()
            log.info("stopping; finishing what is in flight")
    finally:
        page.close()


async def _count(stack: Stack, ledger: Ledger) -> None:
    """Trades by state and shares standing alone, for the metrics page."""
    while True:
        try:
            counts = await ledger.standing(stack.run_id)
        except SurefootError as away:
            log.warning("ledger away; gauges are old", error=away.message)
        else:
            metrics.TRADES.clear()
            for state, (number, _) in counts.items():
                metrics.TRADES.labels(state).set(number)
            metrics.UNHEDGED.set(float(sum(alone for _, alone in counts.values())))
        await asyncio.sleep(_COUNT_EVERY_S)


if __name__ == "__main__":
    child_main("worker", run, __doc__)
