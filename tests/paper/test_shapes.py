"""Our answers beside the ones recorded on the venue's demo exchange: same keys, same kinds, same error bodies."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.paper.sample import AAA, EVENT, ORDERS, Client, ticket
from tests.places import SHARED_FOLDER

RECORDED = SHARED_FOLDER / "fixtures" / "kalshi"
GTC = {"time_in_force": "good_till_canceled"}

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded messages of ../shared/fixtures/kalshi are absent"),
]

# What the recordings have and a simulated market has not, and what newer versions of the API added.
_NOT_OURS = {"custom_strike", "early_close_condition", "floor_strike", "occurrence_datetime", "primary_participant_key"}
_ADDED = {"exchange_index", "client_order_id", "settlement_bounds_type"}


def recorded(name: str) -> Any:
    return json.loads((RECORDED / "rest" / f"{name}.json").read_text())


def raw(name: str) -> bytes:
    return (RECORDED / "rest" / f"{name}.json").read_bytes().strip()


def kind(value: object) -> str:
    """What a parser relies on: the type, and for strings the form (decimals and their places, time, id, word)."""
    if not isinstance(value, str):
        return type(value).__name__
    if re.fullmatch(r"-?\d+\.\d+", value):
        return f"decimal.{len(value.partition('.')[2])}"
    if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", value):
        return "time"
    return "uuid" if re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", value) else "text"


def same_shape(ours: Any, theirs: Any, path: str = "") -> None:
    if isinstance(theirs, dict):
        assert isinstance(ours, dict), path
        assert theirs.keys() - ours.keys() - _NOT_OURS == set(), path
        assert ours.keys() - theirs.keys() - _ADDED == set(), path
        for key in theirs.keys() & ours.keys():
            same_shape(ours[key], theirs[key], f"{path}.{key}")
    elif isinstance(theirs, list):
        assert isinstance(ours, list), path
        if theirs and ours:
            same_shape(ours[0], theirs[0], f"{path}[0]")
    else:
        assert kind(ours) == kind(theirs), path


async def traded(venue: Client) -> str:
    await venue.order(price="0.0100", **GTC)
    return str((await venue.order()).body["order_id"])


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/portfolio/balance", "auth__balance_ok"),
        ("/portfolio/fills", "fills__after_taker"),
        ("/portfolio/orders", "portfolio__orders_list"),
        ("/portfolio/positions", "portfolio__positions"),
        ("/portfolio/settlements", "settlements__page"),
        ("/account/limits", "account__limits"),
        ("/exchange/status", "exchange__status"),
        (f"/markets/{AAA}", "markets__single"),
        (f"/markets/{AAA}/orderbook", "orderbook__base"),
        (f"/markets?tickers={AAA}", "markets__single_filter_lastpage"),
        ("/markets?limit=1&cursor=garbage-cursor-fixture", "markets__garbage_cursor"),
    ],
)
async def test_a_read_has_the_recorded_shape(venue: Client, path: str, name: str) -> None:
    await traded(venue)
    same_shape(await venue.get(path), recorded(name))


async def test_one_order_has_the_recorded_shape(venue: Client) -> None:
    same_shape(await venue.get(f"/portfolio/orders/{await traded(venue)}"), recorded("orders__get_after_create"))


async def test_creates_and_cancels_have_the_recorded_shape(venue: Client) -> None:
    maker = await venue.order(price="0.0100", **GTC)
    same_shape(maker.body, recorded("orders__create_v2_maker"))
    taker = await venue.order(price="0.9900")
    same_shape(taker.body, recorded("orders__create_v2_taker_ioc"))
    gone = await venue.call("DELETE", f"{ORDERS}/{maker.body['order_id']}")
    same_shape(gone.body, recorded("orders__cancel_v2"))


async def test_refusals_are_the_recorded_bytes(venue: Client) -> None:
    dead = "00000000-0000-0000-0000-000000000000"
    used = ticket(price="0.0100")
    await venue.call("POST", ORDERS, used)
    cases = {
        "orders__duplicate_client_order_id": await venue.call("POST", ORDERS, used),
        "orders__insufficient_balance": await venue.order(count="30000.00", price="0.9900", **GTC),
        "orders__invalid_price_structure": await venue.order(price="0.5150", post_only=True, **GTC),
        "orders__post_only_cross": await venue.order(price="0.9900", post_only=True, **GTC),
        "orders__numeric_field_types": await venue.order(count=1, price=0.01, **GTC),
        "orders__cancel_unknown_id": await venue.call("DELETE", f"{ORDERS}/{dead}"),
        "markets__limit_over_max": await venue.call("GET", "/markets?limit=1001"),
        "auth__missing_signature_header": await venue.call("GET", "/portfolio/balance", headers={}),
    }
    for name, answer in cases.items():
        meta = json.loads((RECORDED / "rest" / f"{name}.meta.json").read_text())
        assert (answer.status, answer.raw) == (meta["status"], raw(name)), name


@pytest.mark.parametrize(
    ("name", "skew_ms", "change"),
    [
        ("auth__bad_signature", 0, {"KALSHI-ACCESS-SIGNATURE": "aGVsbG8="}),
        ("auth__unknown_key_id", 0, {"KALSHI-ACCESS-KEY": "00000000-0000-0000-0000-000000000000"}),
        ("auth__skew_minus30s", -30_000, {}),
        ("auth__skew_plus5min", 300_000, {}),
    ],
)
async def test_authentication_failures_are_the_recorded_bytes(
    venue: Client, name: str, skew_ms: int, change: dict[str, str]
) -> None:
    venue.skew_ms = skew_ms
    headers = venue.headers("GET", "/trade-api/v2/portfolio/balance") | change
    answer = await venue.call("GET", "/portfolio/balance", headers=headers)
    assert (answer.status, answer.raw) == (401, raw(name))


@pytest.mark.parametrize("name", ["ws__orderbook_trade_yes", "ws__orderbook_trade_noleg"])
async def test_the_recorded_subscribe_command_gets_frames_of_the_recorded_shape(venue: Client, name: str) -> None:
    meta = json.loads((RECORDED / "ws" / f"{name}.meta.json").read_text())
    lines = [json.loads(line) for line in (RECORDED / "ws" / f"{name}.jsonl").read_text().splitlines() if line.strip()]
    command = meta["subscribe_cmd"]
    command["params"]["market_tickers"] = [AAA]
    socket = await venue.socket()
    await socket.send_json(command)
    for theirs in lines[:4]:
        if theirs["type"] == "orderbook_delta":
            await venue.order()
        ours = await socket.receive_json(timeout=10)
        assert list(ours) == list(theirs)
        same_shape(ours, theirs)


async def test_the_markets_event_and_series_lead_to_its_fees(venue: Client) -> None:
    event = await venue.get(f"/events/{EVENT}?with_nested_markets=true")
    assert AAA in {market["ticker"] for market in event["event"]["markets"]}
    series = (await venue.get(f"/series/{event['event']['series_ticker']}"))["series"]
    assert (series["fee_type"], series["fee_multiplier"]) == ("quadratic", 1)
