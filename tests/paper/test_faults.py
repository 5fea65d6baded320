"""Each scripted fault does what it says, and no more."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import aiohttp
import pytest

from domain.errors import BadInput
from paper.core.faults import Faults, load, parse
from tests.paper.conftest import Launch
from tests.paper.sample import AAA, ORDERS, Client, ticket, until

CREATE = {"method": "POST", "path_prefix": "/trade-api/v2" + ORDERS}


async def arm(venue: Client, *faults: dict[str, object]) -> None:
    assert (await venue.admin("POST", "/faults", list(faults))).status == 200


async def filled(venue: Client) -> list[str]:
    return [fill["count_fp"] for fill in (await venue.get("/portfolio/fills"))["fills"]]


async def test_a_lost_answer_leaves_the_order_filled(venue: Client) -> None:
    await arm(venue, {"match": CREATE, "do": "lost_answer"})
    body = ticket()
    with pytest.raises(aiohttp.ClientError):
        await venue.call("POST", ORDERS, body)
    assert await filled(venue) == ["1.00"]
    again = await venue.call("POST", ORDERS, body)
    assert (again.status, again.body["error"]["code"]) == (409, "order_already_exists")
    assert await filled(venue) == ["1.00"]


async def test_a_lost_request_has_no_effect_and_can_be_sent_again(venue: Client) -> None:
    await arm(venue, {"match": CREATE, "do": "lost_request"})
    body = ticket()
    with pytest.raises(aiohttp.ClientError):
        await venue.call("POST", ORDERS, body)
    assert await filled(venue) == []
    assert (await venue.call("POST", ORDERS, body)).status == 201


async def test_a_late_answer_comes_after_the_effect(venue: Client) -> None:
    await arm(venue, {"match": CREATE, "do": {"late_answer": {"ms": 1500}}})
    waiting = asyncio.create_task(venue.order())

    async def taken() -> bool:
        return bool(await filled(venue))

    await until(taken)
    assert not waiting.done()
    assert (await waiting).status == 201


async def test_clearing_the_faults_lets_a_held_answer_go(venue: Client) -> None:
    await arm(venue, {"match": CREATE, "do": {"late_answer": {"ms": 600_000}}})
    waiting = asyncio.create_task(venue.order())

    async def taken() -> bool:
        return bool(await filled(venue))

    await until(taken)
    assert (await venue.admin("DELETE", "/faults")).status == 200
    assert (await waiting).status == 201


@pytest.mark.parametrize(("when", "fills"), [("before", []), ("after", ["1.00"])])
async def test_a_status_is_answered_before_or_after_the_effect(venue: Client, when: str, fills: list[str]) -> None:
    await arm(venue, {"match": CREATE, "do": "status", "code": 503, "when": when, "body": {"error": "down"}})
    answer = await venue.order()
    assert (answer.status, answer.body) == (503, {"error": "down"})
    assert await filled(venue) == fills


async def test_a_rate_limit_has_the_venues_bare_body(venue: Client) -> None:
    await arm(venue, {"do": "status", "code": 429})
    answer = await venue.order()
    assert (answer.status, answer.body) == (429, {"error": "too many requests"})


async def test_a_partial_fill_is_the_fraction_and_the_rest_is_cancelled(venue: Client) -> None:
    await arm(venue, {"match": CREATE, "do": "partial", "fraction": "0.3"})
    answer = await venue.order(count="10.00")
    assert (answer.body["fill_count"], answer.body["remaining_count"]) == ("3.00", "0.00")
    assert (await venue.get(f"/portfolio/orders/{answer.body['order_id']}"))["order"]["status"] == "canceled"


async def test_a_lagging_read_shows_the_account_as_it_was(venue: Client) -> None:
    order_id = (await venue.order()).body["order_id"]
    lag = {"match": {"method": "GET", "every": 1}, "do": "read_lag", "ms": 60000}
    await arm(venue, lag)
    assert (await venue.get("/portfolio/orders"))["orders"] == []
    assert (await venue.get("/portfolio/fills"))["fills"] == []
    assert (await venue.get("/portfolio/balance"))["balance_dollars"] == "10000.0000"
    assert (await venue.call("GET", f"/portfolio/orders/{order_id}")).status == 404
    stamp = (await venue.get("/exchange/user_data_timestamp"))["as_of_time"]
    await venue.admin("DELETE", "/faults")
    assert stamp < (await venue.get(f"/portfolio/orders/{order_id}"))["order"]["created_time"]


async def test_a_configured_lag_shows_a_cancelled_order_as_resting_for_a_while(launch: Launch) -> None:
    venue = await launch(read_lag_ms=1500)
    order_id = (await venue.order(price="0.4500", time_in_force="good_till_canceled")).body["order_id"]

    async def shown_as(status: str) -> bool:
        answer = await venue.call("GET", f"/portfolio/orders/{order_id}")
        return answer.status == 200 and answer.body["order"]["status"] == status

    await until(lambda: shown_as("resting"))
    await venue.call("DELETE", f"{ORDERS}/{order_id}")
    assert (await venue.get(f"/portfolio/orders/{order_id}"))["order"]["status"] == "resting"
    assert len((await venue.get("/portfolio/orders?status=resting"))["orders"]) == 1
    await until(lambda: shown_as("canceled"))
    assert (await venue.get("/portfolio/orders?status=resting"))["orders"] == []


async def test_a_silent_socket_loses_frames_and_shows_the_gap_afterwards(venue: Client) -> None:
    socket = await venue.socket()
    await socket.send_json(
        {"id": 1, "cmd": "subscribe", "params": {"channels": ["orderbook_delta"], "market_tickers": [AAA]}}
    )
    assert (await socket.receive_json(timeout=10))["type"] == "subscribed"
    assert (await socket.receive_json(timeout=10))["seq"] == 1
    await arm(venue, {"do": "silent_socket", "ms": 1000})
    await venue.order()
    await asyncio.sleep(1.05)
    await venue.order()
    assert (await socket.receive_json(timeout=10))["seq"] == 3
    assert not socket.closed


async def test_the_nth_request_fails_and_its_neighbours_do_not(venue: Client) -> None:
    await arm(venue, {"match": CREATE | {"nth": 2}, "do": "status", "code": 500})
    assert [(await venue.order()).status for _ in range(3)] == [201, 500, 201]
    shown = (await venue.admin("GET", "/faults")).body
    assert (shown[0]["seen"], shown[0]["fired"]) == (2, 1)


async def test_a_fault_for_one_client_id_leaves_the_others_alone(venue: Client) -> None:
    await arm(venue, {"match": {"client_order_id": "the-one"}, "do": "status", "code": 500, "times": 2})
    assert (await venue.order(client_order_id="another")).status == 201
    assert [(await venue.order(client_order_id="the-one")).status for _ in range(3)] == [500, 500, 201]


def test_a_probability_is_drawn_from_the_seed() -> None:
    def run(seed: int) -> list[bool]:
        faults = Faults(seed)
        faults.add(parse([{"match": {"probability": 0.5}, "do": "lost_answer"}], "test"))
        return [faults.pick("GET", "/x", "") is not None for _ in range(40)]

    assert run(1) == run(1)
    assert run(1) != run(2)
    assert 5 < sum(run(1)) < 35


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"do": "explode"}, "do"),
        ({"do": "late_answer"}, "late_answer needs ms"),
        ({"do": "lost_answer", "ms": 5}, "lost_answer takes no ms"),
        ({"do": "lost_answer", "mtach": {}}, "mtach"),
        ({"do": "lost_answer", "match": {"verb": "GET"}}, "match.verb"),
        ({"do": "lost_answer", "match": {"nth": 1, "every": 2}}, "one of nth, every, probability"),
    ],
)
async def test_a_fault_that_makes_no_sense_is_refused_by_name(
    venue: Client, fault: dict[str, object], words: str
) -> None:
    answer = await venue.admin("POST", "/faults", [fault])
    assert answer.status == 400
    assert words in answer.body["error"]["message"]


async def test_faults_come_from_a_file_too(launch: Launch, tmp_path: Path) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text("- match: {method: POST}\n  do: status\n  code: 500\n")
    venue = await launch(faults_file=file)
    assert [(await venue.order()).status for _ in range(2)] == [500, 201]


@pytest.mark.parametrize("text", ["{", "- do: nothing", json.dumps({"do": "lost_answer"})])
def test_a_faults_file_that_is_no_list_of_faults_is_refused_with_its_name(tmp_path: Path, text: str) -> None:
    file = tmp_path / "faults.json"
    file.write_text(text)
    with pytest.raises(BadInput, match=r"faults\.json"):
        load(file)


async def test_the_audit_counts_copies_and_tells_different_bytes_apart(venue: Client) -> None:
    body = ticket(client_order_id="same")
    await arm(venue, {"match": CREATE, "do": "lost_request"})
    with pytest.raises(aiohttp.ClientError):
        await venue.call("POST", ORDERS, body)
    await venue.call("POST", ORDERS, body)
    await venue.call("POST", ORDERS, body | {"count": 7})
    seen = (await venue.admin("GET", "/audit")).body["orders"]["same"]
    assert (seen["times"], len(seen["sha256"])) == (3, 2)
