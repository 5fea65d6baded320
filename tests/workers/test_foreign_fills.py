"""On the running stack: an order nobody here sent, and a copy of a leg that arrives after its trade was closed.

Frames of the user channel about either are no entry of the books: both are for the venue's list to tell. One
reconciliation finds both, halts both markets and tells a person; what that person acknowledges is excused, in words, by
the next reconciliation and by the report.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.intent import Intent
from domain.orders import OrderTicket, Purpose, Side, TimeInForce, Verdict
from domain.snapshot import LedgerFacts
from domain.trade import Outcome
from ledger.store import Ledger
from proof.chaos import books, paths
from proof.chaos.system import Ended, System, clear_away, surefoot, survivors
from recording.sources import session_file
from tests.ledger.samples import D
from workers.accounts import kalshi_client
from workers.local.seals import load_seal_keys
from workers.trading import connect_temporal
from workflows import names

pytestmark = [pytest.mark.stack, pytest.mark.ladder]

ENV = {
    "SUREFOOT_STRATEGY__MARGIN": "0.5",
    "SUREFOOT_RECONCILE__EVERY_S": "3600",
    "SUREFOOT_RECONCILE__LOOK_MS": "100",
}


@pytest.fixture
def folder(state_dir: Path) -> Iterator[Path]:
    yield state_dir
    clear_away(state_dir)
    assert survivors(state_dir) == []


async def facts(system: System) -> LedgerFacts:
    ledger = await Ledger.connect(system.stack.postgres_dsn, min_size=1, max_size=1)
    try:
        return (await ledger.snapshot()).facts
    finally:
        await ledger.close()


async def arrive(system: System, ticket: OrderTicket) -> str:
    """The order's bytes at the exchange, from nobody's trade; the venue's id of it."""
    async with kalshi_client(system.stack) as client:
        result = await client.submit(ticket)
    assert result.verdict is Verdict.ACCEPTED, result
    assert result.order_id is not None
    return result.order_id


async def missed(system: System, intent: Intent) -> OrderTicket:
    """A trade of which no copy of its first leg arrives, closed as missed; that leg's order."""
    await system.ask("POST", "/faults", [{"match": {"request": "place_order"}, "do": "lost_request", "times": 1000}])
    client, keys = await connect_temporal(system.stack), load_seal_keys(system.stack)
    await client.start_workflow(
        names.TRADE_WORKFLOW, args=[intent, None, keys.intent(intent.id)], id=intent.id, task_queue=names.TRADE_QUEUE
    )
    await system.done([intent.id])
    await system.ask("DELETE", "/faults")
    seen = await facts(system)
    assert [trade.outcome for trade in seen.trades] == [Outcome.MISSED]
    return seen.orders[0].ticket


async def test_a_strangers_fill_and_a_late_copy_are_found_halted_told_and_excused_once_acknowledged(
    folder: Path,
) -> None:
    system = System(folder, ENV)

    async def types(*words: str) -> Ended:
        return await surefoot(folder, *words)

    await system.up()
    await system.whole()
    recording = folder / "foreign.session.jsonl.gz"
    session_file.write(books.session("foreign"), recording)
    await system.ask("POST", "/play", {"recording": str(recording)})
    late = await missed(system, paths._pair("foreign", "CALM"))
    clean = await types("reconcile", "--json")
    assert clean.code == 0, clean.out

    stranger = OrderTicket(
        late.intent_id, "X", 1, Purpose.ADOPTED, late.venue, books.ticker("CLIFF", "BLUE"), Side.BUY, D(7), D("0.80"),
        TimeInForce.IOC, foreign_id="a-stranger",
    )  # fmt: skip
    foreign, ours = await arrive(system, stranger), await arrive(system, late)
    orders = {foreign: "foreign_fill", ours: "late_fill"}
    await asyncio.sleep(1)  # the user channel has told of both
    assert (await facts(system)).fills == ()
    found = await types("reconcile", "--json")
    assert found.code == 6, found.err
    told = json.loads(found.out)["findings"]
    assert {one["subject"]: one["kind"] for one in told} == orders
    assert any("7 shares" in one["text"] for one in told)
    halts = json.loads((await types("halts", "--json")).out)
    assert {halt["target"] for halt in halts} == {f"kalshi/{stranger.market}", f"kalshi/{late.market}"}
    kinds = [alert["alert"] for alert in json.loads((await types("alerts", "--json")).out)["alerts"]]
    assert kinds.count("reconciliation") >= 1
    assert (await types("report")).code == 6

    done = await types("acknowledge", "--reason", "both are mine", "--author", "ada")
    assert done.code == 0, done.err
    assert json.loads((await types("halts", "--json")).out) == []
    assert (await types("reconcile")).code == 0
    report = await types("report", "--json")
    assert report.code == 0, report.out
    assert "a-stranger" in json.loads(report.out)["invariant_notes"]["same_bytes"]
