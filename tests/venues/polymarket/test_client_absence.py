"""An order neither listing knows: absent only after time, a cancel that knows nothing and no trade."""

from __future__ import annotations

import json
from typing import Any

import pytest

from domain.errors import Unavailable
from domain.evidence import OrderStatus
from tests.venues.polymarket.scripted import (
    ORDERS,
    TRADES,
    Scripted,
    asks,
    rows,
    trade,
)
from tests.venues.scripted import NOW, drops, hangs, says
from venues.polymarket.client import PolymarketClient

MINUTE = 60_000_000


def forgotten(venue: Scripted, *trades: dict[str, Any], cancel: Any = None) -> None:
    """Neither listing knows the order."""
    venue.on("GET", ORDERS, says(rows()))
    venue.on("GET", TRADES, says(rows(*trades)))
    if cancel is not None:
        venue.on("DELETE", "/order", cancel)


def not_cancelled(order_id: str, reason: str) -> Any:
    return says({"canceled": [], "not_canceled": {order_id: reason}})


GONE = "Order not found or already canceled"


async def test_absence_takes_time_a_cancel_that_knows_nothing_and_no_trade(
    venue: Scripted, client: PolymarketClient, order_id: str
) -> None:
    forgotten(venue, cancel=not_cancelled(order_id, GONE))
    early = await asks(client, sent_at=NOW - MINUTE + 1000)
    assert early.status is OrderStatus.UNSEEN
    assert not venue.asked("DELETE", "/order")
    patient = await asks(client, sent_at=NOW - MINUTE, grace_ms=90_000)
    assert patient.status is OrderStatus.UNSEEN
    late = await asks(client, sent_at=NOW - MINUTE)
    assert (late.status, late.filled, late.order_id) == (OrderStatus.ABSENT, 0, order_id)
    assert json.loads(venue.asked("DELETE", "/order")[0].body) == {"orderID": order_id}


async def test_an_order_known_to_have_arrived_is_never_absent_but_forgotten_when_it_was_killed(
    venue: Scripted, client: PolymarketClient, order_id: str
) -> None:
    forgotten(venue, cancel=not_cancelled(order_id, GONE))
    seen = await asks(client, known=order_id, sent_at=NOW - MINUTE)
    assert (seen.status, seen.filled, seen.complete) == (OrderStatus.DONE, 0, True)


async def test_an_order_that_was_working_unlisted_is_ended_by_the_cancel_and_not_yet_judged(
    venue: Scripted, client: PolymarketClient, order_id: str
) -> None:
    forgotten(venue, cancel=says({"canceled": [order_id], "not_canceled": {}}))
    assert (await asks(client, sent_at=NOW - MINUTE)).status is OrderStatus.UNSEEN


async def test_an_order_the_cancel_calls_matched_waits_for_its_trades(
    venue: Scripted, client: PolymarketClient, order_id: str
) -> None:
    forgotten(venue, cancel=not_cancelled(order_id, "Order already matched"))
    assert (await asks(client, known=order_id, sent_at=NOW - 10 * MINUTE)).status is OrderStatus.UNSEEN


async def test_a_forgotten_order_with_trades_is_done_with_them_once_they_had_time_to_come(
    venue: Scripted, client: PolymarketClient, order_id: str
) -> None:
    forgotten(venue, trade("t-1", order_id), cancel=not_cancelled(order_id, "order already matched"))
    early = await asks(client, sent_at=NOW - 4_000_000)
    late = await asks(client, sent_at=NOW - 5_000_000)
    assert (early.status, early.filled) == (OrderStatus.UNSEEN, 10)
    assert (late.status, late.filled, late.complete) == (OrderStatus.DONE, 10, True)


@pytest.mark.parametrize("answer", [drops, hangs, says({"error": "trading is disabled"}, 503), says(b"<html>")])
async def test_no_absence_without_an_answer_to_the_cancel(
    venue: Scripted, client: PolymarketClient, order_id: str, answer: Any
) -> None:
    forgotten(venue, cancel=answer)
    with pytest.raises(Unavailable):
        await asks(client, sent_at=NOW - MINUTE)
