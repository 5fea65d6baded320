"""The brake on a running stack: it works with the supervisor killed, with the ledger gone, and with nothing running."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from cli import exits
from cli.main import main
from domain.decisions import Gate
from proof.chaos.system import System, clear_away, surefoot
from workers.halt_flag import HaltFlag
from workers.local.books import open_ledger
from workers.local.layout import Layout
from workers.local.presence import running
from workers.stack.host import SUPERVISOR

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

WHO = ("--reason", "a drill", "--author", "ann")
ENV = {
    "SUREFOOT_PAPER__RUDENESS": "0",
    "SUREFOOT_STRATEGY__TTL_MS": "10000",
    # Limits that a slow machine would meet are wide: what is counted here is what a halt keeps from us.
    "SUREFOOT_GATES__MAX_BOOK_AGE_MS": "60000",
    "SUREFOOT_GATES__MAX_SKEW_MS": "60000",
    "SUREFOOT_GATES__MAX_LAG_MS": "60000",
}


@pytest.fixture
async def system(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[System]:
    for name, value in ENV.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SUREFOOT_STATE_DIR", str(state_dir))
    yield System(state_dir, ENV)
    await asyncio.to_thread(clear_away, state_dir)


class Told:
    """The command line, in this process: an own interpreter for each would take most of the test's time."""

    def __init__(self, captured: pytest.CaptureFixture[str]) -> None:
        self._captured = captured

    async def __call__(self, *arguments: str, code: int = exits.OK) -> pytest.CaptureResult[str]:
        self._captured.readouterr()
        ended = await asyncio.to_thread(main, list(arguments))
        said = self._captured.readouterr()
        assert ended == code, (arguments, said)
        return said

    async def json(self, *arguments: str, code: int = exits.OK) -> Any:
        return json.loads((await self(*arguments, "--json", code=code)).out)


async def trades(system: System) -> set[str]:
    async with open_ledger(system.stack) as ledger:
        return {row.intent_id for row in await ledger.trades()}


async def halted(system: System) -> int:
    """How many opportunities a halt has kept from us."""
    async with open_ledger(system.stack) as ledger:
        return sum(one.gate is Gate.HALTED for one in (await ledger.snapshot()).suppressions)


async def play(system: System) -> None:
    await system.ask("POST", "/play", {"recording": "synth:21", "speed": 10, "replace": True})


async def until(asked: Callable[[], Awaitable[bool]], what: str) -> None:
    for _ in range(120):
        if await asked():
            return
        await asyncio.sleep(0.5)
    raise AssertionError(f"never seen: {what}")


async def test_the_brake_works_without_supervisor_without_ledger_and_without_a_stack(
    system: System, capsys: pytest.CaptureFixture[str]
) -> None:
    flag, told = HaltFlag(system.folder), Told(capsys)

    # It starts stopped.
    ended = await surefoot(system.folder, "up", "--detach", "--halted", *WHO, env=ENV)
    assert ended.code == exits.OK, ended
    (first,) = flag.standing()
    await play(system)

    async def kept_from_us() -> bool:
        return await halted(system) > 0

    await until(kept_from_us, "an opportunity that the halt of the start kept from us")
    assert await trades(system) == set()

    # And trades once that halt is lifted.
    await told("resume", first.id, *WHO)
    await play(system)

    async def traded() -> bool:
        return bool(await trades(system))

    await until(traded, "a trade after the halt was lifted")

    # The supervisor is gone: the ledger that is recorded takes the halt, and nothing opens after it.
    system.kill([SUPERVISOR])
    status = await told.json("status", code=exits.UNAVAILABLE)
    assert status["unsupervised"] == "UNSUPERVISED, still trading: worker, ingest"
    await told("halt", "--all", *WHO)
    assert flag.standing() == ()
    await asyncio.sleep(1)
    before, counted = await trades(system), await halted(system)
    await play(system)

    async def more_kept_from_us() -> bool:
        return await halted(system) > counted

    await until(more_kept_from_us, "an opportunity that the second halt kept from us")
    assert await trades(system) == before

    # The ledger is gone too: the flag takes it.
    system.kill(["postgres"], tree=True)
    await told("halt", "--venue", "kalshi", *WHO)
    assert [(one.scope, one.target, one.author) for one in flag.standing()] == [("venue", "kalshi", "ann")]
    assert [one["scope"] for one in await told.json("halts", code=exits.UNAVAILABLE)] == ["venue"]

    # Nothing runs at all: the ledger alone is asked, and is down again afterwards.
    await told("down")
    halt = await told("halt", "--strategy", "basket", *WHO)
    assert "starting its Postgres for this command" in halt.err
    assert {one["scope"] for one in await told.json("halts")} == {"venue", "all", "strategy"}
    assert {one["intent_id"] for one in await told.json("trades")} == before
    assert [one["venue"] for one in await told.json("capital")] == ["kalshi"]
    report = await told.json("report", "--all", code=exits.UNAVAILABLE)  # nobody can ask the exchange
    assert sum(report["trades"].values()) == len(before)
    assert running(Layout(system.folder)) == ()
