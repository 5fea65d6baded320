"""Carries out what trades ask, as Temporal and its workers do: the real activities, with workers that die.

An order activity has one attempt: whatever comes back as no answer is UNKNOWN, two seconds after the last heartbeat.
Reads are asked again within a bounded time; settling is asked again until it succeeds. The figures are those of
`workflows.temporal_desk`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from temporalio.exceptions import ApplicationError

from domain.errors import SurefootError
from domain.orders import SubmitResult, Verdict
from domain.requests import (
    CancelRequest,
    EvidenceRequest,
    LookUp,
    LookUpRequest,
    Origin,
    PositionRequest,
    QuoteRequest,
    RecordRequest,
    ResolutionRequest,
    SettleRequest,
    SubmitRequest,
)
from proof.simulate.durable import PAUSE, Broken, Command, History, Kind
from proof.simulate.weather import Weather

_WITH_ORIGIN = (SubmitRequest, CancelRequest, SettleRequest, RecordRequest)
_LOST_WORKER_MS = 2_000
_READ_BUDGET_MS = 30_000
_QUOTE_BUDGET_MS = 2_000
_MOST_ATTEMPTS = 5_000
_RETRY_FIRST_MS, _RETRY_SLOWEST_MS = 100, 2_000

Activity = Callable[[Any], Awaitable[Any]]

_REQUESTS: dict[str, Callable[..., Any]] = {
    "submit": SubmitRequest,
    "evidence": EvidenceRequest,
    "cancel": CancelRequest,
    "quote": QuoteRequest,
    "resolution": ResolutionRequest,
    "look_up": LookUpRequest,
    "position": PositionRequest,
    "takes_orders": ResolutionRequest,
    "settle": SettleRequest,
    "record": RecordRequest,
}


class Carrier:
    """`activities` by the name of the desk call they stand behind. `answered` is told of every answer, `failed` of
    an exception that no process waits for."""

    def __init__(
        self,
        activities: Mapping[str, Activity],
        weather: Weather,
        clock: Callable[[], int],
        answered: Callable[[History, Command, Any], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        self._activities = activities
        self._weather = weather
        self._clock = clock
        self._answered = answered
        self._failed = failed
        self._timers: dict[tuple[int, int], asyncio.TimerHandle] = {}
        self._zombies: set[asyncio.Task[Any]] = set()

    def begin(self, history: History, n: int, command: Command) -> None:
        loop = asyncio.get_running_loop()
        if command.name == PAUSE:
            wait_s = command.arguments[0] / 1000
            self._timers[id(history), n] = loop.call_later(wait_s, history.add, Kind.TIMER, None, n, history.run)
        else:
            self._keep(loop.create_task(self._carry(history, n, command)))

    def withdraw(self, history: History, n: int) -> None:
        timer = self._timers.pop((id(history), n), None)
        if timer is not None:
            timer.cancel()

    async def _carry(self, history: History, n: int, command: Command) -> None:
        run, request = history.run, _REQUESTS[command.name](*command.arguments)
        if isinstance(request, _WITH_ORIGIN):
            request = replace(request, origin=Origin(history.intent.id, intent=history.intent))
        answer = await self._perform(command.name, request)
        self._answered(history, command, answer)
        history.add(Kind.ANSWER, answer, n, run)

    async def _perform(self, name: str, request: Any) -> Any:
        if name == "submit":
            done, answer = await self._attempt(name, request, _LOST_WORKER_MS)
            return answer if done else self._unknown()
        if name == "cancel":
            await self._attempt(name, request, _LOST_WORKER_MS)
            return None
        if name == "settle":
            return (await self._until_done(name, request, None))[1]
        done, answer = await self._until_done(name, request, _QUOTE_BUDGET_MS if name == "quote" else _READ_BUDGET_MS)
        if name == "record":
            return done
        if name == "look_up" and answer is None:
            return LookUp(None, f"{request.venue} could not be asked for order {request.order_id} in time; ask again")
        return answer

    async def _until_done(self, name: str, request: Any, budget_ms: int | None) -> tuple[bool, Any]:
        until = None if budget_ms is None else self._clock() + budget_ms * 1000
        wait_ms = _RETRY_FIRST_MS
        for _ in range(_MOST_ATTEMPTS):
            left_ms = _LOST_WORKER_MS if until is None else max((until - self._clock()) // 1000, 0)
            done, answer = await self._attempt(name, request, min(_LOST_WORKER_MS, left_ms))
            if done:
                return True, answer
            if until is not None and self._clock() + wait_ms * 1000 > until:
                return False, None
            await asyncio.sleep(wait_ms / 1000)
            wait_ms = min(wait_ms * 2, _RETRY_SLOWEST_MS)
        raise Broken(f"{name} was asked {_MOST_ATTEMPTS} times and never answered")

    async def _attempt(self, name: str, request: Any, lost_ms: int) -> tuple[bool, Any]:
        """One execution on one worker: whether an answer came back, and which."""
        activity, fate = self._activities[name], self._weather.fault("worker", name)
        if fate is None:
            try:
                return True, await activity(request)
            except (SurefootError, ApplicationError):
                return False, None
        task: asyncio.Task[Any] | None = None
        if fate == "dies_during":
            task = self._start(activity, request)
            await asyncio.sleep(self._weather.rng.uniform(0, 0.04))
            task.cancel()
        elif fate == "dies_after":
            task = self._start(activity, request)
            await asyncio.wait([task])
        elif fate == "frozen":  # taken for dead, it goes on all the same
            thaws_s = (lost_ms + self._weather.rng.uniform(0, 8_000)) / 1000
            asyncio.get_running_loop().call_later(thaws_s, self._start, activity, request)
        await asyncio.sleep(lost_ms / 1000)
        return False, None

    def _start(self, activity: Activity, request: Any) -> asyncio.Task[Any]:
        async def unheard() -> None:
            try:
                await activity(request)
            except (SurefootError, ApplicationError):
                return

        return self._keep(asyncio.get_running_loop().create_task(unheard()))

    def _keep(self, task: asyncio.Task[Any]) -> asyncio.Task[Any]:
        self._zombies.add(task)
        task.add_done_callback(self._gone)
        return task

    def _gone(self, task: asyncio.Task[Any]) -> None:
        self._zombies.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(error)

    def _unknown(self) -> SubmitResult:
        return SubmitResult(Verdict.UNKNOWN, "no_answer", "the worker did not answer", at=self._clock())
