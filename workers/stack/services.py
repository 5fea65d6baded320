"""Which processes a stack has, in the order they start: postgres, temporal, paper, worker, ingest, ui_door."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from config.settings import Settings
from workers.local.books import begin_run
from workers.local.layout import Layout
from workers.local.ports import HOST
from workers.local.postgres import EmbeddedPostgres, check_server, stored_dsn
from workers.local.processes import ProcessSpec
from workers.local.temporal import TemporalServer, check_cluster, find_binary, set_up_namespace
from workers.seam import PLAN_VARIABLE
from workers.stack.opening import record_opening_once
from workers.ui_door.keys import ensure_door_keys

Say = Callable[[str], None]
# What Python and its database driver go by, whose home it is, and the chaos runs' plan (refused in mode live).
_PASSED = ("HOME", "USER", "LOGNAME", "VIRTUAL_ENV", "PYTHON*", "PG*", "SSL_CERT_*", PLAN_VARIABLE)
_METRICS = ("temporal", "paper", "worker", "worker_sdk", "ingest", "ingest_sdk")


def wanted_ports(settings: Settings) -> dict[str, int]:
    """Name → configured port (0: choose) of every server this stack will run."""
    wanted: dict[str, int] = {}
    if settings.postgres.dsn is None:
        wanted["postgres"] = settings.postgres.port
    if settings.temporal.address is None:
        wanted["temporal"] = settings.temporal.port
        wanted["temporal_http"] = 0
        if settings.temporal.ui:
            wanted["temporal_ui"] = settings.temporal.ui_port
    if settings.mode == "paper":
        wanted["paper"] = settings.paper.port
    configured = settings.metrics.model_dump()
    return wanted | {f"metrics_{name}": configured[name] for name in _METRICS}


def endpoints(settings: Settings, ports: Mapping[str, int]) -> dict[str, Any]:
    """What stack.json tells the children; no value is a secret."""
    found: dict[str, Any] = {"metrics": {name: ports[f"metrics_{name}"] for name in _METRICS}}
    found["postgres"] = stored_dsn(ports["postgres"]) if "postgres" in ports else None
    if settings.temporal.address is None:
        found["temporal"] = f"{HOST}:{ports['temporal']}"
        if "temporal_ui" in ports:
            found["temporal_ui"] = f"http://{HOST}:{ports['temporal_ui']}"
    else:
        found["temporal"] = settings.temporal.address
    if "paper" in ports:
        origin = f"{HOST}:{ports['paper']}"
        found["paper"] = f"http://{origin}/trade-api/v2"
        found["paper_ws"] = f"ws://{origin}/trade-api/ws/v2"
        found["paper_admin"] = f"http://{origin}"
        found["polymarket"] = {
            "clob_url": f"http://{origin}",
            "gamma_url": f"http://{origin}/gamma",
            "data_url": f"http://{origin}",
            "relayer_url": f"http://{origin}",
            "geoblock_url": f"http://{origin}/api/geoblock",
            "ws_url": f"ws://{origin}",
        }
    return found


async def services(layout: Layout, settings: Settings, ports: Mapping[str, int], say: Say) -> list[ProcessSpec]:
    """The process list of these settings; servers configured elsewhere are checked here instead of started.

    Raises `Unavailable` or `BadInput` when one of those does not answer or a binary is missing.
    """
    specs: list[ProcessSpec] = []
    if settings.postgres.dsn is None:
        server = EmbeddedPostgres(layout, ports["postgres"], say)

        async def ready() -> None:
            await server.create_database()
            await begin_run(layout)

        specs.append(replace(server.spec(), ready=ready))
    else:
        await check_server(settings.postgres.dsn)
        await begin_run(layout)
    binary = find_binary(settings.temporal.binary)
    if settings.temporal.address is None:
        temporal = TemporalServer(
            layout,
            binary,
            port=ports["temporal"],
            http_port=ports["temporal_http"],
            http_host=ensure_door_keys(layout).host,
            metrics_port=ports["metrics_temporal"],
            namespace=settings.temporal.namespace,
            db=settings.temporal.db,
        )
        specs.append(temporal.spec())
    else:
        address, namespace = settings.temporal.address, settings.temporal.namespace
        await asyncio.to_thread(check_cluster, binary, address)
        await asyncio.to_thread(set_up_namespace, binary, address, namespace, retention=False)
    if settings.mode == "paper":
        specs.append(python_process(layout, "paper", "paper.process", ports["metrics_paper"]))
    grace = settings.worker.graceful_shutdown_ms / 1_000 + 5
    worker = python_process(layout, "worker", "workers.trade_worker", ports["metrics_worker"], grace)
    specs.append(replace(worker, prepare=record_opening_once(layout)))
    specs.append(python_process(layout, "ingest", "workers.ingest_host", ports["metrics_ingest"], grace))
    if "temporal_ui" in ports:
        door = python_process(layout, "ui_door", "workers.ui_door.process", ports["temporal_ui"])
        specs.append(replace(door, spare=True, passes=()))
    return specs


def python_process(layout: Layout, name: str, module: str, port: int, stop_timeout: float = 15.0) -> ProcessSpec:
    """One of our own processes, well once `/healthz` on its port (of its metrics, or its own) answers 200."""
    return ProcessSpec(
        name=name,
        argv=(sys.executable, "-m", module, "--state-dir", str(layout.root)),
        output=layout.err(name),
        log=layout.log(name),
        healthy=answers_healthz(port),
        passes=_PASSED,
        stop_timeout=stop_timeout,
    )


def answers_healthz(port: int) -> Callable[[], Awaitable[bool]]:
    async def healthy() -> bool:
        return await get_status(port, "/healthz") == 200

    return healthy


async def get_status(port: int, path: str) -> int:
    """The HTTP status of a loopback page, 0 if nobody answers within a second."""
    try:
        async with asyncio.timeout(1):
            reader, writer = await asyncio.open_connection(HOST, port)
            try:
                writer.write(f"GET {path} HTTP/1.0\r\nHost: {HOST}\r\n\r\n".encode())
                await writer.drain()
                return int((await reader.readline()).split()[1])
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError, IndexError):
        return 0
