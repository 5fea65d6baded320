"""A worker whose code never yields, as a process of its own: `python -m tests.workers.blocking_worker ADDRESS QUEUE`.

It cannot be stopped but by killing it: the SDK waits for a workflow that does not yield.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from temporalio.client import Client
from temporalio.worker import Worker

from workers.payloads import DATA_CONVERTER
from workers.sandbox import TradeSandbox
from workflows.lifecycle import Trade
from workflows.trade import TradeWorkflow


async def never_yields(self: Trade) -> Any:
    while True:
        pass


async def main(address: str, queue: str) -> None:
    Trade.run = never_yields  # type: ignore[method-assign]
    client = await Client.connect(address, data_converter=DATA_CONVERTER)
    async with Worker(client, task_queue=queue, workflows=[TradeWorkflow], workflow_runner=TradeSandbox()):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
