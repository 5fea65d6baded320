"""The account: balances, what is matched and not mined yet, and cash."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from domain.errors import Unavailable
from domain.evidence import FillStatus
from domain.orders import Side
from tests.venues.polymarket.scripted import (
    NO,
    ORDERS,
    OWNER,
    TRADES,
    YES,
    DeadLetters,
    Scripted,
    order,
    rows,
    tokens,
    trade,
)
from tests.venues.scripted import says
from venues.polymarket.client import PolymarketClient


def balances(venue: Scripted, cash: str, **by_token: str) -> None:
    async def reply(request: Any) -> Any:
        token = request.query.get("token_id", "")
        kind = request.query["asset_type"]
        assert request.query["signature_type"] == "0"
        assert (kind == "COLLATERAL") == (not token)
        shares = {YES: by_token.get("yes", "0"), NO: by_token.get("no", "0"), "": cash}[token]
        return await says({"balance": shares, "allowances": {}})(request)

    venue.on("GET", "/balance-allowance", reply)


async def test_an_account_is_balances_and_what_is_matched_and_not_mined_yet(
    venue: Scripted, client: PolymarketClient
) -> None:
    mined = trade("t-1", "0x1")
    matched = trade("t-2", "0x2", size="5", maker_orders=[], status="MATCHED")
    failed = trade("t-3", "0x3", size="7", maker_orders=[], status="TRADE_STATUS_FAILED")
    first = says(rows(mined, matched, cursor="p2"))
    venue.on("GET", TRADES, first, says(rows(matched, failed)), first)
    working = order("0x4", side="SELL", status="LIVE", size_matched="1.5", asset_id=NO)
    venue.on("GET", ORDERS, says(rows(working, order("0x5"))))
    balances(venue, "100000000", yes="10000000", no="2500000")
    account = await client.account()
    assert account.positions == {YES: Decimal(15), NO: Decimal("2.5")}
    assert account.cash == Decimal(100) - 5 * Decimal("0.56") - Decimal("0.0616")
    [resting] = account.open_orders
    assert (resting.order_id, resting.client_order_id, resting.market, resting.remaining) == (
        "0x4",
        "",
        NO,
        Decimal("8.5"),
    )
    assert [(fill.trade_id, fill.status) for fill in account.fills] == [
        ("t-1", FillStatus.FINAL),
        ("t-2", FillStatus.PROVISIONAL),
        ("t-3", FillStatus.VOID),
    ]


async def test_a_trade_mined_while_the_account_is_read_is_counted_once(
    venue: Scripted, client: PolymarketClient
) -> None:
    matched, mined = (rows(trade("t-1", "0x1", status=status)) for status in ("MATCHED", "MINED"))
    venue.on("GET", TRADES, says(matched), says(mined))  # the balance below has moved already
    venue.on("GET", ORDERS, says(rows()))
    balances(venue, "94400000", yes="10000000")
    account = await client.account()
    assert (account.cash, account.positions) == (Decimal("94.4"), {YES: Decimal(10)})


async def test_tokens_of_a_resolved_market_are_cash_at_their_payout(venue: Scripted, client: PolymarketClient) -> None:
    venue.plays(market={"closed": True} | tokens(True, False))
    bought = trade("t-2", "0x2", asset_id=NO, maker_orders=[])
    venue.on("GET", TRADES, says(rows(trade("t-1", "0x1"), bought)))
    venue.on("GET", ORDERS, says(rows()))
    balances(venue, "90000000", yes="10000000", no="10000000")
    account = await client.account()
    assert (account.cash, account.positions) == (Decimal(100), {})


async def test_a_trade_with_ourselves_is_two_fills(venue: Scripted, client: PolymarketClient) -> None:
    own = {"order_id": "0x2", "owner": OWNER, "matched_amount": "10", "price": "0.56", "asset_id": YES, "side": "SELL"}
    venue.on("GET", TRADES, says(rows(trade("t-1", "0x1", maker_orders=[own]))))
    venue.on("GET", ORDERS, says(rows()))
    balances(venue, "0")
    fills = (await client.account()).fills
    assert [(fill.trade_id, fill.order_id, fill.side, fill.taker) for fill in fills] == [
        ("t-1", "0x1", Side.BUY, True),
        ("t-1", "0x2", Side.SELL, False),
    ]


@pytest.mark.parametrize("path", [TRADES, ORDERS])
async def test_a_row_that_cannot_be_read_makes_the_account_unavailable_and_is_kept(
    venue: Scripted, client: PolymarketClient, dead: DeadLetters, path: str
) -> None:
    venue.on("GET", TRADES, says(rows()))
    venue.on("GET", ORDERS, says(rows()))
    venue.on("GET", path, says(rows({"id": "x"})))
    balances(venue, "0")
    with pytest.raises(Unavailable, match="dead letters"):
        await client.account()
    assert [json.loads(raw) for _, raw, _ in dead] == [{"id": "x"}]


async def test_cash_is_what_working_purchases_do_not_hold_back(venue: Scripted, client: PolymarketClient) -> None:
    buying = order("0x4", status="LIVE", size_matched="4")
    selling = order("0x5", status="LIVE", size_matched="0", side="SELL")
    venue.on("GET", ORDERS, says(rows(buying, selling)))
    balances(venue, "100000000")
    assert await client.cash() == Decimal(100) - 6 * Decimal("0.56")


@pytest.mark.parametrize("balance", ["", "12.5", "much"])
async def test_a_balance_that_is_no_whole_number_of_millionths_is_not_believed(
    venue: Scripted, client: PolymarketClient, balance: str
) -> None:
    venue.on("GET", ORDERS, says(rows()))
    balances(venue, balance)
    with pytest.raises(Unavailable):
        await client.cash()
