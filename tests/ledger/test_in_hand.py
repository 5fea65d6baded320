"""What the ledger has in hand of one trade: its orders, their fills, and when a person last spoke to it."""

from __future__ import annotations

from dataclasses import replace

from domain.operator import Action, CommandRecord
from ledger.port import InHand
from ledger.store import Ledger
from testing.ledger.memory import MemoryLedger
from tests.ledger.samples import RUN_ID, SECOND, START, accepted, body, fill, intent, ticket

ONE, OTHER = intent(1), intent(2)


async def test_nothing_is_known_of_a_trade_that_sent_nothing(ledger: Ledger | MemoryLedger) -> None:
    assert await ledger.in_hand(ONE.id) == InHand()


async def test_a_trades_orders_fills_and_last_command(ledger: Ledger | MemoryLedger) -> None:
    for of in (ONE, OTHER):
        sent = ticket(of)
        await ledger.begin_order(RUN_ID, of, sent, body(sent), START)
        await ledger.finish_order(sent, accepted(sent))
        await ledger.record_fills([fill(sent)])
    nameless = replace(fill(ticket(ONE), n=2), client_order_id="")  # as a venue lists it that knows its own ids alone
    await ledger.record_fills([nameless])
    for at in (START + SECOND, START):
        await ledger.record_command(ONE.id, CommandRecord(Action.RETRY, "ada", "again", "so be it", at))
    hand = await ledger.in_hand(ONE.id)
    assert [order.client_order_id for order in hand.orders] == [ticket(ONE).client_order_id]
    assert [one.trade_id for one in hand.fills] == [fill(ticket(ONE)).trade_id, nameless.trade_id]
    assert hand.commanded_at == START + SECOND
    assert (await ledger.in_hand(OTHER.id)).commanded_at == 0
