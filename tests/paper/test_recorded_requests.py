"""Every request recorded on the venue's demo, asked of the paper exchange: the same status, the same shape of answer.

Where the two differ on purpose, the entry says why. A recorded file that no entry names fails
`test_no_recorded_file_is_left_out`.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.paper.sample import AAA, ORDERS, Answer, Client
from tests.paper.test_shapes import RECORDED, raw, recorded, same_shape

GTC = {"time_in_force": "good_till_canceled"}

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded messages of ../shared/fixtures/kalshi are absent"),
]

Ask = Callable[[Client, str], Awaitable[Answer]]


def meta_of(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RECORDED / "rest" / f"{name}.meta.json").read_text())
    return found


async def worked(venue: Client) -> str:
    """A resting order, an executed one and a position: what the recorded account had."""
    await venue.order(price="0.0100", **GTC)
    return str((await venue.order()).body["order_id"])


def read(path: str = "", headers: dict[str, str] | None = None, skew_ms: int = 0) -> Ask:
    """The recorded path with our market in it, or `path`."""

    async def ask(venue: Client, name: str) -> Answer:
        await worked(venue)
        venue.skew_ms = skew_ms
        asked = path or "".join(meta_of(name)["path"].removeprefix("/trade-api/v2"))
        if headers is not None and headers:
            signed = venue.headers("GET", urlsplit(f"/trade-api/v2{asked}").path) | headers
            return await venue.call("GET", asked, headers=signed)
        return await venue.call("GET", asked, headers=headers)

    return ask


def place(**fields: object) -> Ask:
    """The recorded body, on our market and with our prices where the recorded ones do not fit its book."""

    async def ask(venue: Client, name: str) -> Answer:
        asked = meta_of(name)["request_body"] | {"ticker": AAA} | fields
        return await venue.call("POST", ORDERS, asked)

    return ask


async def again(venue: Client, name: str) -> Answer:
    """The recorded body twice."""
    asked = meta_of(name)["request_body"] | {"ticker": AAA, "price": "0.0100"}
    await venue.call("POST", ORDERS, asked)
    return await venue.call("POST", ORDERS, asked)


async def reused(venue: Client, name: str) -> Answer:
    asked = meta_of(name)["request_body"] | {"ticker": AAA, "price": "0.0100"}
    first = await venue.call("POST", ORDERS, asked)
    await venue.call("DELETE", f"{ORDERS}/{first.body['order_id']}")
    return await venue.call("POST", ORDERS, asked)


async def self_cross(venue: Client, name: str) -> Answer:
    """Our own bid is the best; an ask that would meet it is stopped there."""
    await venue.order(price="0.4800", post_only=True, **GTC)
    return await venue.call("POST", ORDERS, meta_of(name)["request_body"] | {"ticker": AAA, "price": "0.4800"})


async def working(venue: Client, name: str) -> Answer:
    placed = await venue.order(price="0.0100", **GTC)
    return await venue.call("GET", f"/portfolio/orders/{placed.body['order_id']}")


async def read_too_early(venue: Client, name: str) -> Answer:
    """The venue showed a cancelled order as resting: reads lag writes. So they do here where a lag is asked for."""
    placed = await venue.order(price="0.0100", **GTC)
    order_id = placed.body["order_id"]
    created = await venue.get(f"/portfolio/orders/{order_id}")
    await venue.call("DELETE", f"{ORDERS}/{order_id}")
    answer = await venue.call("GET", f"/portfolio/orders/{order_id}")
    assert (created["order"]["status"], answer.body["order"]["status"]) == ("resting", "canceled")
    return answer


async def cancel(venue: Client, name: str) -> Answer:
    placed = await venue.order(price="0.0100", **GTC)
    return await venue.call("DELETE", f"{ORDERS}/{placed.body['order_id']}")


async def cancel_gone(venue: Client, name: str) -> Answer:
    placed = await venue.order(price="0.0100", **GTC)
    await venue.call("DELETE", f"{ORDERS}/{placed.body['order_id']}")
    return await venue.call("DELETE", f"{ORDERS}/{placed.body['order_id']}")


async def cancel_done(venue: Client, name: str) -> Answer:
    return await venue.call("DELETE", f"{ORDERS}/{(await venue.order()).body['order_id']}")


async def retired(venue: Client, name: str) -> Answer:
    meta = meta_of(name)
    return await venue.call(meta["method"], meta["path"].removeprefix("/trade-api/v2"), meta["request_body"])


ASKED: dict[str, Ask] = {
    "account__endpoint_costs": read(),
    "account__limits": read(),
    "auth__bad_signature": read(headers={"KALSHI-ACCESS-SIGNATURE": "aGVsbG8="}),
    "auth__balance_alt_host": read(),
    "auth__balance_ok": read(),
    "auth__missing_signature_header": read(headers={}),
    "auth__skew_minus30s": read(skew_ms=-30_000),
    "auth__skew_minus5min": read(skew_ms=-300_000),
    "auth__skew_minus5s": read(skew_ms=-5_000),
    "auth__skew_plus5min": read(skew_ms=300_000),
    "auth__skew_plus5s": read(skew_ms=5_000),
    "auth__unknown_key_id": read(headers={"KALSHI-ACCESS-KEY": "00000000-0000-0000-0000-000000000000"}),
    "cleanup__leftover_0": cancel_done,
    "cleanup__leftover_1": cancel_done,
    "cleanup__leftover_2": cancel_done,
    "cleanup__stp_resting": cancel,
    "exchange__status": read(),
    "fills__after_taker": read("/portfolio/fills"),
    "markets__garbage_cursor": read("/markets?limit=1&cursor=garbage-cursor-fixture"),
    "markets__high_temp": read("/markets"),
    "markets__limit_over_max": read(),
    "markets__page1": read("/markets?limit=1"),
    "markets__page2": read("/markets?limit=1"),
    "markets__page3": read("/markets?limit=1"),
    "markets__single": read(f"/markets/{AAA}"),
    "markets__single_filter_lastpage": read(f"/markets?tickers={AAA}"),
    "markets__status_closed": read("/markets?status=closed&limit=5"),
    "markets__status_settled": read("/markets?status=settled&limit=5"),
    "markets__unauth_list": read("/markets?limit=2", headers={}),
    "markets__unauth_single": read(f"/markets/{AAA}", headers={}),
    "orderbook__base": read(f"/markets/{AAA}/orderbook"),
    "orders__cancel_already_canceled": cancel_gone,
    "orders__cancel_executed": cancel_done,
    "orders__cancel_unknown_id": retired,
    "orders__cancel_v2": cancel,
    "orders__create_v2_maker": place(),
    "orders__create_v2_taker_ioc": place(price="0.4900"),
    "orders__duplicate_client_order_id": again,
    "orders__get_after_cancel": read_too_early,
    "orders__get_after_create": working,
    "orders__insufficient_balance": place(count="90000.00", price="0.9900"),
    "orders__invalid_price_structure": place(),
    "orders__legacy_cancel": retired,
    "orders__legacy_create": retired,
    "orders__numeric_field_types": place(),
    "orders__post_only_cross": place(),
    "orders__reuse_canceled_client_id": reused,
    "orders__settlement_seed": place(side="bid", price="0.4900"),
    "orders__stp_resting_after": working,
    "orders__stp_self_cross": self_cross,
    "orders__stp_setup": place(price="0.4800"),
    "portfolio__orders_list": read("/portfolio/orders?limit=10"),
    "portfolio__positions": read("/portfolio/positions"),
    "series__fee_changes": read(),
    "settlements__end_of_session": read("/portfolio/settlements?limit=10"),
    "settlements__page": read("/portfolio/settlements?limit=10"),
    "trades__public_recorded": read(f"/markets/trades?ticker={AAA}", headers={}),
}

OTHERWISE = {
    "orders__legacy_create": (410, "the venue has retired this endpoint since (July 2026); so has the paper exchange"),
    "orders__legacy_cancel": (410, "the same"),
    "markets__high_temp": (200, "an older answer, with a `subtitle` that the venue has given up since"),
    "account__endpoint_costs": (200, "only endpoints that the paper exchange serves are listed"),
}
"""Name → the status here, and why it is not the recorded one or its shape is not compared."""


@pytest.mark.parametrize("name", sorted(ASKED))
async def test_a_recorded_request_gets_an_answer_of_the_recorded_shape(venue: Client, name: str) -> None:
    answer = await ASKED[name](venue, name)
    path = RECORDED / "rest" / f"{name}.meta.json"
    status = OTHERWISE[name][0] if name in OTHERWISE else meta_of(name)["status"] if path.exists() else 200
    assert answer.status == status, answer
    if name in OTHERWISE:
        return
    if status >= 400:
        assert answer.raw == raw(name)  # refusals are the recorded bytes
    else:
        same_shape(answer.body, recorded(name))


def test_no_recorded_file_is_left_out() -> None:
    bodies = {path.stem for path in (RECORDED / "rest").glob("*.json") if not path.stem.endswith(".meta")}
    assert bodies == set(ASKED)
    assert set(OTHERWISE) < bodies


def test_the_recordings_are_where_they_are_looked_for() -> None:
    assert Path(RECORDED, "SOURCES.txt").exists()
