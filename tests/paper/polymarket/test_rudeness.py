"""What a rude venue does at Polymarket's wire: each kind does what it says, and accounts say what was really done."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import pytest

from domain.orders import Side, TimeInForce
from paper.core.charges import polymarket_fee
from paper.server import PaperServer
from tests.paper.polymarket.clob import NO, YES, Trader, session, until
from tests.paper.polymarket.conftest import Launch
from tests.paper.polymarket.test_faults import arm, place

SETTLEMENT = {"event": "settlement"}
D = Decimal


async def trades(trader: Trader) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = (await trader.get("/data/trades"))["data"]
    return rows[::-1]


def fee(*parts: tuple[str, str]) -> Decimal:
    """Each maker's part at its own price."""
    charged = sum(polymarket_fee(50_000, 1, int(D(p) * 1_000_000), int(D(s) * 1_000_000)) for p, s in parts)
    return D(charged) / 1_000_000


async def mined(trader: Trader, token: str, shares: str) -> None:
    async def there() -> bool:
        return await trader.shares(token) == D(shares)

    await until(there)


async def test_dollars_buy_more_shares_where_the_price_is_better_than_shown(trader: Trader) -> None:
    await arm(trader, place(do="improve", ticks=1, shares="4"))
    answer = (await trader.order(size="10", limit="0.49")).body
    assert D(answer["makingAmount"]) <= D("4.90")  # never more than was signed for
    assert answer["takingAmount"] == "10.0816"  # 4 at 0.48, and 2.98 dollars' worth at 0.49
    assert [(row["price"], row["size"]) for row in await trades(trader)] == [("0.48", "4"), ("0.49", "6.0816")]
    await mined(trader, YES, "10.0816")
    assert D(10_000) - await trader.cash() == D(answer["makingAmount"]) + fee(("0.48", "4"), ("0.49", "6.0816"))


async def test_several_prices_and_makers_are_one_trade_whose_rows_add_up_to_what_was_paid(trader: Trader) -> None:
    await arm(trader, place(do="merge", count=2))
    answer = (await trader.order(size="100", limit="0.50")).body
    (row,) = await trades(trader)
    makers = row["maker_orders"]
    assert row["price"] == "0.5"  # the last of them, whatever was paid
    assert len({one["order_id"] for one in makers}) == len(makers) == 4
    assert sum(D(one["matched_amount"]) for one in makers) == D(row["size"]) == D(answer["takingAmount"])
    own = [one for one in makers if one["asset_id"] == YES]
    across = [one for one in makers if one["asset_id"] == NO]
    assert {one["side"] for one in own} == {"SELL"}
    assert {one["side"] for one in across} == {"BUY"}  # a purchase of the other token: the pair is minted
    parts = [(one["price"], one["matched_amount"]) for one in own]
    parts += [(str(1 - D(one["price"])), one["matched_amount"]) for one in across]
    assert sum(D(price) * D(size) for price, size in parts) == D(answer["makingAmount"])
    await mined(trader, YES, row["size"])
    assert D(10_000) - await trader.cash() == D(answer["makingAmount"]) + fee(*parts)


async def test_makers_at_one_price_are_rows_of_one_trade(trader: Trader) -> None:
    await arm(trader, place(do="makers", count=3))
    await trader.order(size="10", limit="0.49")
    (row,) = await trades(trader)
    assert [one["matched_amount"] for one in row["maker_orders"]] == ["1.66", "3.33", "5.01"]


async def test_a_resting_order_may_have_a_part_of_a_larger_trade(trader: Trader) -> None:
    placed = await trader.order(size="10", limit="0.48", tif=TimeInForce.GTC)
    await arm(trader, {"match": {"event": "making"}, "do": "company"})
    told = {"token": YES, "side": "SELL", "price": "0.48", "size": "10"}
    assert (await trader.admin("POST", "/polymarket/print", told)).status == 200
    (row,) = await trades(trader)
    own = [one for one in row["maker_orders"] if one["order_id"] == placed.body["orderID"]]
    assert (row["size"], len(row["maker_orders"])) == ("20", 2)
    assert [one["matched_amount"] for one in own] == ["10"]
    await mined(trader, YES, "10")
    assert D(10_000) - await trader.cash() == D("4.80")


async def test_a_trade_may_need_a_second_try_and_is_mined_then(trader: Trader) -> None:
    await arm(trader, {"match": SETTLEMENT, "do": "retry"})
    channel = await trader.http.ws_connect(trader.url.replace("http", "ws") + "/ws/user")
    await channel.send_json({"type": "user", "auth": trader.auth})
    await trader.order(size="10", limit="0.49")
    seen: list[str] = []
    while not seen or seen[-1] != "CONFIRMED":
        frame = await channel.receive_json(timeout=10)
        seen += [frame["status"]] if frame["event_type"] == "trade" else []
    assert seen == ["MATCHED", "RETRYING", "MINED", "CONFIRMED"]
    assert await trader.shares() == 10


async def test_a_late_settlement_is_mined_later(launch: Launch, http: Any) -> None:
    trader = await Trader.at(await launch(), http).enter()
    await arm(trader, {"match": SETTLEMENT, "do": "late", "ms": 500})
    began = time.monotonic()
    await trader.order(size="10", limit="0.49")
    await mined(trader, YES, "10")
    assert time.monotonic() - began >= 0.5


async def test_a_cached_balance_stays_until_the_client_asks_for_the_update(trader: Trader) -> None:
    assert await trader.cash() == 10_000
    await arm(trader, {"match": SETTLEMENT, "do": "cached", "ms": 600_000})
    await trader.order(size="10", limit="0.49")

    async def confirmed() -> bool:
        return [row["status"] for row in await trades(trader)] == ["TRADE_STATUS_CONFIRMED"]

    await until(confirmed)
    assert (await trader.cash(), await trader.shares()) == (10_000, 0)
    sale = {"side": Side.SELL, "size": "10", "limit": "0.46"}
    assert (await trader.order(**sale)).error.startswith("not enough balance / allowance")
    update = f"/balance-allowance/update?asset_type=CONDITIONAL&token_id={YES}&signature_type=0"
    assert (await trader.call("GET", update)).status == 200
    assert await trader.shares() == 10
    assert (await trader.cash()) < 10_000
    assert (await trader.order(**sale)).body["status"] == "matched"


async def test_a_cached_balance_is_read_again_by_itself_after_its_time(trader: Trader) -> None:
    await arm(trader, {"match": SETTLEMENT, "do": "cached", "ms": 200})
    await trader.order(size="10", limit="0.49")
    await mined(trader, YES, "10")
    assert (await trader.cash()) < 10_000


async def test_what_was_sold_cannot_be_sold_again_out_of_a_cache(trader: Trader) -> None:
    await trader.order(size="10", limit="0.49")
    await mined(trader, YES, "10")
    await arm(trader, {"match": SETTLEMENT, "do": "cached", "ms": 600_000})
    sale = {"side": Side.SELL, "size": "10", "limit": "0.46"}
    assert (await trader.order(**sale)).body["status"] == "matched"
    assert await trader.shares() == 10  # so says the cache
    assert (await trader.order(**sale)).error.startswith("not enough balance / allowance")


@pytest.mark.parametrize("kind", ["error_body", "no_order"])
@pytest.mark.parametrize(("when", "there"), [("before", False), ("after", True)])
async def test_an_answer_without_an_order_says_nothing_about_it(
    trader: Trader, kind: str, when: str, there: bool
) -> None:
    await arm(trader, place(do=kind, when=when))
    body, order_id = trader.prepared(limit="0.40", tif=TimeInForce.GTC)
    answer = await trader.call("POST", "/order", body)
    assert answer.status == 200
    assert not (answer.body or {}).get("orderID")
    assert (await trader.call("GET", f"/data/order/{order_id}")).status == (200 if there else 404)


async def test_a_page_of_html_is_an_answer_that_says_nothing(trader: Trader) -> None:
    await arm(trader, place(do="html", when="after"))
    body, order_id = trader.prepared(limit="0.40", tif=TimeInForce.GTC)
    answer = await trader.call("POST", "/order", body)
    assert answer.status == 502
    assert str(answer.body).startswith("<!DOCTYPE html>")
    assert (await trader.call("GET", f"/data/order/{order_id}")).status == 200


async def test_a_refusal_in_unknown_words_has_no_effect_and_its_bytes_are_on_record(trader: Trader) -> None:
    await arm(trader, place(do="refuse"))
    body, order_id = trader.prepared()
    answer = await trader.call("POST", "/order", body)
    assert answer.status == 400
    assert (await trader.call("GET", f"/data/order/{order_id}")).status == 404
    assert (await trader.admin("GET", "/polymarket/audit")).body["orders"][order_id]["times"] == 1


async def test_amounts_in_millionths_and_beyond_what_was_signed_change_the_answer_alone(trader: Trader) -> None:
    await arm(trader, place(do="other_unit"))
    answer = (await trader.order(size="10", limit="0.49")).body
    assert (answer["takingAmount"], answer["makingAmount"]) == ("10000000", "4900000")
    await arm(trader, place(do="beyond", factor="10"))
    answer = (await trader.order(size="10", limit="0.49")).body
    assert (answer["takingAmount"], answer["makingAmount"]) == ("100", "49.0")
    await mined(trader, YES, "20")


async def test_a_venue_that_signs_its_counts_changes_the_answer_alone(trader: Trader) -> None:
    await arm(trader, place(do="other_sign"))
    answer = (await trader.order(size="10", limit="0.49")).body
    assert (answer["takingAmount"], answer["makingAmount"]) == ("-10", "-4.9")
    await mined(trader, YES, "10")


async def test_an_answer_may_be_of_the_moment_before_the_match(trader: Trader) -> None:
    await arm(trader, place(do="not_yet"))
    answer = (await trader.order(size="10", limit="0.49")).body
    assert answer["status"] in ("live", "delayed")
    assert (answer["takingAmount"], answer["tradeIDs"]) == ("", [])
    assert [row["size"] for row in await trades(trader)] == ["10"]


async def test_a_condition_may_pay_otherwise_than_was_declared(trader: Trader, venue: PaperServer) -> None:
    await trader.order(size="10", limit="0.49")
    await mined(trader, YES, "10")
    before = await trader.cash()
    await arm(trader, {"match": {"event": "payout", "venue": "polymarket"}, "do": "payout", "value": "0.50"})
    told = (await trader.admin("POST", "/resolve", {"market": YES, "result": "yes"})).body["markets"]
    assert told[0]["result"] == "scalar"

    async def paid() -> bool:
        return await trader.cash() == before + 5

    await until(paid)


async def test_a_rude_exchange_stays_exact_in_every_account(launch: Launch, http: Any) -> None:
    """Whatever the answers say: what was listed as traded, and its fees, is what the wallet lost and gained."""
    venue = await launch(session(), config={"rudeness": D(5), "seed": 3})
    trader = await Trader.at(venue, http).enter()
    for number in range(25):
        sells = number % 3 == 2
        await trader.order(
            side=Side.SELL if sells else Side.BUY, size="7.31", limit="0.46" if sells else "0.50", tif=TimeInForce.IOC
        )

    async def settled() -> bool:
        return not venue.polymarket.clob.unfinished

    await until(settled)
    clob = venue.polymarket.clob
    (wallet,) = clob.wallets.values()
    rows = list(clob.store.trades(keeper=wallet.keeper))
    assert len(rows) > 8
    done = [row for row in rows if row.settled]
    assert wallet.cash == wallet.paid_in + sum(row.cash for row in done)
    assert wallet.tokens.get(YES, 0) == sum(row.shares for row in done)
    for row in rows:
        assert sum(one.matched for one in row.makers) == row.size
    counts = venue.faults.counts()
    assert sum(kind["fired"] for kind in counts.values()) > 20
