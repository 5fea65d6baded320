"""What runs in a state folder is found without its stack.json, its lock file and its clock; and nothing else is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from domain.errors import Unavailable
from tests.workers.hosted import Hosted
from workers.local import locks, presence
from workers.local.layout import Layout
from workers.local.processes import ProcessRecord, find
from workers.stack import host

Start = Callable[..., Hosted]


def lose_supervisor(running: Hosted) -> list[ProcessRecord]:
    """SIGKILL to the supervisor, and its stack.json gone; what it left."""
    left = running.records()
    running.process.kill()
    running.process.wait()
    running.layout.stack.unlink()
    return left


def test_down_finds_and_ends_what_runs_without_supervisor_and_stack_file(hosted: Start) -> None:
    left = lose_supervisor(running := hosted("a", "b"))
    assert [record.name for record in presence.running(running.layout)] == ["a", "b"]
    said: list[str] = []
    assert host.down(running.layout, said.append)
    assert not any(find(record) for record in left)
    assert {line.split()[1] for line in said} == {"a", "b"}
    assert not host.down(running.layout, said.append)


def test_down_finds_a_supervisor_whose_stack_file_is_lost(hosted: Start) -> None:
    running = hosted("a")
    running.layout.stack.unlink()
    supervisor = presence.supervisor_in(running.layout)
    assert supervisor is not None
    assert supervisor.pid == running.process.pid
    assert host.down(running.layout, lambda line: None)
    assert running.process.wait() == 0


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"processes": [7], "supervisor": "x"}'])
def test_a_damaged_stack_file_hides_nobody(hosted: Start, content: bytes) -> None:
    running = hosted("a")
    running.layout.stack.write_bytes(content)
    assert [record.name for record in presence.running(running.layout)] == ["supervisor", "a"]


def test_the_next_start_ends_what_runs_before_it_starts_another(hosted: Start) -> None:
    left = lose_supervisor(hosted("a", "b"))
    second = hosted("a", "b")
    assert any("ending what it left: a, b" in line for line in second.lines)
    assert not any(find(record) for record in left)
    assert len(presence.running(second.layout)) == 3


def test_a_clock_that_was_set_loses_nobody(hosted: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    running = hosted("a")
    shifted = psutil.Process.create_time

    def later(process: psutil.Process) -> float:
        return float(shifted(process)) + 5

    monkeypatch.setattr(psutil.Process, "create_time", later)
    document = json.loads(running.layout.stack.read_bytes())
    assert host.supervisor_of(document) is not None
    assert all(find(record) for record in host.recorded(document))
    assert host.down(running.layout, lambda line: None)
    assert running.process.wait() == 0


def test_a_removed_lock_file_lets_no_second_supervisor_in(hosted: Start) -> None:
    first = hosted("a")
    before = first.records()
    first.layout.lock.unlink()
    second = hosted("a")
    assert "READY" not in second.lines
    assert any("already up" in line for line in second.lines)
    assert first.process.poll() is None
    assert first.records() == before
    assert presence.running(first.layout)[0].pid == first.process.pid


def test_a_supervisor_of_a_version_that_locks_the_file_alone_is_found_though_it_was_removed(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    older = (
        "import fcntl, sys, time\nfile = open(sys.argv[1], 'ab')\nfcntl.flock(file, fcntl.LOCK_EX)\n"
        "print('held', flush=True)\ntime.sleep(60)"
    )
    with subprocess.Popen((sys.executable, "-c", older, str(layout.lock)), stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            with pytest.raises(locks.AlreadyUp), locks.locked(layout):
                pass
            layout.lock.unlink()
            supervisor = presence.supervisor_in(layout)
            assert supervisor is not None
            assert supervisor.pid == process.pid
        finally:
            process.kill()


def test_a_command_that_reads_a_sleeping_ledger_is_no_supervisor(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    with locks.locked(layout, locks.READER):
        assert [record.name for record in presence.running(layout)] == [locks.READER]
        assert presence.supervisor_in(layout) is None
    assert presence.running(layout) == ()


def test_a_program_of_another_folder_and_a_shell_in_this_one_are_strangers(tmp_path: Path) -> None:
    here, other = tmp_path / "s", tmp_path / "s2"
    for folder in (here, other):
        folder.mkdir()
    words = (sys.executable, "-c", "import time; time.sleep(60)", "workers.trade_worker", "--state-dir", str(other))
    worker: Any = subprocess.Popen(words, cwd=here)
    try:
        assert presence.running(Layout(here)) == ()
        assert [record.pid for record in presence.running(Layout(other))] == [worker.pid]
    finally:
        worker.kill()
        worker.wait()


def test_a_worker_that_something_else_started_is_found_by_its_command_line(tmp_path: Path) -> None:
    words = (sys.executable, "-c", "import time; time.sleep(60)", "workers.ingest_host", "--state-dir", str(tmp_path))
    ingest: Any = subprocess.Popen(words, env={"PATH": os.environ["PATH"]})
    try:
        assert [(record.name, record.pid) for record in presence.running(Layout(tmp_path))] == [("ingest", ingest.pid)]
        assert host.down(Layout(tmp_path), lambda line: None)
        assert ingest.wait() == -15
    finally:
        ingest.kill()
        ingest.wait()


def test_two_ingests_of_one_folder_cannot_be(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    with locks.only_ingest(layout), pytest.raises(Unavailable, match="another ingest"), locks.only_ingest(layout):
        pass
    with locks.only_ingest(layout):
        pass
