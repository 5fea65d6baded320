"""Recovery is over when nothing that was open still waits for a worker; waiting for a timer is not waiting for one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import REGISTRY
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionResponse
from temporalio.service import RPCError, RPCStatusCode

from workers.recovery import Recovery, process_start


def read(until: str) -> float:
    return REGISTRY.get_sample_value("surefoot_recovery_seconds", {"until": until}) or 0.0


def described(events: int, *, task: bool = False, activity: bool = False, closed: bool = False) -> Any:
    answer = DescribeWorkflowExecutionResponse()
    answer.workflow_execution_info.history_length = events
    if task:
        answer.pending_workflow_task.attempt = 1
    if activity:
        answer.pending_activities.add()
    if closed:
        answer.workflow_execution_info.close_time.FromSeconds(1)
    return answer


class FakeTemporal:
    """Open trades and, for each, what its descriptions show one after the other; the last one stays."""

    def __init__(self, **trades: list[Any]) -> None:
        self.trades = trades
        self.looks = 0

    async def list_workflows(self, query: str) -> AsyncIterator[Any]:
        for name in self.trades:
            yield SimpleNamespace(id=name)

    def get_workflow_handle(self, name: str) -> Any:
        async def describe() -> Any:
            self.looks += 1
            shown = self.trades[name]
            answer = shown.pop(0) if len(shown) > 1 else shown[0]
            if isinstance(answer, Exception):
                raise answer
            return SimpleNamespace(raw_description=answer)

        return SimpleNamespace(describe=describe)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.recovery._LOOK_S", 0.002)


def recovery(temporal: FakeTemporal, now: float = 107.5) -> Recovery:
    return Recovery(temporal, 100.0, lambda: now)  # type: ignore[arg-type] # the two calls it makes


async def test_nothing_open_is_recovered_at_once() -> None:
    await recovery(FakeTemporal()).follow()
    assert read("all_moving") == 7.5


async def test_trades_that_wait_for_a_timer_or_a_person_wait_for_no_worker() -> None:
    temporal = FakeTemporal(settling=[described(40)], stuck=[described(90)])
    await recovery(temporal, 101.0).follow()
    assert (read("all_moving"), temporal.looks) == (1.0, 2)


@pytest.mark.parametrize("owed", [{"task": True}, {"activity": True}])
@pytest.mark.parametrize(
    "then",
    [described(13, task=True), described(12), described(12, closed=True), RPCError("x", RPCStatusCode.NOT_FOUND, b"")],
)
async def test_a_trade_that_waits_for_a_worker_moves_when_its_history_grows_or_it_owes_nothing(
    owed: dict[str, bool], then: Any
) -> None:
    temporal = FakeTemporal(leg=[described(12, **owed), described(12, **owed), then])
    await asyncio.wait_for(recovery(temporal, 103.0).follow(), 10)
    assert (read("all_moving"), temporal.looks) == (3.0, 3)


async def test_a_server_that_is_away_only_delays_the_answer() -> None:
    away = RPCError("away", RPCStatusCode.UNAVAILABLE, b"")
    temporal = FakeTemporal(leg=[away, described(12, task=True), away, described(14)])
    await asyncio.wait_for(recovery(temporal, 104.0).follow(), 10)
    assert read("all_moving") == 4.0


def test_only_the_first_completed_task_is_the_first() -> None:
    now = [101.25]
    first = Recovery(FakeTemporal(), 100.0, lambda: now[0])  # type: ignore[arg-type]
    first.task_completed()
    now[0] = 200.0
    first.task_completed()
    assert read("first_task") == 1.25


def test_a_process_knows_when_it_was_started() -> None:
    assert process_start() > 0
