"""halt, resume, halts, capital: one scope, a named person, ids that can be typed, and what is in force afterwards."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cli import capital, exits
from cli.main import main
from cli.options import Options
from config.load import load
from domain.errors import BadInput, Unavailable
from domain.halt import Halt, Rule, Scope
from domain.market import Venue
from domain.workflow_fault import FaultKind, FaultSource, WorkflowFault
from testing.ledger.memory import MemoryLedger
from tests.ledger.samples import RUN_ID, START, body, intent, ticket
from workers.halt_flag import HaltFlag
from workers.local.layout import Layout
from workers.local.processes import ProcessRecord
from workers.operator import halts, targets

WHO = ["--reason", "venue storm", "--author", "Ada"]


SEEN = (
    targets.Watched("pair", "GAME", ((Venue.KALSHI, "GAME-A"), (Venue.KALSHI, "GAME-B"))),
    targets.Watched("basket", "CUP", tuple((Venue.KALSHI, f"CUP-{team}") for team in "ABC")),
)


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> MemoryLedger:
    """The commands' ledger, in memory, beside an ingest that watches `SEEN`."""
    kept = MemoryLedger()
    settings = load(environ={}, overrides={"state_dir": str(tmp_path)}).settings

    @asynccontextmanager
    async def opened(*_: Any) -> AsyncIterator[MemoryLedger]:
        yield kept

    monkeypatch.setenv("SUREFOOT_STATE_DIR", str(tmp_path))
    stack = SimpleNamespace(settings=settings, layout=Layout(tmp_path))
    monkeypatch.setattr(Options, "stack", lambda _: stack)
    monkeypatch.setattr(targets, "watched", lambda _: SEEN)
    for module in (halts, capital):
        monkeypatch.setattr(module, "open_ledger", opened)
    return kept


def in_force(capsys: pytest.CaptureFixture[str], *flags: str) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert main(["halts", "--json", *flags]) == exits.OK
    told: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return told


@pytest.mark.parametrize(
    ("flags", "scope", "target"),
    [
        (["--all"], "all", ""),
        (["--venue", "kalshi"], "venue", "kalshi"),
        (["--market", "GAME-A"], "market", "GAME-A"),
        (["--market", "kalshi/GAME-A"], "market", "kalshi/GAME-A"),
        (["--strategy", "pair"], "strategy", "pair"),
    ],
)
@pytest.mark.usefixtures("ledger")
def test_a_halt_is_in_force_with_its_scope_its_author_and_its_reason_until_it_is_lifted(
    flags: list[str], scope: str, target: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["halt", *flags, *WHO]) == exits.OK
    (standing,) = in_force(capsys)
    assert (standing["scope"], standing["target"], standing["rule"]) == (scope, target, "operator")
    assert (standing["author"], standing["reason"], standing["cleared_at"]) == ("Ada", "venue storm", None)
    assert main(["resume", standing["id"][:5], "--reason", "calm again", "--author", "Grace"]) == exits.OK
    assert "lifted by Grace (calm again)" in capsys.readouterr().out
    assert in_force(capsys) == []
    (record,) = in_force(capsys, "--all")
    assert (record["id"], record["cleared_by"], record["cleared_reason"]) == (standing["id"], "Grace", "calm again")


@pytest.mark.usefixtures("ledger")
def test_the_same_halt_twice_is_one_halt_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["halt", "--all", *WHO]) == exits.OK
    first = capsys.readouterr().out
    assert main(["halt", "--all", "--reason", "again", "--author", "Grace"]) == exits.OK
    captured = capsys.readouterr()
    assert captured.out == first
    assert "stands already" in captured.err


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ([], "no scope named"),
        (["--all", "--venue", "kalshi"], "several scopes named"),
        (["--market", " "], "--market is empty"),
    ],
)
@pytest.mark.usefixtures("ledger")
def test_a_halt_has_exactly_one_scope(flags: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["halt", *flags, *WHO]) == exits.BAD_INPUT
    assert words in capsys.readouterr().err
    assert in_force(capsys) == []


@pytest.mark.usefixtures("ledger")
def test_lifting_what_does_not_stand_is_bad_input_and_names_what_does(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["halt", "--all", *WHO]) == exits.OK
    (standing,) = in_force(capsys)
    assert main(["resume", "nothing", *WHO]) == exits.BAD_INPUT
    assert standing["id"] in capsys.readouterr().err
    assert len(in_force(capsys)) == 1


def test_an_id_is_found_by_a_beginning_that_only_it_has() -> None:
    def halt(name: str) -> Halt:
        return Halt(name, Scope.ALL, "", Rule.OPERATOR, "Ada", "storm", 0)

    standing = [halt("h-7f3a2c"), halt("h-7f0000"), halt("h-aa")]
    assert halts.chosen("h-7f3", standing) == halts.chosen("7f3", standing) == "h-7f3a2c"
    assert halts.chosen("h-aa", standing) == "h-aa"
    for wanted, words in (("h-7f", "starts several"), ("", "no halt in force"), ("x", "no halt in force")):
        with pytest.raises(BadInput, match=words):
            halts.chosen(wanted, standing)


@pytest.mark.usefixtures("ledger")
def test_the_list_for_people_shows_halts_and_says_when_there_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["halts"]) == exits.OK
    assert "no halt is in force" in capsys.readouterr().err
    assert main(["halt", "--strategy", "pair", "--reason", "[odd] fills", "--author", "Ada"]) == exits.OK
    capsys.readouterr()
    for flags in ([], ["--all"]):
        assert main(["halts", *flags]) == exits.OK
        told = capsys.readouterr().out
        assert "[odd] fills" in told
        assert "strategy" in told


async def _fund(ledger: MemoryLedger) -> str:
    planned = intent()
    await ledger.record_opening(Venue.KALSHI, Decimal("100"), START)
    await ledger.begin_order(RUN_ID, planned, ticket(planned), body(ticket(planned)), START)
    return planned.id


async def test_capital_tells_cash_reserved_free_and_who_holds_it(ledger: MemoryLedger) -> None:
    trade = await _fund(ledger)
    (venue,) = await capital._read(SimpleNamespace())  # type: ignore[arg-type]
    assert (venue.cash, venue.cash - venue.reserved) == (Decimal(100), venue.free)
    assert [row.intent_id for row in venue.held] == [trade]


def test_capital_is_shown_and_speaks_json(ledger: MemoryLedger, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["capital"]) == exits.OK
    assert "no money yet" in capsys.readouterr().err
    with asyncio.Runner() as runner:
        trade = runner.run(_fund(ledger))
    assert main(["capital"]) == exits.OK
    assert trade in capsys.readouterr().out
    assert main(["capital", "--json"]) == exits.OK
    (told,) = json.loads(capsys.readouterr().out)
    assert (told["venue"], told["cash"], told["held"][0]["intent_id"]) == ("kalshi", "100", trade)


def test_without_a_stack_they_are_unavailable_and_say_what_to_do(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for arguments in (["halts"], ["capital"], ["halt", "--all", *WHO], ["resume", "h-1", *WHO]):
        assert main(["--state-dir", str(tmp_path), *arguments]) == exits.UNAVAILABLE
        assert "surefoot up" in capsys.readouterr().err


def test_a_halt_that_is_a_workflow_fault_is_listed_and_not_lifted_by_hand(
    ledger: MemoryLedger, capsys: pytest.CaptureFixture[str]
) -> None:
    fault = WorkflowFault(
        intent().id, FaultKind.FAILING, "b1", FaultSource.WORKER, "Inexact: 1/3", 7, ("GAME-AAA",), START, START
    )
    asyncio.run(ledger.record_fault(fault))
    (standing,) = in_force(capsys)
    assert (standing["target"], standing["rule"], standing["author"]) == ("GAME-AAA", "workflow_fault", "surefoot")
    assert main(["resume", standing["id"], *WHO]) == exits.REFUSED
    assert "ends by itself once its trade moves again" in capsys.readouterr().err
    assert len(in_force(capsys)) == 1


# ---------------------------------------------------------------------- targets


@pytest.mark.parametrize(
    ("flags", "nearest"),
    [
        (["--strategy", "nosuch"], "basket, cross, pair"),
        (["--strategy", "Basket"], "nearest: basket"),
        (["--market", "GAME"], "nearest: GAME-A, GAME-B"),
        (["--market", "kalshi/GAME"], "nearest: GAME-A, GAME-B"),
        (["--market", "polymarket/GAME-A"], "nearest: GAME-A"),
        (["--venue", "hyperliquid"], "there are: kalshi"),
    ],
)
@pytest.mark.usefixtures("ledger")
def test_a_halt_of_what_is_not_known_is_refused_with_the_nearest_names_and_taken_anyway(
    flags: list[str], nearest: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["halt", *flags, *WHO]) == exits.BAD_INPUT
    assert nearest in " ".join(capsys.readouterr().err.split())
    assert in_force(capsys) == []
    assert main(["halt", *flags, "--anyway", *WHO]) == exits.OK
    assert [one["target"] for one in in_force(capsys)] == [flags[1]]


@pytest.mark.parametrize(
    ("flags", "stopped"),
    [
        (["--all"], {"GAME", "CUP"}),
        (["--strategy", "basket"], {"GAME", "CUP"}),
        (["--strategy", "pair"], {"GAME"}),
        (["--market", "kalshi/CUP-B"], {"CUP"}),
        (["--venue", "kalshi"], {"GAME", "CUP"}),
        (["--strategy", "cross"], set()),
    ],
)
@pytest.mark.usefixtures("ledger")
def test_a_dry_run_names_what_would_stop_and_stops_nothing(
    flags: list[str], stopped: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["halt", *flags, "--dry-run", *WHO]) == exits.OK
    told = capsys.readouterr()
    assert {pair for pair in ("GAME", "CUP") if f" {pair} " in told.out} == stopped
    assert f"would stop {len(stopped)} of the 2" in told.err
    assert in_force(capsys) == []


@pytest.mark.usefixtures("ledger")
def test_setting_trying_and_lifting_a_halt_speak_json_to_machines(capsys: pytest.CaptureFixture[str]) -> None:
    def told(*arguments: str) -> Any:
        assert main([*arguments, "--json", *WHO]) == exits.OK
        return json.loads(capsys.readouterr().out)

    tried = told("halt", "--market", "CUP-A", "--dry-run")
    assert (tried["watched"], [one["pair"] for one in tried["would_stop"]]) == (2, ["CUP"])
    venue, everything = told("halt", "--venue", "kalshi"), told("halt", "--all")
    assert [(one["scope"], one["target"], one["author"]) for one in (venue, everything)] == [
        ("venue", "kalshi", "Ada"),
        ("all", "", "Ada"),
    ]
    lifted = told("resume", venue["id"])
    assert (lifted["lifted"]["id"], [one["id"] for one in lifted["in_force"]]) == (venue["id"], [everything["id"]])


# ---------------------------------------------------------------------- without a ledger


@pytest.fixture
def away(ledger: MemoryLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Worker and ingest run; their ledger does not answer."""

    @asynccontextmanager
    async def refused(*_: Any) -> AsyncIterator[MemoryLedger]:
        raise Unavailable("Postgres is gone", "ledger_unavailable")
        yield ledger

    monkeypatch.setattr(halts, "open_ledger", refused)
    monkeypatch.setattr("workers.local.presence.running", lambda _: (ProcessRecord("ingest", 1, 0, ()),))


@pytest.mark.usefixtures("away")
def test_a_halt_without_a_ledger_stands_in_the_flag_and_is_listed_and_lifted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["halt", "--all", *WHO]) == exits.OK
    told = capsys.readouterr()
    (standing,) = HaltFlag(tmp_path).standing()
    assert str(standing) in told.out.replace("\n", "")
    assert "Postgres is gone" in told.err
    assert main(["halts", "--json"]) == exits.UNAVAILABLE
    (listed,) = json.loads(capsys.readouterr().out)
    assert (listed["id"], listed["author"], listed["reason"]) == (standing.id, "Ada", "venue storm")
    assert main(["resume", standing.id[:-1], *WHO]) == exits.OK
    assert HaltFlag(tmp_path).standing() == ()


@pytest.mark.usefixtures("ledger")
def test_a_ledger_that_hangs_does_not_keep_one_from_the_brake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @asynccontextmanager
    async def hangs(*_: Any) -> AsyncIterator[MemoryLedger]:
        await asyncio.Event().wait()
        yield MemoryLedger()

    monkeypatch.setattr(halts, "PATIENCE_S", 0.01)
    monkeypatch.setattr(halts, "open_ledger", hangs)
    monkeypatch.setattr("workers.local.presence.running", lambda _: (ProcessRecord("ingest", 1, 0, ()),))
    assert main(["halt", "--venue", "kalshi", *WHO]) == exits.OK
    assert [one.target for one in HaltFlag(tmp_path).standing()] == ["kalshi"]
    assert main(["halt", "--venue", "hyperliquid", *WHO]) == exits.BAD_INPUT


def test_a_broken_configuration_does_not_keep_one_from_the_brake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "mine.yaml"
    broken.write_text("stratgy: {", encoding="utf-8")
    monkeypatch.setattr("workers.local.presence.running", lambda _: (ProcessRecord("ingest", 1, 0, ()),))
    state = tmp_path / "state"
    state.mkdir()
    assert main(["--state-dir", str(state), "--config", str(broken), "halt", "--all", *WHO]) == exits.OK
    assert len(HaltFlag(state).standing()) == 1
    assert main(["--config", str(broken), "halt", "--all", *WHO]) == exits.BAD_INPUT
    assert "mine.yaml" in capsys.readouterr().err


@pytest.mark.usefixtures("away")
def test_with_neither_ledger_nor_disk_it_says_that_nothing_was_halted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(*_: object) -> Halt:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(HaltFlag, "add", refused)
    assert main(["halt", "--all", *WHO]) == exits.UNAVAILABLE
    assert "nothing was halted" in capsys.readouterr().err
