"""A worker whose code never yields, as a process of its own: `python -m tests.workers.blocking_worker ADDRESS QUEUE`.

It cannot be stopped but by killing it: the SDK waits for a workflow that does not yield. With a number of looks as a
third argument it ends itself once that many have seen the task, which no interruption ends.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from temporalio.client import Client
from temporalio.worker import Worker

from workers.payloads import DATA_CONVERTER
from workers.sandbox import TradeSandbox
from workers.stuck_tasks import TaskPulse, end_when_stuck
from workflows.lifecycle import Trade
from workflows.trade import TradeWorkflow


async def never_yields(self: Trade) -> Any:
    while True:
        pass


async def takes_no_interruption(self: Trade) -> Any:
    while True:
        try:
            await never_yields(self)
        except BaseException:
            continue


async def main(address: str, queue: str, looks: str = "") -> None:
    Trade.run = takes_no_interruption if looks else never_yields  # type: ignore[method-assign]
    client = await Client.connect(address, data_converter=DATA_CONVERTER)
    pulse = TaskPulse()
    runner = TradeSandbox(pulse=pulse)
    async with Worker(client, task_queue=queue, workflows=[TradeWorkflow], workflow_runner=runner):
        if looks:
            await end_when_stuck(pulse, most_looks=int(looks))
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
