"""What every process that carries trades is made of: a Temporal client, the venues' clients, the ledger, a worker."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import structlog
from temporalio.client import Client
from temporalio.runtime import Runtime
from temporalio.service import GrpcCompression, RPCError
from temporalio.worker import Worker

from activities.alerts import Alerts
from activities.authority import Seals
from activities.caller import TemporalCalls
from activities.commands import CommandActivities
from activities.orders import OrderActivities, Permits
from activities.positions import PositionActivities
from activities.settlement import SettlementActivities
from activities.trade import trade_activities
from domain.errors import Unavailable
from domain.market import Venue
from ledger.store import Ledger
from venues.port import VenueClient
from workers import metrics, seam
from workers.accounts import venue_clients
from workers.alerting.watch import box_of
from workers.halt_flag import HaltFlag
from workers.load_watch import LoadWatch
from workers.local.layout import Stack
from workers.local.seals import load_seal_keys
from workers.measures import Measures
from workers.payloads import DATA_CONVERTER
from workers.permits import Approvals
from workers.recovery import Recovery, process_start
from workers.sandbox import TaskNews, TradeSandbox
from workers.sealing import Sealing
from workers.stuck_tasks import TaskPulse, end_when_stuck
from workers.task_watch import TaskWatch
from workers.venues_needed import check_venues
from workers.versions.build import build_id
from workers.versions.deployment import worker_config
from workers.versions.inherit import Inheritance, after_start, before_start, take_later
from workflows.names import TRADE_QUEUE
from workflows.trade import TradeWorkflow

log = structlog.get_logger(__name__)

_CONNECT_PATIENCE_S = 30.0
_LEDGER_CONNECTIONS = 8


def wall_clock_us() -> int:
    return time.time_ns() // 1000


async def connect_temporal(stack: Stack, runtime: Runtime | None = None) -> Client:
    """A client on the running loop. Waits up to half a minute for the server; raises `Unavailable` after that."""
    deadline = time.monotonic() + _CONNECT_PATIENCE_S
    while True:
        try:
            return await Client.connect(
                stack.temporal_address,
                namespace=stack.temporal_namespace,
                data_converter=DATA_CONVERTER,
                grpc_compression=GrpcCompression.NONE,  # loopback: time is dearer than bytes
                runtime=runtime,
            )
        except (RuntimeError, RPCError) as error:
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"Temporal at {stack.temporal_address} does not answer ({error}); see `surefoot status`", "temporal"
                ) from None
            await asyncio.sleep(0.5)


@dataclass(frozen=True, slots=True)
class Trading:
    """The open connections of one process, and how fast its trades came back."""

    client: Client
    venues: Mapping[Venue, VenueClient]
    ledger: Ledger
    recovery: Recovery
    approvals: Approvals


@asynccontextmanager
async def trading(
    stack: Stack, runtime: Runtime | None = None, *, takes_over: bool = True, draining: bool = False
) -> AsyncIterator[Trading]:
    """Connections plus a running worker for trades; leaves by finishing activities in flight.

    New trades come here and, if it `takes_over`, open ones of other versions that replay on this code; `draining`, only
    those that began on this version are carried on. Raises `Unavailable` when Temporal, Postgres or a venue cannot be
    reached, `BadInput` for a wrong key, `OtherVersionNeeded` for open trades that this code cannot carry on,
    `VenueNeeded` for such as have a leg where these settings do not trade.
    """
    async with venue_clients(stack, ready=True) as venues:
        ledger = await Ledger.connect(stack.postgres_dsn, min_size=2, max_size=_LEDGER_CONNECTIONS)
        try:
            client = await connect_temporal(stack, runtime)
            recovery, approvals = Recovery(client, process_start()), Approvals(venues)
            build, leave = build_id(), stack.settings.worker.leave_trades
            if takes_over:
                await check_venues(ledger, stack.settings.in_use, leave=leave)
            inherited = await before_start(client, build, leave=leave) if takes_over else Inheritance()
            desk = seam.tapped(stack, Trading(client, venues, ledger, recovery, approvals))
            faults = task_watch(stack, client, ledger, carries=takes_over)
            load = LoadWatch(ledger, stack.settings.admission.limits(), wall_clock_us)
            pulse = TaskPulse()
            worker = make_worker(
                desk.client,
                stack,
                desk.venues,
                desk.ledger,
                task_completed=recovery.task_completed,
                permits=approvals,
                news=faults,
                busy=load.busy,
                pulse=pulse,
            )
            async with seam.watched(worker):
                if not draining:
                    await after_start(client, build, inherited)
                catching_up = asyncio.create_task(take_later(client, build, inherited))
                watching = [asyncio.create_task(each) for each in (faults.run(), load.run(), end_when_stuck(pulse))]
                try:
                    yield desk
                finally:
                    for task in (catching_up, *watching):
                        task.cancel()
        finally:
            await ledger.close()


def task_watch(stack: Stack, client: Client, ledger: Ledger, *, carries: bool) -> TaskWatch:
    """Watches the trades' workflow tasks. A server of our own lists those that fail; another may not."""
    settings = stack.settings
    alerts = Alerts(box_of(stack, "worker" if carries else "ingest"), lambda alert: metrics.ALERTS.labels(alert).inc())
    sweeps = carries and settings.temporal.address is not None
    return TaskWatch(client, ledger, build_id(), wall_clock_us, alerts, carries=carries, sweeps=sweeps)


def make_worker(
    client: Client,
    stack: Stack,
    venues: Mapping[Venue, VenueClient],
    ledger: Ledger,
    *,
    task_completed: Callable[[], None] = lambda: None,
    permits: Permits | None = None,
    news: TaskNews | None = None,
    busy: Callable[[], str] = lambda: "",
    pulse: TaskPulse | None = None,
) -> Worker:
    """A worker for trades. `task_completed`, `news` and `pulse` are told, on a thread of the worker, of each workflow
    task; `busy` is asked before a trade is opened."""
    measures = Measures()
    keys = load_seal_keys(stack)
    alerts = Alerts(box_of(stack, "worker"), lambda alert: metrics.ALERTS.labels(alert).inc())
    authority = Seals(keys, ledger, alerts.tell, TemporalCalls(client))
    orders = OrderActivities(
        venues,
        ledger,
        stack.run_id,
        wall_clock_us,
        measures.submitted,
        answered=measures.answered,
        permits=permits,
        busy=busy,
        flagged=HaltFlag(stack.state_dir).standing,
        authority=authority,
    )
    settlement = SettlementActivities(venues, ledger, stack.run_id, wall_clock_us, measures.rested, authority=authority)
    positions = PositionActivities(venues, ledger)
    limits = stack.settings.worker
    return Worker(
        client,
        task_queue=TRADE_QUEUE,
        workflows=[TradeWorkflow],
        activities=trade_activities(orders, settlement, positions, CommandActivities(authority)),
        workflow_runner=TradeSandbox(task_completed, news, pulse),
        interceptors=[Sealing(keys)],
        deployment_config=worker_config(build_id()),
        max_concurrent_workflow_tasks=limits.max_concurrent_workflow_tasks,
        max_concurrent_activities=limits.max_concurrent_activities,
        max_cached_workflows=limits.max_cached_workflows,
        sticky_queue_schedule_to_start_timeout=timedelta(milliseconds=limits.sticky_timeout_ms),
        graceful_shutdown_timeout=timedelta(milliseconds=limits.graceful_shutdown_ms),
    )
