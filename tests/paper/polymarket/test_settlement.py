"""From match to money: statuses in their order, failures that reverse, payment when a market ends."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from domain.orders import Side, TimeInForce
from tests.paper.polymarket.clob import CONDITION, GROUP, NO, OTHER, OTHER_NO, YES, Trader, session, until
from tests.paper.polymarket.conftest import Launch


async def statuses(trader: Trader) -> list[str]:
    return [row["status"].removeprefix("TRADE_STATUS_") for row in (await trader.get("/data/trades"))["data"]]


async def test_a_trade_is_matched_then_mined_then_confirmed_and_told_each_time(launch: Launch, http: Any) -> None:
    server = await launch()
    trader = await Trader.at(server, http).enter()
    socket = await http.ws_connect(f"{server.clob_ws_url}/user")
    await socket.send_json({"auth": trader.auth, "type": "user"})
    await socket.send_str("PING")
    assert await socket.receive_str() == "PONG"
    answer = await trader.order(size="10", limit="0.49")
    heard = [await socket.receive_json() for _ in range(4)]
    await socket.close()
    assert [(one["event_type"], one["status"]) for one in heard] == [
        ("order", "MATCHED"),
        ("trade", "MATCHED"),
        ("trade", "MINED"),
        ("trade", "CONFIRMED"),
    ]
    assert {one["id"] for one in heard[1:]} == set(answer.body["tradeIDs"])
    assert heard[1]["transaction_hash"] == ""
    assert heard[3]["transaction_hash"].startswith("0x")
    row = (await trader.get("/data/trades"))["data"][0]
    assert (row["trader_side"], row["size"], row["price"]) == ("TAKER", "10", "0.49")
    assert row["taker_order_id"] == answer.body["orderID"]


async def test_a_match_that_fails_gives_back_what_it_took_and_never_becomes_shares(launch: Launch, http: Any) -> None:
    trader = await Trader.at(await launch(mine_after_ms=50), http).enter()
    armed = await trader.admin(
        "POST", "/faults", [{"match": {"venue": "polymarket", "event": "settlement"}, "do": "fail"}]
    )
    assert armed.status == 200
    await trader.order(size="10", limit="0.49")

    async def failed() -> bool:
        return await statuses(trader) == ["FAILED"]

    await until(failed)
    assert await trader.cash() == 10_000
    assert await trader.shares() == 0
    early = await trader.order(side=Side.SELL, size="10", limit="0.47")
    assert early.error.startswith("not enough balance / allowance")


async def test_a_match_that_fails_after_it_was_mined_is_reversed(launch: Launch, http: Any) -> None:
    trader = await Trader.at(await launch(confirm_after_ms=300), http).enter()
    script = {"seed": 3, "faults": [{"match": {"event": "settlement"}, "do": "fail", "stage": "late"}]}
    assert (await trader.admin("POST", "/faults", script)).status == 200
    await trader.order(size="10", limit="0.49")

    async def mined() -> bool:
        return await trader.shares() == 10

    async def failed() -> bool:
        return await statuses(trader) == ["FAILED"]

    await until(mined)
    assert await trader.cash() < 10_000
    await until(failed)
    assert (await trader.cash(), await trader.shares()) == (10_000, 0)


async def test_a_share_of_matches_fails_by_chance_and_the_seed_decides_which(launch: Launch, http: Any) -> None:
    trader = await Trader.at(await launch(failing=1.0), http).enter()
    await trader.order(size="10", limit="0.49")

    async def failed() -> bool:
        return await statuses(trader) == ["FAILED"]

    await until(failed)


async def test_a_resting_order_filled_by_somebody_shows_as_maker_with_no_fee(launch: Launch, http: Any) -> None:
    trader = await Trader.at(await launch(), http).enter()
    _, order_id = await rest(trader, limit="0.48", size="10")
    printed = {"token": YES, "side": "SELL", "price": "0.48", "size": "4"}
    assert (await trader.admin("POST", "/polymarket/print", printed)).status == 200
    order = await trader.get(f"/data/order/{order_id}")
    assert (order["status"], order["size_matched"]) == ("LIVE", "4")
    row = (await trader.get("/data/trades"))["data"][0]
    assert row["trader_side"] == "MAKER"
    mine = [one for one in row["maker_orders"] if one["order_id"] == order_id]
    assert [(one["matched_amount"], one["price"], one["asset_id"]) for one in mine] == [("4", "0.48", YES)]

    async def mined() -> bool:
        return await trader.shares() == 4

    await until(mined)
    assert await trader.cash() == 10_000 - Decimal("0.48") * 4


async def test_winning_shares_pay_a_dollar_and_the_others_nothing(launch: Launch, http: Any) -> None:
    trader = await Trader.at(await launch(config={"settle_after_ms": 10}), http).enter()
    await trader.order(size="10", limit="0.49")
    await trader.order(market=NO, size="10", limit="0.53")
    await rest(trader, limit="0.40", size="10")

    async def mined() -> bool:
        return await trader.shares(YES) == 10 and await trader.shares(NO) == 10

    await until(mined)
    before = await trader.cash()
    ended = await trader.admin("POST", "/resolve", {"market": YES, "result": "no"})
    assert (ended.body["markets"][0]["condition"], ended.body["markets"][0]["result"]) == (CONDITION, "no")

    async def paid() -> bool:
        return await trader.cash() == before + 10

    await until(paid)
    assert (await trader.shares(YES), await trader.shares(NO)) == (0, 0)
    market = (await trader.send("GET", f"/markets/{CONDITION}")).body
    assert market["closed"]
    assert [one["winner"] for one in market["tokens"]] == [False, True]
    assert (await trader.order(size="10")).status == 400
    assert (await trader.get("/data/orders"))["data"] == []


async def test_the_winner_of_a_group_ends_all_its_markets(launch: Launch, http: Any) -> None:
    trader = await Trader.at(await launch(), http).enter()
    ended = await trader.admin("POST", "/resolve", {"event": GROUP, "winner": OTHER_NO})
    assert [(one["market"], one["result"]) for one in ended.body["markets"]] == [(OTHER, "no")]
    wrong = await trader.admin("POST", "/resolve", {"event": GROUP, "winner": YES})
    assert wrong.status == 400


async def test_a_recorded_level_that_comes_across_fills_a_resting_order_behind_its_line(
    launch: Launch, http: Any
) -> None:
    server = await launch(session())
    trader = await Trader.at(server, http).enter()
    _, order_id = await rest(trader, limit="0.47", size="10")  # behind the hundred that stand there
    printed = {"token": YES, "side": "SELL", "price": "0.47", "size": "95"}
    await trader.admin("POST", "/polymarket/print", printed)
    assert (await trader.get(f"/data/order/{order_id}"))["size_matched"] == "0"
    await trader.admin("POST", "/polymarket/print", printed | {"size": "8"})
    assert (await trader.get(f"/data/order/{order_id}"))["size_matched"] == "3"
    await trader.admin("POST", "/polymarket/print", printed | {"price": "0.46", "size": "5"})  # through it
    assert (await trader.get(f"/data/order/{order_id}"))["size_matched"] == "8"


async def rest(trader: Trader, **fields: Any) -> tuple[bytes, str]:
    body, order_id = trader.prepared(tif=TimeInForce.GTC, **fields)
    answer = await trader.call("POST", "/order", body)
    assert (answer.status, answer.body["status"]) == (200, "live"), answer
    return body, order_id
