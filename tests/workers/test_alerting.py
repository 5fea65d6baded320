"""The box, the alert command and the watchers: one alert, told once, with the ledger or without."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from domain.alerts import Alert, AlertKind, Origin, Trouble
from domain.errors import Unavailable
from domain.halt import Halt, Rule, Scope
from workers.alerting import box as box_module
from workers.alerting.box import AlertBox
from workers.alerting.delivery import AlertCommand
from workers.alerting.sources import (
    DiskSource,
    FlagSource,
    IngestSource,
    Look,
    ProcessSource,
    Source,
    SupervisorSource,
    conditions,
    speaks,
    together,
)
from workers.alerting.watch import AlertWatch

S = 1_000_000
ALL = frozenset(AlertKind)
STUCK = Trouble(AlertKind.STUCK, "i-1", "trade i-1 is STUCK", "unwind it", "i-1")


def box_in(folder: Path, seen_by: str = "worker") -> AlertBox:
    return AlertBox(folder / "alerts", Origin("attic", "r-1", "paper", seen_by))


def script(folder: Path, body: str, **how: float) -> AlertCommand:
    """A command that runs `body` with the line in `line` and the folder in `here`."""
    told = f"import pathlib, sys, os\nhere = pathlib.Path({str(folder)!r})\nline = sys.stdin.readline()\n{body}\n"
    return AlertCommand((sys.executable, "-c", told), how.get("timeout_s", 20.0), int(how.get("tries", 3)))


WRITE = "(here / 'told').open('a').write(line)"


def lines(folder: Path) -> list[dict[str, str]]:
    path = folder / "told"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


class Scripted:
    """A source that sees what a test says."""

    def __init__(self, *seen: Trouble) -> None:
        self.seen, self.able = seen, ALL

    async def look(self, now: int) -> Look:
        return Look(tuple(self.seen), self.able)


class Records:
    """A ledger of alerts; `away` while it does not answer."""

    def __init__(self) -> None:
        self.rows: dict[str, Alert] = {}
        self.away = False

    async def record(self, alerts: Iterable[Alert]) -> None:
        if self.away:
            raise Unavailable("gone", "ledger_unavailable")
        self.rows.update({alert.id: alert for alert in alerts})

    async def close(self) -> None:
        return


class Watching:
    """One watcher at seconds of the test's choosing."""

    def __init__(self, box: AlertBox, command: AlertCommand, source: Source, records: Records | None = None) -> None:
        self.now = 0
        self.watch = AlertWatch(box, command, [source], records, clock=lambda: self.now)

    async def at(self, second: int) -> None:
        self.now = second * S
        await self.watch.look()
        await self.watch.told()


async def test_a_stuck_trade_is_told_once_by_two_watchers_and_once_more_when_it_is_over(tmp_path: Path) -> None:
    command, source = script(tmp_path, WRITE), Scripted(STUCK)
    one = Watching(box_in(tmp_path, "worker"), command, source)
    other = Watching(box_in(tmp_path, "ingest"), command, source)
    for second in (1, 3, 5):
        await one.at(second)
        await other.at(second)
    (told,) = lines(tmp_path)
    assert (told["alert"], told["state"], told["severity"], told["trade"]) == ("stuck", "raised", "critical", "i-1")
    assert (told["host"], told["run"], told["mode"]) == ("attic", "r-1", "paper")
    assert told["raised_at"] == "1970-01-01T00:00:01.000Z"
    source.seen = ()
    for second in (7, 20, 22):
        await other.at(second)
        await one.at(second)
    assert [each["state"] for each in lines(tmp_path)] == ["raised", "resolved"]
    assert lines(tmp_path)[1]["resolved_at"] == "1970-01-01T00:00:20.000Z"


async def test_a_watcher_that_never_comes_back_leaves_what_it_saw_to_the_others(tmp_path: Path) -> None:
    source = Scripted(STUCK)
    frozen = Watching(box_in(tmp_path, "worker"), AlertCommand(), source)
    await frozen.at(1)
    source.seen = ()
    other = Watching(box_in(tmp_path, "ingest"), AlertCommand(), source)
    await other.at(10)
    await other.at(20)
    assert box_in(tmp_path).opened() == {}


async def test_while_the_ledger_is_away_alerts_are_told_and_it_gets_them_once_it_is_back(tmp_path: Path) -> None:
    records, source = Records(), Scripted(STUCK)
    records.away = True
    night = Watching(box_in(tmp_path), script(tmp_path, WRITE), source, records)
    await night.at(1)
    assert len(lines(tmp_path)) == 1
    source.seen = ()
    await night.at(10)
    await night.at(20)
    await night.at(22)
    assert records.rows == {}
    records.away = False
    again = Watching(box_in(tmp_path), script(tmp_path, WRITE), source, records)  # another process, later
    await again.at(30)
    (row,) = records.rows.values()
    assert (row.kind, row.raised_at, row.resolved_at) == ("stuck", 1 * S, 20 * S)
    assert row.delivery.startswith("told at ")
    assert box_in(tmp_path).over() == []


async def test_a_command_that_fails_is_tried_so_often_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = Records()
    fails = script(tmp_path, WRITE + "; print('no route', file=sys.stderr); sys.exit(7)", timeout_s=20.0)
    night = Watching(box_in(tmp_path), fails, Scripted(STUCK), records)
    real = box_module.time.time_ns
    for later in range(0, 600, 60):
        monkeypatch.setattr(box_module.time, "time_ns", lambda later=later: real() + later * 10**9)
        await night.at(1)
    assert len(lines(tmp_path)) == 3
    (row,) = records.rows.values()
    assert row.delivery == f"not told after 3 tries: {sys.executable} ended with code 7: no route"


async def test_a_command_that_hangs_is_ended_with_its_children_and_holds_up_no_look(tmp_path: Path) -> None:
    hangs = script(tmp_path, "import subprocess, time; subprocess.run(['sleep', '600'])", timeout_s=0.5)
    watch = AlertWatch(box_in(tmp_path), hangs, [Scripted(STUCK)])
    await watch.look()  # begins to tell
    for _ in range(20):
        await watch.look()
    await watch.told()
    assert "took longer than 0.5 s" in await hangs.run(b"{}\n")


async def test_many_alerts_at_once_are_a_few_lines(tmp_path: Path) -> None:
    many = [Trouble(AlertKind.STUCK, f"i-{n}", f"trade i-{n}", "look", f"i-{n}") for n in range(40)]
    night = Watching(box_in(tmp_path), script(tmp_path, WRITE), Scripted(*many))
    await night.at(1)
    await night.at(3)
    told = lines(tmp_path)
    assert len(told) == 5
    assert told[-1]["alert"] == "more"
    assert "36 more alerts" in told[-1]["text"]
    assert len(box_in(tmp_path).opened()) == 40


async def test_a_disk_that_takes_no_file_does_not_keep_an_alert_from_being_told_once(tmp_path: Path) -> None:
    (tmp_path / "alerts").touch()  # a file where the folder would be: nothing can be made in it
    night = Watching(box_in(tmp_path), script(tmp_path, WRITE), Scripted(STUCK))
    for second in (1, 3, 5):
        await night.at(second)
    assert len(lines(tmp_path)) == 1
    (tmp_path / "alerts").unlink()
    await night.at(7)
    assert list(box_in(tmp_path).opened()) == [STUCK.key], "kept once there is room again"
    assert len(lines(tmp_path)) == 1


async def test_the_command_gets_no_shell_and_no_secret_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUREFOOT_POSTGRES__DSN", "postgresql://me:hunter2@db/x")
    command = script(tmp_path, "(here / 'env').write_text(repr(dict(os.environ)))")
    assert await command.run(b"{}\n") == ""
    assert "hunter2" not in (tmp_path / "env").read_text()


def test_a_command_that_does_not_exist_is_named_with_what_was_expected() -> None:
    assert AlertCommand((sys.executable,)).missing == ""
    assert AlertCommand().missing == ""
    assert "/no/such" in AlertCommand(("/no/such",)).missing
    assert "expected a list of words" in AlertCommand(("/no/such",)).missing


# ---------------------------------------------------------------------- what is looked at


async def test_a_server_that_is_stopped_is_told_from_one_that_answers() -> None:
    async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(24)
        writer.write(bytes((0, 0, 0, 4, 0, 0, 0, 0, 0)))
        await writer.drain()
        writer.close()

    async def frozen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(answers, "127.0.0.1", 0) as one:
        assert await speaks(f"127.0.0.1:{one.sockets[0].getsockname()[1]}") == ""
        port = one.sockets[0].getsockname()[1]
    async with await asyncio.start_server(frozen, "127.0.0.1", 0) as other:
        assert "did not answer" in await speaks(f"127.0.0.1:{other.sockets[0].getsockname()[1]}")
    assert await speaks(f"127.0.0.1:{port}") != ""


async def test_processes_that_do_not_answer_are_named_one_by_one() -> None:
    look = await ProcessSource({"worker": 9, "ingest": 9}, "127.0.0.1:9").look(0)
    assert [each.subject for each in look.seen] == ["ingest", "worker", "temporal"]
    assert (await IngestSource(9).look(0)).able == frozenset(), "of a process that is away nothing is over"


async def test_what_is_silent_while_the_stack_starts_or_stops_is_no_trouble_and_nothing_is_over_by_it() -> None:
    look = await ProcessSource({"worker": 9}, "127.0.0.1:9", lambda: False).look(0)
    assert (look.seen, look.unable) == ((), frozenset({AlertKind.PROCESS}))


async def test_a_process_without_its_supervisor_is_named() -> None:
    (seen,) = (await SupervisorSource(lambda: "worker, ingest").look(0)).seen
    assert (seen.kind, "worker, ingest" in seen.text) == (AlertKind.UNSUPERVISED, True)
    assert (await SupervisorSource(lambda: "").look(0)).seen == ()


async def test_little_room_on_the_disk_is_seen_before_it_is_full(tmp_path: Path) -> None:
    free = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize
    (seen,) = (await DiskSource(tmp_path, free * 2).look(0)).seen
    assert seen.kind is AlertKind.DISK
    assert (await DiskSource(tmp_path, 1).look(0)).seen == ()


def test_feeds_are_told_one_by_one_and_anything_else_that_keeps_it_from_trading_as_one() -> None:
    def said(**how: str) -> dict[str, object]:
        named = [{"name": name, "ok": not why, "why": why, "pauses": "all"} for name, why in how.items()]
        return {"phase": "degraded", "why": "x", "conditions": named}

    feed = said(temporal="")
    feed["conditions"] = [{"name": "feed kalshi", "ok": False, "why": "404", "pauses": "venue"}]
    assert [(each.kind, each.subject) for each in conditions(feed)] == [(AlertKind.FEED, "feed kalshi")]
    (one,) = conditions(said(temporal="it is away", positions="not compared"))
    assert one.kind is AlertKind.NOT_RUNNING
    assert "it is away" in one.text
    assert "not compared" in one.text
    assert conditions({"phase": "running", "why": "", "conditions": []}) == []
    assert conditions(said(disk="3 MiB are free")) == [], "the disk has an alert of its own"


async def test_a_halt_of_the_ledger_is_not_over_because_the_flag_does_not_know_it() -> None:
    class Away:
        async def look(self, now: int) -> Look:
            return Look((), frozenset(), frozenset({AlertKind.HALT}))

    (flagged,) = (await FlagSource(lambda: [Halt("f-1", Scope.ALL, "", Rule.OPERATOR, "n", "x", 0)]).look(0)).seen
    assert (flagged.kind, flagged.subject) == (AlertKind.HALT, "f-1")
    look = await together([FlagSource(list), Away()], 0)
    assert AlertKind.HALT not in look.able
