"""Orders changed while they work, many at once, in groups, ended by time or by a pause; over the wire."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal
from typing import Any

import aiohttp
import pytest

from paper.kalshi.groups import Groups
from paper.kalshi.store import Store
from recording.sources.session import BookDelta
from tests.paper.conftest import Launch
from tests.paper.sample import AAA, BBB, EVENT, ORDERS, T0, Client, micros, session, ticket, until
from tests.patience import PATIENCE_S

GTC = {"time_in_force": "good_till_canceled"}
GROUPS = "/portfolio/order_groups"


async def rest(venue: Client, **fields: object) -> str:
    placed = await venue.order(**({"price": "0.4500", "count": "10.00"} | GTC | fields))
    assert placed.status == 201, placed
    return str(placed.body["order_id"])


async def shown(venue: Client, order_id: str) -> dict[str, Any]:
    order: dict[str, Any] = (await venue.get(f"/portfolio/orders/{order_id}"))["order"]
    return order


async def amend(venue: Client, order_id: str, **fields: object) -> Any:
    body = {"ticker": AAA, "side": "bid", "price": "0.4500", "count": "10.00"} | fields
    return await venue.call("POST", f"{ORDERS}/{order_id}/amend", body)


async def free(venue: Client) -> Decimal:
    return Decimal((await venue.get("/portfolio/balance"))["balance_dollars"])


async def settled(venue: Client, order_id: str, status: str) -> dict[str, Any]:
    async def done() -> bool:
        return bool((await shown(venue, order_id))["status"] == status)

    await until(done)
    return await shown(venue, order_id)


# --- decrease and amend ---------------------------------------------------------------------------------------------


async def test_a_decrease_leaves_less_and_frees_its_collateral(venue: Client) -> None:
    order_id = await rest(venue)
    before = await free(venue)
    answer = await venue.call("POST", f"{ORDERS}/{order_id}/decrease", {"reduce_to": "4.00"})
    assert (answer.status, answer.body["remaining_count"]) == (200, "4.00")
    assert await free(venue) - before == Decimal("2.70")
    again = await venue.call("POST", f"{ORDERS}/{order_id}/decrease", {"reduce_to": "4.00"})
    assert again.body["remaining_count"] == "4.00"
    by = await venue.call("POST", f"{ORDERS}/{order_id}/decrease", {"reduce_by": "1.00"})
    assert by.body["remaining_count"] == "3.00"
    assert (await venue.call("POST", f"{ORDERS}/{order_id}/decrease", {"reduce_to": "0"})).status == 200
    order = await shown(venue, order_id)
    assert (order["status"], order["fill_count_fp"], order["remaining_count_fp"]) == ("canceled", "0.00", "0.00")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid_parameters"),
        ({"reduce_to": "1.00", "reduce_by": "1.00"}, "invalid_parameters"),
        ({"reduce_to": "11.00"}, "invalid_parameters"),
        ({"reduce_by": "11.00"}, "invalid_parameters"),
        ({"reduce_by": 1}, "bad_request"),
    ],
)
async def test_a_decrease_the_order_cannot_take_is_refused(venue: Client, body: dict[str, object], code: str) -> None:
    order_id = await rest(venue)
    answer = await venue.call("POST", f"{ORDERS}/{order_id}/decrease", body)
    assert (answer.status, answer.body.get("error", answer.body)["code"]) == (400, code)
    assert (await shown(venue, order_id))["remaining_count_fp"] == "10.00"


async def test_an_amend_moves_the_price_and_the_book_shows_it(venue: Client) -> None:
    order_id = await rest(venue)
    answer = await amend(venue, order_id, price="0.4600", count="12.00")
    assert (answer.status, answer.body["remaining_count"], answer.body["fill_count"]) == (200, "12.00", "0.00")
    book = dict((await venue.get(f"/markets/{AAA}/orderbook"))["orderbook_fp"]["yes_dollars"])
    assert ("0.4500" in book, book["0.4600"]) == (False, "62.00")
    order = await shown(venue, order_id)
    assert (order["yes_price_dollars"], order["initial_count_fp"], order["status"]) == ("0.4600", "12.00", "resting")


async def test_an_amend_that_crosses_trades_and_says_what_it_traded(venue: Client) -> None:
    order_id = await rest(venue)
    answer = await amend(venue, order_id, price="0.4900", count="100.00")
    assert (answer.body["fill_count"], answer.body["remaining_count"]) == ("80.00", "20.00")
    assert answer.body["average_fill_price"] == "0.4900"
    order = await shown(venue, order_id)
    assert (order["fill_count_fp"], order["remaining_count_fp"]) == ("80.00", "20.00")
    assert sum(Decimal(f["count_fp"]) for f in (await venue.get("/portfolio/fills"))["fills"]) == 80
    smaller = await amend(venue, order_id, price="0.4900", count="90.00")  # what is filled counts
    assert smaller.body["remaining_count"] == "10.00"


async def test_an_amend_may_rename_an_order_and_both_names_stay_used(venue: Client) -> None:
    order_id = await rest(venue, client_order_id="first")
    assert (await amend(venue, order_id, updated_client_order_id="second")).status == 200
    assert (await shown(venue, order_id))["client_order_id"] == "second"
    for used in ("first", "second"):
        assert (await venue.order(client_order_id=used)).status == 409
    assert (await amend(venue, order_id, updated_client_order_id="first")).status == 409


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"ticker": BBB}, 400, "invalid_parameters"),
        ({"side": "ask"}, 400, "invalid_parameters"),
        ({"price": "0.4550"}, 400, "invalid_price"),
        ({"count": "0.00"}, 400, "invalid_parameters"),
        ({"count": 10}, 400, "bad_request"),
        ({"price": "0.9900", "count": "90000.00"}, 400, "insufficient_balance"),
        ({"client_order_id": "somebody-elses"}, 400, "invalid_parameters"),
        ({"expiration_time": 1}, 400, "invalid_parameters"),
        ({"price": None}, 400, "missing_parameters"),
    ],
)
async def test_an_amend_that_is_refused_leaves_the_order_as_it_was(
    venue: Client, fields: dict[str, object], status: int, code: str
) -> None:
    order_id = await rest(venue)
    before = await shown(venue, order_id)
    answer = await amend(venue, order_id, **fields)
    assert (answer.status, answer.body.get("error", answer.body)["code"]) == (status, code)
    assert await shown(venue, order_id) == before
    assert (await venue.order()).status == 201  # the exchange goes on


async def test_an_order_that_does_not_work_can_be_neither_amended_nor_decreased(venue: Client) -> None:
    order_id = str((await venue.order()).body["order_id"])
    assert (await amend(venue, order_id)).status == 404
    assert (await venue.call("POST", f"{ORDERS}/{order_id}/decrease", {"reduce_to": "0"})).status == 404


async def test_the_place_in_line_is_what_stands_before_the_order(venue: Client) -> None:
    first, second = await rest(venue, price="0.4600"), await rest(venue, price="0.4600", count="5.00")
    listed = (await venue.get(f"/portfolio/orders/queue_positions?market_tickers={AAA}"))["queue_positions"]
    assert {row["order_id"]: row["queue_position_fp"] for row in listed} == {first: "50.00", second: "60.00"}
    one = await venue.get(f"/portfolio/orders/{second}/queue_position")
    assert one == {"queue_position_fp": "60.00"}
    by_event = await venue.get(f"/portfolio/orders/queue_positions?event_ticker={EVENT}")
    assert len(by_event["queue_positions"]) == 2
    assert (await venue.call("GET", "/portfolio/orders/queue_positions")).status == 400
    value = await venue.get("/portfolio/summary/total_resting_order_value")
    assert value["total_resting_order_value"] == 690


# --- batches --------------------------------------------------------------------------------------------------------


async def test_each_entry_of_a_batch_is_taken_or_refused_by_itself(venue: Client) -> None:
    used = ticket(client_order_id="used")
    await venue.call("POST", ORDERS, used)
    entries = [ticket(**GTC, price="0.4500"), used, ticket(price="0.4950"), ticket(count=1)]
    answer = await venue.call("POST", f"{ORDERS}/batched", {"orders": entries})
    assert answer.status == 201
    first, *others = answer.body["orders"]
    assert first["remaining_count"] == "1.00"
    assert [one["error"]["code"] for one in others] == ["order_already_exists", "invalid_price", "bad_request"]
    assert all("details" in one["error"] for one in others)
    gone = await venue.call(
        "DELETE", f"{ORDERS}/batched", {"orders": [{"order_id": first["order_id"]}, {"order_id": "nobody-s"}]}
    )
    assert [one["reduced_by"] for one in gone.body["orders"]] == ["1.00", "0.00"]
    assert gone.body["orders"][1]["error"]["code"] == "not_found"
    assert (await venue.call("POST", f"{ORDERS}/batched", {"orders": []})).status == 400


async def test_everything_that_rests_is_cancelled_by_one_request(venue: Client) -> None:
    ids = [await rest(venue), await rest(venue, ticker=BBB, price="0.0100")]
    assert (await venue.call("DELETE", ORDERS)).status == 204
    assert [(await shown(venue, order_id))["status"] for order_id in ids] == ["canceled"] * 2


# --- groups ---------------------------------------------------------------------------------------------------------


async def group(venue: Client, limit: str = "5.00") -> str:
    answer = await venue.call("POST", f"{GROUPS}/create", {"contracts_limit_fp": limit})
    assert answer.status == 201, answer
    return str(answer.body["order_group_id"])


async def test_a_group_that_trades_beyond_its_limit_ends_its_orders_and_takes_no_more_until_reset(
    venue: Client,
) -> None:
    braked = await group(venue)
    resting = await rest(venue, order_group_id=braked, price="0.4000")
    assert (await venue.get(f"{GROUPS}/{braked}"))["orders"] == [resting]
    within = await venue.order(order_group_id=braked, count="5.00")
    assert within.body["fill_count"] == "5.00"
    assert (await shown(venue, resting))["status"] == "resting"
    beyond = await venue.order(order_group_id=braked, count="100.00", **GTC)
    assert (beyond.body["fill_count"], beyond.body["remaining_count"]) == ("75.00", "0.00")
    assert (await shown(venue, resting))["status"] == "canceled"
    refused = await venue.order(order_group_id=braked)
    assert (refused.status, refused.body["error"]["code"]) == (400, "invalid_order")
    assert (await venue.order()).status == 201
    assert (await venue.call("PUT", f"{GROUPS}/{braked}/reset", {})).status == 200
    assert (await venue.order(order_group_id=braked, price="0.4000", **GTC)).status == 201


async def test_a_group_is_triggered_limited_and_removed_by_word(venue: Client) -> None:
    braked = await group(venue, "100.00")
    first = await rest(venue, order_group_id=braked)
    await venue.call("PUT", f"{GROUPS}/{braked}/trigger", {})
    assert (await shown(venue, first))["status"] == "canceled"
    await venue.call("PUT", f"{GROUPS}/{braked}/reset", {})
    await venue.order(order_group_id=braked, count="10.00")
    second = await rest(venue, order_group_id=braked)
    await venue.call("PUT", f"{GROUPS}/{braked}/limit", {"contracts_limit_fp": "9.99"})  # below what traded already
    assert (await shown(venue, second))["status"] == "canceled"
    assert (await venue.get(GROUPS))["order_groups"][0]["contracts_limit_fp"] == "9.99"
    assert (await venue.call("DELETE", f"{GROUPS}/{braked}")).status == 200
    assert (await venue.call("GET", f"{GROUPS}/{braked}")).status == 404
    assert (await venue.call("PUT", f"{GROUPS}/{braked}/reset?exchange_index=2", {})).status == 404
    assert (await venue.call("POST", f"{GROUPS}/create", {"contracts_limit": 0})).status == 400


async def test_groups_survive_a_restart(venue: Client, launch: Launch) -> None:
    braked = await group(venue)
    await venue.call("PUT", f"{GROUPS}/{braked}/trigger", {})
    await venue.server.stop()
    again = await launch(play=False)
    assert (await again.order(order_group_id=braked)).body["error"]["code"] == "invalid_order"


def test_only_the_last_fifteen_seconds_count(tmp_path: Any) -> None:
    store = Store(tmp_path)
    with store.transaction():
        store.put("account", "a")
    groups = Groups(store)
    made = groups.create(10)
    groups.matched(made.id, 10, at=0)
    groups.matched(made.id, 10, at=15_000_000)
    assert not groups.get(made.id).triggered
    groups.matched(made.id, 1, at=16_000_000)
    assert groups.get(made.id).triggered
    store.close()


# --- time, pauses and history ---------------------------------------------------------------------------------------


async def test_an_order_ends_by_itself_at_its_time(venue: Client) -> None:
    at = int(time.time()) + 3
    order_id = await rest(venue, expiration_time=at)
    order = await settled(venue, order_id, "canceled")
    assert order["expiration_time"].startswith("20")
    assert order["fill_count_fp"] == "0.00"


async def test_a_trading_pause_takes_no_orders_but_cancels_and_an_exchange_pause_takes_nothing(venue: Client) -> None:
    stays, goes = await rest(venue), await rest(venue, cancel_order_on_pause=True)
    resumes = int(time.time() * 1000) + 60_000
    paused = await venue.admin("PUT", "/opening", {"trading": False, "resumes_ms": resumes})
    assert paused.status == 200
    assert (await venue.get("/exchange/status"))["trading_active"] is False
    assert "exchange_estimated_resume_time" in await venue.get("/exchange/status")
    assert [(await shown(venue, order_id))["status"] for order_id in (stays, goes)] == ["resting", "canceled"]
    for answer in (await venue.order(), await amend(venue, stays, price="0.4600")):
        assert (answer.status, answer.body["error"]["code"]) == (409, "trading_is_paused")
    assert (await venue.call("DELETE", f"{ORDERS}/{stays}")).status == 200
    await venue.admin("PUT", "/opening", {"active": False})
    last = await venue.call("DELETE", f"{ORDERS}/{stays}")
    assert (last.status, last.body["error"]["code"]) == (409, "exchange_is_paused")
    await venue.admin("PUT", "/opening", {})
    assert (await venue.order()).status == 201


async def test_nothing_trades_in_a_pause_and_what_crosses_after_it_does(launch: Launch) -> None:
    crossing = BookDelta(T0 + 300_000, AAA, "no", micros("0.55"), micros(30))
    venue = await launch(session(crossing))
    order_id = await rest(venue)
    await venue.admin("PUT", "/opening", {"trading": False})

    async def came() -> bool:
        book = (await venue.get(f"/markets/{AAA}/orderbook"))["orderbook_fp"]["no_dollars"]
        return ["0.5500", "30.00"] in book

    await until(came)
    assert (await shown(venue, order_id))["fill_count_fp"] == "0.00"
    await venue.admin("PUT", "/opening", {})
    assert (await settled(venue, order_id, "executed"))["fill_count_fp"] == "10.00"


async def test_a_pause_survives_a_restart_and_the_schedule_names_its_windows(venue: Client, launch: Launch) -> None:
    window = {"start_ms": 1_795_680_000_000, "end_ms": 1_795_687_200_000}
    notice = {"kind": "warning", "message": "payouts are late"}
    await venue.admin("PUT", "/opening", {"trading": False, "windows": [window], "notices": [notice]})
    await venue.server.stop()
    again = await launch(play=False)
    assert (await again.get("/exchange/status"))["trading_active"] is False
    windows = (await again.get("/exchange/schedule"))["schedule"]["maintenance_windows"]
    assert windows == [{"start_datetime": "2026-11-26T08:00:00Z", "end_datetime": "2026-11-26T10:00:00Z"}]
    told = (await again.get("/exchange/announcements"))["announcements"]
    assert [(one["type"], one["message"], one["status"]) for one in told] == [("warning", "payouts are late", "active")]


async def test_what_ended_before_the_cut_off_is_listed_as_history_alone(launch: Launch) -> None:
    venue = await launch(history_after_s=1)
    done = str((await venue.order()).body["order_id"])
    working = await rest(venue)
    assert done in [order["order_id"] for order in (await venue.get("/portfolio/orders"))["orders"]]

    async def old() -> bool:
        return (await venue.call("GET", f"/portfolio/orders/{done}")).status == 404

    await until(old)
    assert [order["order_id"] for order in (await venue.get("/portfolio/orders"))["orders"]] == [working]
    assert (await venue.get("/portfolio/fills"))["fills"] == []
    history = await venue.get(f"/historical/orders?ticker={AAA}")
    assert [order["order_id"] for order in history["orders"]] == [done]
    assert [fill["order_id"] for fill in (await venue.get("/historical/fills"))["fills"]] == [done]
    assert len((await venue.get("/historical/trades"))["trades"]) == 1
    assert (await venue.get(f"/historical/markets/{AAA}"))["market"]["ticker"] == AAA


# --- frames ---------------------------------------------------------------------------------------------------------


async def heard(socket: aiohttp.ClientWebSocketResponse, kind: str) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            frame: dict[str, Any] = await socket.receive_json()
            if frame["type"] == kind:
                return frame


async def test_groups_positions_and_best_prices_are_told_on_their_channels(venue: Client) -> None:
    socket = await venue.socket()
    channels = ["order_group_updates", "market_positions", "ticker"]
    await socket.send_json({"id": 1, "cmd": "subscribe", "params": {"channels": channels, "market_tickers": [AAA]}})
    for _ in channels:
        assert (await socket.receive_json(timeout=10))["type"] == "subscribed"
    braked = await group(venue)
    made = await heard(socket, "order_group_updates")
    assert (made["seq"], made["msg"]["event_type"], made["msg"]["contracts_limit_fp"]) == (1, "created", "5.00")
    await venue.order(count="80.00", order_group_id=braked)
    best = await heard(socket, "ticker")
    assert (best["msg"]["yes_bid_dollars"], best["msg"]["yes_ask_dollars"]) == ("0.4700", "0.5000")
    held = await heard(socket, "market_position")
    assert (held["msg"]["market_ticker"], held["msg"]["position_fp"]) == (AAA, "80.00")
    tripped = await heard(socket, "order_group_updates")
    assert (tripped["seq"], tripped["msg"]["event_type"]) == (2, "triggered")
    assert "contracts_limit_fp" not in tripped["msg"]
