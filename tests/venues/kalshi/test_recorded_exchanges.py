"""Every exchange recorded on the venue's demo, answered to our adapter again: what it makes of each of them.

A recorded file that no entry here names fails `test_no_recorded_file_is_left_out`.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pytest

from domain.errors import Rejected
from domain.evidence import OrderStatus
from domain.orders import OrderTicket, Side, TimeInForce, Verdict
from tests.places import SHARED_FOLDER
from tests.venues.kalshi.fake import FakeKalshi, ticket
from tests.venues.scripted import NOW, says
from venues.kalshi.client import KalshiClient
from venues.kalshi.messages import MarketsPage, TradesPage

FIXTURES = SHARED_FOLDER / "fixtures" / "kalshi"
REST, WS = FIXTURES / "rest", FIXTURES / "ws"
ROOT = "/trade-api/v2"

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not FIXTURES.is_dir(), reason=f"no recorded messages at {FIXTURES}"),
]

Replay = Callable[[FakeKalshi, KalshiClient, str], Awaitable[None]]
D = Decimal


def meta_of(name: str) -> dict[str, Any]:
    path = REST / f"{name}.meta.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"method": "GET", "status": 200}
    return found


def body_of(name: str) -> Any:
    return json.loads((REST / f"{name}.json").read_text())


def play(venue: FakeKalshi, name: str, path: str = "") -> None:
    """Answer the recorded request, or `path`, with the recorded answer."""
    meta = meta_of(name)
    asked = path or urlsplit(meta["path"]).path.removeprefix(ROOT)
    venue.on(meta["method"], asked, says((REST / f"{name}.json").read_bytes(), meta["status"]))


def recorded_ticket(name: str) -> OrderTicket:
    """The ticket whose order is the recorded request's."""
    asked = meta_of(name)["request_body"]
    return ticket(
        foreign_id=asked["client_order_id"],
        market=asked["ticker"],
        side=Side.BUY if asked["side"] in ("bid", "yes") else Side.SELL,
        size=D(str(asked["count"])),
        limit=D(str(asked.get("price", "0.01"))),
        tif=TimeInForce(asked.get("time_in_force", "good_till_canceled")),
        post_only=bool(asked.get("post_only")),
    )


def balance(expected: str) -> Replay:
    async def replay(venue: FakeKalshi, client: KalshiClient, name: str) -> None:
        play(venue, name)
        assert await client.cash() == D(expected)
        assert await client.pools() == {"0": D(expected)}

    return replay


def refused(code: str) -> Replay:
    async def replay(venue: FakeKalshi, client: KalshiClient, name: str) -> None:
        play(venue, name)
        with pytest.raises(Rejected) as error:
            await client.cash()
        assert error.value.code == code
        assert "this machine's clock" in error.value.message

    return replay


def submitted(verdict: Verdict, code: str = "", filled: str = "0", remaining: str = "0") -> Replay:
    async def replay(venue: FakeKalshi, client: KalshiClient, name: str) -> None:
        play(venue, name, "/portfolio/events/orders")
        asked = recorded_ticket(name)
        result = await client.submit(asked)
        assert (result.verdict, result.code) == (verdict, code)
        assert (result.filled, result.remaining) == (D(filled), D(remaining))
        if name.startswith("orders__legacy"):
            return
        ours, theirs = json.loads(venue.seen[0].body), meta_of(name)["request_body"]
        assert {key: ours[key] for key in theirs if isinstance(theirs[key], str)} == {
            key: value for key, value in theirs.items() if isinstance(value, str)
        }

    return replay


async def cancelled(venue: FakeKalshi, client: KalshiClient, name: str) -> None:
    """Whatever the venue answered: a cancel says nothing of what became of the order."""
    order_id = meta_of(name)["path"].rpartition("/")[2]
    play(venue, name, f"/portfolio/events/orders/{order_id}")
    await client.cancel("KXANY", order_id)
    assert len(venue.seen) == 1


def order_is(status: OrderStatus, remaining: str) -> Replay:
    async def replay(venue: FakeKalshi, client: KalshiClient, name: str) -> None:
        play(venue, name)
        listed = body_of(name)["order"]
        asked = ticket(foreign_id=listed["client_order_id"], market=listed["ticker"])
        seen = await client.evidence(asked, order_id=listed["order_id"], sent_at=NOW, grace_ms=0)
        assert (seen.status, seen.filled, seen.remaining) == (status, 0, D(remaining))

    return replay


def listed(count: int, *, last: bool, statuses: set[str]) -> Replay:
    async def replay(venue: FakeKalshi, client: KalshiClient, name: str) -> None:
        play(venue, name, "/markets")
        page = await client.wire.get("/markets", MarketsPage)
        assert (len(page.markets or ()), not page.cursor) == (count, last)
        assert {market.status for market in page.markets or ()} == statuses
        assert all(band.step > 0 for market in page.markets or () for band in market.price_ranges or ())

    return replay


async def market_rules(venue: FakeKalshi, client: KalshiClient, name: str) -> None:
    market = body_of(name)["market"]
    play(venue, name, f"/markets/{market['ticker']}")
    event = {"event_ticker": market["event_ticker"], "series_ticker": "S"}
    venue.on("GET", f"/events/{market['event_ticker']}", says({"event": event}))
    venue.on("GET", "/series/S", says({"series": {"ticker": "S", "fee_type": "quadratic", "fee_multiplier": 1}}))
    play(venue, "exchange__status")
    spec = await client.market(market["ticker"])
    assert (spec.open, spec.fees.taker, spec.step_at(D("0.5"))) == (True, D("0.07"), D("0.01"))
    assert spec.nearest(D("0.5150")) == D("0.52")


async def over_max(venue: FakeKalshi, client: KalshiClient, name: str) -> None:
    play(venue, name, "/markets")
    with pytest.raises(Rejected, match="Parameter validation failed"):
        await client.wire.get("/markets", MarketsPage, {"limit": 1001})


async def quoted(venue: FakeKalshi, client: KalshiClient, name: str) -> None:
    play(venue, name, "/markets/M/orderbook")
    quote = await client.quote("M")
    assert (quote.bids, quote.asks) == (((D("0.47"), D(3)),), ((D("0.52"), D(3)),))


async def limits(venue: FakeKalshi, client: KalshiClient, name: str) -> None:
    play(venue, "account__limits")
    play(venue, "account__endpoint_costs")
    told = await client.configure_limits()
    assert (told.usage_tier, client.wire.reads.rate, client.wire.writes.capacity) == ("basic", 200, 100)
    costs = client.wire.costs
    assert (costs.of("POST", "/portfolio/events/orders"), costs.of("GET", "/portfolio/orders/x")) == (10, 2)
    assert costs.of("DELETE", "/portfolio/events/orders/x") == 2
    assert costs.of("GET", "/portfolio/orders") == 10


async def trading(venue: FakeKalshi, client: KalshiClient, name: str) -> None:
    play(venue, name)
    assert await client.exchange.pause() is None


async def no_fee_changes(venue: FakeKalshi, client: KalshiClient, name: str) -> None:
    play(venue, name)
    assert await client.exchange.fee_changes() == []


async def nothing_settled(venue: FakeKalshi, client: KalshiClient, name: str) -> None:
    play(venue, name)
    assert await client.settlements() == []


async def traded(venue: FakeKalshi, client: KalshiClient, name: str) -> None:
    play(venue, name)
    page = await client.wire.get("/markets/trades", TradesPage)
    assert [(t.count_fp, t.yes_price_dollars, t.taker_book_side) for t in (page.trades or ())[:1]] == [
        (D("7.77"), D("0.03"), "bid")
    ]


async def account(venue: FakeKalshi, client: KalshiClient, name: str) -> None:
    """Positions, orders and fills as they stood together, with the balance of the session's start."""
    for part in ("fills__after_taker", "portfolio__orders_list", "portfolio__positions", "auth__balance_ok"):
        play(venue, part)
    seen = await client.account()
    rows = body_of("portfolio__positions")["market_positions"]
    assert seen.positions == {row["ticker"]: D(row["position_fp"]) for row in rows}
    assert seen.open_orders == ()
    assert len(seen.fills) == len(body_of("fills__after_taker")["fills"])
    assert sum(f.fee for f in seen.fills) == sum(D(f["fee_cost"]) for f in body_of("fills__after_taker")["fills"])
    assert seen.cash == D("98.0186")


OK, TAKEN = Verdict.ACCEPTED, Verdict.UNKNOWN
REPLAYED: dict[str, Replay] = {
    "account__endpoint_costs": limits,
    "account__limits": limits,
    "auth__bad_signature": refused("authentication_error"),
    "auth__balance_alt_host": balance("98.0186"),
    "auth__balance_ok": balance("98.0186"),
    "auth__missing_signature_header": refused("signature_is_missing_from_headers"),
    "auth__skew_minus30s": refused("header_timestamp_expired"),
    "auth__skew_minus5min": refused("header_timestamp_expired"),
    "auth__skew_minus5s": balance("98.0186"),
    "auth__skew_plus5min": refused("header_timestamp_expired"),
    "auth__skew_plus5s": balance("98.0186"),
    "auth__unknown_key_id": refused("authentication_error"),
    "cleanup__leftover_0": cancelled,
    "cleanup__leftover_1": cancelled,
    "cleanup__leftover_2": cancelled,
    "cleanup__stp_resting": cancelled,
    "exchange__status": trading,
    "fills__after_taker": account,
    "markets__garbage_cursor": listed(5, last=False, statuses={"initialized"}),
    "markets__high_temp": listed(18, last=True, statuses={"active", "determined"}),
    "markets__limit_over_max": over_max,
    "markets__page1": listed(5, last=False, statuses={"initialized"}),
    "markets__page2": listed(5, last=False, statuses={"initialized"}),
    "markets__page3": listed(5, last=False, statuses={"initialized"}),
    "markets__single": market_rules,
    "markets__single_filter_lastpage": listed(1, last=True, statuses={"active"}),
    "markets__status_closed": listed(5, last=False, statuses={"determined"}),
    "markets__status_settled": listed(5, last=False, statuses={"finalized"}),
    "markets__unauth_list": listed(2, last=False, statuses={"initialized"}),
    "markets__unauth_single": market_rules,
    "orderbook__base": quoted,
    "orders__cancel_already_canceled": cancelled,
    "orders__cancel_executed": cancelled,
    "orders__cancel_unknown_id": cancelled,
    "orders__cancel_v2": cancelled,
    "orders__create_v2_maker": submitted(OK, remaining="1"),
    "orders__create_v2_taker_ioc": submitted(OK, filled="1"),
    "orders__duplicate_client_order_id": submitted(TAKEN, "order_already_exists"),
    "orders__get_after_cancel": order_is(OrderStatus.RESTING, "1"),
    "orders__get_after_create": order_is(OrderStatus.RESTING, "1"),
    "orders__insufficient_balance": submitted(Verdict.REJECTED, "insufficient_balance"),
    "orders__invalid_price_structure": submitted(Verdict.REJECTED, "invalid_price"),
    "orders__legacy_cancel": cancelled,
    "orders__legacy_create": submitted(TAKEN, "unparseable"),
    "orders__numeric_field_types": submitted(Verdict.REJECTED, "bad_request"),
    "orders__post_only_cross": submitted(Verdict.REJECTED, "post_only_cross"),
    "orders__reuse_canceled_client_id": submitted(TAKEN, "order_already_exists"),
    "orders__settlement_seed": submitted(OK, filled="1"),
    "orders__stp_resting_after": order_is(OrderStatus.RESTING, "1"),
    "orders__stp_self_cross": submitted(OK),
    "orders__stp_setup": submitted(OK, remaining="1"),
    "portfolio__orders_list": account,
    "portfolio__positions": account,
    "series__fee_changes": no_fee_changes,
    "settlements__end_of_session": nothing_settled,
    "settlements__page": nothing_settled,
    "trades__public_recorded": traded,
}

ANSWERS_LEFT_OUT = {"markets__status_open"}
"""Recorded requests whose answer is not in the folder."""

FRAMES = {"ws__orderbook_trade_noleg", "ws__orderbook_trade_yes"}
"""Replayed frame by frame in `test_recorded`."""


@pytest.mark.parametrize("name", sorted(REPLAYED))
async def test_a_recorded_exchange_is_read_for_what_it_proves(
    venue: FakeKalshi, client: KalshiClient, name: str
) -> None:
    await REPLAYED[name](venue, client, name)


def test_no_recorded_file_is_left_out() -> None:
    bodies = {path.stem for path in REST.glob("*.json") if not path.stem.endswith(".meta")}
    metas = {path.name.removesuffix(".meta.json") for path in REST.glob("*.meta.json")}
    assert bodies == set(REPLAYED)
    assert metas - bodies == ANSWERS_LEFT_OUT | {"session__manifest"}
    assert {path.stem for path in WS.glob("*.jsonl")} == FRAMES


def test_every_stage_of_the_recorded_session_is_replayed_or_named() -> None:
    stages = {row["stage"] for row in meta_of("session__manifest")["results"]}
    known = REPLAYED.keys() | ANSWERS_LEFT_OUT | FRAMES
    assert {stage for stage in stages if (REST / f"{stage}.json").exists()} <= known
