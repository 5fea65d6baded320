"""How long it took from the start of this process until trades moved again.

Two moments: the first workflow task any worker of this process completed, and the one at which nothing of what was
open at the start still waits for a worker. A trade that waits for a timer or a person waits for no worker; it moves.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import psutil
import structlog
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from workers import metrics
from workflows.names import TRADE_WORKFLOW

log = structlog.get_logger(__name__)

_LOOK_S = 0.2
_SOON_S = 60.0  # what has not moved by then waits for mended code, not for a worker
_LATER_S = 5.0
_AT_ONCE = 16


def process_start() -> float:
    """When this process was started, in seconds since the epoch."""
    return float(psutil.Process().create_time())


class Recovery:
    """`task_completed` is called by the worker's threads; `follow` runs until every trade found moves."""

    def __init__(self, client: Client, began: float, clock: Callable[[], float] = time.time) -> None:
        self._client = client
        self._began = began
        self._clock = clock
        self._seen_one = False

    def task_completed(self) -> None:
        """A workflow task of any trade was completed here; all but the first are ignored."""
        if not self._seen_one:
            self._seen_one = True
            metrics.RECOVERY.labels("first_task").set(self._since())

    async def follow(self) -> None:
        """Look at the trades that are open now, until none of them owes anything since the start."""
        waiting: dict[str, int] | None = None
        found = 0
        while waiting is None or waiting:
            try:
                if waiting is None:
                    waiting = dict.fromkeys(await self._open(), 0)
                    found = len(waiting)
                waiting = await self._still(waiting)
            except RPCError as away:
                log.info("Temporal away; recovery is still measured", error=away.message)
            if waiting is None or waiting:
                await asyncio.sleep(_LOOK_S if self._since() < _SOON_S else _LATER_S)
        metrics.RECOVERY.labels("all_moving").set(self._since())
        log.info("trades found open move again", trades=found, seconds=round(self._since(), 3))

    async def _open(self) -> list[str]:
        running = self._client.list_workflows(f"WorkflowType = '{TRADE_WORKFLOW}' AND ExecutionStatus = 'Running'")
        return [execution.id async for execution in running]

    async def _still(self, waiting: dict[str, int]) -> dict[str, int]:
        """Those that wait on: trade → events of its history when it was first looked at."""
        left: dict[str, int] = {}
        names = list(waiting)
        for start in range(0, len(names), _AT_ONCE):
            batch = names[start : start + _AT_ONCE]
            for name, events in zip(batch, await asyncio.gather(*(self._owed(one) for one in batch)), strict=True):
                if events and (not waiting[name] or events <= waiting[name]):
                    left[name] = events
        return left

    async def _owed(self, trade: str) -> int:
        """Events of its history while a workflow task or an activity waits for a worker; 0 if none does."""
        try:
            raw = (await self._client.get_workflow_handle(trade).describe()).raw_description
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return 0
            raise
        owes = raw.HasField("pending_workflow_task") or bool(raw.pending_activities)
        running = not raw.workflow_execution_info.HasField("close_time")
        return int(raw.workflow_execution_info.history_length) if owes and running else 0

    def _since(self) -> float:
        return max(self._clock() - self._began, 0.0)
