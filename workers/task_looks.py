"""What Temporal knows of trades whose workflow task does not come through: asked, not guessed.

| question                    | asked by                                                                             |
|-----------------------------|--------------------------------------------------------------------------------------|
| whose task fails, who is    | one listing: `TemporalReportedProblems`, which a server of 1.30 or later sets at the |
| parked?                     | configured failure (ours: the first, see `workers.local.temporal`), and `Parked`     |
| does it fail now, since     | `DescribeWorkflowExecution`: the attempt of the pending task, and since when a       |
| when does somebody hold it? | worker holds it                                                                      |
| with what words?            | the newest events of the history, read backwards                                     |

A failed task is tried again at once; a second failure is not even reported by the SDK: its worker holds the task until
it times out, and the server makes that longer each time, up to ten minutes. So a task may be held by a process that is
long dead. On our own server the time is bounded by configuration. Elsewhere `free` ends it: a workflow with more than a
hundred events waiting has its task taken away. (Tried on server 1.32; a single signal, an update, a move to another
version and a reset of the sticky queue all wait for the time-out.)
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import PendingWorkflowTaskState, TimeoutType, WorkflowTaskFailedCause
from temporalio.api.workflowservice.v1 import GetWorkflowExecutionHistoryReverseRequest
from temporalio.client import Client, WorkflowExecutionDescription, WorkflowExecutionStatus
from temporalio.client import WorkflowExecution as Execution
from temporalio.common import SearchAttributeKey
from temporalio.service import RPCError, RPCStatusCode

from workers.sandbox import words_of
from workers.versions.build import DEPLOYMENT
from workers.versions.deployment import UNVERSIONED
from workflows import names

TIMED_OUT = "no worker answered in time: its process died, or the task blocked it"

_RUNNING = f"WorkflowType = '{names.TRADE_WORKFLOW}' AND ExecutionStatus = 'Running'"
_REPORTED = "TemporalReportedProblems IS NOT NULL"
_PARKED = f"{names.SEARCH_PARKED} IS NOT NULL"
_VERSION = SearchAttributeKey.for_keyword("TemporalWorkerDeploymentVersion")
MARKETS = SearchAttributeKey.for_keyword_list(names.SEARCH_MARKETS)
_PARKED_ON = SearchAttributeKey.for_keyword(names.SEARCH_PARKED)
_RPC_TIMEOUT = timedelta(seconds=5)
_NO_FAULT = (
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_FORCE_CLOSE_COMMAND,  # taken away by `free`
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND,  # a message came while the trade ended
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_STICKY_TASK_QUEUE,
)
_NEWEST = 40  # events read backwards; a failure is among the last few
_BUFFERED = 101  # one more than a server lets wait behind a task
_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class TradeNow:
    """A running trade as Temporal has it. `attempt` of its pending task (0: none pending), `held_since` when a worker
    took that (seconds since the epoch; None while nobody holds it). `parked` is the build it parked on, else empty,
    `fault` the words it was parked with."""

    id: str
    run_id: str
    build: str
    markets: tuple[str, ...]
    attempt: int = 0
    held_since: float | None = None
    parked: str = ""
    fault: str = ""

    @property
    def fails(self) -> bool:
        return self.attempt > 1


async def in_trouble(client: Client, *, reported: bool = True) -> list[str]:
    """Ids of the running trades whose task fails, as far as the server lists that, and of those that are parked.

    Without `reported` only the latter: an older server knows no `TemporalReportedProblems`.
    """
    query = f"{_RUNNING} AND ({_REPORTED} OR {_PARKED})" if reported else f"{_RUNNING} AND {_PARKED}"
    return [execution.id async for execution in client.list_workflows(query)]


class Tour:
    """The running trades that a query adds to, a few at a time, round and round."""

    def __init__(self, client: Client, narrowed: str) -> None:
        self._client = client
        self._query = f"{_RUNNING} AND {narrowed}"
        self._rest: AsyncIterator[Execution] | None = None

    async def next(self, n: int) -> list[str]:
        """The next `n` ids, fewer where the list ends; it begins anew then. Raises `RPCError`."""
        if self._rest is None:
            self._rest = aiter(self._client.list_workflows(self._query))
        found: list[str] = []
        try:
            while len(found) < n:
                found.append((await anext(self._rest)).id)
        except StopAsyncIteration:
            self._rest = None
        except RPCError:
            self._rest = None
            raise
        return found


async def look_at(client: Client, trade: str) -> TradeNow | None:
    """One trade, None if it does not run. Raises `RPCError` if Temporal does not say."""
    try:
        described = await client.get_workflow_handle(trade).describe(rpc_timeout=_RPC_TIMEOUT)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
    return await _now(described) if described.status is WorkflowExecutionStatus.RUNNING else None


async def look_at_all(client: Client, trades: list[str]) -> dict[str, TradeNow | None]:
    """The same for many, a few at once; those that Temporal does not tell of now are left out, and if it tells of none
    `RPCError` is raised."""
    found: dict[str, TradeNow | None] = {}
    failed: RPCError | None = None
    for n in range(0, len(trades), _AT_ONCE):
        batch = trades[n : n + _AT_ONCE]
        looks = await asyncio.gather(*(look_at(client, trade) for trade in batch), return_exceptions=True)
        for trade, look in zip(batch, looks, strict=True):
            if isinstance(look, RPCError):
                failed = look
            elif isinstance(look, BaseException):
                raise look
            else:
                found[trade] = look
    if failed is not None and not found:
        raise failed
    return found


async def _now(described: WorkflowExecutionDescription) -> TradeNow:
    raw = described.raw_description
    attempt, held_since = 0, None
    if raw.HasField("pending_workflow_task"):
        task = raw.pending_workflow_task
        attempt = task.attempt
        if task.state == PendingWorkflowTaskState.PENDING_WORKFLOW_TASK_STATE_STARTED:
            held_since = task.started_time.ToMicroseconds() / 1e6
    version = described.typed_search_attributes.get(_VERSION)
    return TradeNow(
        id=described.id,
        run_id=described.run_id,
        build=version.removeprefix(f"{DEPLOYMENT}:") if version else UNVERSIONED,
        markets=tuple(described.typed_search_attributes.get(MARKETS) or ()),
        attempt=attempt,
        held_since=held_since,
        parked=described.typed_search_attributes.get(_PARKED_ON) or "",
        fault=await _fault(described),
    )


async def _fault(execution: Execution) -> str:
    said = (await execution.memo()).get(names.MEMO_FAULT)
    return said if isinstance(said, str) else ""


async def last_failure(client: Client, trade: TradeNow) -> str:
    """Why its task last failed, as the history tells; empty if it tells of none since a task went well."""
    request = GetWorkflowExecutionHistoryReverseRequest(
        namespace=client.namespace,
        execution=WorkflowExecution(workflow_id=trade.id, run_id=trade.run_id),
        maximum_page_size=_NEWEST,
    )
    answer = await client.workflow_service.get_workflow_execution_history_reverse(request, timeout=_RPC_TIMEOUT)
    for event in answer.history.events:
        if event.HasField("workflow_task_completed_event_attributes"):
            return ""
        if event.HasField("workflow_task_failed_event_attributes"):
            failed = event.workflow_task_failed_event_attributes
            if failed.cause in _NO_FAULT:
                continue
            kind = failed.failure.application_failure_info.type
            return words_of(kind, failed.failure.message, failed.failure.stack_trace)
        if event.HasField("workflow_task_timed_out_event_attributes"):
            timed_out = event.workflow_task_timed_out_event_attributes
            if timed_out.timeout_type == TimeoutType.TIMEOUT_TYPE_START_TO_CLOSE:
                return TIMED_OUT
    return ""


async def free(client: Client, trade: TradeNow) -> None:
    """Take its task away from whoever holds it: it is tried anew at once, by whoever polls. Raises `RPCError`.

    Costs a hundred signals in its history; each only wakes the trade.
    """
    handle = client.get_workflow_handle(trade.id, run_id=trade.run_id)

    async def wake() -> None:
        await handle.signal(names.SIGNAL_ORDER_UPDATE, "", rpc_timeout=_RPC_TIMEOUT)

    for n in range(0, _BUFFERED, _AT_ONCE):
        await asyncio.gather(*(wake() for _ in range(min(_AT_ONCE, _BUFFERED - n))))


async def resume(client: Client, trade: TradeNow, build: str) -> None:
    """Tell a parked trade that `build` carries it now. Raises `RPCError`."""
    handle = client.get_workflow_handle(trade.id, run_id=trade.run_id)
    await handle.signal(names.SIGNAL_RESUME, build, rpc_timeout=_RPC_TIMEOUT)
