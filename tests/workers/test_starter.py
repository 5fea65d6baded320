"""A decision becomes one durable trade or none, and its pair is busy exactly as long as the trade may buy or sell."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from temporalio.client import WorkflowExecutionStatus
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import Unavailable
from domain.intent import Intent
from domain.seal import SealKeys
from tests.ledger.samples import intent
from workers.starter import TradeStarter
from workflows.names import TRADE_WORKFLOW

RUN = "run-1"
KEYS = SealKeys({"k1": b"k" * 32}, run=RUN, mode="paper")


class Handle:
    """A workflow as a description shows it; the test says in which status."""

    def __init__(self, temporal: FakeTemporal, workflow_id: str) -> None:
        self._temporal, self.id = temporal, workflow_id

    async def describe(self, **_: Any) -> Any:
        self._temporal.described.append(self.id)
        status = self._temporal.statuses.get(self.id, WorkflowExecutionStatus.RUNNING)
        if isinstance(status, Exception):
            raise status
        return SimpleNamespace(status=status)


class FakeTemporal:
    """Answers starts from a list: an exception to raise, or None for success. `running` is what a listing finds."""

    def __init__(self, *answers: Exception | None, running: dict[str, str] | None = None) -> None:
        self.answers = list(answers)
        self.starts: list[tuple[str, dict[str, Any]]] = []
        self.running = running or {}
        self.statuses: dict[str, WorkflowExecutionStatus | Exception] = {}
        self.described: list[str] = []

    async def start_workflow(self, name: str, *, args: list[Any], **options: Any) -> object:
        assert name == TRADE_WORKFLOW
        argument, memory, seal = args
        assert memory is None
        assert KEYS.decided(argument.id, seal)
        assert options["id"] == argument.id
        self.starts.append((options["id"], options))
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer
        return object()

    def get_workflow_handle(self, workflow_id: str, **_: Any) -> Handle:
        return Handle(self, workflow_id)

    async def list_workflows(self, query: str) -> AsyncIterator[Any]:
        assert "ExecutionStatus = 'Running'" in query
        for workflow_id, pair in self.running.items():

            async def memo(pair: str = pair) -> dict[str, str]:
                return {"pair": pair}

            yield SimpleNamespace(id=workflow_id, memo=memo)


class Books:
    """The ledger as a starter asks it; the test says which trades are at rest, and when it is away."""

    def __init__(self) -> None:
        self.intents: list[Intent] = []
        self.at_rest: set[str] = set()
        self.questions: list[set[str]] = []
        self.away = False

    async def record_intent(self, planned: Intent, run_id: str) -> None:
        assert run_id == RUN
        self.intents.append(planned)

    async def done_trading(self, ids: Iterable[str]) -> set[str]:
        asked = set(ids)
        self.questions.append(asked)
        if self.away:
            raise Unavailable("Postgres is gone", "ledger_unavailable")
        return asked & self.at_rest


class Told:
    def __init__(self) -> None:
        self.done: list[str] = []
        self.failed: list[tuple[str, str]] = []


def away() -> RPCError:
    return RPCError("connection refused", RPCStatusCode.UNAVAILABLE, b"")


def starter(temporal: FakeTemporal, ledger: Books, told: Told) -> TradeStarter:
    return TradeStarter(
        temporal,  # type: ignore[arg-type] # the three calls a starter makes
        ledger,
        RUN,
        task_timeout_ms=2_000,
        done=told.done.append,
        failed=lambda refused, reason: told.failed.append((refused.id, reason)),
        seal=KEYS.intent,
    )


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.starter._LOOK_S", 0.005)


def fresh(ttl_s: float = 60.0) -> Intent:
    now = time.time_ns() // 1000
    return replace(intent(), decided_at=now, expires_at=now + int(ttl_s * 1e6))


async def until(condition: Any) -> None:
    while not condition():  # noqa: ASYNC110 - the conditions are plain facts of fakes
        await asyncio.sleep(0.005)


async def test_a_start_that_was_not_acknowledged_is_repeated_under_the_same_id_until_it_is() -> None:
    temporal, ledger, told = FakeTemporal(away(), away(), None), Books(), Told()
    trades, decided = starter(temporal, ledger, told), fresh()
    trades.submit(decided)
    await until(lambda: ledger.intents)
    assert [workflow_id for workflow_id, _ in temporal.starts] == [decided.id] * 3
    assert temporal.starts[0][1]["request_eager_start"] is True
    assert (ledger.intents, told.failed) == ([decided], [])
    await trades.close()


async def test_a_trade_that_was_already_started_is_followed_not_started_twice() -> None:
    decided, told, ledger = fresh(), Told(), Books()
    temporal = FakeTemporal(WorkflowAlreadyStartedError(decided.id, TRADE_WORKFLOW))
    trades = starter(temporal, ledger, told)
    trades.submit(decided)
    await until(lambda: ledger.questions)
    assert told.done == []
    ledger.at_rest.add(decided.id)
    await until(lambda: told.done)
    assert len(temporal.starts) == 1
    await trades.close()


async def test_without_a_durable_start_while_fresh_there_is_no_trade_and_the_reason_is_told() -> None:
    temporal, ledger, told = FakeTemporal(*(away() for _ in range(50))), Books(), Told()
    trades, decided = starter(temporal, ledger, told), fresh(ttl_s=0.1)
    trades.submit(decided)
    await until(lambda: told.failed)
    assert told.failed == [(decided.id, "connection refused")]
    assert told.done == [decided.pair]
    assert not ledger.intents
    assert not ledger.questions
    await trades.close()


async def test_a_pair_is_free_once_its_trade_trades_no_more_though_its_workflow_lives_on() -> None:
    temporal, ledger, told = FakeTemporal(), Books(), Told()
    trades, decided = starter(temporal, ledger, told), fresh()
    trades.submit(decided)
    await until(lambda: len(ledger.questions) > 2)
    assert told.done == []
    ledger.at_rest.add(decided.id)
    await until(lambda: told.done)
    asked = len(ledger.questions)
    await asyncio.sleep(0.05)
    assert told.done == [decided.pair]
    assert len(ledger.questions) == asked, "a trade at rest costs no more questions"
    assert temporal.described == []
    await trades.close()


async def test_a_ledger_that_goes_away_frees_no_pair_until_it_is_back() -> None:
    temporal, ledger, told = FakeTemporal(), Books(), Told()
    trades, decided = starter(temporal, ledger, told), fresh()
    ledger.away = True
    ledger.at_rest.add(decided.id)
    trades.submit(decided)
    await until(lambda: len(ledger.questions) > 3)
    assert told.done == []
    ledger.away = False
    await until(lambda: told.done)
    await trades.close()


@pytest.mark.parametrize(
    "ended", [WorkflowExecutionStatus.TERMINATED, WorkflowExecutionStatus.COMPLETED, RPCStatusCode.NOT_FOUND]
)
async def test_a_trade_ended_by_hand_frees_its_pair_though_the_ledger_never_heard(
    ended: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.starter._ASK_TEMPORAL_S", 0.02)
    temporal, told = FakeTemporal(), Told()
    trades, decided = starter(temporal, Books(), told), fresh()
    trades.submit(decided)
    await until(lambda: len(temporal.described) > 1)
    assert told.done == []
    temporal.statuses[decided.id] = RPCError("gone", ended, b"") if isinstance(ended, RPCStatusCode) else ended
    await until(lambda: told.done)
    await trades.close()


@pytest.mark.parametrize("status", [RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED])
async def test_a_server_that_goes_away_while_a_trade_runs_does_not_end_the_trade(
    status: RPCStatusCode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.starter._ASK_TEMPORAL_S", 0.01)
    temporal, told = FakeTemporal(), Told()
    trades, decided = starter(temporal, Books(), told), fresh()
    temporal.statuses[decided.id] = RPCError("away", status, b"")
    trades.submit(decided)
    await until(lambda: len(temporal.described) > 2)
    assert told.done == []
    await trades.close()


async def test_after_a_restart_trades_that_still_trade_keep_their_pair_and_those_at_rest_do_not() -> None:
    running = {"i-1": "GAME-1", "i-2": "GAME-2", "i-3": "GAME-3"}
    temporal, ledger, told = FakeTemporal(running=running), Books(), Told()
    ledger.at_rest = {"i-2"}
    trades = starter(temporal, ledger, told)
    assert await trades.find_open() == ["GAME-1", "GAME-3"]
    ledger.at_rest.add("i-3")
    await until(lambda: told.done)
    assert told.done == ["GAME-3"]
    assert ledger.questions[0] == set(running)
    assert all("i-2" not in asked for asked in ledger.questions[1:])
    await trades.close()


async def test_after_a_restart_without_a_ledger_every_open_trade_keeps_its_pair() -> None:
    temporal, ledger, told = FakeTemporal(running={"i-1": "GAME-1", "i-2": "GAME-2"}), Books(), Told()
    ledger.away, ledger.at_rest = True, {"i-2"}
    trades = starter(temporal, ledger, told)
    assert await trades.find_open() == ["GAME-1", "GAME-2"]
    ledger.away = False
    await until(lambda: told.done)
    assert told.done == ["GAME-2"]
    await trades.close()
