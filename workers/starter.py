"""From an intent to a durable trade: started once, followed to its end, found again after a restart.

Lives on the trading side's event loop. The decision side is told through `done(pair)`, from any thread's view safe.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import structlog
from temporalio.client import Client, WorkflowExecution, WorkflowFailureError, WorkflowHandle
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import SurefootError
from domain.intent import Intent
from domain.money import plain
from domain.trade import TradeRecord, TradeState
from ledger.port import DecisionLedger
from workers import metrics
from workers.trading import wall_clock_us
from workflows import names

log = structlog.get_logger(__name__)

_RPC_TIMEOUT = timedelta(seconds=2)
_RETRY_S = 0.05
_AGAIN_S = 1.0
_PAIR = "pair"


class TradeStarter:
    """Starts trades eagerly on the worker of this process, if it has a free slot; else on any worker.

    `done(pair)` is called once for every trade that ended, and `failed(intent, reason)` when no durable start was
    possible while the intent was fresh: no record, no trade.
    """

    def __init__(
        self,
        client: Client,
        ledger: DecisionLedger,
        run_id: str,
        *,
        task_timeout_ms: int,
        done: Callable[[str], None],
        failed: Callable[[Intent, str], None],
    ) -> None:
        self._client = client
        self._ledger = ledger
        self._run_id = run_id
        self._task_timeout = timedelta(milliseconds=task_timeout_ms)
        self._done = done
        self._failed = failed
        self._tasks: set[asyncio.Task[None]] = set()

    def submit(self, intent: Intent) -> None:
        """Begin one trade; returns at once."""
        self._spawn(self._trade(intent))

    async def find_open(self) -> list[str]:
        """The pairs of trades that still run from before; each is followed, and `done` is called when it ends."""
        pairs = []
        async for execution in self._client.list_workflows(
            f"WorkflowType = '{names.TRADE_WORKFLOW}' AND ExecutionStatus = 'Running'"
        ):
            pair = await _pair_of(execution)
            pairs.append(pair)
            self._spawn(self._follow(self._client.get_workflow_handle(execution.id), pair))
        return pairs

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _trade(self, intent: Intent) -> None:
        intent_id = intent.id
        with structlog.contextvars.bound_contextvars(intent=intent_id, trade=intent_id):
            began = wall_clock_us()
            handle = await self._start(intent, intent_id)
            if handle is None:
                return
            metrics.START.observe((wall_clock_us() - began) / 1e6)
            try:
                await self._ledger.record_intent(intent, self._run_id)
            except SurefootError as away:  # leg A's own ledger write carries the intent too
                log.warning("intent not in the ledger yet", error=away.message)
            await self._follow(handle, intent.pair)

    async def _start(self, intent: Intent, intent_id: str) -> WorkflowHandle[object, object] | None:
        """Repeats a start that was not acknowledged; its id makes the second copy harmless."""
        while True:
            try:
                handle: WorkflowHandle[object, object] = await self._client.start_workflow(
                    names.TRADE_WORKFLOW,
                    intent,
                    id=intent_id,
                    task_queue=names.TRADE_QUEUE,
                    result_type=TradeRecord,
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                    request_eager_start=True,
                    task_timeout=self._task_timeout,
                    rpc_timeout=_RPC_TIMEOUT,
                    memo={_PAIR: intent.pair},
                    search_attributes=search_attributes(intent),
                    static_summary=f"{plain(intent.size)} × {intent.pair} for ${plain(intent.edge)}",
                )
            except WorkflowAlreadyStartedError:
                log.info("trade was already started")
                return self._client.get_workflow_handle(intent_id, result_type=TradeRecord)
            except RPCError as error:
                if wall_clock_us() > intent.expires_at:
                    log.warning("no durable start; the intent expired", error=error.message)
                    self._failed(intent, error.message)
                    self._done(intent.pair)
                    return None
                await asyncio.sleep(_RETRY_S)
            else:
                log.info("trade started", eager=getattr(handle, "__temporal_eagerly_started", None))
                return handle

    async def _follow(self, handle: WorkflowHandle[object, object], pair: str) -> None:
        """Wait for the trade's end, however often Temporal goes away meanwhile."""
        while True:
            try:
                await handle.result()
            except WorkflowFailureError as ended:
                log.error("a trade did not end by itself", trade=handle.id, cause=str(ended.cause))  # noqa: TRY400
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    await asyncio.sleep(_AGAIN_S)
                    continue
            self._done(pair)
            return

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def search_attributes(intent: Intent) -> TypedSearchAttributes:
    return TypedSearchAttributes(
        [
            SearchAttributePair(SearchAttributeKey.for_keyword(names.SEARCH_STATE), TradeState.LEG_A.value),
            SearchAttributePair(SearchAttributeKey.for_float(names.SEARCH_UNHEDGED), 0.0),
            SearchAttributePair(
                SearchAttributeKey.for_keyword_list(names.SEARCH_MARKETS), [leg.market for leg in intent.legs]
            ),
            SearchAttributePair(SearchAttributeKey.for_keyword(names.SEARCH_STRATEGY), intent.strategy),
        ]
    )


async def _pair_of(execution: WorkflowExecution) -> str:
    return str((await execution.memo()).get(_PAIR, ""))
