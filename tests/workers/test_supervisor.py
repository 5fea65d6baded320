"""Children are started in order, restarted when they die, given up on when they keep dying, and stopped in reverse."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from domain.errors import BadInput, Denied, Unavailable
from tests.patience import PATIENCE_S
from workers.local.layout import Layout, read_stack_file, write_json
from workers.local.processes import ProcessRecord, find, stop
from workers.local.supervisor import Supervisor
from workers.stack import host

_spec = importlib.util.spec_from_file_location("dummy_host", Path(__file__).with_name("dummy_host.py"))
assert _spec is not None
assert _spec.loader is not None
dummy_host: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(dummy_host)

sleeper, FAST = dummy_host.sleeper, dummy_host.FAST


class Running:
    """A supervisor under test, its lines and the records of its children."""

    def __init__(self, specs: list[Any]) -> None:
        self.lines: list[str] = []
        self.records: list[ProcessRecord] = []
        self.ready = asyncio.Event()
        self.stop = asyncio.Event()
        supervisor = Supervisor(specs, say=self.lines.append, changed=self._changed, ready=self.ready.set, policy=FAST)
        self.task = asyncio.create_task(supervisor.run(self.stop))

    def _changed(self, records: list[ProcessRecord]) -> None:
        self.records = records

    def pid(self, name: str) -> int:
        return next(record.pid for record in self.records if record.name == name)

    async def end(self) -> None:
        self.stop.set()
        await self.task


async def until(condition: Any) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - what is awaited happens in another process
            await asyncio.sleep(0.02)


async def test_children_start_in_order_and_stop_in_reverse(tmp_path: Path) -> None:
    running = Running([sleeper(tmp_path, name) for name in "abc"])
    await running.ready.wait()
    pids = [record.pid for record in running.records]
    assert [record.name for record in running.records] == ["a", "b", "c"]
    await running.end()
    assert [line.split()[0] for line in running.lines[:3]] == ["a", "b", "c"]
    assert [line.split()[1] for line in running.lines[3:]] == ["c", "b", "a"]
    assert not any(psutil.pid_exists(pid) for pid in pids)


async def test_a_child_waits_for_the_one_before_it_to_work(tmp_path: Path) -> None:
    works = asyncio.Event()

    async def healthy() -> bool:
        return works.is_set()

    first = sleeper(tmp_path, "a")
    slow = type(first)(first.name, first.argv, first.output, first.log, healthy)
    running = Running([slow, sleeper(tmp_path, "b")])
    await until(lambda: running.records)
    await asyncio.sleep(0.2)
    assert [record.name for record in running.records] == ["a"]
    works.set()
    await running.ready.wait()
    assert [record.name for record in running.records] == ["a", "b"]
    await running.end()


async def test_a_killed_child_is_started_again_and_the_others_are_left_alone(tmp_path: Path) -> None:
    running = Running([sleeper(tmp_path, "a"), sleeper(tmp_path, "b")])
    await running.ready.wait()
    before = {name: running.pid(name) for name in "ab"}
    os.kill(before["a"], signal.SIGKILL)
    await until(lambda: running.pid("a") != before["a"])
    assert running.pid("b") == before["b"]
    assert any("a died (signal 9)" in line for line in running.lines)
    await running.end()


async def test_a_child_that_keeps_dying_is_given_up_on_with_its_last_words_and_all_is_stopped(tmp_path: Path) -> None:
    running = Running([sleeper(tmp_path, "a"), sleeper(tmp_path, "b", "raise SystemExit('no key file')")])
    with pytest.raises(Unavailable) as caught:
        await running.task
    assert "b died 3 times in a row" in caught.value.message
    assert "no key file" in caught.value.message
    assert str(tmp_path / "b.err") in caught.value.message
    assert find(running.records[0]) is None


async def test_a_program_that_cannot_be_run_is_named(tmp_path: Path) -> None:
    spec = sleeper(tmp_path, "a")
    running = Running([type(spec)("a", ("/no/such/program",), spec.output, spec.log, spec.healthy)])
    with pytest.raises(Unavailable, match="/no/such/program"):
        await running.task


@pytest.mark.parametrize(("code", "error"), [(3, BadInput), (4, Denied)])
async def test_a_process_that_no_restart_mends_ends_the_stack_at_once(
    tmp_path: Path, code: int, error: type[Exception]
) -> None:
    spec = sleeper(tmp_path, "a")
    argv = (sys.executable, "-c", f"import sys; print('because'); sys.exit({code})")
    running = Running([type(spec)("a", argv, spec.output, spec.log, spec.healthy)])
    with pytest.raises(error, match="because"):
        await running.task
    assert not any("starting it again" in line for line in running.lines)


async def test_a_refusal_before_the_start_ends_the_whole_start(tmp_path: Path) -> None:
    async def prepare() -> None:
        raise BadInput("the data folder is not ours")

    spec = sleeper(tmp_path, "b")
    refusing = type(spec)("b", spec.argv, spec.output, spec.log, spec.healthy, prepare)
    running = Running([sleeper(tmp_path, "a"), refusing])
    with pytest.raises(BadInput, match="not ours"):
        await running.task
    assert find(running.records[0]) is None


async def test_a_stop_while_starting_stops_what_was_started(tmp_path: Path) -> None:
    async def never() -> bool:
        return False

    spec = sleeper(tmp_path, "a")
    running = Running([type(spec)("a", spec.argv, spec.output, spec.log, never)])
    await until(lambda: running.records)
    await running.end()
    assert find(running.records[0]) is None
    assert not running.ready.is_set()


async def test_a_child_that_ignores_the_signal_is_killed(tmp_path: Path) -> None:
    stubborn = (
        "import signal, time, pathlib, sys\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"pathlib.Path({str(tmp_path / 'deaf')!r}).touch()\nwhile True: time.sleep(0.05)"
    )
    running = Running([sleeper(tmp_path, "a", stubborn)])
    await until((tmp_path / "deaf").exists)
    await running.end()
    assert find(running.records[0]) is None


def test_a_foreign_process_is_never_touched() -> None:
    foreign = subprocess.Popen((sys.executable, "-c", dummy_host.SLEEP))
    try:
        true = ProcessRecord("x", foreign.pid, psutil.Process(foreign.pid).create_time(), tuple(foreign.args))  # type: ignore[arg-type]
        assert find(true) is not None
        for stranger in (
            ProcessRecord("x", foreign.pid, true.created - 100, true.argv),
            ProcessRecord("x", foreign.pid, true.created, ("postgres", "-D", "/data")),
        ):
            assert find(stranger) is None
            assert not stop(stranger)
        assert foreign.poll() is None
    finally:
        foreign.kill()
        foreign.wait()


# ------------------------------------------------------------------ the whole host, as a process


def test_orphans_of_a_killed_supervisor_are_ended_by_the_next_and_started_anew(hosted: Any) -> None:
    first = hosted("a", "b")
    orphans = first.records()
    first.process.kill()
    first.process.wait()
    assert all(find(record) for record in orphans)
    second = hosted("a", "b")
    assert any("ending what it left: a, b" in line for line in second.lines)
    assert not any(find(record) for record in orphans)
    assert all(find(record) for record in second.records())


def test_a_process_that_took_over_an_orphans_pid_is_left_alone(hosted: Any, tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    me = psutil.Process()
    claim = {
        "name": "postgres",
        "pid": me.pid,
        "created": me.create_time(),
        "argv": ["postgres"],
        "stop_signal": 9,
        "stop_timeout": 1.0,
    }
    write_json(layout.stack, {"processes": [claim], "ports": {}})
    running = hosted("a")
    assert not any("ending what it left" in line for line in running.lines)


def test_a_second_start_in_the_same_folder_only_reports(hosted: Any) -> None:
    first = hosted("a")
    second = hosted("a")
    assert "READY" not in second.lines
    assert any("already up" in line for line in second.lines)
    assert [record.pid for record in first.records()] == [record.pid for record in second.records()]
    assert first.process.poll() is None


def test_down_stops_the_supervisor_and_its_children(hosted: Any) -> None:
    running = hosted("a", "b")
    records = running.records()
    lines: list[str] = []
    assert host.down(running.layout, lines.append)
    assert not any(find(record) for record in records)
    assert running.process.wait() == 0
    assert read_stack_file(running.layout)["phase"] == "stopped"


def test_down_ends_what_a_killed_supervisor_left(hosted: Any) -> None:
    running = hosted("a", "b")
    records = running.records()
    running.process.kill()
    running.process.wait()
    assert host.down(running.layout, lambda line: None)
    assert not any(find(record) for record in records)
    assert not host.down(running.layout, lambda line: None)


def test_a_signal_stops_everything_in_reverse(hosted: Any) -> None:
    running = hosted("a", "b")
    running.process.send_signal(signal.SIGINT)
    assert running.process.stdout is not None
    rest = running.process.stdout.read().splitlines()
    assert [line.split()[1] for line in rest if line.startswith("stopped")] == ["b", "a"]
    assert running.process.wait() == 0
