"""The ledger knows which workflow opened a trade, and lets no other send for it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from domain.errors import Denied
from domain.intent import Intent
from domain.orders import Purpose, Side
from domain.trade import OrderRecord, TradeState
from ledger.port import Decided
from ledger.store import Ledger
from testing.ledger.memory import MemoryLedger
from tests.ledger.samples import RUN_ID, START, accepted, body, hedged, intent, standing_on_a, ticket

AnyLedger = Ledger | MemoryLedger
PLANNED = intent()
HEDGE = ticket(PLANNED, "B", purpose=Purpose.HEDGE)


async def opened(ledger: AnyLedger, chain: str = "run-a", of: Intent = PLANNED) -> None:
    await ledger.begin_order(RUN_ID, of, ticket(of), body(ticket(of)), START, chain=chain)


async def refused(ledger: AnyLedger, of: Intent | None, chain: str) -> str:
    """The code; and nothing was recorded."""
    order = ticket(PLANNED) if of is not None else HEDGE
    before = await ledger.order_outcome(order.client_order_id)
    with pytest.raises(Denied) as denied:
        await ledger.begin_order(RUN_ID, of, order, body(order), START, chain=chain)
    assert await ledger.order_outcome(order.client_order_id) == before
    return denied.value.code


async def test_what_is_decided_is_known_with_who_opened_it(ledger: AnyLedger) -> None:
    assert await ledger.decided(PLANNED.id) is None
    await ledger.record_intent(PLANNED, RUN_ID)
    assert await ledger.decided(PLANNED.id) == Decided(PLANNED, closed=False)
    await opened(ledger)
    assert await ledger.decided(PLANNED.id) == Decided(PLANNED, closed=False, chain="run-a")


async def test_only_the_run_that_opened_a_trade_sends_for_it(ledger: AnyLedger) -> None:
    await opened(ledger)
    await opened(ledger)  # one more copy of the same bytes
    for chain in ("run-b", ""):
        assert await refused(ledger, PLANNED, chain) == "other_run"
        assert await refused(ledger, None, chain) == "other_run"
    assert await ledger.begin_order(RUN_ID, None, HEDGE, body(HEDGE), START, chain="run-a") == 1


async def test_what_a_trade_writes_of_itself_leaves_who_opened_it(ledger: AnyLedger) -> None:
    await opened(ledger)
    await ledger.record_trade(RUN_ID, PLANNED, hedged(PLANNED))
    assert await ledger.decided(PLANNED.id) == Decided(PLANNED, closed=True, chain="run-a")
    assert await refused(ledger, PLANNED, "run-b") == "other_run"
    # Its own worker may have died over the answer to that write, and go on before it hears of it.
    assert await ledger.begin_order(RUN_ID, None, HEDGE, body(HEDGE), START, chain="run-a") == 1


async def test_a_trade_of_before_is_refused_once_it_is_over(ledger: AnyLedger) -> None:
    await opened(ledger, chain="")
    assert await ledger.begin_order(RUN_ID, None, HEDGE, body(HEDGE), START, chain="run-b") == 1
    await ledger.record_trade(RUN_ID, PLANNED, hedged(PLANNED))
    assert await refused(ledger, PLANNED, "run-b") == "closed"
    assert await refused(ledger, None, "run-b") == "closed"


async def test_a_trade_that_was_denied_cannot_be_opened_later(ledger: AnyLedger) -> None:
    await ledger.record_trade(RUN_ID, PLANNED, hedged(PLANNED))
    assert await refused(ledger, PLANNED, "run-a") == "closed"


async def test_a_person_hands_an_open_trade_to_another_run_and_a_closed_one_to_none(ledger: AnyLedger) -> None:
    assert not await ledger.take_over(PLANNED.id, "run-b")
    await opened(ledger)
    assert await ledger.take_over(PLANNED.id, "run-b")
    assert await refused(ledger, None, "run-a") == "other_run"
    assert await ledger.begin_order(RUN_ID, None, HEDGE, body(HEDGE), START, chain="run-b") == 1
    await ledger.record_trade(RUN_ID, PLANNED, hedged(PLANNED))
    assert not await ledger.take_over(PLANNED.id, "run-c"), "it is over"


async def test_nothing_is_bought_after_an_opening_that_never_was_and_what_gives_back_passes(ledger: AnyLedger) -> None:
    await ledger.record_intent(PLANNED, RUN_ID)
    assert await refused(ledger, None, "run-a") == "never_opened"
    forged = replace(hedged(PLANNED), state=TradeState.STUCK)  # what a stranger's run may write of a trade of ours
    await ledger.record_trade(RUN_ID, PLANNED, forged)
    assert await refused(ledger, None, "run-a") == "never_opened"
    unwind = ticket(PLANNED, attempt=2, purpose=Purpose.UNWIND, side=Side.SELL)
    assert await ledger.begin_order(RUN_ID, None, unwind, body(unwind), START, chain="run-a") == 1


async def test_what_hedges_an_adopted_order_leaves_without_an_opening(ledger: AnyLedger) -> None:
    placed = replace(ticket(PLANNED, attempt=2, purpose=Purpose.ADOPTED), foreign_id="typed-by-hand")
    working = OrderRecord(placed, accepted(placed, "4"), settled=False, filled=Decimal(4))
    await ledger.record_trade(RUN_ID, PLANNED, replace(standing_on_a(PLANNED), orders=(working,), fills=()))
    assert await ledger.begin_order(RUN_ID, None, HEDGE, body(HEDGE), START, chain="run-a") == 1
