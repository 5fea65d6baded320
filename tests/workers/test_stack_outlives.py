"""The whole stack in a venue's weather, its supervisor and stack.json lost: nobody is lost, nothing runs twice."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from cli import exits
from domain.market import Venue
from ledger.store import Ledger
from proof.chaos.system import System, clear_away, surefoot, survivors, until
from tests.ledger.samples import intent, standing_on_a
from workers.local import presence
from workers.local.layout import Layout, open_to_others, read_stack_file
from workers.local.processes import find

pytestmark = [pytest.mark.stack, pytest.mark.ladder, pytest.mark.timeout(400)]

ENV = {"SUREFOOT_PAPER__RUDENESS": "0"}


@pytest.fixture
async def system(state_dir: Path) -> AsyncIterator[System]:
    yield System(state_dir, ENV)
    clear_away(state_dir)


def lose(system: System, layout: Layout) -> None:
    """SIGKILL to the supervisor, and its file gone."""
    supervisor = presence.supervisor_in(layout)
    assert supervisor is not None
    os.kill(supervisor.pid, signal.SIGKILL)
    layout.stack.unlink()


async def test_nothing_is_lost_and_nothing_runs_twice(system: System) -> None:
    layout = Layout(system.folder)
    up = ("up", "--detach", "--recording", "synth:7", "--speed", "0.5")
    assert (await surefoot(system.folder, *up, env=ENV)).code == exits.OK
    assert open_to_others(layout) == []

    # A lock file that somebody removes lets no second supervisor in.
    layout.lock.unlink()
    again = await surefoot(system.folder, *up, env=ENV)
    assert "already up" in again.err
    before = {record.name: record.pid for record in presence.running(layout)}
    assert set(before) >= {"supervisor", "postgres", "temporal", "paper", "worker", "ingest"}

    # A handshake answered 404 for a while, and an ingest that starts in it: everybody else goes on.
    async def proven() -> bool:
        return "ingest" in (read_stack_file(layout).get("proven") or ())

    async def refused() -> bool:
        return layout.log("supervisor").read_text().count("ingest died (exit code 5)") >= 2

    async def watching() -> bool:
        return '"up": true' in layout.log("ingest").read_text().rpartition("refused")[2]

    await until(proven, "ingest worked for a while")
    weather = [{"match": {"request": "socket"}, "do": "status", "code": 404, "times": 100_000}]
    await system.ask("POST", "/faults", weather)
    os.kill(before["ingest"], signal.SIGKILL)
    await until(refused, "ingest refused twice")
    await system.ask("DELETE", "/faults")
    await until(watching, "ingest connected again", 90)
    now = {record.name: record.pid for record in presence.running(layout)}
    others = ("supervisor", "postgres", "temporal", "paper", "worker")
    assert [now[name] for name in others] == [before[name] for name in others]

    # Supervisor and stack.json lost: the next start ends each before it starts another.
    left = presence.running(layout)
    lose(system, layout)
    assert (await surefoot(system.folder, *up, env=ENV)).code == exits.OK
    assert not any(find(record) for record in left)
    assert sum("start-dev" in process.cmdline() for process in survivors(system.folder)) == 1

    # A trade with a leg at a venue that the next start does not use.
    one = intent()
    across = replace(one, legs=(one.legs[0], replace(one.legs[1], venue=Venue.POLYMARKET)))
    ledger = await Ledger.connect(system.stack.postgres_dsn, min_size=1, max_size=1)
    try:
        run = await ledger.latest_run()
        assert run is not None
        await ledger.record_intent(across, run.run_id)
        await ledger.record_trade(run.run_id, across, standing_on_a(across))
    finally:
        await ledger.close()

    # Lost again, and found by `down`, which says so.
    lose(system, layout)
    ended = await surefoot(system.folder, "down", env=ENV)
    assert ended.code == exits.OK
    assert "stopped worker" in ended.err
    assert "nothing runs" not in ended.err + ended.out
    assert survivors(system.folder) == []

    without = await surefoot(system.folder, "up", "--detach", env=ENV)
    assert without.code == exits.REFUSED
    assert f"{across.id} STUCK" in " ".join(without.err.split())
    assert survivors(system.folder) == []
