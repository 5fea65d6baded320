"""From an intent to a durable trade: started once, followed until it trades no more, found again after a restart.

Lives on the trading side's event loop. The decision side is told through `done(pair)`, from any thread's view safe.

A trade may wait for its market's resolution for days, and thousands may do so at once. So nobody waits on a workflow:
one query of the ledger, asked again and again for the few trades that still trade, says which of them are at rest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from datetime import timedelta
from typing import Any, Protocol

import structlog
from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus, WorkflowHandle
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
from domain.seal import Seal
from domain.trade import TradeRecord, TradeState
from workers import metrics
from workers.trading import wall_clock_us
from workflows import names

log = structlog.get_logger(__name__)

_RPC_TIMEOUT = timedelta(seconds=2)
_RETRY_S = 0.05
_LOOK_S = 0.2
_ASK_TEMPORAL_S = 5.0  # a trade that its own ledger rows never end may have been ended by hand
PAIR = "pair"


class StartedTrades(Protocol):
    """What the starter needs of the ledger."""

    async def record_intent(self, intent: Intent, run_id: str) -> None: ...

    async def done_trading(self, ids: Iterable[str]) -> set[str]:
        """Which of these trades are in a state of `domain.trade.DONE_TRADING`."""
        ...


class TradeStarter:
    """Starts trades eagerly on the worker of this process, if it has a free slot; else on any worker.

    `done(pair)` is called once for every trade, as soon as it buys and sells no more (`domain.trade.DONE_TRADING`) or
    its workflow was ended by hand; and `failed(intent, reason)` when no durable start was possible while the intent was
    fresh: no record, no trade.
    """

    def __init__(
        self,
        client: Client,
        ledger: StartedTrades,
        run_id: str,
        *,
        task_timeout_ms: int,
        done: Callable[[str], None],
        failed: Callable[[Intent, str], None],
        seal: Callable[[str], Seal],
    ) -> None:
        """`seal` is given an intent's id: a trade without one is a stranger's."""
        self._client = client
        self._ledger = ledger
        self._run_id = run_id
        self._task_timeout = timedelta(milliseconds=task_timeout_ms)
        self._done = done
        self._failed = failed
        self._seal = seal
        self._trading: dict[str, str] = {}  # trade → its pair, while it may still buy or sell
        self._tasks: set[asyncio.Task[None]] = set()
        self._following: asyncio.Task[None] | None = None

    def submit(self, intent: Intent) -> None:
        """Begin one trade; returns at once."""
        self._spawn(self._trade(intent))

    async def find_open(self) -> list[str]:
        """The pairs of trades from before that may still buy or sell; `done` is called when each no longer does.

        Trades that only wait for their markets to pay are carried on by any worker and keep no pair busy. While the
        ledger cannot say which those are, every open trade keeps its pair.
        """
        running = {
            execution.id: await _pair_of(execution)
            async for execution in self._client.list_workflows(
                f"WorkflowType = '{names.TRADE_WORKFLOW}' AND ExecutionStatus = 'Running'"
            )
        }
        try:
            resting = await self._ledger.done_trading(running) if running else set()
        except SurefootError as away:
            log.warning("ledger away; every open trade keeps its pair for now", error=away.message)
            resting = set()
        if running:
            log.info("open trades found again", trading=len(running) - len(resting), at_rest=len(resting))
        for trade, pair in running.items():
            if trade not in resting:
                self._follow(trade, pair)
        return [pair for trade, pair in running.items() if trade not in resting]

    async def close(self) -> None:
        following = [self._following] if self._following is not None else []
        tasks = [*self._tasks, *following]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # ------------------------------------------------------------------ starting

    async def _trade(self, intent: Intent) -> None:
        intent_id = intent.id
        with structlog.contextvars.bound_contextvars(intent=intent_id, trade=intent_id):
            began = wall_clock_us()
            if not await self._start(intent, intent_id):
                return
            metrics.START.observe((wall_clock_us() - began) / 1e6)
            self._follow(intent_id, intent.pair)
            try:
                await self._ledger.record_intent(intent, self._run_id)
            except SurefootError as away:  # leg A's own ledger write carries the intent too
                log.warning("intent not in the ledger yet", error=away.message)

    async def _start(self, intent: Intent, intent_id: str) -> bool:
        """Whether the trade exists. Repeats a start that was not acknowledged; its id makes a second copy harmless."""
        while True:
            try:
                handle: WorkflowHandle[object, object] = await self._client.start_workflow(
                    names.TRADE_WORKFLOW,
                    args=[intent, None, self._seal(intent_id)],
                    id=intent_id,
                    task_queue=names.TRADE_QUEUE,
                    result_type=TradeRecord,
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                    request_eager_start=True,
                    task_timeout=self._task_timeout,
                    rpc_timeout=_RPC_TIMEOUT,
                    memo={PAIR: intent.pair},
                    search_attributes=search_attributes(intent),
                    static_summary=f"{plain(intent.size)} × {intent.pair} for ${plain(intent.edge)}",
                )
            except WorkflowAlreadyStartedError:
                log.info("trade was already started")
                return True
            except RPCError as error:
                if wall_clock_us() > intent.expires_at:
                    log.warning("no durable start; the intent expired", error=error.message)
                    self._failed(intent, error.message)
                    self._done(intent.pair)
                    return False
                await asyncio.sleep(_RETRY_S)
            else:
                log.info("trade started", eager=getattr(handle, "__temporal_eagerly_started", None))
                return True

    # ------------------------------------------------------------------ following

    def _follow(self, trade: str, pair: str) -> None:
        self._trading[trade] = pair
        if self._following is None:
            self._following = asyncio.get_running_loop().create_task(self._watch())

    async def _watch(self) -> None:
        """Until `close`. Looks at nothing while nothing trades."""
        asked = asyncio.get_running_loop().time()
        while True:
            await asyncio.sleep(_LOOK_S)
            if not self._trading:
                continue
            try:
                self._at_rest(await self._ledger.done_trading(list(self._trading)))
            except SurefootError as away:
                log.info("ledger away; the pairs of open trades stay busy", error=away.message)
            if asyncio.get_running_loop().time() - asked >= _ASK_TEMPORAL_S:
                await self._find_ended()
                asked = asyncio.get_running_loop().time()

    def _at_rest(self, trades: Iterable[str]) -> None:
        for trade in trades:
            pair = self._trading.pop(trade, None)
            if pair is not None:
                self._done(pair)

    async def _find_ended(self) -> None:
        """Trades whose workflow is over, whatever the ledger says of them: ended in the UI, or by a server reset."""
        for trade in list(self._trading):
            try:
                status = (await self._client.get_workflow_handle(trade).describe(rpc_timeout=_RPC_TIMEOUT)).status
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    return  # away: the next look asks again
                status = None
            if status is WorkflowExecutionStatus.RUNNING:
                continue
            if status is not WorkflowExecutionStatus.COMPLETED:
                ended = "unknown to Temporal" if status is None else status.name.lower()
                log.error("a trade did not end by itself", trade=trade, ended=ended)
            self._at_rest([trade])

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
    return str((await execution.memo()).get(PAIR, ""))
