"""Where the points are: calls of the venue and the ledger, of Temporal's client, activities and what is reported.

An activity has the points `NAME` (received, not begun), `NAME/report` (done and unreported, reported) and, between
them, `NAME/venue.submit` and the like for each call it makes; a workflow task is `task.WHAT-IT-WAS-FOR`. What reaches
the server is only known in the SDK's bridge, so that is where reports are tapped (temporalio is pinned).
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

from temporalio import activity
from temporalio import client as temporal
from temporalio import worker as temporal_worker
from temporalio.client import Client
from temporalio.worker import Worker

from domain.evidence import Fill
from domain.intent import Intent
from domain.orders import OrderTicket
from proof.chaos.broken import break_lives
from proof.chaos.switch import switch

Desk = TypeVar("Desk")

TRADER, CLI = "trader", "cli"
_STEP: ContextVar[str] = ContextVar("chaos_step", default="")
_PROCESSES = {"workers.trade_worker": "worker", "workers.ingest_host": "ingest"}


def process_name() -> str:
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return _PROCESSES.get(getattr(spec, "name", ""), CLI)


def tapped(desk: Desk) -> Desk:
    """`desk` (client, venues, ledger) with every call of them a point where to die; see `workers.seam`."""
    parts: Any = desk
    wrapped: Desk = replace(
        parts,
        client=tapped_client(parts.client),
        venues={name: Tapped(client, "venue") for name, client in parts.venues.items()},
        ledger=Tapped(parts.ledger, "ledger"),
    )
    return wrapped


# ---------------------------------------------------------------------- venue and ledger


class Tapped:
    """`target` with a point before and after each call that is awaited."""

    def __init__(self, target: Any, name: str) -> None:
        self._target = target
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        value = getattr(self._target, attribute)
        if not inspect.iscoroutinefunction(value) or attribute.startswith("_") or attribute == "close":
            return value
        return _between(value, f"{self._name}.{attribute}")


def _between(call: Callable[..., Any], name: str) -> Callable[..., Any]:
    async def tapped(*arguments: Any, **named: Any) -> Any:
        if activity.in_activity():
            lane, role = switch().owner(activity.info().workflow_id), TRADER
            point = f"{_STEP.get()}/{name}"
        else:
            owners = (owner for owner in map(switch().owner, _subjects(arguments)) if owner is not None)
            lane, role, point = next(owners, None), process_name(), name
        await switch().at(lane, role, point, "before")
        result = await call(*arguments, **named)
        await switch().at(lane, role, point, "after")
        return result

    return tapped


def _subjects(arguments: Iterable[Any]) -> Iterable[object]:
    """What among a call's arguments tells which trade it is about."""
    for argument in arguments:
        if isinstance(argument, (Intent, str)):
            yield argument
        elif isinstance(argument, OrderTicket):
            yield argument.intent_id
        elif isinstance(argument, list):
            yield from (fill.client_order_id for fill in argument if isinstance(fill, Fill))


# ---------------------------------------------------------------------- Temporal's client, and activities


def tapped_client(client: Client) -> Client:
    """The same connection, every start, signal and update a point; a worker made with it taps its activities too."""
    config = client.config()
    config["interceptors"] = [*config["interceptors"], Interceptor()]
    return Client(**config)


class Interceptor(temporal.Interceptor, temporal_worker.Interceptor):
    def intercept_client(self, next: temporal.OutboundInterceptor) -> temporal.OutboundInterceptor:
        return _Calls(next)

    def intercept_activity(
        self,
        next: temporal_worker.ActivityInboundInterceptor,
    ) -> temporal_worker.ActivityInboundInterceptor:
        return _Activities(next)


class _Calls(temporal.OutboundInterceptor):
    async def start_workflow(self, input: temporal.StartWorkflowInput) -> temporal.WorkflowHandle[Any, Any]:
        lane = switch().owner(input.args[0])
        await switch().at(lane, process_name(), "temporal.start", "before")
        handle = await super().start_workflow(input)
        await switch().at(lane, process_name(), "temporal.start", "after")
        return handle

    async def signal_workflow(self, input: temporal.SignalWorkflowInput) -> None:
        lane, call = switch().owner(input.id), f"temporal.signal.{input.signal}"
        await switch().at(lane, process_name(), call, "before")
        await super().signal_workflow(input)
        await switch().at(lane, process_name(), call, "after")

    async def start_workflow_update(
        self,
        input: temporal.StartWorkflowUpdateInput,
    ) -> temporal.WorkflowUpdateHandle[Any]:
        lane, call = switch().owner(input.id), f"temporal.update.{input.update}"
        await switch().at(lane, process_name(), call, "before")
        handle = await super().start_workflow_update(input)
        await switch().at(lane, process_name(), call, "after")
        return handle


class _Activities(temporal_worker.ActivityInboundInterceptor):
    async def execute_activity(self, input: temporal_worker.ExecuteActivityInput) -> Any:
        info = activity.info()
        step = _step_of(info.activity_type, input.args[0] if input.args else None)
        lane = switch().owner(info.workflow_id)
        if lane is None:
            return await super().execute_activity(input)
        _running[info.task_token] = _Running(lane, step)
        _STEP.set(step)
        await switch().at(lane, TRADER, step, "before")
        return await super().execute_activity(input)


def _step_of(name: str, request: Any) -> str:
    """`submit_order.A1` where the request is about one order, `take_quote.MARKET` about one market."""
    ticket = getattr(request, "ticket", None)
    if ticket is not None:
        return f"{name}.{ticket.leg}{ticket.attempt}"
    market = getattr(request, "market", None)
    return f"{name}.{market.rpartition('-')[2][-4:]}" if market else name  # a token's last digits tell its colour


# ---------------------------------------------------------------------- what is reported to the server


@dataclass(frozen=True, slots=True)
class _Running:
    lane: str
    step: str


_running: dict[bytes, _Running] = {}


def watched(worker: Worker) -> Worker:
    """The worker with its reports tapped. Call it before the worker runs."""
    break_lives()
    private = cast(Any, worker)
    private._bridge_worker = _Bridge(private._bridge_worker)
    return worker


class _Bridge:
    """The SDK's bridge to its core: knows for each run what its task was for, and which activity a token means."""

    def __init__(self, bridge: Any) -> None:
        self._bridge = bridge
        self._workflows: dict[str, str] = {}  # run id → workflow id
        self._scheduled: dict[tuple[str, int], str] = {}  # run id and sequence → activity
        self._tasks: dict[str, str] = {}  # run id → what the task in hand is for

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bridge, name)

    async def poll_workflow_activation(self) -> Any:
        activation = await self._bridge.poll_workflow_activation()
        run, reasons = activation.run_id, []
        for job in activation.jobs:
            kind = job.WhichOneof("variant")
            if kind == "initialize_workflow":
                self._workflows[run] = job.initialize_workflow.workflow_id
            elif kind == "resolve_activity":
                kind = self._scheduled.get((run, job.resolve_activity.seq), kind)
            elif kind == "do_update":
                kind = f"update.{job.do_update.name}"
            elif kind == "signal_workflow":
                kind = f"signal.{job.signal_workflow.signal_name}"
            if kind not in ("update_random_seed", "notify_has_patch"):
                reasons.append(kind)
        self._tasks[run] = "+".join(dict.fromkeys(reasons))
        if reasons == ["remove_from_cache"]:
            self._workflows.pop(run, None)
        return activation

    async def complete_workflow_activation(self, completion: Any) -> None:
        run = completion.run_id
        workflow, task = self._workflows.get(run), self._tasks.pop(run, "")
        for command in completion.successful.commands:
            kind = command.WhichOneof("variant")
            if kind in ("schedule_activity", "schedule_local_activity"):
                scheduled = getattr(command, kind)
                self._scheduled[run, scheduled.seq] = scheduled.activity_type
        lane = switch().owner(workflow) if workflow else None
        await switch().at(lane, TRADER, f"task.{task}", "before")
        await self._bridge.complete_workflow_activation(completion)
        await switch().at(lane, TRADER, f"task.{task}", "after")

    async def complete_activity_task(self, completion: Any) -> None:
        running = _running.pop(completion.task_token, None)
        lane, call = (running.lane, f"{running.step}/report") if running else (None, "")
        await switch().at(lane, TRADER, call, "before")
        await self._bridge.complete_activity_task(completion)
        await switch().at(lane, TRADER, call, "after")
