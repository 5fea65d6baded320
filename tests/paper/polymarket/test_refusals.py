"""Every refusal of the CLOB that an order, a cancel or a request can earn, by its status and its words."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest

from domain.orders import Side, TimeInForce
from recording.sources.session import BookReset, Condition, RecordedSession
from tests.paper.polymarket.clob import (
    CONDITION,
    DEPOSIT,
    KEY,
    OTHER,
    OTHER_KEY,
    T0,
    YES,
    Trader,
    levels,
    session,
    spec,
    until,
)
from tests.paper.polymarket.conftest import Launch
from venues.polymarket.auth import l1_headers
from venues.polymarket.contracts import EXCHANGE, NEG_RISK_ADAPTER
from venues.polymarket.wallet import SignatureType

GTC, FOK = TimeInForce.GTC, TimeInForce.FOK
FUNDER = "0x" + "77" * 20


def changed(body: bytes, path: str, value: object) -> bytes:
    """The body with one field set to something else after it was signed."""
    document = msgspec.json.decode(body)
    inner = document
    *ways, last = path.split(".")
    for way in ways:
        inner = inner[way]
    inner[last] = value
    return msgspec.json.encode(document)


async def test_the_same_order_twice_is_duplicated_also_when_it_was_killed(trader: Trader) -> None:
    body, order_id = trader.prepared(size="10", limit="0.49")
    assert (await trader.call("POST", "/order", body)).status == 200
    again = await trader.call("POST", "/order", body)
    assert (again.status, again.error) == (400, f"order {order_id} is invalid. Duplicated.")
    body, order_id = trader.prepared(limit="0.30")
    killed = await trader.call("POST", "/order", body)
    assert killed.error.startswith("no orders found to match with FAK order")
    again = await trader.call("POST", "/order", body)
    assert again.error == f"order {order_id} is invalid. Duplicated."
    assert (await trader.get(f"/data/order/{order_id}"))["status"] == "CANCELED"


async def test_an_order_refused_before_the_book_may_be_sent_again(trader: Trader) -> None:
    body, order_id = trader.prepared(size="3", limit="0.40", tif=GTC)
    for _ in range(2):
        answer = await trader.call("POST", "/order", body)
        assert answer.error == f"order {order_id} is invalid. Size (3) lower than the minimum: 5"
    assert (await trader.call("GET", f"/data/order/{order_id}")).status == 404


async def test_a_price_off_the_tick_is_named_with_the_rule(trader: Trader) -> None:
    body, order_id = trader.prepared(limit="0.495", tick="0.001", tif=GTC)
    answer = await trader.call("POST", "/order", body)
    assert answer.status == 400
    assert answer.error.startswith(f"order {order_id} is invalid. Price (0.495")
    assert answer.error.endswith("breaks minimum tick size rule: 0.01")


async def test_post_only_may_not_cross_and_fok_is_all_or_nothing(trader: Trader) -> None:
    crossing = await trader.order(tif=GTC, post_only=True, limit="0.49")
    assert (crossing.status, crossing.error) == (400, "invalid post-only order: order crosses book")
    killed = await trader.order(tif=FOK, size="500", limit="0.50")
    assert killed.error == "order couldn't be fully filled. FOK orders are fully filled or killed."
    assert (await trader.order(tif=FOK, size="80", limit="0.49")).body["status"] == "matched"


async def test_a_marketable_buy_under_a_dollar_is_refused(trader: Trader) -> None:
    answer = await trader.order(size="1", limit="0.49")
    assert answer.status == 400
    assert "marketable BUY order" in answer.error
    assert "min size: $1" in answer.error


async def test_money_that_is_not_there_is_told_to_the_last_unit(trader: Trader) -> None:
    answer = await trader.order(size="30000", limit="0.40", tif=GTC)
    assert answer.error == (
        "not enough balance / allowance: the balance is not enough -> balance: 10000000000, order amount: 12000000000"
    )
    assert (await trader.order(size="20000", limit="0.40", tif=GTC)).status == 200
    answer = await trader.order(size="10000", limit="0.40", tif=GTC)
    assert answer.error.endswith("balance: 10000000000, sum of active orders: 8000000000, order amount: 4000000000")
    nothing = await trader.order(side=Side.SELL, size="10", limit="0.60", tif=GTC)
    assert nothing.error.endswith("balance: 0, order amount: 10000000")


async def test_a_missing_allowance_names_its_spender(trader: Trader) -> None:
    set_to = {"address": trader.wallet.address, "collateral_allowances": {EXCHANGE: 0}}
    await trader.admin("POST", "/polymarket/wallet", set_to)
    answer = await trader.order(size="10", limit="0.40", tif=GTC)
    assert answer.error.startswith(
        f"not enough balance / allowance: the allowance is not enough -> spender: {EXCHANGE}, allowance: 0, "
    )
    seen = await trader.get("/balance-allowance?asset_type=COLLATERAL&signature_type=0")
    assert seen["allowances"][EXCHANGE] == "0"
    set_to = {"address": trader.wallet.address, "collateral_allowances": {NEG_RISK_ADAPTER: 5}}
    await trader.admin("POST", "/polymarket/wallet", set_to)
    answer = await trader.order(market=OTHER, size="10", limit="0.25", tif=GTC)
    assert f"spender: {NEG_RISK_ADAPTER}, allowance: 5" in answer.error


async def test_an_expiry_must_be_a_minute_away_and_belong_to_gtd(trader: Trader) -> None:
    now = time.time_ns() // 1000
    body = trader.body(tif=TimeInForce.GTD, limit="0.40", expires_at=now + 400_000_000)
    soon = changed(body, "order.expiration", str(now // 1_000_000 + 59))
    assert (await trader.call("POST", "/order", soon)).error == "invalid expiration"
    stray = changed(trader.body(limit="0.40", tif=GTC), "order.expiration", str(now // 1_000_000 + 400))
    assert (await trader.call("POST", "/order", stray)).error == "invalid expiration"
    assert (await trader.call("POST", "/order", body)).body["status"] == "live"


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("owner", "9180014b-33c8-9240-a14b-bdca11c0a465", "the order owner has to be the owner of the API KEY"),
        ("order.signer", "0x" + "12" * 20, "the order signer address has to be the address of the API KEY"),
        ("order.makerAmount", "4900001", "Invalid order payload"),
        ("order.salt", 12345, "Invalid order payload"),
        ("order.signature", "0x00", "Invalid order payload"),
        ("order.signatureType", 7, "Invalid order payload"),
        ("order.tokenId", "123", "No orderbook exists for the requested token id"),
        ("orderType", "IOC", "Invalid order payload"),
    ],
)
async def test_what_was_changed_after_signing_is_refused(trader: Trader, field: str, value: object, text: str) -> None:
    answer = await trader.call("POST", "/order", changed(trader.body(), field, value))
    assert answer.error == text
    assert answer.status == (404 if "orderbook" in text else 400)


async def test_an_order_signed_for_the_other_exchange_is_a_version_mismatch(trader: Trader) -> None:
    answer = await trader.order(neg_risk=True)
    assert (answer.status, answer.error) == (400, "order_version_mismatch")


async def test_somebody_elses_key_signs_for_nobody(trader: Trader) -> None:
    thief = Trader(trader.url, trader.http, type(trader.wallet).from_hex(OTHER_KEY), trader.admin_url)
    await thief.enter()
    answer = await thief.call("POST", "/order", trader.body(owner=thief.owner))
    assert answer.error == "the order signer address has to be the address of the API KEY"


async def test_a_request_nobody_signed_is_unauthorized(trader: Trader) -> None:
    for headers in ({}, {"POLY_API_KEY": trader.owner}):
        answer = await trader.send("GET", "/data/orders", headers=headers)
        assert (answer.status, answer.error) == (401, "Unauthorized/Invalid api key")
    old = l1_headers(trader.wallet, int(time.time()) - 600)
    assert (await trader.send("POST", "/auth/api-key", headers=old)).error == "Invalid L1 Request headers"
    forged = l1_headers(trader.wallet, int(time.time())) | {"POLY_ADDRESS": "0x" + "12" * 20}
    assert (await trader.send("GET", "/auth/derive-api-key", headers=forged)).status == 401


async def test_a_key_is_created_once_derived_often_and_deleted(trader: Trader) -> None:
    headers = l1_headers(trader.wallet, int(time.time()))
    assert (await trader.send("POST", "/auth/api-key", headers=headers)).status == 400
    derived = await trader.send("GET", "/auth/derive-api-key", headers=headers)
    assert derived.body["apiKey"] == trader.owner
    assert await trader.get("/auth/api-keys") == {"apiKeys": [trader.owner]}
    assert (await trader.call("DELETE", "/auth/api-key")).body == "OK"
    assert (await trader.call("GET", "/data/orders")).status == 401


async def test_a_batch_is_not_atomic_and_holds_fifteen_at_most(trader: Trader) -> None:
    entries = [trader.body(limit="0.40", tif=GTC), trader.body(limit="0.30"), trader.body(limit="0.41", tif=GTC)]
    answer = await trader.call("POST", "/orders", b"[" + b",".join(entries) + b"]")
    assert [one["errorMsg"][:15] for one in answer.body] == ["", "no orders found", ""]
    many = await trader.call("POST", "/orders", b"[" + b",".join([entries[0]] * 16) + b"]")
    assert many.error == "Too many orders in payload: 16, max allowed: 15"


async def test_cancels_say_why_not(trader: Trader) -> None:
    body, done = trader.prepared(size="10")
    await trader.call("POST", "/order", body)
    _, unknown = trader.prepared()
    answer = await trader.call("DELETE", "/orders", [done, unknown])
    assert answer.body["not_canceled"] == {
        done: "Order already matched",
        unknown: "Order not found or already canceled",
    }
    assert (await trader.call("DELETE", "/order", {"orderID": "0x12"})).error == "Invalid orderID"
    too_many = await trader.call("DELETE", "/orders", ["0x" + f"{number:064x}" for number in range(1001)])
    assert too_many.error == "Too many orders in payload, max allowed: 1000"


async def test_the_modes_of_the_exchange(trader: Trader) -> None:
    _, resting = body_and_id = trader.prepared(limit="0.40", tif=GTC)
    await trader.call("POST", "/order", body_and_id[0])

    async def mode(name: str, **more: Any) -> None:
        assert (await trader.admin("POST", "/polymarket/mode", {"mode": name} | more)).status == 200

    await mode("post_only", for_ms=79_000)
    answer = await trader.order()
    assert (answer.status, answer.body["code"]) == (503, "post_only_mode")
    assert answer.error == "post-only mode: only post-only orders and cancels are allowed"
    assert answer.body["retry_after_seconds"] in (78, 79)
    assert answer.headers["Retry-After"] == str(answer.body["retry_after_seconds"])
    batch = await trader.call("POST", "/orders", b"[" + trader.body() + b"]")
    assert batch.status == 200
    assert (batch.body[0]["success"], batch.body[0]["errorMsg"]) == (True, answer.error)
    assert (await trader.order(tif=GTC, post_only=True, limit="0.41")).status == 200
    await mode("cancel_only")
    assert (await trader.order(tif=GTC, post_only=True, limit="0.41")).status == 503
    assert (await trader.call("DELETE", "/order", {"orderID": resting})).body["canceled"] == [resting]
    await mode("disabled")
    assert (await trader.call("DELETE", "/cancel-all")).status == 503
    await mode("restarting", for_ms=1)

    async def up() -> bool:
        return (await trader.order()).status != 425

    await until(up)
    assert (await trader.order()).body["code"] == "post_only_mode"  # two minutes of it follow a restart
    await mode("restarting")
    assert (await trader.order()).status == 425
    await mode("normal")
    assert (await trader.order()).status == 200


async def test_banned_and_closed_only_accounts(trader: Trader) -> None:
    await trader.admin("POST", "/polymarket/wallet", {"address": trader.wallet.address, "closed_only": True})
    assert (await trader.get("/auth/ban-status/closed-only")) == {"closed_only": True}
    assert (await trader.order()).error.endswith("in closed only mode")
    await trader.admin("POST", "/polymarket/wallet", {"address": trader.wallet.address, "banned": True})
    assert (await trader.order()).error.endswith("address banned")


@pytest.mark.parametrize("kind", [SignatureType.PROXY, SignatureType.SAFE, DEPOSIT])
async def test_every_kind_of_wallet_signs_for_its_funder(venue: Any, http: Any, kind: SignatureType) -> None:
    trader = await Trader.at(venue, http, KEY, funder=FUNDER, signature_type=kind).enter()
    body, order_id = trader.prepared(size="10", limit="0.49")
    answer = await trader.call("POST", "/order", body)
    assert (answer.status, answer.body["orderID"]) == (200, order_id)
    assert (await trader.get(f"/data/order/{order_id}"))["maker_address"].lower() == FUNDER
    thief = await Trader.at(venue, http, OTHER_KEY, funder=FUNDER, signature_type=kind).enter()
    assert (await thief.order()).error == "the order signer address has to be the address of the API KEY"


async def test_orders_of_the_second_protocol_are_signed_under_its_own_domain(launch: Launch, http: Any) -> None:
    first, second = str(2**200 + (7 << 8)), str(2**200 + (7 << 8) + 1)
    market = spec(first, second, "0x" + "aa" * 32)
    about = Condition(first, "0x" + "aa" * 32, version="v2")
    opening = BookReset(T0, first, levels(("0.47", 100)), levels(("0.51", 80)))
    server = await launch(RecordedSession("v2", (market,), (opening,), (), (), (about,)))
    trader = await Trader.at(server, http).enter()
    assert (await trader.send("GET", f"/book?token_id={first}")).body["version"] == "v2"
    body, order_id = trader.prepared(market=first, version="v2")
    answer = await trader.call("POST", "/order", body)
    assert (answer.status, answer.body["orderID"]) == (200, order_id)


async def test_a_delayed_order_cannot_be_cancelled_and_is_matched_after_it(launch: Launch, http: Any) -> None:
    trader = await Trader.at(await launch(session(delay_ms=1000)), http).enter()
    body, order_id = trader.prepared(size="10")
    answer = await trader.call("POST", "/order", body)
    assert (answer.body["status"], answer.body["orderID"], answer.body["tradeIDs"]) == ("delayed", order_id, [])
    gone = await trader.call("DELETE", "/order", {"orderID": order_id})
    assert order_id in gone.body["not_canceled"]

    async def matched() -> bool:
        return bool((await trader.get(f"/data/order/{order_id}"))["status"] == "MATCHED")

    await until(matched)


async def test_a_short_delay_is_waited_for_and_the_answer_is_final(launch: Launch, http: Any) -> None:
    trader = await Trader.at(await launch(session(delay_ms=250)), http).enter()
    market = (await trader.send("GET", f"/clob-markets/{CONDITION}")).body
    assert market["itode"] is True
    answer = await trader.order(market=YES)
    assert (answer.body["status"], answer.body["takingAmount"]) == ("matched", "10")
