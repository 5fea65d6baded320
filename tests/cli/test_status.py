"""surefoot status: what it says of each bad state, and its exit code. Processes that froze: test_status_stack.py."""

from __future__ import annotations

import asyncio
import json
import re
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cli import exits, paper, status
from cli.main import main
from cli.options import Options
from config.settings import Settings
from domain.errors import Unavailable
from domain.halt import Halt, Rule, Scope
from domain.troubles import Stuck
from domain.workflow_fault import FaultKind, FaultSource, WorkflowFault
from ledger.alerts import AlertLedger
from ledger.overview import Overview
from ledger.standing import Compared
from workers.halt_flag import HaltFlag
from workers.local.layout import Layout
from workers.local.processes import ProcessRecord
from workers.ui_door.tokens import TokenFolder

STACK = ("supervisor", "postgres", "temporal", "paper", "worker", "ingest")
CALM = Overview(2, 3, (), (), (), Decimal(0), Decimal("12.3456"), Decimal("99000.5"), Compared(1_000_000, {}, ()), None)
RUNNING: dict[str, Any] = {"phase": "running", "why": "", "conditions": [], "strategies": []}


class World:
    """A stack as `status` sees it, without one."""

    def __init__(self, folder: Path) -> None:
        self.runs = list(STACK)
        self.overview: Overview | None = CALM
        self.why: dict[str, Any] | None = RUNNING
        self.silent: dict[str, str] = {}
        self.temporal = ""
        self.phase = "ready"
        self.folder = folder

    @property
    def stack(self) -> Any:
        ports = {name: n for n, name in enumerate(("paper", "worker", "ingest"))}
        return SimpleNamespace(
            layout=Layout(self.folder), state_dir=self.folder, run_id="r-1", settings=Settings(), live=False,
            temporal_address="127.0.0.1:7233", temporal_ui_url="http://127.0.0.1:8233", temporal_namespace="default",
            postgres_dsn="postgresql://x", venue_base_url="http://venue", polymarket=None, metrics_ports=ports,
        )  # fmt: skip


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    there = World(tmp_path)

    async def overview(_: AlertLedger, now: int) -> Overview:
        if there.overview is None:
            raise Unavailable("the ledger's Postgres could not be asked", "ledger_unavailable")
        return there.overview

    async def page(port: int, path: str) -> tuple[int, bytes]:
        if there.why is None:
            return 0, b""
        return 200, json.dumps(there.why).encode()

    async def process(_: Any, record: ProcessRecord) -> dict[str, Any]:
        why = there.silent.get(record.name, "")
        return {"name": record.name, "pid": 1, "well": not why, "why": why, "up_s": 5, "memory_mb": 80}

    async def speaks(_: str) -> str:
        return there.temporal

    async def awaited(*_: Any) -> None:
        return None

    monkeypatch.setattr(Options, "stack", lambda _: there.stack)
    monkeypatch.setattr(status, "unsupervised_words", lambda _: "")
    monkeypatch.setattr(AlertLedger, "overview", overview)
    monkeypatch.setattr("workers.alerting.sources.page", page)
    monkeypatch.setattr(status, "_process", process)
    monkeypatch.setattr("workers.alerting.sources.speaks", speaks)
    monkeypatch.setattr("cli.reconcile.awaited", awaited)
    monkeypatch.setattr(paper, "status", lambda _: {"session": None, "state": "idle"})
    monkeypatch.setattr(
        "workers.local.presence.running",
        lambda _: tuple(ProcessRecord(name, n, 0.0, ()) for n, name in enumerate(there.runs, 1)),
    )
    monkeypatch.setattr("workers.local.layout.read_stack_file", lambda _: {"phase": there.phase, "processes": []})
    return there


def told(capsys: pytest.CaptureFixture[str], code: int) -> dict[str, Any]:
    assert main(["status", "--json"]) == code
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert said["well"] is (code == exits.OK)
    return said


def halt(rule: Rule = Rule.OPERATOR) -> Halt:
    return Halt("h-1", Scope.ALL, "", rule, "ada", "a test", 0)


def with_(**changes: Any) -> Overview:
    return Overview(**({name: getattr(CALM, name) for name in Overview.__slots__} | changes))


def test_all_well_is_said_in_one_word_with_money_and_ends_with_zero(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(capsys, exits.OK)["headline"] == "RUNNING"
    assert main(["status"]) == exits.OK
    said = capsys.readouterr().out
    assert said.startswith("RUNNING\n")
    assert "trades 2 open, 0 stuck, 3 settling; unhedged $0.00, P&L today $12.35, free $99,000.50" in said
    assert "last reconciliation: 1970-01-01T00:00:01" in said
    assert "venue and ledger agree" in said
    assert "last alert: none" in said


def test_a_stuck_trade_is_the_headline_with_the_link_to_the_list(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.overview = with_(stuck=(Stuck("i-9b8c", "SYN", Decimal(25), 0),), unhedged=Decimal("11.2"))
    said = told(capsys, exits.UNAVAILABLE)
    assert said["headline"] == "STUCK 1: i-9b8c"
    assert main(["status"]) == exits.UNAVAILABLE
    assert "`surefoot ui --stuck`" in capsys.readouterr().out
    assert said["trades"]["unhedged"] == "11.2"


def test_a_person_gets_a_link_that_opens_the_stuck_list_and_a_file_does_not(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    world.overview = with_(stuck=(Stuck("i-9b8c", "SYN", Decimal(25), 0),), unhedged=Decimal("11.2"))
    assert main(["status"]) == exits.UNAVAILABLE
    assert "token=" not in capsys.readouterr().out
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert main(["status"]) == exits.UNAVAILABLE
    link = re.search(r"http://127.0.0.1:8233/open\?token=([^&]+)&to=%2Fnamespaces%2F\S+STUCK", capsys.readouterr().out)
    assert link is not None
    assert TokenFolder(world.stack.layout.ui_tokens).use(link[1])


def test_a_trade_that_cannot_go_on_counts_as_stuck(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    fault = WorkflowFault("i-1", FaultKind.FAILING, "b", FaultSource.WORKER, "Inexact", 1, ("M",), 0, 0)
    world.overview = with_(faults=(fault,))
    assert told(capsys, exits.UNAVAILABLE)["headline"] == "STUCK 1: i-1"


def test_a_halt_of_everything_is_the_headline(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.overview = with_(halts=(halt(),))
    assert told(capsys, exits.UNAVAILABLE)["headline"] == "HALTED by ada: everything, a test [h-1]"


def test_a_halt_of_the_file_is_seen_without_a_ledger(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    HaltFlag(world.folder).add(halt())
    world.overview = None
    said = told(capsys, exits.UNAVAILABLE)
    assert said["headline"].startswith("HALTED by ada: everything")
    assert said["trades"] is None
    assert any("the ledger" in line["text"] for line in said["headlines"])


def test_safe_mode_is_the_headline(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.overview = with_(halts=(halt(Rule.SAFE_MODE),))
    assert told(capsys, exits.UNAVAILABLE)["headline"] == "SAFE MODE until `surefoot acknowledge`: a test"


def test_a_disk_that_fills_is_the_headline(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    disk = {"name": "disk", "ok": False, "why": "0 MiB are free, expected 512", "pauses": "all", "since": 1}
    world.why = RUNNING | {"phase": "degraded", "why": "disk", "conditions": [disk]}
    said = told(capsys, exits.UNAVAILABLE)["headline"]
    assert said == "DEGRADED nothing is opened: disk: 0 MiB are free, expected 512"


def test_a_feed_that_is_down_is_the_headline(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    feed = {"name": "feed kalshi", "ok": False, "why": "404", "pauses": "venue", "since": 1}
    world.why = RUNNING | {"phase": "degraded", "why": "feed", "conditions": [feed]}
    assert told(capsys, exits.UNAVAILABLE)["headline"].startswith("DEGRADED nothing is opened")


@pytest.mark.parametrize("name", ["paper", "temporal", "worker", "ingest", "postgres"])
def test_a_process_that_does_not_answer_is_the_headline(
    world: World, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    world.silent[name] = "it is stopped (SIGSTOP)"
    assert told(capsys, exits.UNAVAILABLE)["headline"] == f"DEGRADED {name} does not answer: it is stopped (SIGSTOP)"


def test_a_server_that_takes_connections_and_answers_nothing_is_the_headline(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.temporal = "it takes connections and did not answer within 2 s"
    assert "DEGRADED temporal does not answer" in told(capsys, exits.UNAVAILABLE)["headline"]


def test_a_supervisor_that_was_killed_is_the_headline_and_not_down(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.runs.remove("supervisor")
    said = told(capsys, exits.UNAVAILABLE)["headline"]
    assert said == "UNSUPERVISED still trading: postgres, temporal, paper, worker, ingest"


def test_a_stack_that_is_down_says_so_and_how_to_start_it(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.runs.clear()
    assert told(capsys, exits.UNAVAILABLE)["headline"].startswith("DOWN start it with `surefoot up`")


def test_what_cannot_be_learnt_is_said_and_is_not_well(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.overview = None
    assert main(["status"]) == exits.UNAVAILABLE
    said = capsys.readouterr().out
    assert "DEGRADED not learnt: the ledger (trades, halts, money)" in said
    assert "trades ? open, ? stuck" in said


async def test_a_question_that_is_never_answered_is_given_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(_: AlertLedger, now: int) -> Overview:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(AlertLedger, "overview", never)
    monkeypatch.setattr(status, "_PATIENCE_S", 0.05)
    said = await status.look(world.stack)
    assert "no answer within 0.05 s" in said["headline"]
