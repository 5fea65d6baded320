"""Who worked once in this run is started again for ever, and neither its end nor a full disk ends the others."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from config.load import load
from domain.errors import Denied, Unavailable
from tests.patience import PATIENCE_S
from tests.workers.hosted import Hosted
from workers.local import presence
from workers.local.layout import read_stack_file
from workers.local.processes import ProcessRecord, ProcessSpec, find, spawn
from workers.local.supervisor import RestartPolicy, Supervisor
from workers.stack import host

QUICK = RestartPolicy(quick=5, deaths=3, first_wait=0.01, longest_wait=0.02, patience=0.03)
SLEEP = "import time\nwhile True: time.sleep(0.05)"


def program(folder: Path, name: str, script: str = SLEEP) -> ProcessSpec:
    async def healthy() -> bool:
        return True

    output = folder / f"{name}.err"
    return ProcessSpec(name, (sys.executable, "-c", script, name), output, output, healthy, stop_timeout=2)


class Running:
    def __init__(self, *specs: ProcessSpec, proven: tuple[str, ...] = (), policy: RestartPolicy = QUICK) -> None:
        self.lines: list[str] = []
        self.records: list[ProcessRecord] = []
        self.ready, self.stop = asyncio.Event(), asyncio.Event()
        self.supervisor = Supervisor(
            specs, say=self.lines.append, changed=self._changed, ready=self.ready.set, policy=policy, proven=proven
        )
        self.task = asyncio.create_task(self.supervisor.run(self.stop))

    def _changed(self, records: list[ProcessRecord]) -> None:
        self.records = records

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                if self.task.done():
                    self.task.result()
                await asyncio.sleep(0.02)

    async def end(self) -> None:
        self.stop.set()
        await self.task


@pytest.mark.parametrize("code", [3, 5])
async def test_a_feed_refused_for_a_while_ends_neither_ingest_nor_anybody_else(tmp_path: Path, code: int) -> None:
    """3 is the exit code of a configuration that cannot be run by: what a venue's weather makes of a start."""
    script = f"import sys\nprint('HTTP 404', flush=True)\nsys.exit({code})"
    running = Running(program(tmp_path, "a"), program(tmp_path, "b", script), proven=("b",))
    await running.until(running.ready.is_set)
    worker = running.records[0]
    await running.until(lambda: running.supervisor.troubles)
    assert "HTTP 404" in running.supervisor.troubles["b"]
    assert f"exit code {code}" in running.supervisor.troubles["b"]
    assert find(worker) is not None
    await running.end()


async def test_a_refusal_for_the_sake_of_open_trades_ends_the_next_start_whatever_worked_before(tmp_path: Path) -> None:
    running = Running(program(tmp_path, "a", "raise SystemExit(4)"), proven=("a",))
    with pytest.raises(Denied, match="refuses to run"):
        await running.task


@pytest.mark.parametrize("code", [3, 4])
async def test_what_proved_itself_is_not_given_up_on_and_leaves_trouble_once_it_works(
    tmp_path: Path, code: int
) -> None:
    die, mended = tmp_path / "die", tmp_path / "mended"
    script = (
        f"import pathlib, sys, time\ndie, mended = pathlib.Path({str(die)!r}), pathlib.Path({str(mended)!r})\n"
        f"while mended.exists() or not die.exists(): time.sleep(0.02)\nsys.exit({code})"
    )
    policy = replace(QUICK, quick=0.5)
    running = Running(program(tmp_path, "a", script), policy=policy)
    await running.until(lambda: "a" in running.supervisor.proven)
    die.touch()
    await running.until(lambda: "a" in running.supervisor.troubles)
    mended.touch()
    await running.until(lambda: not running.supervisor.troubles)
    await running.end()


async def test_what_cannot_be_prepared_again_is_tried_again(tmp_path: Path) -> None:
    refusals = iter(range(4))

    async def prepare() -> None:
        if next(refusals, None) is not None:
            raise Unavailable("the ledger is away", "down")

    spec = replace(program(tmp_path, "b"), prepare=prepare)
    running = Running(program(tmp_path, "a"), spec, proven=("b",))
    await running.until(lambda: [record.name for record in running.records] == ["a", "b"])
    assert any("the ledger is away" in line for line in running.lines)
    await running.end()


async def test_one_that_runs_and_answers_nobody_is_ended_and_started_again(tmp_path: Path) -> None:
    async def never() -> bool:
        return False

    spec = replace(program(tmp_path, "a"), healthy=never, start_timeout=0.2)
    running = Running(spec, proven=("a",))
    pids: set[int] = set()

    def seen() -> bool:
        pids.update(record.pid for record in running.records)
        return len(pids) > 1

    await running.until(seen)
    assert len(pids & {record.pid for record in running.records if find(record)}) <= 1
    await running.end()


def wait_for(condition: Callable[[], Any]) -> Any:
    for _ in range(600):
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError("waited in vain")


def test_a_disk_that_takes_nothing_ends_no_supervisor_and_its_file_follows(hosted: Callable[..., Hosted]) -> None:
    running = hosted("a", "b")
    before = {record.name: record.pid for record in running.records()}
    supervisor = psutil.Process(running.process.pid)
    supervisor.rlimit(psutil.RLIMIT_FSIZE, (0, psutil.RLIM_INFINITY))
    os.kill(before["a"], signal.SIGKILL)

    def again() -> int:
        living = {record.name: record.pid for record in presence.running(running.layout)}
        return 0 if living.get("a") in (None, before["a"]) else living["a"]

    now = wait_for(again)
    assert running.process.poll() is None
    assert {record.name: record.pid for record in running.records()} == before, "nothing could be written"
    supervisor.rlimit(psutil.RLIMIT_FSIZE, (psutil.RLIM_INFINITY, psutil.RLIM_INFINITY))
    wait_for(lambda: next(record.pid for record in running.records() if record.name == "a") == now)
    assert read_stack_file(running.layout)["phase"] == "ready"


async def test_a_start_on_a_disk_that_takes_nothing_says_so_and_starts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    async def services(*told: object) -> list[ProcessSpec]:
        raise AssertionError("something was to be started")

    monkeypatch.setattr(host, "write_private", full)
    settings = load(environ={}, overrides={"state_dir": str(tmp_path)}).settings
    with pytest.raises(Unavailable, match="No space left on device"):
        await host.run(settings, "r-1", say=lambda line: None, stop=asyncio.Event(), services=services)


def test_a_process_gets_what_every_program_needs_and_no_secret_of_ours(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("SUREFOOT_POSTGRES__DSN", "postgresql://u:secret@h/d")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("PYTHONUTF8", "1")
    script = "import json, os, sys; print(json.dumps([dict(os.environ), os.umask(0)]))"
    for passes, wanted in (((), False), (("PYTHON*",), True)):
        spec = replace(program(tmp_path, f"a{wanted}", script), passes=passes, env={"OWN": "1"})
        process = spawn(spec)
        assert process.wait() == 0
        environ, umask = json.loads(spec.output.read_text())
        assert "secret" not in str(environ)
        assert ("PYTHONUTF8" in environ) is wanted
        assert (environ["OWN"], environ["LC_ALL"], environ["PATH"]) == ("1", "C.UTF-8", os.environ["PATH"])
        assert umask == 0o077
        assert spec.output.stat().st_mode & 0o077 == 0
