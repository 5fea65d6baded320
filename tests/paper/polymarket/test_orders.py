"""Orders at the paper exchange's Polymarket: what they get, what they cost, and what they become."""

from __future__ import annotations

from decimal import Decimal

from domain.orders import Side, TimeInForce
from tests.paper.polymarket.clob import CONDITION, NO, YES, Trader, until


async def test_a_fak_buy_takes_at_the_book_and_pays_the_fee_on_top(trader: Trader) -> None:
    body, order_id = trader.prepared(size="10", limit="0.49")
    answer = await trader.call("POST", "/order", body)
    assert answer.status == 200, answer
    assert (answer.body["success"], answer.body["errorMsg"], answer.body["orderID"]) == (True, "", order_id)
    assert (answer.body["status"], answer.body["makingAmount"], answer.body["takingAmount"]) == ("matched", "4.9", "10")
    assert len(answer.body["tradeIDs"]) == 1

    async def mined() -> bool:
        return await trader.shares() == 10

    await until(mined)
    fee = Decimal("0.05") * 10 * Decimal("0.49") * Decimal("0.51")
    assert await trader.cash() == 10_000 - Decimal("4.9") - fee.quantize(Decimal("0.00001"))


async def test_a_resting_order_is_live_until_it_is_cancelled(trader: Trader) -> None:
    body, order_id = trader.prepared(limit="0.40", tif=TimeInForce.GTC)
    assert (await trader.call("POST", "/order", body)).body["status"] == "live"
    order = await trader.get(f"/data/order/{order_id}")
    assert (order["status"], order["market"], order["size_matched"]) == ("LIVE", CONDITION, "0")
    listed = await trader.get("/data/orders")
    assert [one["id"] for one in listed["data"]] == [order_id]
    gone = await trader.call("DELETE", "/order", {"orderID": order_id})
    assert gone.body == {"canceled": [order_id], "not_canceled": {}}
    again = await trader.call("DELETE", "/order", {"orderID": order_id})
    assert again.body == {"canceled": [], "not_canceled": {order_id: "Order not found or already canceled"}}
    assert (await trader.get("/data/orders"))["data"] == []


async def test_buying_the_complement_is_selling_the_first_token(trader: Trader) -> None:
    book = (await trader.send("GET", f"/book?token_id={NO}")).body
    assert (book["bids"][-1], book["asks"][-1]) == ({"price": "0.51", "size": "80"}, {"price": "0.53", "size": "100"})
    assert (await trader.order(market=NO, limit="0.53", size="20")).body["status"] == "matched"
    book = (await trader.send("GET", f"/book?token_id={YES}")).body
    assert book["bids"][-1] == {"price": "0.47", "size": "80"}


async def test_a_fak_buy_spends_dollars_and_gets_more_shares_where_the_book_is_better(trader: Trader) -> None:
    answer = await trader.order(size="10", limit="0.50")  # five dollars
    assert (answer.body["makingAmount"], answer.body["takingAmount"]) == ("4.999960", "10.204000") or Decimal(
        answer.body["takingAmount"]
    ) > 10
    assert Decimal(answer.body["makingAmount"]) <= 5


async def test_what_was_bought_can_be_sold_once_it_is_mined(trader: Trader) -> None:
    await trader.order(size="10", limit="0.49")
    early = await trader.order(side=Side.SELL, size="10", limit="0.47")
    if early.status != 200:
        assert early.error.startswith("not enough balance / allowance: the balance is not enough -> balance: 0, ")

        async def mined() -> bool:
            return await trader.shares() == 10

        await until(mined)
        early = await trader.order(side=Side.SELL, size="10", limit="0.47")
    assert (early.body["makingAmount"], early.body["takingAmount"]) == ("10", "4.7")
