"""Evidence of an order that is listed: its own read, its trades, and what cannot be read."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from domain.errors import Rejected, Unavailable
from domain.evidence import FillStatus, OrderEvidence, OrderStatus
from domain.orders import Side, TimeInForce
from tests.venues.polymarket.scripted import (
    CONDITION,
    NO,
    ORDERS,
    OWNER,
    TRADES,
    WALLET,
    YES,
    DeadLetters,
    Scripted,
    asks,
    order,
    rows,
    ticket,
    trade,
)
from tests.venues.scripted import NOW, drops, hangs, says
from venues.polymarket.client import PolymarketClient


async def test_a_matched_order_whose_trades_explain_it_is_done(
    venue: Scripted, client: PolymarketClient, order_id: str
) -> None:
    venue.on("GET", f"/data/order/{order_id}", says(order(order_id)))
    venue.on(
        "GET",
        TRADES,
        says(rows(trade("t-2", order_id, size="4", maker_orders=[], match_time="1795226402"), cursor="MQ==")),
        says(rows(trade("t-1", order_id, size="6", maker_orders=[]), trade("t-9", "0xanother"))),
    )
    seen: OrderEvidence = await asks(client)
    assert (seen.status, seen.order_id, seen.filled, seen.remaining) == (OrderStatus.DONE, order_id, 10, 0)
    assert seen.complete
    assert not seen.provisional
    assert [(fill.trade_id, fill.size, fill.market, fill.client_order_id) for fill in seen.fills] == [
        ("t-1", Decimal(6), YES, ticket().client_order_id),
        ("t-2", Decimal(4), YES, ticket().client_order_id),
    ]
    assert seen.fills[0].fee == Decimal("0.07392")  # 6 · 0.05 · 0.56 · 0.44
    assert venue.asked("GET", TRADES)[0].params == {"market": CONDITION}


@pytest.mark.parametrize(("matched", "filled"), [("10", 10), ("6", 6)])
async def test_matched_shares_without_their_trades_are_counted_and_never_final(
    venue: Scripted, client: PolymarketClient, order_id: str, matched: str, filled: int
) -> None:
    venue.on("GET", f"/data/order/{order_id}", says(order(order_id, size_matched=matched)))
    venue.on("GET", TRADES, says(rows()))
    seen = await asks(client)
    assert (seen.status, seen.filled, seen.complete) == (OrderStatus.RESTING, filled, False)


async def test_a_trade_that_failed_is_void_and_a_trade_not_confirmed_provisional(
    venue: Scripted, client: PolymarketClient, order_id: str
) -> None:
    venue.on("GET", f"/data/order/{order_id}", says(order(order_id)))
    failed = trade("t-1", order_id, size="6", status="TRADE_STATUS_FAILED", maker_orders=[])
    mined = trade("t-2", order_id, size="4", status="MINED", maker_orders=[])
    venue.on("GET", TRADES, says(rows(failed, mined)))
    seen = await asks(client)
    assert (seen.status, seen.filled, seen.complete, seen.provisional) == (OrderStatus.DONE, 4, True, True)
    assert [fill.status for fill in seen.fills] == [FillStatus.VOID, FillStatus.PROVISIONAL]


@pytest.mark.parametrize("status", ["LIVE", "DELAYED", "UNMATCHED", "ORDER_STATUS_LIVE", "A_STATUS_OF_TOMORROW"])
async def test_an_order_that_works_or_may_work_is_resting_with_what_is_left(
    venue: Scripted, client: PolymarketClient, order_id: str, status: str
) -> None:
    venue.on("GET", f"/data/order/{order_id}", says(order(order_id, status=status, size_matched="4")))
    venue.on("GET", TRADES, says(rows(trade("t-1", order_id, size="4", maker_orders=[]))))
    seen = await asks(client)
    assert (seen.status, seen.filled, seen.remaining) == (OrderStatus.RESTING, 4, 6)


@pytest.mark.parametrize(
    "status",
    [
        "CANCELED",
        "CANCELED_EXPIRED_ORDER",
        "INVALID",
        "CANCELED_order couldn't be fully filled. FOK orders…",
        "EXPIRED",
        "ORDER_STATUS_EXPIRED",
        "killed",
        "REJECTED",
    ],
)
async def test_a_killed_or_cancelled_order_is_done_with_nothing(
    venue: Scripted, client: PolymarketClient, order_id: str, status: str
) -> None:
    killed = order(order_id, status=status, size_matched="", created_at="", associate_trades=[])
    venue.on("GET", f"/data/order/{order_id}", says(killed))
    venue.on("GET", TRADES, says(rows()))
    seen = await asks(client, sent_at=NOW - 6_000_000)
    assert (seen.status, seen.filled, seen.complete) == (OrderStatus.DONE, 0, True)
    early = await asks(client, sent_at=NOW - 1_000_000)  # it does not say "nothing", and trades may be late
    assert early.status is OrderStatus.RESTING


async def test_a_dead_order_that_names_a_trade_nobody_lists_yet_is_not_final(
    venue: Scripted, client: PolymarketClient, order_id: str
) -> None:
    said = order(order_id, status="CANCELED", size_matched="0", associate_trades=["t-1"])
    venue.on("GET", f"/data/order/{order_id}", says(said))
    venue.on("GET", TRADES, says(rows()), says(rows(trade("t-1", order_id, size="4", maker_orders=[]))))
    assert (await asks(client)).status is OrderStatus.RESTING
    seen = await asks(client)
    assert (seen.status, seen.filled) == (OrderStatus.DONE, 4)


async def test_an_order_read_by_its_id_that_is_another_is_not_believed(
    venue: Scripted, client: PolymarketClient, order_id: str
) -> None:
    venue.on("GET", f"/data/order/{order_id}", says(order("0x" + "12" * 32)))
    with pytest.raises(Unavailable, match="told of"):
        await asks(client)


@pytest.mark.parametrize("matched", ["-4", "NaN", "1e400000", "4.0000001"])
async def test_a_count_that_cannot_be_is_not_read(
    venue: Scripted, client: PolymarketClient, order_id: str, matched: str
) -> None:
    venue.on("GET", f"/data/order/{order_id}", says(order(order_id, size_matched=matched)))
    with pytest.raises(Unavailable):
        await asks(client)


@pytest.mark.parametrize(
    "nothing",
    [says(b"null"), says(b"{}"), says({"error": "order not found"}, 404), says({"error": "Invalid orderID"}, 400)],
)
async def test_an_order_is_found_among_the_listed_ones_where_its_own_read_gives_nothing(
    venue: Scripted, client: PolymarketClient, order_id: str, nothing: Any
) -> None:
    venue.on("GET", f"/data/order/{order_id}", nothing)
    venue.on("GET", ORDERS, says(rows(order(order_id))))
    venue.on("GET", TRADES, says(rows(trade("t-1", order_id))))
    assert (await asks(client)).complete
    assert venue.asked("GET", ORDERS)[0].params == {"id": order_id}


async def test_a_maker_is_filled_on_its_own_token_whatever_token_the_taker_traded(
    venue: Scripted, client: PolymarketClient, order_id: str
) -> None:
    """Two purchases of opposite outcomes are matched by minting a pair."""
    resting = ticket(tif=TimeInForce.GTC)
    ours = (await client.prepare(resting)).order_id
    assert ours == order_id  # the order type is not signed
    part = {"order_id": ours, "owner": OWNER, "maker_address": WALLET.maker, "price": "0.56", "asset_id": YES}
    minted = trade(
        "t-1",
        "0xtaker",
        asset_id=NO,
        side="BUY",
        size="12",
        price="0.44",
        trader_side="MAKER",
        maker_orders=[part | {"matched_amount": "3"}, part | {"matched_amount": "1"}],
    )
    venue.on("GET", f"/data/order/{ours}", says(order(ours, status="LIVE", size_matched="4", order_type="GTC")))
    venue.on("GET", TRADES, says(rows(minted)))
    seen = await client.evidence(resting, order_id=ours, sent_at=NOW, grace_ms=0)
    [fill] = seen.fills
    assert (fill.market, fill.side, fill.price, fill.size, fill.fee, fill.taker) == (
        YES,
        Side.BUY,
        Decimal("0.56"),
        4,
        0,
        False,
    )
    assert (seen.status, seen.remaining) == (OrderStatus.RESTING, 6)


async def test_a_trade_of_ours_that_cannot_be_read_forbids_a_verdict_and_another_one_does_not(
    venue: Scripted, client: PolymarketClient, order_id: str, dead: DeadLetters
) -> None:
    venue.on("GET", f"/data/order/{order_id}", says(order(order_id)))
    broken = trade("t-8", "0xanother") | {"size": None, "id": 8}
    venue.on("GET", TRADES, says(rows(trade("t-1", order_id), broken)))
    assert (await asks(client)).complete
    venue.on("GET", TRADES, says(rows(trade("t-1", order_id, size="ten"))))
    with pytest.raises(Unavailable, match="t-1"):
        await asks(client)
    assert [kind for kind, _, _ in dead] == ["trade", "trade"]
    assert json.loads(dead[0][1]) == broken


async def test_an_order_of_another_token_is_not_ours(venue: Scripted, client: PolymarketClient, order_id: str) -> None:
    venue.on("GET", f"/data/order/{order_id}", says(order(order_id, asset_id=NO)))
    with pytest.raises(Rejected, match="is for token"):
        await asks(client)


@pytest.mark.parametrize("answer", [says(b"<html>"), says({"id": "0x"}), says({}, 503), drops, hangs])
async def test_evidence_that_cannot_be_read_is_unavailable(
    venue: Scripted, client: PolymarketClient, order_id: str, answer: Any
) -> None:
    venue.on("GET", f"/data/order/{order_id}", answer)
    with pytest.raises(Unavailable):
        await asks(client)


async def test_a_listing_whose_cursors_go_round_is_no_evidence(
    venue: Scripted, client: PolymarketClient, order_id: str
) -> None:
    venue.on("GET", f"/data/order/{order_id}", says(order(order_id)))
    venue.on("GET", TRADES, says(rows(cursor="again")))
    with pytest.raises(Unavailable, match="does not end"):
        await asks(client)


async def test_an_order_is_looked_up_by_the_venues_id_whoever_placed_it(
    venue: Scripted, client: PolymarketClient
) -> None:
    venue.on("GET", "/data/order/0xff", says(order("0xff", side="SELL", original_size="12")))
    venue.on("GET", TRADES, says(rows(trade("t-1", "0xff", side="SELL"))))
    found = await client.look_up("0xff")
    assert (found.order_id, found.client_order_id, found.market, found.side) == ("0xff", "", YES, Side.SELL)
    assert (found.size, found.limit, found.evidence.filled) == (12, Decimal("0.56"), 10)
    venue.on("GET", ORDERS, says(rows()))
    with pytest.raises(Rejected, match="not listed") as missing:
        await client.look_up("0xee")
    assert missing.value.code == "not_found"
