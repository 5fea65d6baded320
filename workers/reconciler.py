"""Reconciliation in processes: its worker and schedule beside the trade worker, its gate in front of ingest.

Everything goes through Temporal's control queue, so that a start, the schedule and a person run the same workflow, and
every run can be looked at in the UI.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import structlog
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowQueryFailedError,
    WorkflowQueryRejectedError,
)
from temporalio.common import SearchAttributeKey
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker

from activities.alerts import Alerts
from activities.reconcile import ReconcileActivities, ReconcileRules
from config.settings import Reconcile
from domain.custody import Carried
from domain.errors import Unavailable
from domain.market import Venue
from domain.reconcile import ReconcileRequest, Reconciliation, Trigger
from domain.trade import TradeRecord
from ledger.reconciliations import Reconciliations
from workers import metrics
from workers.alerting.watch import box_of
from workers.local.layout import Stack
from workers.orphan_watch import OrphanWatch
from workers.sandbox import TradeSandbox
from workflows import names
from workflows.reconcile import ReconcileWorkflow

if TYPE_CHECKING:
    from workers.trading import Trading

log = structlog.get_logger(__name__)

_KALSHI = (Venue.KALSHI,)
_MARKETS = SearchAttributeKey.for_keyword_list(names.SEARCH_MARKETS)
_CATCH_UP = timedelta(seconds=10)  # Temporal's least: a run that was missed is replaced by the next, not made up for
_RUN_TIMEOUT = timedelta(minutes=5)
_RPC_TIMEOUT = timedelta(seconds=5)
_SCHEDULE_TRIES = 5
_KEPT = timedelta(days=1)
_FORGET_EVERY_S = 600.0
_MOST_FORGOTTEN = 500
_AGAIN_S = 1.0
_SAY_EVERY_S = 5.0
_PATIENCE_S = 10.0


# ---------------------------------------------------------------------- beside the trade worker


@asynccontextmanager
async def reconciling(stack: Stack, desk: Trading) -> AsyncIterator[None]:
    """A worker for the control queue, and the schedule brought up to date. Raises `Unavailable`."""
    records = await Reconciliations.connect(stack.postgres_dsn)
    try:
        activities = make_activities(stack, desk, records)
        async with control_worker(desk.client, activities):
            await ensure_schedule(desk.client, stack.settings.reconcile, venues=stack.settings.in_use)
            watch = OrphanWatch(
                desk.client, records, desk.ledger, _alerts(stack), clock=_now_us,
                compare=lambda: reconcile_now(desk.client, Trigger.REQUEST, venues=stack.settings.in_use),
            )  # fmt: skip
            beside = [asyncio.create_task(each) for each in (_forget(desk.client), watch.run())]
            try:
                yield
            finally:
                for task in beside:
                    task.cancel()
    finally:
        await records.close()


def make_activities(stack: Stack, desk: Trading, records: Reconciliations) -> ReconcileActivities:
    settings = stack.settings.reconcile
    return ReconcileActivities(
        desk.venues,
        money=desk.ledger,
        records=records,
        trades=TemporalTrades(desk.client),
        clock=_now_us,
        rules=rules_of(settings),
        alerts=_alerts(stack),
        observe=observe,
    )


def _alerts(stack: Stack) -> Alerts:
    return Alerts(box_of(stack, "worker"), lambda alert: metrics.ALERTS.labels(alert).inc())


def _now_us() -> int:
    return time.time_ns() // 1000


def rules_of(settings: Reconcile) -> ReconcileRules:
    return ReconcileRules(
        looks=settings.looks,
        look_s=settings.look_ms / 1000,
        unknown_after_us=settings.unknown_after_s * 1_000_000,
        max_loss=settings.max_loss,
        loss_window_us=settings.loss_window_s * 1_000_000,
    )


def control_worker(client: Client, activities: ReconcileActivities, queue: str = names.CONTROL_QUEUE) -> Worker:
    return Worker(
        client,
        task_queue=queue,
        workflows=[ReconcileWorkflow],
        activities=[activities.compare_account, activities.draw_consequences],
        workflow_runner=TradeSandbox(),
        max_concurrent_workflow_tasks=4,
        max_concurrent_activities=4,
        graceful_shutdown_timeout=timedelta(seconds=1),  # all of it may be repeated
    )


def observe(result: Reconciliation) -> None:
    for comparison in result.comparisons:
        metrics.RECONCILED.labels(comparison.venue).set(comparison.at / 1e6)
    metrics.FINDINGS.clear()
    for finding in result.findings:
        metrics.FINDINGS.labels(finding.kind).inc()


class TemporalTrades:
    """`activities.reconcile.TradeWorkflows` on a Temporal client."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def running(self, expected: Iterable[str]) -> Mapping[str, Carried]:
        found: dict[str, Carried] = {}
        try:
            async for execution in self._client.list_workflows(
                f"WorkflowType = '{names.TRADE_WORKFLOW}' AND ExecutionStatus = 'Running'"
            ):
                markets = tuple(execution.typed_search_attributes.get(_MARKETS) or ())
                found[execution.id] = Carried(markets, int(execution.start_time.timestamp() * 1_000_000))
            for intent_id in expected:
                if intent_id not in found and await self._runs(intent_id):
                    found[intent_id] = Carried()
        except RPCError as error:
            raise Unavailable(
                f"Temporal could not list trades: {error.message}; it is asked again", "temporal"
            ) from None
        return found

    async def tell(self, intent_id: str, client_order_id: str) -> bool:
        try:
            handle = self._client.get_workflow_handle(intent_id)
            await handle.signal(names.SIGNAL_ORDER_UPDATE, client_order_id, rpc_timeout=_RPC_TIMEOUT)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise Unavailable(f"Temporal took no signal: {error.message}; it is sent again", "temporal") from None
        return True

    async def record(self, intent_id: str) -> TradeRecord | None:
        try:
            handle = self._client.get_workflow_handle(intent_id)
            found: TradeRecord = await handle.query(
                names.QUERY_RECORD, result_type=TradeRecord, rpc_timeout=_RPC_TIMEOUT
            )
        except (RPCError, WorkflowQueryFailedError, WorkflowQueryRejectedError) as error:
            log.warning("a trade did not say which orders are its own", trade=intent_id, error=str(error))
            return None
        return found

    async def _runs(self, intent_id: str) -> bool:
        """Listings follow by a moment what is asked here by id."""
        try:
            described = await self._client.get_workflow_handle(intent_id).describe(rpc_timeout=_RPC_TIMEOUT)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise
        return described.status is WorkflowExecutionStatus.RUNNING


# ---------------------------------------------------------------------- the schedule


async def ensure_schedule(
    client: Client,
    settings: Reconcile,
    *,
    venues: Sequence[Venue] = _KALSHI,
    name: str = names.RECONCILE_SCHEDULE,
    queue: str = names.CONTROL_QUEUE,
) -> None:
    """Create the schedule, or bring it to these settings; paused by a person, it stays paused. Raises `Unavailable`."""
    wanted = Schedule(
        action=ScheduleActionStartWorkflow(
            names.RECONCILE_WORKFLOW,
            ReconcileRequest(Trigger.SCHEDULE, tuple(venues)),
            id=name,
            task_queue=queue,
            execution_timeout=_RUN_TIMEOUT,
            static_summary="venue accounts against the ledger",
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=timedelta(seconds=settings.every_s))]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=_CATCH_UP),
    )

    def changed(now: ScheduleUpdateInput) -> ScheduleUpdate:
        return ScheduleUpdate(replace(wanted, state=now.description.schedule.state))

    for attempt in range(1, _SCHEDULE_TRIES + 1):
        try:
            try:
                await client.create_schedule(name, wanted)
            except ScheduleAlreadyRunningError:
                await client.get_schedule_handle(name).update(changed)
        except RPCError as error:  # a server that has only just come up, or a rival worker's update of this moment
            if attempt == _SCHEDULE_TRIES:
                raise Unavailable(
                    f"Temporal took no schedule {name}: {error.message}; see `surefoot status`", "temporal"
                ) from None
            await asyncio.sleep(_AGAIN_S)
        else:
            return


async def forget_runs(client: Client, older_than: timedelta) -> int:
    """Delete the histories of runs that ended so long ago; what they found is in the ledger. Returns how many.

    A run is some 25 kB of history, a minute apart: two gigabytes over the retention that trades need.
    Raises `Unavailable`.
    """
    before = (datetime.now(UTC) - older_than).isoformat(timespec="milliseconds")
    forgotten = 0
    try:
        async for execution in client.list_workflows(
            f"WorkflowType = '{names.RECONCILE_WORKFLOW}' AND ExecutionStatus != 'Running' AND CloseTime < '{before}'",
            limit=_MOST_FORGOTTEN,
        ):
            one = WorkflowExecution(workflow_id=execution.id, run_id=execution.run_id)
            await client.workflow_service.delete_workflow_execution(
                DeleteWorkflowExecutionRequest(namespace=client.namespace, workflow_execution=one)
            )
            forgotten += 1
    except RPCError as error:
        raise Unavailable(
            f"Temporal did not delete old runs: {error.message}; they end with its retention", "temporal"
        ) from None
    return forgotten


async def _forget(client: Client) -> None:
    while True:
        try:
            await forget_runs(client, _KEPT)
        except Unavailable as failed:  # on a cluster of yours, perhaps for want of permission
            log.info("old runs are kept", error=failed.message)
        await asyncio.sleep(_FORGET_EVERY_S)


# ---------------------------------------------------------------------- one run, and the gate of a start


async def reconcile_now(
    client: Client, trigger: Trigger, queue: str = names.CONTROL_QUEUE, *, venues: Sequence[Venue] = _KALSHI
) -> Reconciliation:
    """Run one over `venues` and wait for it. Raises `Unavailable` when Temporal cannot be asked or the run failed."""
    try:
        result: Reconciliation = await client.execute_workflow(
            names.RECONCILE_WORKFLOW,
            ReconcileRequest(trigger, tuple(venues)),
            id=f"reconcile-{trigger}-{uuid.uuid4().hex[:12]}",
            task_queue=queue,
            result_type=Reconciliation,
            execution_timeout=_RUN_TIMEOUT,
            static_summary="venue accounts against the ledger",
        )
        return result
    except (RPCError, WorkflowFailureError) as error:
        cause = error.cause if isinstance(error, WorkflowFailureError) else error.message
        raise Unavailable(f"the reconciliation did not come to an end: {cause}; run it again", "reconcile") from None


class StartGate:
    """Shut until a start-up reconciliation has reached every venue; ingest does not decide anything before that."""

    def __init__(self, venues: Sequence[Venue] = _KALSHI) -> None:
        self._venues = tuple(venues)
        self._since: float | None = None

    def trouble(self) -> str | None:
        """For `/healthz`: a start counts as up once the gate opens, or after ten seconds of waiting at it: a venue that
        is away must not end the start. `surefoot status` names what is awaited."""
        if self._since is None:
            return "starting"
        return "awaiting the start-up reconciliation" if time.monotonic() - self._since < _PATIENCE_S else None

    async def opened(self, client: Client, stop: asyncio.Event, queue: str = names.CONTROL_QUEUE) -> bool:
        """Wait, however long it takes; False if `stop` came first."""
        began = self._since = time.monotonic()
        stopping = asyncio.create_task(stop.wait())
        passing = asyncio.create_task(self._pass(client, queue))
        try:
            while not passing.done() and not stop.is_set():
                await asyncio.wait((stopping, passing), timeout=_SAY_EVERY_S, return_when=asyncio.FIRST_COMPLETED)
                if not passing.done() and not stop.is_set():
                    waited = round(time.monotonic() - began)
                    log.warning("no trade is opened before the start-up reconciliation is done", waited_s=waited)
            if passing.done():
                await passing
                return not stop.is_set()
            return False
        finally:
            stopping.cancel()
            passing.cancel()

    async def _pass(self, client: Client, queue: str) -> None:
        while True:
            try:
                result = await reconcile_now(client, Trigger.START_UP, queue, venues=self._venues)
            except Unavailable as failed:
                log.warning("start-up reconciliation failed; trying again", error=failed.message)
            else:
                if not result.unreached:
                    log.info("start-up reconciliation done", agrees=result.agrees, safe_mode=result.safe_mode)
                    return
                log.warning("a venue could not be compared; trying again", unreached=result.unreached)
            await asyncio.sleep(_AGAIN_S)
