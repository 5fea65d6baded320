"""A venue that knows orders by its own id only: that id, recorded before the send, leads from a fill to its trade."""

from __future__ import annotations

from dataclasses import replace

from domain.market import Venue
from ledger.store import Ledger
from testing.ledger.memory import MemoryLedger
from tests.ledger.samples import RUN_ID, START, B, D, accepted, body, fill, intent, order_id, ticket

AnyLedger = Ledger | MemoryLedger


async def begun(ledger: AnyLedger, nonce: int = 0) -> tuple[str, str]:
    """An order begun with the id the venue will give it; returns its trade and its client order id."""
    planned = intent(nonce)
    opening = ticket(planned)
    await ledger.begin_order(RUN_ID, planned, opening, body(opening), START, order_id=order_id(opening))
    return planned.id, opening.client_order_id


async def test_an_order_is_found_by_the_id_the_venue_will_give_it_before_it_was_sent(ledger: AnyLedger) -> None:
    trade, client_id = await begun(ledger)
    found = await ledger.order_at(Venue.KALSHI, order_id(ticket(intent())))
    assert found is not None
    assert (found.ticket.intent_id, found.client_order_id) == (trade, client_id)


async def test_an_id_is_the_venues_own_and_an_empty_one_nobodys(ledger: AnyLedger) -> None:
    await begun(ledger)
    assert await ledger.order_at(Venue.POLYMARKET, order_id(ticket(intent()))) is None
    assert await ledger.order_at(Venue.KALSHI, "") is None
    assert await ledger.order_at(Venue.KALSHI, "o-nobody") is None


async def test_a_fill_without_a_client_id_belongs_to_the_trade_of_its_order(ledger: AnyLedger) -> None:
    trade, _ = await begun(ledger)
    other, _ = await begun(ledger, nonce=1)
    nameless = replace(fill(ticket(intent())), client_order_id="")
    await ledger.record_fills([nameless])
    known = (await ledger.snapshot()).facts
    assert known.fills_by_intent() == {trade: [nameless]}
    assert [entry.intent_id for entry in known.cash] == [trade]
    held = {row.intent_id: row.cash for account in known.capital for row in account.held}
    assert held == {trade: nameless.cash, other: D(0)}
    assert (await ledger.trade(trade)).fills == (nameless,)


async def test_a_nameless_fill_of_an_order_nobody_began_belongs_to_nobody(ledger: AnyLedger) -> None:
    await begun(ledger)
    stranger = replace(fill(ticket(intent(), "B")), client_order_id="", market=B)
    await ledger.record_fills([stranger])
    known = (await ledger.snapshot()).facts
    assert known.fills_by_intent() == {}
    assert [entry.intent_id for entry in known.cash] == [None]


async def test_what_was_told_with_a_name_and_without_is_one_fill(ledger: AnyLedger) -> None:
    trade, _ = await begun(ledger)
    told = fill(ticket(intent()))
    await ledger.record_fills([replace(told, client_order_id="")])
    await ledger.finish_order(ticket(intent()), accepted(ticket(intent())))
    await ledger.record_fills([told])
    known = (await ledger.snapshot()).facts
    assert len(known.fills) == 1
    assert len(known.cash) == 1
    assert list(known.fills_by_intent()) == [trade]
