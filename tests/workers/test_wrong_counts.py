"""On the running stack: an exchange whose counts lose their sign, or are a thousand times too large.

What an answer says wrongly, the order's own row mends; where every read is wrong too, nothing more is bought, the trade
is STUCK with what it may have, and a person is heard. Never is more out than was reserved.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from domain.intent import Intent
from domain.orders import Side
from domain.snapshot import LedgerFacts
from domain.trade import DONE_TRADING, Outcome, TradeState
from ledger.store import Ledger
from proof.chaos import books, paths
from proof.chaos.system import clear_away, survivors, until
from recording.sources import session_file
from tests.ledger.samples import D
from tests.workers.test_night import Night
from workers.accounts import kalshi_client
from workers.local.seals import load_seal_keys
from workers.trading import connect_temporal
from workflows import names

pytestmark = [pytest.mark.stack, pytest.mark.ladder, pytest.mark.timeout(400)]

READS = ("get_order", "list_orders", "list_fills")
IMPATIENT = replace(paths._POLICY, unknown_deadline_ms=4_000)


def wrong(do: str, *requests: str, **details: Any) -> list[dict[str, Any]]:
    """The same thing goes wrong with every such request."""
    return [{"match": {"request": each}, "do": do, "times": 100_000, **details} for each in requests]


@pytest.fixture
async def night(state_dir: Path) -> AsyncIterator[Night]:
    there = Night(state_dir)
    there.env |= {"SUREFOOT_STRATEGY__MARGIN": "0.5", "SUREFOOT_PAPER__RUDENESS": "0"}
    try:
        await there.system.up()
        await there.system.whole()
        recording = state_dir / "counts.session.jsonl.gz"
        session_file.write(books.session("counts"), recording)
        await there.system.ask("POST", "/play", {"recording": str(recording)})
        yield there
    finally:
        clear_away(state_dir)
        there.told.unlink(missing_ok=True)
        assert survivors(state_dir) == []


async def started(night: Night, intents: Iterable[Intent]) -> None:
    client, keys = await connect_temporal(night.system.stack), load_seal_keys(night.system.stack)
    for intent in intents:
        seal = keys.intent(intent.id)
        await client.start_workflow(
            names.TRADE_WORKFLOW, args=[intent, None, seal], id=intent.id, task_queue=names.TRADE_QUEUE
        )


async def facts(night: Night) -> LedgerFacts:
    ledger = await Ledger.connect(night.system.stack.postgres_dsn, min_size=1, max_size=1)
    try:
        return (await ledger.snapshot()).facts
    finally:
        await ledger.close()


async def within_bounds(night: Night, intents: list[Intent]) -> None:
    """What left, by the ledger, and what the account really holds and paid, against what was decided."""
    found = await facts(night)
    for intent in intents:
        for leg in intent.legs:
            mine = [o.ticket for o in found.orders if (o.ticket.intent_id, o.ticket.leg) == (intent.id, leg.name)]
            assert sum(ticket.size for ticket in mine if ticket.side is Side.BUY) <= intent.size, mine
            assert all(ticket.size <= intent.size for ticket in mine), mine
    async with kalshi_client(night.system.stack) as client:
        account = await client.account()
    for market in {leg.market for intent in intents for leg in intent.legs}:
        most = sum(intent.size for intent in intents for leg in intent.legs if leg.market == market)
        assert 0 <= account.positions.get(market, D(0)) <= most
    out = -sum((fill.cash for fill in account.fills), D(0))
    assert out <= sum(intent.worst_cost for intent in intents)


@pytest.mark.parametrize(("do", "details"), [("other_sign", {}), ("beyond", {"factor": "1000"})])
async def test_wrong_counts_of_a_venue_buy_no_more_than_was_decided_and_a_person_is_heard(
    night: Night, do: str, details: dict[str, Any]
) -> None:
    mended = [paths._pair(f"{do}-{n}", "CALM") for n in range(2)]
    await night.system.ask("POST", "/faults", wrong(do, "place_order", **details))
    await started(night, mended)
    await night.system.done([intent.id for intent in mended])
    found = {trade.id: trade for trade in (await facts(night)).trades}
    assert {found[intent.id].outcome for intent in mended} == {Outcome.HEDGED}
    await within_bounds(night, mended)

    blind = paths._pair(f"{do}-blind", "CALM", policy=IMPATIENT)
    await night.system.ask("POST", "/faults", wrong(do, *READS, **details))
    await started(night, [blind])
    told = await night.hears("stuck", "raised", blind.id)
    assert told["severity"] == "critical"
    await asyncio.sleep(5)  # the attack took 16 s to buy 327,680 shares: here it buys nothing in five
    counts = await night.system.ask("GET", "/faults")
    assert sum(fault["fired"] for fault in counts) > 4
    await night.system.ask("DELETE", "/faults")
    await within_bounds(night, [*mended, blind])

    await night.types("retry", blind.id, "--reason", "the venue counts rightly again", "--author", "ada")

    async def over() -> bool:
        rows = {trade.id: trade for trade in (await facts(night)).trades}
        return rows[blind.id].state in DONE_TRADING and rows[blind.id].state is not TradeState.STUCK

    await until(over, "the blind trade's end", 60)
    await within_bounds(night, [*mended, blind])
    report = await night.types("report")
    assert report.code == 0, report.out
