"""Workflow faults, from the first sight until the trade moves again: into the ledger, the log, the metrics, an alert.

A trade whose workflow task fails runs none of its code: it cannot tell, nor hear, nor hedge. So others see it for it.

| what went wrong                               | seen by                                   | within              |
|-----------------------------------------------|-------------------------------------------|---------------------|
| the code raised, or gave other commands than  | the worker that ran the task (`failed`)   | at once             |
| the history has                               |                                           |                     |
| the task blocked its worker, or killed it; a  | Temporal, asked every 2.5 s (`look`)      | 2.5 s; timed out:   |
| result that cannot be decoded                 |                                           | seen twice, 5 s     |
| the life raised and the trade is parked       | Temporal, by the search attribute         | 2.5 s               |

Cleared only when Temporal says that no failing task is pending: a worker knows what it answered, not what was taken.

What a look costs: one listing and one read of the ledger, and for each trade in trouble a description. A server of the
user's own may list problems later or not at all, so there the worker also describes, at each look, up to 25 trades that
trade and 15 of those that wait for payment, in turn: three thousand of them are gone through in eight minutes.

The process that takes trades over also frees tasks that a dead process holds, and resumes parked trades, once each.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Protocol

import structlog
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode
from temporalio.workflow import Info

from activities.alerts import Alerts
from domain import troubles
from domain.errors import SurefootError
from domain.trade import TradeState
from domain.workflow_fault import FaultKind, FaultSource, WorkflowFault
from workers import metrics, task_looks
from workers.task_looks import TIMED_OUT, Tour, TradeNow
from workflows import names

log = structlog.get_logger(__name__)

LOOK_S = 2.5
_SOON_S, _SOON_LOOK_S = 6.0, 1.0  # after a start: what it heals is seen to move
_REPORTED_US = 1_000_000  # what a worker has just seen fail may not have reached the server yet
_HELD_S = 3.5  # longer than a task may be held on our own server
_TRADING, _WAITING = 25, 15
_WAITS = f"{names.SEARCH_STATE} = '{TradeState.SETTLING}'"
_TRADES = f"{names.SEARCH_STATE} != '{TradeState.SETTLING}'"


class FaultLedger(Protocol):
    """What the watch needs of `ledger.port.FaultLedger`."""

    async def record_fault(self, fault: WorkflowFault) -> bool: ...

    async def clear_fault(self, intent_id: str, kind: FaultKind, at: int) -> bool: ...

    async def workflow_faults(self) -> tuple[WorkflowFault, ...]: ...


class TaskWatch:
    """One process's watch: give it to the sandbox as `news`, and run `run` beside the worker.

    `carries`: this process takes trades over, so it also frees and resumes them. `sweeps`: the server may not list
    failing tasks, so open trades are described in turn. `clock` is wall-clock microseconds.
    """

    def __init__(
        self,
        client: Client,
        ledger: FaultLedger,
        build: str,
        clock: Callable[[], int],
        alerts: Alerts,
        *,
        carries: bool = True,
        sweeps: bool = False,
    ) -> None:
        self._client = client
        self._ledger = ledger
        self._build = build
        self._clock = clock
        self._alerts = alerts
        self._carries = carries
        self._tours = [(Tour(client, _TRADES), _TRADING), (Tour(client, _WAITS), _WAITING)] if sweeps else []
        self._loop = asyncio.get_running_loop()
        self._woken = asyncio.Event()
        self._heard: dict[str, WorkflowFault] = {}  # not in the ledger yet
        self._known: set[str] = set()  # trades whose task fails, as far as this process knows
        self._suspects: set[str] = set()  # timed out once: a process that was killed, most likely
        self._healed: set[str] = set()  # a task of theirs went well here: to be looked at
        self._done: set[tuple[str, str]] = set()  # (what, run) that was freed or resumed
        self._listing = True
        self._began = time.time()

    # ------------------------------------------------------------------ on threads of the worker

    def failed(self, workflow: Info, text: str) -> None:
        metrics.TASK_FAILURES.inc()
        self._tell(self._on_failed, workflow, text)

    def succeeded(self, workflow: Info) -> None:
        if workflow.workflow_id in self._known:
            self._tell(self._on_succeeded, workflow, "")

    def _tell(self, handler: Callable[[Info, str], None], workflow: Info, text: str) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(handler, workflow, text)

    # ------------------------------------------------------------------ on the loop

    def _on_failed(self, workflow: Info, text: str) -> None:
        trade = workflow.workflow_id
        log.error("workflow task failed", trade=trade, build=self._build, text=text)
        now = self._clock()
        markets = tuple(workflow.typed_search_attributes.get(task_looks.MARKETS) or ())
        first = self._heard[trade].first_seen if trade in self._heard else now
        self._heard[trade] = WorkflowFault(
            trade, FaultKind.FAILING, self._build, FaultSource.WORKER, text, 0, markets, first, now
        )
        self._known.add(trade)
        self._woken.set()

    def _on_succeeded(self, workflow: Info, _: str) -> None:
        self._healed.add(workflow.workflow_id)
        self._woken.set()

    async def run(self) -> None:
        """Until cancelled."""
        self._began = time.time()
        due = 0.0
        while True:
            try:
                await self.write()
                if (now := self._loop.time()) >= due:
                    due = now + (LOOK_S if time.time() - self._began > _SOON_S else _SOON_LOOK_S)
                    await self.look()
                elif self._healed:
                    await self._look_again()
            except (RPCError, SurefootError, TimeoutError) as away:
                log.info("workflow faults are looked for again", error=getattr(away, "message", "") or str(away))
            try:
                async with asyncio.timeout(max(due - self._loop.time(), 0.05)):
                    await self._woken.wait()
            except TimeoutError:
                pass
            self._woken.clear()

    async def write(self) -> None:
        """What the worker's threads have told, into the ledger. Raises what that raises; nothing is lost then."""
        for trade, fault in list(self._heard.items()):
            await self._record(fault)
            if self._heard.get(trade) is fault:
                del self._heard[trade]

    async def look(self) -> None:
        """Ask Temporal once. Raises `RPCError`, and what the ledger raises."""
        standing = await self._ledger.workflow_faults()
        wanted = {fault.intent_id for fault in standing} | self._known | self._suspects
        wanted.update(await self._in_trouble())
        for tour, n in self._tours:
            wanted.update(await tour.next(n))
        await self._judge(wanted, standing)

    async def _look_again(self) -> None:
        """At those that seem to have healed: their pair need not wait for the next look."""
        healed, self._healed = self._healed, set()
        await self._judge(healed, await self._ledger.workflow_faults())

    # ------------------------------------------------------------------ what Temporal says

    async def _in_trouble(self) -> list[str]:
        try:
            return await task_looks.in_trouble(self._client, reported=self._listing)
        except RPCError as error:
            if error.status is not RPCStatusCode.INVALID_ARGUMENT or not self._listing:
                raise
            log.warning("this Temporal lists no failing tasks; open trades are looked at in turn", error=error.message)
            self._listing = False
            return await task_looks.in_trouble(self._client, reported=False)

    async def _judge(self, trades: Iterable[str], standing: Iterable[WorkflowFault]) -> None:
        known = {(fault.intent_id, fault.kind): fault for fault in standing}
        for trade, now in (await task_looks.look_at_all(self._client, sorted(trades))).items():
            await self._judge_task(trade, now, known.get((trade, FaultKind.FAILING)))
            await self._judge_life(trade, now, known.get((trade, FaultKind.PARKED)))
            if now is not None and self._carries and now.build == self._build:
                await self._heal(now)

    async def _judge_task(self, trade: str, now: TradeNow | None, known: WorkflowFault | None) -> None:
        """Whether its workflow task fails."""
        if now is None or not now.fails:
            self._suspects.discard(trade)
            if known is None:
                self._known.discard(trade)
            elif now is None or self._clock() - known.last_seen >= _REPORTED_US:
                self._known.discard(trade)
                await self._clear(known)
            return
        text = known.text if known is not None else await task_looks.last_failure(self._client, now)
        if known is None and text in ("", TIMED_OUT) and trade not in self._known | self._suspects:
            self._suspects.add(trade)
            return
        self._known.add(trade)
        at = self._clock()
        await self._record(
            WorkflowFault(
                trade, FaultKind.FAILING, now.build, FaultSource.SERVER, text or TIMED_OUT, now.attempt, now.markets,
                at, at,
            )
        )  # fmt: skip

    async def _judge_life(self, trade: str, now: TradeNow | None, known: WorkflowFault | None) -> None:
        """Whether it is parked."""
        if now is None or not now.parked:
            if known is not None:
                await self._clear(known)
            return
        at, text = self._clock(), now.fault or "see its story"
        await self._record(
            WorkflowFault(trade, FaultKind.PARKED, now.parked, FaultSource.SERVER, text, 0, now.markets, at, at)
        )

    # ------------------------------------------------------------------ what follows

    async def _record(self, fault: WorkflowFault) -> None:
        if not await self._ledger.record_fault(fault):
            return
        metrics.WORKFLOW_FAULTS_SEEN.labels(fault.kind).inc()
        self._alerts.raised(troubles.fault(fault))

    async def _clear(self, fault: WorkflowFault) -> None:
        if await self._ledger.clear_fault(fault.intent_id, fault.kind, self._clock()):
            log.info("a trade moves again", trade=fault.intent_id, was=fault.kind, since=fault.first_seen)

    async def _heal(self, now: TradeNow) -> None:
        """What a start owes a trade that an older process or older code left behind. Raises `RPCError`."""
        waited = time.time() - self._began > (0 if self._tours else _HELD_S)  # ours lets go by itself
        held = waited and now.held_since is not None and now.held_since < self._began
        if now.fails and held and ("freed", now.run_id) not in self._done:
            self._done.add(("freed", now.run_id))
            log.info("a task that a dead process holds is taken from it", trade=now.id, attempt=now.attempt)
            await task_looks.free(self._client, now)
        if now.parked and now.parked != self._build and ("resumed", now.run_id) not in self._done:
            await task_looks.resume(self._client, now, self._build)
            self._done.add(("resumed", now.run_id))
            log.info("a parked trade is told of this version", trade=now.id, parked_on=now.parked, build=self._build)
