"""Temporal's file is lost with trades on one leg: they are taken up again from the ledger and end as all others do."""

from __future__ import annotations

import json

import pytest

from proof.chaos.system import PARTS, SUPERVISOR, System, surefoot
from tests.proof.chaos.test_kill import ends_well
from tests.proof.chaos.trades import Moment, hold_trades
from workers.trading import connect_temporal

pytestmark = [pytest.mark.stack, pytest.mark.ladder, pytest.mark.timeout(300)]


async def test_trades_whose_history_is_lost_are_all_taken_up_again_and_the_books_are_true(system: System) -> None:
    await system.ready()
    held = await hold_trades(system, await connect_temporal(system.stack), Moment.BETWEEN)
    system.kill((SUPERVISOR, *PARTS), tree=True)
    for part in system.folder.glob("temporal.db*"):
        part.unlink()
    await system.up()
    await system.ask("DELETE", "/faults")
    halts = json.loads((await surefoot(system.folder, "halts", "--json")).out)
    assert "safe_mode" in {halt["rule"] for halt in halts}

    trades = [intent.id for intent in held.intents]
    told = await surefoot(system.folder, "unwind", trades[0], "--reason", "it is lost")
    assert told.code == 4
    assert f"surefoot revive {trades[0]}" in told.err
    first = await surefoot(system.folder, "revive", trades[0], "--reason", "temporal.db was lost", "--author", "ada")
    assert first.code == 0, first.err
    rest = await surefoot(system.folder, "revive", "--all", "--reason", "temporal.db was lost", "--json")
    assert rest.code == 0, rest.err
    assert set(trades[1:]) <= {one["trade"] for one in json.loads(rest.out)["revived"]}
    assert (await surefoot(system.folder, "revive", trades[0], "--reason", "again")).code == 4

    await system.done(trades)
    await ends_well(system, held.intents)
    assert (await surefoot(system.folder, "reconcile")).code == 0
    known = await surefoot(system.folder, "acknowledge", "--reason", "all are taken up", "--author", "ada")
    assert known.code == 0, known.err
    for halt in json.loads((await surefoot(system.folder, "halts", "--json")).out):
        assert halt["rule"] == "mismatch"  # of the trades' markets: a person lifts each, safe mode is lifted by now
        assert (await surefoot(system.folder, "resume", halt["id"], "--reason", "all are taken up")).code == 0
    assert json.loads((await surefoot(system.folder, "halts", "--json")).out) == []
