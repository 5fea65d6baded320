"""The trade worker as a process of the stack: `python -m workers.trade_worker --state-dir DIR`. Any number may run.

It also takes reconciliations, which are no trades, from a queue of their own.
"""

from __future__ import annotations

import asyncio

import structlog

from activities.alerts import Alerts
from workers import metrics
from workers.alerting.watch import box_of, watching
from workers.gauges import Gauges
from workers.local.layout import Stack
from workers.process import child_main, until_told_to_stop
from workers.reconciler import reconciling
from workers.rule_texts import watch_texts
from workers.trading import trading, wall_clock_us

log = structlog.get_logger(__name__)


async def run(stack: Stack) -> None:
    """Works until SIGTERM; `/healthz` answers 200 once tasks are taken."""
    serving = False
    runtime = metrics.temporal_runtime(stack.metrics_ports["worker_sdk"])
    page = metrics.serve(stack.metrics_ports["worker"], health=lambda: None if serving else "starting")
    try:
        with watching(stack, "worker", log.warning, lambda kind: metrics.ALERTS.labels(kind).inc()):
            async with until_told_to_stop() as stop, trading(stack, runtime) as desk, reconciling(stack, desk):
                serving = True
                log.info("taking trades")
                gauges = Gauges(desk.ledger, stack.run_id, wall_clock_us)
                alerts = Alerts(box_of(stack, "worker"), lambda alert: metrics.ALERTS.labels(alert).inc())
                work = (gauges.run(), desk.recovery.follow(), watch_texts(desk.ledger, desk.venues, alerts))
                tasks = [asyncio.create_task(each) for each in work]
                await stop.wait()
                for task in tasks:
                    task.cancel()
                log.info("stopping; finishing what is in flight")
    finally:
        page.close()


if __name__ == "__main__":
    child_main("worker", run, __doc__)
