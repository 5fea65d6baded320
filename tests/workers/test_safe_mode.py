"""Start-up on the real stack: an order placed by hand is safe mode after a restart, until a person acknowledges it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.orders import OrderTicket, Purpose, Side, TimeInForce, Verdict
from proof.chaos.system import Ended, System, clear_away, surefoot, survivors
from tests.ledger.samples import D, intent
from workers.accounts import kalshi_client

pytestmark = [pytest.mark.stack, pytest.mark.ladder]


@pytest.fixture
def folder(state_dir: Path) -> Iterator[Path]:
    yield state_dir
    clear_away(state_dir)
    assert survivors(state_dir) == []


class Person:
    """Somebody at the command line."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def types(self, *words: str) -> Ended:
        return await surefoot(self.folder, *words)


async def place_by_hand(system: System) -> str:
    """A bid of one cent that rests, straight through the exchange's API; returns the venue's id of it."""
    markets = (await system.ask("GET", "/status"))["markets"]
    ticket = OrderTicket(
        intent().id, "X", 1, Purpose.ADOPTED, intent().legs[0].venue, markets[0], Side.BUY, D(3), D("0.01"),
        TimeInForce.GTC, foreign_id="placed-by-hand",
    )  # fmt: skip
    async with kalshi_client(system.stack) as client:
        result = await client.submit(ticket)
    assert result.verdict is Verdict.ACCEPTED, result
    assert result.order_id is not None
    return result.order_id


async def test_an_order_placed_by_hand_is_safe_mode_after_a_restart_until_it_is_acknowledged(folder: Path) -> None:
    env = {"SUREFOOT_STRATEGY__MARGIN": "0.5", "SUREFOOT_RECONCILE__EVERY_S": "3600"}
    env |= {"SUREFOOT_RECONCILE__LOOK_MS": "100"}
    system, person = System(folder, env), Person(folder)
    await system.up()
    await system.whole()
    clean = await person.types("reconcile", "--json")
    assert clean.code == 0, clean.err
    assert json.loads(clean.out)["agrees"] is True
    assert json.loads((await person.types("status", "--json")).out)["awaits"] is None

    await system.ask("POST", "/play", {"recording": "synth:7"})
    order = await place_by_hand(system)
    found = await person.types("reconcile")
    assert found.code == 6
    assert "foreign_order" in found.out
    assert order in found.out
    assert "safe_mode" not in (await person.types("halts")).out

    assert (await person.types("down")).code == 0
    await system.up()
    await system.whole()
    assert "safe mode" in json.loads((await person.types("status", "--json")).out)["awaits"]
    halts = json.loads((await person.types("halts", "--json")).out)
    assert {halt["rule"] for halt in halts} == {"mismatch", "safe_mode"}
    doctor = json.loads((await person.types("doctor", "--json")).out)
    assert any("safe mode" in check["seen"] for check in doctor["checks"] if check["name"] == "opening trades")

    done = await person.types("acknowledge", "--reason", "a test order of mine", "--author", "ada")
    assert done.code == 0, done.err
    assert order in done.out
    assert json.loads((await person.types("halts", "--json")).out) == []
    assert (await person.types("acknowledge", "--reason", "again", "--author", "ada")).code == 4

    system.kill(["ingest"])
    await system.whole()
    after = await person.types("reconcile", "--json")
    assert after.code == 0, after.out
    assert json.loads(after.out)["findings"] == []
    assert json.loads((await person.types("status", "--json")).out)["awaits"] is None
