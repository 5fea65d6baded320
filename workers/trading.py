"""What every process that carries trades is made of: a Temporal client, an exchange client, the ledger, a worker."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

import structlog
from temporalio.client import Client
from temporalio.runtime import Runtime
from temporalio.service import GrpcCompression, RPCError
from temporalio.worker import Worker

from activities.orders import OrderActivities
from activities.positions import PositionActivities
from activities.settlement import SettlementActivities
from domain.errors import Unavailable
from domain.intent import Intent
from domain.market import Venue
from domain.orders import OrderTicket, Purpose, SubmitResult
from domain.trade import TradeRecord
from ledger.store import Ledger
from venues.kalshi.client import KalshiClient
from venues.kalshi.rest import Timeouts
from venues.kalshi.signing import Signer
from workers import metrics
from workers.chaos import seam
from workers.payloads import DATA_CONVERTER
from workers.sandbox import TradeSandbox
from workers.stack.layout import Stack
from workflows.names import TRADE_QUEUE
from workflows.trade import TradeWorkflow

log = structlog.get_logger(__name__)

_CONNECT_PATIENCE_S = 30.0
_LEDGER_CONNECTIONS = 8


def wall_clock_us() -> int:
    return time.time_ns() // 1000


def signer_of(stack: Stack) -> Signer:
    """Raises `BadInput` for a key that cannot sign."""
    return Signer.from_pem(stack.key_id, stack.private_key_file.read_bytes())


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
    """The open connections of one process."""

    client: Client
    venue: KalshiClient
    ledger: Ledger


@asynccontextmanager
async def trading(stack: Stack, runtime: Runtime | None = None) -> AsyncIterator[Trading]:
    """Connections plus a running worker for trades; leaves by finishing activities in flight.

    Raises `Unavailable` when Temporal, Postgres or the exchange cannot be reached, `BadInput` for a wrong key.
    """
    kalshi = stack.settings.kalshi
    timeouts = Timeouts(connect=kalshi.connect_timeout_ms / 1000, read=kalshi.read_timeout_ms / 1000)
    unit = stack.member_unit
    async with KalshiClient(stack.venue_base_url, signer_of(stack), timeouts=timeouts, balance_unit=unit) as venue:
        await venue.configure_limits()
        ledger = await Ledger.connect(stack.postgres_dsn, min_size=2, max_size=_LEDGER_CONNECTIONS)
        try:
            client = await connect_temporal(stack, runtime)
            desk = seam.tapped(stack, Trading(client, venue, ledger))
            async with seam.watched(make_worker(desk.client, stack, desk.venue, desk.ledger)):
                yield desk
        finally:
            await ledger.close()


def make_worker(client: Client, stack: Stack, venue: KalshiClient, ledger: Ledger) -> Worker:
    venues = {Venue.KALSHI: venue}
    orders = OrderActivities(venues, ledger, stack.run_id, wall_clock_us, _observe)
    settlement = SettlementActivities(venues, ledger, stack.run_id, wall_clock_us, _closed)
    positions = PositionActivities(venues, ledger)
    limits = stack.settings.worker
    return Worker(
        client,
        task_queue=TRADE_QUEUE,
        workflows=[TradeWorkflow],
        activities=[
            orders.submit_order,
            orders.find_evidence,
            orders.take_quote,
            orders.cancel_order,
            settlement.settle_trade,
            settlement.record_trade,
            positions.read_resolution,
            positions.look_up_order,
        ],
        workflow_runner=TradeSandbox(),
        max_concurrent_workflow_tasks=limits.max_concurrent_workflow_tasks,
        max_concurrent_activities=limits.max_concurrent_activities,
        max_cached_workflows=limits.max_cached_workflows,
        sticky_queue_schedule_to_start_timeout=timedelta(milliseconds=limits.sticky_timeout_ms),
        graceful_shutdown_timeout=timedelta(milliseconds=limits.graceful_shutdown_ms),
    )


def _observe(ticket: OrderTicket, result: SubmitResult, opening: Intent | None, sent: int) -> None:
    metrics.SUBMIT.labels(result.verdict).observe(max(result.at - sent, 0) / 1e6)
    if opening is not None and ticket.purpose is Purpose.OPEN:
        metrics.FIRST_BYTE.observe(max(sent - opening.decided_at, 0) / 1e6)


def _closed(record: TradeRecord, unhedged_dollar_seconds: Decimal) -> None:
    metrics.CLOSED.labels(record.outcome or "").inc()
    metrics.UNHEDGED_NOTIONAL_SECONDS.inc(float(unhedged_dollar_seconds))  # for watching only
