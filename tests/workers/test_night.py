"""A night on the running stack: what freezes and dies is told to a person by who is left, and status says it."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from proof.chaos.system import Ended, System, clear_away, surefoot, until

pytestmark = [pytest.mark.stack, pytest.mark.ladder, pytest.mark.timeout(300)]


class Night:
    """A stack whose alert command writes what it gets into a file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.told = folder.with_name(f"{folder.name}-told")
        write = f"import sys; open({str(self.told)!r}, 'a').write(sys.stdin.readline())"
        command = json.dumps([sys.executable, "-c", write])
        self.env = {"SUREFOOT_ALERTS__COMMAND": command, "SUREFOOT_RECONCILE__EVERY_S": "3600"}
        self.system = System(folder, self.env)

    async def types(self, *words: str) -> Ended:
        return await surefoot(self.folder, *words, env=self.env)

    async def status(self) -> tuple[int, str]:
        done = await self.types("status", "--json")
        return done.code, str(json.loads(done.out)["headline"])

    def alerts(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.told.read_text().splitlines()] if self.told.exists() else []

    async def hears(self, kind: str, state: str, subject: str) -> dict[str, Any]:
        async def heard() -> bool:
            return bool(found())

        def found() -> list[dict[str, Any]]:
            wanted = {"alert": kind, "state": state, "subject": subject}
            return [one for one in self.alerts() if wanted.items() <= one.items()]

        await until(heard, f"{kind} of {subject} is {state}", 90)
        (once,) = found()
        return once

    @contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        pid = self.system.records()[name].pid
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)


@pytest.fixture
async def night(state_dir: Path) -> AsyncIterator[Night]:
    there = Night(state_dir)
    try:
        await there.system.up()
        await there.system.whole()
        yield there
    finally:
        clear_away(state_dir)
        there.told.unlink(missing_ok=True)


async def test_what_freezes_or_dies_is_the_headline_of_status_and_is_told_once_by_who_is_left(night: Night) -> None:
    assert await night.status() == (0, "RUNNING")

    for name in ("temporal", "paper", "postgres", "ingest"):
        with night.frozen(name):
            code, headline = await night.status()
            assert (code, headline.startswith(f"DEGRADED {name} does not answer")) == (5, True), headline

    with night.frozen("worker"):
        told = await night.hears("process", "raised", "worker")
        assert told["seen_by"] == "ingest"
        assert (told["severity"], told["mode"], bool(told["host"])) == ("critical", "paper", True)
    await night.hears("process", "resolved", "worker")

    assert (await night.types("halt", "--all", "--reason", "a test", "--author", "ada")).code == 0
    code, headline = await night.status()
    assert (code, headline.startswith("HALTED by ada: everything, a test")) == (5, True), headline
    (halt,) = json.loads((await night.types("halts", "--json")).out)
    await night.hears("halt", "raised", halt["id"])
    assert (await night.types("resume", halt["id"], "--reason", "over", "--author", "ada")).code == 0
    await night.hears("halt", "resolved", halt["id"])

    night.system.kill(["supervisor"])
    code, headline = await night.status()
    assert (code, headline.startswith("UNSUPERVISED still trading")) == (5, True), headline
    await night.hears("unsupervised", "raised", "supervisor")
    kept = json.loads((await night.types("alerts", "--json")).out)["alerts"]
    assert {"process", "halt", "unsupervised"} <= {one["alert"] for one in kept}
