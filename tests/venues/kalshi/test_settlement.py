"""Who else's order it is, and what a market has paid: the reads that end a trade or let a person mend one."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from domain.errors import Rejected, Unavailable
from domain.orders import Purpose, Side
from tests.venues.kalshi.fake import EVENT, MARKET, FakeKalshi, fill, order, ticket
from tests.venues.scripted import NOW, says
from venues.kalshi.client import KalshiClient
from venues.kalshi.orders import CREATE_PATH

ORDERS, FILLS = "/portfolio/orders", "/portfolio/fills"


def lists_order(venue: FakeKalshi, order_id: str, listed: dict[str, Any], *rows: dict[str, Any]) -> None:
    venue.on("GET", f"{ORDERS}/{order_id}", says({"order": listed}))
    venue.on("GET", FILLS, says({"fills": list(rows), "cursor": ""}))


async def test_an_order_placed_by_hand_can_be_looked_up_with_its_terms_and_fills(
    venue: FakeKalshi, client: KalshiClient
) -> None:
    by_hand = {"order_id": "o-9", "client_order_id": "web-1", "book_side": "ask", "yes_price_dollars": "0.5600"}
    lists_order(venue, "o-9", order(ticket(), **by_hand), fill("t-9", "10.00", order_id="o-9", book_side="ask"))
    found = await client.look_up("o-9")
    assert (found.order_id, found.client_order_id, found.market) == ("o-9", "web-1", MARKET)
    assert (found.side, found.size, found.limit) == (Side.SELL, 10, Decimal("0.56"))
    assert (found.evidence.complete, found.evidence.filled) == (True, 10)
    assert {f.client_order_id for f in found.evidence.fills} == {"web-1"}


async def test_an_order_placed_without_a_client_id_goes_by_the_venues_own_and_so_does_its_adopted_ticket(
    venue: FakeKalshi, client: KalshiClient
) -> None:
    by_hand = {"order_id": "o-9", "client_order_id": "", "yes_price_dollars": "0.5600", "initial_count_fp": None}
    lists_order(venue, "o-9", order(ticket(), **by_hand), fill("t-9", "10.00", order_id="o-9"))
    found = await client.look_up("o-9")
    assert (found.client_order_id, found.size) == ("o-9", 10)
    adopted = ticket(purpose=Purpose.ADOPTED, foreign_id=found.client_order_id)
    seen = await client.evidence(adopted, order_id="o-9", sent_at=NOW, grace_ms=0)
    assert (seen.complete, seen.client_order_id) == (True, "o-9")


async def test_an_order_nobody_placed_is_rejected_and_one_without_terms_is_asked_for_again(
    venue: FakeKalshi, client: KalshiClient
) -> None:
    with pytest.raises(Rejected, match="o-8 is not listed") as refused:
        await client.look_up("o-8")
    assert refused.value.code == "not_found"
    lists_order(venue, "o-9", order(ticket(), order_id="o-9"), fill("t-9", "10.00", order_id="o-9"))
    with pytest.raises(Unavailable, match="yes_price_dollars"):
        await client.look_up("o-9")


# --- settlement -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "payout"),
    [
        ({"status": "active", "result": ""}, None),
        ({"status": "closed", "result": ""}, None),
        ({"status": "determined", "result": "yes", "settlement_value_dollars": "1.0000"}, None),
        ({"status": "disputed", "result": "yes", "settlement_value_dollars": "1.0000"}, None),
        ({"status": "amended", "result": "no", "settlement_value_dollars": "0.0000"}, None),
        ({"status": "finalized", "result": "yes", "settlement_value_dollars": "1.0000"}, "1"),
        ({"status": "finalized", "result": "no", "settlement_value_dollars": "0.0000"}, "0"),
        ({"status": "finalized", "result": "yes"}, "1"),
        ({"status": "finalized", "result": "no", "settlement_value_dollars": None}, "0"),
        ({"status": "finalized", "result": "scalar", "settlement_value_dollars": "0.3500"}, "0.35"),
        ({"status": "settled", "result": "yes"}, "1"),
    ],
)
async def test_a_market_has_paid_only_once_it_is_finalized(
    venue: FakeKalshi, client: KalshiClient, fields: dict[str, Any], payout: str | None
) -> None:
    when = {"settlement_ts": "2026-11-21T01:59:59.5Z"} if payout else {}
    market = {"ticker": MARKET, "event_ticker": EVENT} | fields | when
    venue.on("GET", f"/markets/{MARKET}", says({"market": market}))
    told = await client.resolution(MARKET)
    assert (told.market, told.payout) == (MARKET, None if payout is None else Decimal(payout))
    assert told.at == (NOW - 500_000 if payout else 0)


@pytest.mark.parametrize(
    "fields", [{"result": "scalar"}, {"result": ""}, {"result": "yes", "settlement_value_dollars": "1.5000"}]
)
async def test_a_finalized_market_that_does_not_say_what_it_paid_is_asked_again(
    venue: FakeKalshi, client: KalshiClient, fields: dict[str, Any]
) -> None:
    market = {"ticker": MARKET, "event_ticker": EVENT, "status": "finalized"} | fields
    venue.on("GET", f"/markets/{MARKET}", says({"market": market}))
    with pytest.raises(Unavailable, match="expected a value from 0 to 1"):
        await client.resolution(MARKET)


# --- cancels ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "code"), [(404, "not_found"), (400, "MARKET_INACTIVE"), (409, "MARKET_INACTIVE")])
async def test_a_cancel_of_what_no_longer_works_proves_nothing_and_is_no_failure(
    venue: FakeKalshi, client: KalshiClient, status: int, code: str
) -> None:
    venue.on("DELETE", f"{CREATE_PATH}/o-1", says({"error": {"code": code, "message": code}}, status))
    await client.cancel(MARKET, "o-1")
    (asked,) = venue.asked("DELETE", f"{CREATE_PATH}/o-1")
    assert (asked.params["market_ticker"], asked.params["exchange_index"]) == (MARKET, "-1")


async def test_a_cancel_the_venue_refuses_for_another_reason_is_told(venue: FakeKalshi, client: KalshiClient) -> None:
    venue.on("DELETE", f"{CREATE_PATH}/o-1", says({"error": {"code": "forbidden", "message": "forbidden"}}, 403))
    with pytest.raises(Rejected, match="forbidden"):
        await client.cancel(MARKET, "o-1")
    venue.on("DELETE", f"{CREATE_PATH}/o-1", says({"error": {"code": "oops", "message": "oops"}}, 503))
    with pytest.raises(Unavailable):
        await client.cancel(MARKET, "o-1")
