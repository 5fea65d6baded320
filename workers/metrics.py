"""Our metrics, defined once, and the loopback page every process shows them on: `/metrics` and `/healthz`.

Values are for watching and alerting only; none is ever read back into a decision.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from config.loopback import SAFE_HEADERS, refusal
from workers.loopback_server import LoopbackServer

if TYPE_CHECKING:
    from temporalio.runtime import Runtime

_MICROSECONDS = (1e-6, 2e-6, 3e-6, 5e-6, 7e-6, 10e-6, 15e-6, 20e-6, 30e-6, 50e-6, 100e-6, 250e-6, 1e-3, 5e-3, 25e-3)
_MILLISECONDS = (
    1e-3,
    2e-3,
    5e-3,
    10e-3,
    15e-3,
    20e-3,
    30e-3,
    40e-3,
    60e-3,
    100e-3,
    250e-3,
    500e-3,
    1.0,
    2.5,
    5.0,
    10.0,
)

_LIFE = (
    5e-4,
    1e-3,
    2e-3,
    5e-3,
    10e-3,
    20e-3,
    50e-3,
    100e-3,
    200e-3,
    500e-3,
    1.0,
    2.0,
    5.0,
    10.0,
    30.0,
    60.0,
    300.0,
    900.0,
    3600.0,
)

_SDK_LATENCIES = (  # the SDK's own buckets are too coarse below 50 ms
    "temporal_workflow_task_schedule_to_start_latency",
    "temporal_activity_schedule_to_start_latency",
    "temporal_activity_execution_latency",
    "temporal_request_latency",
    "temporal_workflow_endtoend_latency",
)

FRAMES = Counter("surefoot_frames", "Exchange frames taken in", ["type"])
DECISION = Histogram("surefoot_decision_seconds", "Frame taken in to decision made", buckets=_MICROSECONDS)
FEED_UP = Gauge("surefoot_feed_up", "1 while a venue's market data feed is up and its books are trusted", ["venue"])
USERS_UP = Gauge("surefoot_users_up", "1 while a venue's private channel, which tells of our fills, is up", ["venue"])
BUS_DEPTH = Gauge("surefoot_bus_depth", "Messages between threads that wait or are in work", ["topic"])
BUS_AGE = Gauge("surefoot_bus_age_seconds", "Age of the oldest of them; 0 if there is none", ["topic"])
BUS_MESSAGES = Counter("surefoot_bus_messages", "Messages between threads by what became of them", ["topic", "fate"])
FRAME_LAG = Gauge("surefoot_frame_lag_seconds", "The least that a frame of the last second was late", ["venue"])
SPOT_UP = Gauge("surefoot_spot_up", "1 while a spot feed is up and brings new prices", ["feed"])
SPOT_TICKS = Counter("surefoot_spot_ticks", "Prices that spot feeds brought", ["feed"])
SPOT_AGE = Gauge("surefoot_spot_age_seconds", "Since a spot feed last brought a new price", ["feed"])
DEAD_LETTERS = Counter(
    "surefoot_dead_letters", "Messages of a venue or spot feed that could not be used, and were kept", ["venue"]
)
PHASE = Gauge("surefoot_phase", "1 for the phase that ingest is in (starting, warming, running, …)", ["phase"])
CONDITION = Gauge("surefoot_condition", "1 while this condition for trading holds", ["condition"])
RECORDER_BEHIND = Gauge("surefoot_recorder_behind_seconds", "Since all that was recorded until then was on the disk")
RECORDER_DROPPED = Gauge("surefoot_recorder_dropped_frames", "Frames the disk was too slow for, of this session")
SPOOLED = Gauge("surefoot_spooled_bytes", "What waits on the disk for a ledger that is away")
SPOOL_DROPPED = Counter("surefoot_spool_dropped", "Suppressions that neither the ledger nor the disk took")
BEAT_SILENCE = Gauge("surefoot_heartbeat_silence_seconds", "Since Polymarket last took a beat of the dead man's switch")
INTENTS = Counter("surefoot_intents", "Intents emitted", ["strategy"])
SUPPRESSED = Counter("surefoot_suppressed", "Opportunities not taken, by the gate that was shut", ["gate"])
START = Histogram("surefoot_start_seconds", "Intent to durable workflow start acknowledged", buckets=_MILLISECONDS)
TRADES = Gauge("surefoot_trades", "Trades of this run by state, as the ledger has them", ["state"])
CLOSED = Counter("surefoot_trades_closed", "Trades closed by this process, by outcome", ["outcome"])
UNHEDGED = Gauge("surefoot_unhedged_shares", "Filled shares whose other side is not filled, over all open trades")
UNHEDGED_NOTIONAL = Gauge("surefoot_unhedged_notional", "Dollars that stand alone now, at what they were bought for")
UNHEDGED_NOTIONAL_SECONDS = Counter("surefoot_unhedged_notional_seconds", "Dollars unhedged times seconds, summed")
STATE = Histogram("surefoot_state_seconds", "How long trades stay in a state, visit by visit", ["state"], buckets=_LIFE)
UNKNOWN = Histogram("surefoot_unknown_seconds", "Order sent to evidence of an outcome that was unknown", buckets=_LIFE)
UNKNOWNS = Gauge("surefoot_unknowns_open", "Orders sent whose outcome nothing has shown yet")
UNKNOWN_AGE = Gauge("surefoot_unknown_age_seconds", "Age of the oldest of them; 0 if there is none")
STUCK = Gauge("surefoot_stuck", "Trades that stand alone and ask for a person, of every run")
TASK_FAILURES = Counter("surefoot_workflow_task_failures", "Workflow tasks of trades that failed in this process")
WORKFLOW_FAULTS_SEEN = Counter("surefoot_workflow_faults", "Trades this process first saw unable to go on", ["kind"])
WORKFLOW_FAULTS = Gauge("surefoot_workflow_faults_standing", "Trades that cannot go on now, of every run", ["kind"])
HALTS = Gauge("surefoot_halts", "Halts in force", ["scope"])
SAFE_MODE = Gauge("surefoot_safe_mode", "1 while start-up found exposure that no trade owns and nobody acknowledged it")
CAPITAL_CASH = Gauge("surefoot_capital_cash", "Dollars of the account, as the ledger has them", ["venue"])
CAPITAL_RESERVED = Gauge("surefoot_capital_reserved", "Dollars held for trades", ["venue"])
CAPITAL_FREE = Gauge("surefoot_capital_free", "Dollars a new trade may still reserve", ["venue"])
RECONCILED = Gauge("surefoot_reconciled_timestamp_seconds", "When this venue was last compared (Unix time)", ["venue"])
FINDINGS = Gauge("surefoot_reconciliation_findings", "Differences the last reconciliation found", ["kind"])
ALERTS = Counter("surefoot_alerts", "Alerts raised, by name", ["alert"])
RECOVERY = Gauge("surefoot_recovery_seconds", "From the start of this process until trades moved again", ["until"])
SUBMIT = Histogram("surefoot_submit_seconds", "Order sent to answer taken in", ["verdict"], buckets=_MILLISECONDS)
FIRST_BYTE = Histogram("surefoot_intent_to_send_seconds", "Intent decided to leg A sent", buckets=_MILLISECONDS)

Health = Callable[[], str | None]
"""None while the process is well, else what is wrong, in a few words."""

Page = Callable[[], bytes | None]
"""A page's JSON, or None while it has nothing to say. Called on a thread of the server."""


class MetricsServer:
    """A running page; `port` is the one it listens on."""

    def __init__(self, server: LoopbackServer) -> None:
        self._server = server
        self._thread = threading.Thread(target=server.serve_forever, args=(0.1,), name="metrics", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return self._server.server_port

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def serve(
    port: int,
    registry: CollectorRegistry = REGISTRY,
    health: Health | None = None,
    pages: Mapping[str, Page] | None = None,
) -> MetricsServer:
    """Serves `/metrics`, `/healthz` and `pages` by path on 127.0.0.1:port (0: any) from a thread of its own.

    `/healthz` answers 200 `ok`, or 503 and the words of `health`; a page 200 and its JSON, or 503 with nothing while it
    has nothing to say; another site's page is refused (see `config.loopback`). Raises `OSError` if the port is taken.
    """
    more = pages or {}

    class Handler(BaseHTTPRequestHandler):
        timeout = 5.0  # seconds for a request that does not come to its end

        def do_GET(self) -> None:
            if (why := refusal("GET", self.headers)) is not None:
                self._answer(403, f"{why}\n".encode(), "text/plain; charset=utf-8")
            elif self.path == "/healthz":
                trouble = health() if health is not None else None
                self._answer(503 if trouble else 200, (trouble or "ok").encode() + b"\n", "text/plain; charset=utf-8")
            elif self.path == "/metrics":
                self._answer(200, generate_latest(registry), CONTENT_TYPE_LATEST)
            elif self.path in more:
                body = more[self.path]()
                self._answer(503 if body is None else 200, body or b"", "application/json")
            else:
                known = ", ".join(("/metrics", "/healthz", *more))
                self._answer(404, f"only {known} live here\n".encode(), "text/plain; charset=utf-8")

        def _answer(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            for name, value in SAFE_HEADERS.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Scrapes are not news."""

    return MetricsServer(LoopbackServer(port, Handler))


def temporal_runtime(port: int) -> Runtime:
    """A Temporal SDK runtime that shows the SDK's own metrics on 127.0.0.1:port.

    Make one a process, at most, and pass it to `Client.connect(runtime=…)`.
    """
    # The SDK's native library costs tens of megabytes; the paper exchange imports this module and needs none of it.
    from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig  # noqa: PLC0415

    return Runtime(
        telemetry=TelemetryConfig(
            metrics=PrometheusConfig(
                bind_address=f"127.0.0.1:{port}",
                counters_total_suffix=True,
                unit_suffix=True,
                durations_as_seconds=True,
                histogram_bucket_overrides=dict.fromkeys(_SDK_LATENCIES, _MILLISECONDS),
            )
        )
    )
