"""Orders over the wire: what they answer and what they leave behind."""

from __future__ import annotations

import pytest

from recording.sources.session import BookDelta
from tests.paper.conftest import Launch
from tests.paper.sample import AAA, BBB, ORDERS, T0, Client, micros, session, ticket, until

GTC = {"time_in_force": "good_till_canceled"}


async def test_an_order_takes_displayed_size_at_the_level_prices_one_fill_row_a_level(venue: Client) -> None:
    answer = await venue.order(count="100.00", price="0.5000")
    assert answer.status == 201
    assert (answer.body["fill_count"], answer.body["remaining_count"]) == ("100.00", "0.00")
    assert (answer.body["average_fill_price"], answer.body["average_fee_paid"]) == ("0.4920", "0.0175")
    fills = (await venue.get(f"/portfolio/fills?order_id={answer.body['order_id']}"))["fills"]
    assert [(f["yes_price_dollars"], f["count_fp"], f["fee_cost"]) for f in fills] == [
        ("0.5000", "20.00", "0.350000"),
        ("0.4900", "80.00", "1.399500"),
    ]
    book = (await venue.get(f"/markets/{AAA}/orderbook"))["orderbook_fp"]
    assert book["no_dollars"] == [["0.5000", "20.00"]]
    assert (await venue.get("/portfolio/balance"))["balance_dollars"] == "9949.0505"


async def test_ioc_fills_what_is_there_and_the_rest_is_gone(venue: Client) -> None:
    answer = await venue.order(count="100.00", price="0.4900")
    assert (answer.body["fill_count"], answer.body["remaining_count"]) == ("80.00", "0.00")
    order = (await venue.get(f"/portfolio/orders/{answer.body['order_id']}"))["order"]
    assert (order["status"], order["fill_count_fp"], order["remaining_count_fp"]) == ("canceled", "80.00", "0.00")
    again = await venue.order(count="1.00", price="0.4900")
    assert again.body["fill_count"] == "0.00"
    assert "average_fill_price" not in again.body


async def test_a_killed_fok_leaves_the_book_alone_and_keeps_its_id_for_ever(venue: Client) -> None:
    body = ticket(count="90.00", time_in_force="fill_or_kill")
    killed = await venue.call("POST", ORDERS, body)
    assert (killed.status, killed.body["error"]["code"]) == (409, "fill_or_kill_insufficient_resting_volume")
    again = await venue.call("POST", ORDERS, body)
    assert (again.status, again.body["error"]["code"]) == (409, "order_already_exists")
    listed = (await venue.get(f"/portfolio/orders?ticker={AAA}"))["orders"]
    assert [(o["status"], o["fill_count_fp"]) for o in listed] == [("canceled", "0.00")]
    filled = await venue.order(count="80.00", time_in_force="fill_or_kill")
    assert filled.body["fill_count"] == "80.00"


async def test_a_client_id_is_permanent_even_after_cancel(venue: Client) -> None:
    body = ticket(price="0.4500", **GTC)
    first = await venue.call("POST", ORDERS, body)
    assert (first.status, first.body["remaining_count"]) == (201, "1.00")
    for _ in range(2):
        duplicate = await venue.call("POST", ORDERS, body)
        assert duplicate.raw == (
            b'{"error":{"code":"order_already_exists","message":"order already exists","service":"exchange"}}'
        )
        await venue.call("DELETE", f"{ORDERS}/{first.body['order_id']}?market_ticker={AAA}")


async def test_cancel_of_anything_not_working_is_the_same_404(venue: Client) -> None:
    resting = (await venue.order(price="0.4500", **GTC)).body["order_id"]
    executed = (await venue.order()).body["order_id"]
    gone = await venue.call("DELETE", f"{ORDERS}/{resting}?market_ticker={AAA}&exchange_index=-1")
    assert (gone.status, gone.body["reduced_by"]) == (200, "1.00")
    answers = [
        await venue.call("DELETE", f"{ORDERS}/{order_id}")
        for order_id in (resting, executed, "00000000-0000-0000-0000-000000000000")
    ]
    assert {(a.status, a.raw) for a in answers} == {
        (404, b'{"error":{"code":"not_found","message":"not found","service":"exchange"}}')
    }


@pytest.mark.parametrize(
    ("fields", "status", "code", "details"),
    [
        ({"price": "0.4950"}, 400, "invalid_price", None),
        ({"price": "0.0000"}, 400, "invalid_price", None),
        ({"price": "1.0000"}, 400, "invalid_price", None),
        ({"price": "-0.49"}, 400, "invalid_price", None),
        ({"count": "0.00"}, 400, "invalid_parameters", "positive"),
        ({"count": "0"}, 400, "invalid_parameters", "positive"),
        ({"count": "1.001"}, 400, "invalid_parameters", "decimals"),
        ({"count": "30000.00", "price": "0.9900"}, 400, "insufficient_balance", None),
        ({"price": "0.4900", "post_only": True, **GTC}, 400, "invalid_order", "post only cross"),
        ({"client_order_id": "has.a.dot"}, 400, "invalid_parameters", "client_order_id"),
        ({"client_order_id": "x" * 65}, 400, "invalid_parameters", "client_order_id"),
        ({"ticker": None}, 400, "missing_parameters", "ticker"),
        ({"ticker": "KXNONE-1-X"}, 404, "market_not_found", None),
        ({"side": None}, 400, "invalid_order", "side"),
        ({"price": None}, 400, "invalid_order", "price"),
        ({"time_in_force": "good_till_time"}, 400, "invalid_parameters", "time_in_force"),
        ({"reduce_only": True, **GTC}, 400, "invalid_order", "reduce only"),
        ({"expiration_time": 1795226455}, 400, "invalid_order", "expiration time"),
        ({"expiration_time": 1, "time_in_force": "good_till_canceled"}, 400, "invalid_parameters", "expiration_time"),
        ({"order_group_id": "nobody-s"}, 400, "invalid_parameters", "order_group_id"),
    ],
)
async def test_a_wrong_order_is_refused_with_the_venues_words_and_has_no_effect(
    venue: Client, fields: dict[str, object], status: int, code: str, details: str | None
) -> None:
    answer = await venue.order(**fields)
    assert (answer.status, answer.body["error"]["code"]) == (status, code)
    assert (details or "") in answer.body["error"].get("details", "")
    assert (await venue.get("/portfolio/orders"))["orders"] == []
    assert (await venue.get("/portfolio/balance"))["balance_dollars"] == "10000.0000"


@pytest.mark.parametrize(
    ("body", "details"),
    [
        (
            ticket(count=1),
            "json: cannot unmarshal number into Go struct field CreateOrderV2Request.count of type string",
        ),
        (
            ticket(price=0.01),
            "json: cannot unmarshal number into Go struct field CreateOrderV2Request.price of type string",
        ),
        (
            ticket(post_only="yes"),
            "json: cannot unmarshal string into Go struct field CreateOrderV2Request.post_only of type bool",
        ),
        (b"{not json", "json: "),
        (b"[1]", "json: cannot unmarshal array into Go value of type CreateOrderV2Request"),
    ],
)
async def test_a_body_that_cannot_be_parsed_gets_the_flat_error(venue: Client, body: object, details: str) -> None:
    answer = await venue.call("POST", ORDERS, body)
    assert answer.status == 400
    assert list(answer.body) == ["code", "message", "details"]
    assert answer.body["code"] == "bad_request"
    assert answer.body["details"].startswith(details)


async def test_the_retired_endpoint_answers_410(venue: Client) -> None:
    assert (await venue.call("POST", "/portfolio/orders", ticket())).status == 410


async def test_a_taker_that_meets_our_own_order_ends_there_and_the_order_stands(venue: Client) -> None:
    resting = (await venue.order(price="0.4800", **GTC)).body["order_id"]
    crossing = await venue.order(side="ask", price="0.4800")
    assert (crossing.status, crossing.body["fill_count"], crossing.body["remaining_count"]) == (201, "0.00", "0.00")
    assert (await venue.get(f"/portfolio/orders/{resting}"))["order"]["status"] == "resting"
    displacing = await venue.order(side="ask", price="0.4700", self_trade_prevention_type="maker")
    assert displacing.body["fill_count"] == "1.00"
    assert (await venue.get(f"/portfolio/orders/{resting}"))["order"]["status"] == "canceled"


async def test_working_orders_hold_back_cash_until_they_end(venue: Client) -> None:
    order_id = (await venue.order(count="100.00", price="0.4000", **GTC)).body["order_id"]
    held = (await venue.get("/portfolio/balance"))["balance_dollars"]
    assert held == "9960.0000"
    await venue.call("DELETE", f"{ORDERS}/{order_id}")
    assert (await venue.get("/portfolio/balance"))["balance_dollars"] == "10000.0000"


async def test_reduce_only_never_opens_a_position(venue: Client) -> None:
    nothing = await venue.order(side="ask", price="0.4000", reduce_only=True)
    assert nothing.body["fill_count"] == "0.00"
    await venue.order(count="3.00")
    part = await venue.order(side="ask", price="0.4000", count="10.00", reduce_only=True)
    assert part.body["fill_count"] == "3.00"


async def test_selling_yes_that_is_not_held_is_a_no_position(venue: Client) -> None:
    await venue.order(side="ask", count="10.00", price="0.4700")
    row = (await venue.get("/portfolio/positions"))["market_positions"][0]
    assert (row["position_fp"], row["market_exposure_dollars"]) == ("-10.00", "5.300000")
    assert (await venue.get("/portfolio/balance"))["balance_dollars"] == "9994.5256"  # 5.30 and 0.1744 of fees


async def test_the_recording_crossing_a_resting_order_fills_it_as_maker_at_its_price(launch: Launch) -> None:
    venue = await launch(session(BookDelta(T0 + 2_000_000, AAA, "no", micros("0.53"), micros(3))), speed="1")
    socket = await venue.socket()
    await socket.send_json({"id": 1, "cmd": "subscribe", "params": {"channels": ["fill"]}})
    order_id = (await venue.order(price="0.4800", count="5.00", **GTC)).body["order_id"]
    message = await socket.receive_json(timeout=10)
    while message["type"] != "fill":
        message = await socket.receive_json(timeout=10)
    assert (message["msg"]["is_taker"], message["msg"]["yes_price_dollars"]) == (False, "0.4800")
    order = (await venue.get(f"/portfolio/orders/{order_id}"))["order"]
    assert (order["status"], order["fill_count_fp"], order["remaining_count_fp"]) == ("resting", "3.00", "2.00")
    assert (order["maker_fees_dollars"], order["taker_fees_dollars"]) == ("0.000000", "0.000000")


async def test_what_comes_across_goes_to_those_ahead_in_line_first(launch: Launch) -> None:
    left, came = [
        BookDelta(T0 + at, AAA, side, micros(price), micros(size))
        for at, side, price, size in ((2_000_000, "yes", "0.47", -40), (2_500_000, "no", "0.53", 63))
    ]
    venue = await launch(session(left, came), speed="1")
    order_id = (await venue.order(price="0.4700", count="5.00", **GTC)).body["order_id"]
    position = f"/portfolio/orders/{order_id}/queue_position"
    assert await venue.get(position) == {"queue_position_fp": "100.00"}

    async def filled() -> bool:
        return bool((await venue.get(f"/portfolio/orders/{order_id}"))["order"]["fill_count_fp"] != "0.00")

    await until(filled)  # 100 stood ahead, 40 of them left, 63 came: 60 go to those ahead, 3 to us
    order = (await venue.get(f"/portfolio/orders/{order_id}"))["order"]
    assert (order["fill_count_fp"], order["remaining_count_fp"]) == ("3.00", "2.00")
    assert await venue.get(position) == {"queue_position_fp": "60.00"}


async def test_our_own_taking_from_a_level_shortens_the_line_there(venue: Client) -> None:
    order_id = (await venue.order(price="0.4600", count="5.00", **GTC)).body["order_id"]
    await venue.order(side="ask", count="130.00", price="0.4600")  # 100 at 0.47, 30 of the 50 at 0.46
    assert await venue.get(f"/portfolio/orders/{order_id}/queue_position") == {"queue_position_fp": "20.00"}


async def test_orders_are_listed_newest_first_in_pages_that_end_with_an_empty_cursor(venue: Client) -> None:
    ids = [(await venue.order(price="0.0100")).body["order_id"] for _ in range(5)]
    await venue.order(ticker=BBB, price="0.0100")
    seen, cursor = [], ""
    while True:
        page = await venue.get(f"/portfolio/orders?ticker={AAA}&limit=2&cursor={cursor}")
        seen += [order["order_id"] for order in page["orders"]]
        cursor = page["cursor"]
        if not cursor:
            break
    assert seen == ids[::-1]
    assert len((await venue.get("/portfolio/orders?cursor=garbage"))["orders"]) == 6


async def test_the_list_filters_by_status_and_time(venue: Client) -> None:
    resting = (await venue.order(price="0.4500", **GTC)).body["order_id"]
    await venue.order()
    await venue.order(price="0.0100")
    for status, count in (("resting", 1), ("executed", 1), ("canceled", 1)):
        listed = (await venue.get(f"/portfolio/orders?status={status}"))["orders"]
        assert [order["status"] for order in listed] == [status] * count
    created = (await venue.get(f"/portfolio/orders/{resting}"))["order"]["created_time"]
    assert created.endswith("Z")
    assert (await venue.get("/portfolio/orders?min_ts=1&max_ts=2"))["orders"] == []
    assert len((await venue.get("/portfolio/orders?min_ts=1"))["orders"]) == 3


async def test_a_page_over_the_maximum_is_refused_in_the_venues_words(venue: Client) -> None:
    answer = await venue.call("GET", "/portfolio/orders?limit=1001")
    assert answer.status == 400
    assert answer.body == {
        "msg": "Parameter validation failed for GetOrders: Key: 'GetOrdersParams.Limit' "
        "Error:Field validation for 'Limit' failed on the 'lte' tag"
    }


async def test_ids_are_a_pure_function_of_the_client_id(launch: Launch, tmp_path) -> None:  # type: ignore[no-untyped-def]
    body = ticket(count="100.00", price="0.5000")
    found = []
    for name in ("one", "two"):
        venue = await launch(state_dir=tmp_path / name)
        order_id = (await venue.call("POST", ORDERS, body)).body["order_id"]
        fills = (await venue.get("/portfolio/fills"))["fills"]
        found.append((order_id, [fill["trade_id"] for fill in fills]))
    assert found[0] == found[1]


async def test_what_a_fractional_level_leaves_over_can_be_traded(launch: Launch) -> None:
    venue = await launch(session(BookDelta(T0, AAA, "no", micros("0.52"), micros("7.77"))))
    bought = await venue.order(count="10.00", price="0.4800")
    assert bought.body["fill_count"] == "7.77"
    sold = await venue.order(side="ask", count="0.77", price="0.4700")
    assert (sold.status, sold.body["fill_count"]) == (201, "0.77")
