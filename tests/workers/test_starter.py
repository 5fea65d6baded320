"""A decision becomes one durable trade or none: repeated while it is fresh, given up loudly when it is not."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from domain.intent import Intent
from ledger.memory import MemoryLedger
from tests.ledger.samples import intent
from workers.starter import TradeStarter
from workflows.names import TRADE_WORKFLOW

RUN = "run-1"


class Handle:
    """A workflow whose end the test decides."""

    def __init__(self, workflow_id: str) -> None:
        self.id = workflow_id
        self.ended = asyncio.Event()
        self.failures: list[Exception] = []

    async def result(self) -> None:
        if self.failures:
            raise self.failures.pop()
        await self.ended.wait()


class FakeTemporal:
    """Answers starts from a list: an exception to raise, or None for success."""

    def __init__(self, *answers: Exception | None) -> None:
        self.answers = list(answers)
        self.starts: list[tuple[str, dict[str, Any]]] = []
        self.handles: dict[str, Handle] = {}

    async def start_workflow(self, name: str, argument: Intent, **options: Any) -> Handle:
        assert name == TRADE_WORKFLOW
        assert options["id"] == argument.id
        self.starts.append((options["id"], options))
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer
        return self.get_workflow_handle(options["id"])

    def get_workflow_handle(self, workflow_id: str, **_: Any) -> Handle:
        return self.handles.setdefault(workflow_id, Handle(workflow_id))


class Told:
    def __init__(self) -> None:
        self.done: list[str] = []
        self.failed: list[tuple[str, str]] = []


def away() -> RPCError:
    return RPCError("connection refused", RPCStatusCode.UNAVAILABLE, b"")


def starter(temporal: FakeTemporal, ledger: MemoryLedger, told: Told) -> TradeStarter:
    return TradeStarter(
        temporal,  # type: ignore[arg-type] # the two calls a starter makes
        ledger,
        RUN,
        task_timeout_ms=2_000,
        done=told.done.append,
        failed=lambda refused, reason: told.failed.append((refused.id, reason)),
    )


def fresh(ttl_s: float = 60.0) -> Intent:
    now = time.time_ns() // 1000
    return replace(intent(), decided_at=now, expires_at=now + int(ttl_s * 1e6))


async def until(condition: Any) -> None:
    while not condition():  # noqa: ASYNC110 - the conditions are plain facts of fakes
        await asyncio.sleep(0.005)


async def test_a_start_that_was_not_acknowledged_is_repeated_under_the_same_id_until_it_is() -> None:
    temporal, ledger, told = FakeTemporal(away(), away(), None), MemoryLedger(), Told()
    trades, decided = starter(temporal, ledger, told), fresh()
    trades.submit(decided)
    await until(lambda: len(temporal.starts) == 3)
    assert {workflow_id for workflow_id, _ in temporal.starts} == {decided.id}
    assert temporal.starts[0][1]["request_eager_start"] is True
    temporal.handles[decided.id].ended.set()
    await until(lambda: told.done)
    assert (told.done, told.failed) == ([decided.pair], [])
    assert (await ledger.trade(decided.id)).intent == decided
    await trades.close()


async def test_a_trade_that_was_already_started_is_followed_not_started_twice() -> None:
    decided, told = fresh(), Told()
    temporal = FakeTemporal(WorkflowAlreadyStartedError(decided.id, TRADE_WORKFLOW))
    trades = starter(temporal, MemoryLedger(), told)
    trades.submit(decided)
    await until(lambda: decided.id in temporal.handles)
    assert told.done == []
    temporal.handles[decided.id].ended.set()
    await until(lambda: told.done)
    assert len(temporal.starts) == 1
    await trades.close()


async def test_without_a_durable_start_while_fresh_there_is_no_trade_and_the_reason_is_told() -> None:
    temporal, ledger, told = FakeTemporal(*(away() for _ in range(50))), MemoryLedger(), Told()
    trades, decided = starter(temporal, ledger, told), fresh(ttl_s=0.1)
    trades.submit(decided)
    await until(lambda: told.failed)
    assert told.failed == [(decided.id, "connection refused")]
    assert told.done == [decided.pair]
    assert not (await ledger.snapshot()).intents
    await trades.close()


@pytest.mark.parametrize("status", [RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED])
async def test_a_server_that_goes_away_while_a_trade_runs_does_not_end_the_trade(
    status: RPCStatusCode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.starter._AGAIN_S", 0.01)
    temporal, told = FakeTemporal(), Told()
    trades, decided = starter(temporal, MemoryLedger(), told), fresh()
    temporal.get_workflow_handle(decided.id).failures = [RPCError("away", status, b"")]
    trades.submit(decided)
    await until(lambda: not temporal.handles[decided.id].failures)
    await asyncio.sleep(0.05)
    assert told.done == []
    temporal.handles[decided.id].ended.set()
    await until(lambda: told.done)
    await trades.close()
