"""trades, trade, why and status name a trade that cannot go on: since when, why, and what that means for commands."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from cli import exits, faults, status
from cli.main import main
from cli.options import Options
from domain.errors import Unavailable
from domain.workflow_fault import FaultKind, FaultSource, WorkflowFault
from ledger.render import render
from testing.ledger.memory import MemoryLedger
from tests.ledger.samples import OPENING, RUN_ID, SECOND, START, A, B, body, intent, ticket
from venues.wire import Answer

FAILS = "workflow task fails since 2026-11-18 11:06:40 UTC (attempt 7): Inexact: 1/3 has no end"


def fault(kind: FaultKind = FaultKind.FAILING, attempt: int = 7) -> WorkflowFault:
    text = "Inexact: 1/3 has no end (domain/money.py:61)"
    return WorkflowFault(intent().id, kind, "b1", FaultSource.WORKER, text, attempt, (A, B), START, START)


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch) -> MemoryLedger:
    """The commands' ledger, in memory, with one trade in it that fails."""
    kept = MemoryLedger()

    @asynccontextmanager
    async def opened(_: Any) -> AsyncIterator[MemoryLedger]:
        yield kept

    async def fill() -> None:
        planned = intent()
        await kept.record_opening(planned.legs[0].venue, OPENING, START)
        await kept.begin_order(RUN_ID, planned, ticket(planned), body(ticket(planned)), START)
        await kept.record_fault(fault())

    asyncio.run(fill())
    monkeypatch.setattr(Options, "stack", lambda _: SimpleNamespace(metrics_ports={"ingest": 1}))
    for module in ("workers.local.books.open_ledger", "cli.trades.open_ledger"):
        monkeypatch.setattr(module, opened)
    return kept


@pytest.mark.usefixtures("ledger")
def test_the_list_of_trades_says_it_above_the_table_and_in_the_trades_row(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trades"]) == exits.OK
    told = capsys.readouterr().out
    assert f"trade {intent().id}: {FAILS}" in told
    assert "the trade cannot hear commands until mended code runs; commands that are sent are kept" in told
    assert "LEG_A, failing" in told
    assert main(["trades", "--json"]) == exits.OK
    (row,) = json.loads(capsys.readouterr().out)
    assert [(one["kind"], one["attempt"], one["markets"]) for one in row["faults"]] == [("failing", 7, [A, B])]
    assert FAILS in row["faults"][0]["words"]


def test_once_it_moves_again_nothing_is_marked_and_the_story_keeps_it(
    ledger: MemoryLedger, capsys: pytest.CaptureFixture[str]
) -> None:
    story = "\n".join(render(asyncio.run(ledger.trade(intent().id))))
    assert f"NOW: {FAILS}" in story
    asyncio.run(ledger.clear_fault(intent().id, FaultKind.FAILING, START + 60 * SECOND))
    assert main(["trades"]) == exits.OK
    assert "failing" not in capsys.readouterr().out
    story = "\n".join(render(asyncio.run(ledger.trade(intent().id))))
    assert "NOW:" not in story
    assert "Workflow faults" in story
    assert "failing until 2026-11-18 11:07:40" in story
    assert "Inexact: 1/3 has no end" in story


@pytest.mark.usefixtures("ledger")
def test_why_names_the_trade_and_the_markets_that_nothing_opens_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = {"at": START, "phase": "running", "why": "", "conditions": [], "changes": [], "strategies": []}
    monkeypatch.setattr("workers.local.pages.ask", lambda *_, **__: Answer(200, json.dumps(answer).encode(), 0, 0, 0))
    assert main(["why"]) == exits.OK
    told = capsys.readouterr().out
    assert f"trade {intent().id}: {FAILS}" in told
    assert f"nothing opens on {A}, {B}" in told
    assert main(["why", "--json"]) == exits.OK
    assert [one["intent_id"] for one in json.loads(capsys.readouterr().out)["faults"]] == [intent().id]


@pytest.mark.usefixtures("ledger")
def test_status_says_it_under_its_processes(capsys: pytest.CaptureFixture[str]) -> None:
    told = {"phase": "ready", "run_id": "r", "mode": "paper", "state_dir": "s", "error": None, "processes": []}
    told |= {"temporal_ui": "u", "venues": {}, "awaits": None, "session": None, "unsupervised": None}
    told |= {"headlines": [], "trades": None, "last_reconciliation": None, "last_alert": None}
    told["processes"] = [{"name": "worker", "pid": 1, "well": True, "up_s": 1, "memory_mb": 1}]
    status._show(told | {"faults": [faults.plain(fault())]})
    assert f"trade {intent().id}: {FAILS}" in capsys.readouterr().out
    status._show(told | {"faults": None})
    assert f"trade {intent().id}" not in capsys.readouterr().out


def test_a_ledger_that_is_away_leaves_faults_unknown_and_ends_no_command(monkeypatch: pytest.MonkeyPatch) -> None:
    @asynccontextmanager
    async def away(_: Any) -> AsyncIterator[MemoryLedger]:
        raise Unavailable("Postgres is away", "ledger_unavailable")
        yield MemoryLedger()

    monkeypatch.setattr("workers.local.books.open_ledger", away)
    assert faults.standing(SimpleNamespace()) is None  # type: ignore[arg-type] # nothing of it is read


def test_a_parked_trade_is_told_with_what_it_still_does() -> None:
    words = fault(FaultKind.PARKED, 0).words
    assert words.startswith("parked since 2026-11-18 11:06:40 UTC (version b1): Inexact: 1/3 has no end")
    assert "takes commands" in words


def test_many_faults_are_told_in_a_few_lines() -> None:
    told = faults.lines([fault()] * 12)
    assert len(told) == 6
    assert told[-1] == "7 more; see `surefoot trades`"
