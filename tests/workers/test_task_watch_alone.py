"""The watch without a server: nothing heard is lost, nothing is told twice, a process that died is no fault."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace
from typing import Any

import pytest
from temporalio.common import TypedSearchAttributes
from temporalio.service import RPCError, RPCStatusCode

from activities.alerts import Alerts
from domain.alerts import Trouble
from domain.errors import Unavailable
from domain.workflow_fault import FaultKind, FaultSource, WorkflowFault
from testing.ledger.memory import MemoryLedger
from workers import task_looks
from workers.task_looks import TIMED_OUT, TradeNow
from workers.task_watch import TaskWatch

TRADE = TradeNow("i-00aa11", "run-1", "b1", ("GAME-A", "GAME-B"))


class Temporal:
    """What looking finds: `trades` by id (missing: not running), `listed`, why the last task failed; or `away`."""

    def __init__(self) -> None:
        self.trades: dict[str, TradeNow] = {}
        self.listed: list[str] = []
        self.reason = ""
        self.away: RPCError | None = None
        self.lists_problems = True
        self.freed: list[str] = []
        self.resumed: list[tuple[str, str]] = []

    async def in_trouble(self, _: Any, *, reported: bool = True) -> list[str]:
        if self.away is not None:
            raise self.away
        if reported and not self.lists_problems:
            raise RPCError("invalid search attribute", RPCStatusCode.INVALID_ARGUMENT, b"")
        return self.listed if reported else []

    async def look_at_all(self, _: Any, trades: list[str]) -> dict[str, TradeNow | None]:
        return {trade: self.trades.get(trade) for trade in trades}

    async def last_failure(self, _: Any, now: TradeNow) -> str:
        return self.reason

    async def free(self, _: Any, now: TradeNow) -> None:
        self.freed.append(now.run_id)

    async def resume(self, _: Any, now: TradeNow, build: str) -> None:
        if self.away is not None:
            raise self.away
        self.resumed.append((now.run_id, build))


class Info:
    workflow_id = TRADE.id
    typed_search_attributes = TypedSearchAttributes([])


class Told(Alerts):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def raised(self, trouble: Trouble) -> None:
        self.names.append(trouble.kind)


@pytest.fixture
def temporal(monkeypatch: pytest.MonkeyPatch) -> Temporal:
    fake = Temporal()
    for name in ("in_trouble", "look_at_all", "last_failure", "free", "resume"):
        monkeypatch.setattr(task_looks, name, getattr(fake, name))
    return fake


def watch_of(ledger: MemoryLedger, told: Alerts | None = None, **how: Any) -> TaskWatch:
    """Two seconds pass from look to look."""
    time = itertools.count(1_000_000, 2_000_000)
    return TaskWatch(None, ledger, "b1", lambda: next(time), told or Told(), **how)  # type: ignore[arg-type] # no client


def failing(attempt: int = 2, **changes: Any) -> TradeNow:
    return replace(TRADE, attempt=attempt, **changes)


async def test_what_the_worker_saw_waits_for_a_ledger_that_is_away_and_is_told_once(
    temporal: Temporal, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, told = MemoryLedger(), Told()
    watch = watch_of(ledger, told)
    record = ledger.record_fault

    async def away(fault: WorkflowFault) -> bool:
        raise Unavailable("Postgres is away", "ledger_unavailable")

    monkeypatch.setattr(ledger, "record_fault", away)
    watch.failed(Info(), "Inexact: 1/3")  # type: ignore[arg-type] # what the watch reads of it
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await watch.write()
    monkeypatch.setattr(ledger, "record_fault", record)
    watch.failed(Info(), "Inexact: 1/3")  # type: ignore[arg-type]
    await asyncio.sleep(0)
    await watch.write()
    await watch.write()
    temporal.trades, temporal.listed = {TRADE.id: failing(3)}, [TRADE.id]
    await watch.look()
    await asyncio.sleep(0)
    (fault,) = await ledger.workflow_faults()
    assert (fault.text, fault.source, fault.attempt) == ("Inexact: 1/3", FaultSource.WORKER, 3)
    assert fault.markets == TRADE.markets, "told by Temporal, where the worker could not say"
    assert told.names == ["workflow_fault"]


async def test_a_task_that_timed_out_once_is_no_fault_and_one_that_still_does_at_the_next_look_is(
    temporal: Temporal,
) -> None:
    ledger = MemoryLedger()
    watch = watch_of(ledger)
    temporal.trades, temporal.listed, temporal.reason = {TRADE.id: failing(2)}, [TRADE.id], TIMED_OUT
    await watch.look()
    assert await ledger.workflow_faults() == ()
    temporal.trades, temporal.listed = {TRADE.id: TRADE}, []  # another worker took it: a process was killed, no more
    await watch.look()
    temporal.trades, temporal.listed = {TRADE.id: failing(2)}, [TRADE.id]
    await watch.look()
    assert await ledger.workflow_faults() == ()
    await watch.look()
    assert [fault.text for fault in await ledger.workflow_faults()] == [TIMED_OUT]


async def test_a_task_that_failed_in_words_is_a_fault_at_the_first_look_until_it_is_pending_no_more(
    temporal: Temporal,
) -> None:
    ledger = MemoryLedger()
    watch = watch_of(ledger)
    temporal.trades, temporal.listed, temporal.reason = {TRADE.id: failing(2)}, [TRADE.id], "KeyError: 'A'"
    await watch.look()
    assert [fault.text for fault in await ledger.workflow_faults()] == ["KeyError: 'A'"]
    temporal.trades, temporal.listed = {TRADE.id: failing(1)}, []
    await watch.look()
    assert await ledger.workflow_faults() == ()


async def test_a_trade_that_was_ended_by_hand_leaves_no_fault_behind(temporal: Temporal) -> None:
    ledger = MemoryLedger()
    for kind in FaultKind:
        await ledger.record_fault(WorkflowFault(TRADE.id, kind, "b0", FaultSource.WORKER, "x", 1, ("A",), 1, 1))
    await watch_of(ledger).look()
    assert await ledger.workflow_faults() == ()


async def test_a_success_here_is_believed_only_once_temporal_says_so(temporal: Temporal) -> None:
    ledger = MemoryLedger()
    watch = watch_of(ledger)
    watch.failed(Info(), "Inexact: 1/3")  # type: ignore[arg-type]
    await asyncio.sleep(0)
    temporal.trades = {TRADE.id: failing(4)}
    running = asyncio.create_task(watch.run())
    await asyncio.sleep(0.02)
    watch.succeeded(Info())  # type: ignore[arg-type]
    await asyncio.sleep(0.1)
    assert len(await ledger.workflow_faults()) == 1
    temporal.trades = {TRADE.id: TRADE}
    watch.succeeded(Info())  # type: ignore[arg-type]
    await asyncio.sleep(0.1)
    assert await ledger.workflow_faults() == (), "without waiting for the next look"
    running.cancel()


async def test_a_server_that_lists_no_problems_is_asked_for_parked_trades_alone(temporal: Temporal) -> None:
    temporal.lists_problems = False
    watch = watch_of(MemoryLedger())
    await watch.look()
    await watch.look()


async def test_a_parked_trade_of_this_version_is_resumed_once_and_tried_again_while_temporal_is_away(
    temporal: Temporal,
) -> None:
    ledger = MemoryLedger()
    watch = watch_of(ledger)
    temporal.trades = {TRADE.id: replace(TRADE, parked="b0", fault="Inexact: 1/3")}
    temporal.listed = [TRADE.id]
    temporal.away = RPCError("away", RPCStatusCode.UNAVAILABLE, b"")
    with pytest.raises(RPCError):
        await watch.look()
    temporal.away = None
    for _ in range(3):
        await watch.look()
    assert temporal.resumed == [("run-1", "b1")]
    (fault,) = await ledger.workflow_faults()
    assert (fault.kind, fault.build, fault.text) == (FaultKind.PARKED, "b0", "Inexact: 1/3")


@pytest.mark.parametrize(
    ("now", "how"),
    [
        (replace(TRADE, parked="b1"), {}),  # its own code raised: it would again
        (replace(TRADE, parked="b0", build="b0"), {}),  # not taken over (yet)
        (replace(TRADE, parked="b0"), {"carries": False}),  # a process that takes nothing over
    ],
)
async def test_no_other_parked_trade_is_resumed(temporal: Temporal, now: TradeNow, how: dict[str, Any]) -> None:
    temporal.trades, temporal.listed = {TRADE.id: now}, [TRADE.id]
    await watch_of(MemoryLedger(), **how).look()
    assert temporal.resumed == []


async def test_only_a_task_held_since_before_the_start_is_taken_from_its_holder_and_only_once(
    temporal: Temporal, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = watch_of(MemoryLedger())
    monkeypatch.setattr(watch, "_began", 1_000.0)  # long ago
    temporal.listed, temporal.reason = [TRADE.id], "KeyError: 'A'"
    temporal.trades = {TRADE.id: failing(7, held_since=2_000.0)}  # by this process
    await watch.look()
    assert temporal.freed == []
    temporal.trades = {TRADE.id: failing(7, held_since=900.0)}
    await watch.look()
    await watch.look()
    assert temporal.freed == ["run-1"]


async def test_what_was_seen_to_fail_this_moment_is_not_cleared_before_the_server_can_know(temporal: Temporal) -> None:
    ledger, told = MemoryLedger(), Told()
    now = [1_000_000]
    watch = TaskWatch(None, ledger, "b1", lambda: now[0], told)  # type: ignore[arg-type] # no client
    watch.failed(Info(), "Inexact: 1/3")  # type: ignore[arg-type]
    await asyncio.sleep(0)
    await watch.write()
    temporal.trades = {TRADE.id: failing(1)}  # its failure is still on the way
    now[0] += 100_000
    await watch.look()
    assert len(await ledger.workflow_faults()) == 1
    temporal.trades = {TRADE.id: failing(2)}
    now[0] += 1_000_000
    await watch.look()
    await asyncio.sleep(0)
    assert told.names == ["workflow_fault"], "one fault, one alert"
    temporal.trades = {TRADE.id: TRADE}
    now[0] += 2_500_000
    await watch.look()
    assert await ledger.workflow_faults() == ()
