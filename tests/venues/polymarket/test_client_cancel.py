"""Cancels prove nothing, go in requests the burst allows, and cost what they cancel."""

from __future__ import annotations

import json

import pytest

from domain.errors import Rejected, Unavailable
from tests.venues.polymarket.scripted import (
    CONDITION,
    CREDENTIALS,
    YES,
    Scripted,
)
from tests.venues.scripted import drops, says
from venues.polymarket.auth import verify_l2
from venues.polymarket.client import PolymarketClient


async def test_a_cancel_proves_nothing_and_raises_only_where_it_was_not_taken(
    venue: Scripted, client: PolymarketClient
) -> None:
    for answer in (
        says({"canceled": ["0x1"], "not_canceled": {}}),
        says({"canceled": [], "not_canceled": {"0x1": "order already matched"}}),
        says({"error": "order not found"}, 404),
    ):
        venue.on("DELETE", "/order", answer)
        await client.cancel(YES, "0x1")
    for answer, expected in (
        (drops, Unavailable),
        (says({"error": "trading is disabled"}, 503), Unavailable),
        (says({"error": "Unauthorized/Invalid api key"}, 401), Rejected),
    ):
        venue.on("DELETE", "/order", answer)
        with pytest.raises(expected):
            await client.cancel(YES, "0x1")


async def test_many_cancels_go_in_requests_the_burst_allows(venue: Scripted, client: PolymarketClient) -> None:
    ids = [f"0x{number:x}" for number in range(150)]
    venue.on("DELETE", "/orders", says({"canceled": ids[:100], "not_canceled": {ids[149]: "order already matched"}}))
    assert await client.cancel_many(ids) == {ids[149]: "order already matched"}
    assert [len(json.loads(seen.body)) for seen in venue.asked("DELETE", "/orders")] == [120, 30]


async def test_a_market_or_everything_is_cancelled_and_costs_what_it_cancelled(
    venue: Scripted, client: PolymarketClient
) -> None:
    venue.on("DELETE", "/cancel-market-orders", says({"canceled": ["0x1"], "not_canceled": {}}))
    venue.on("DELETE", "/cancel-all", says({"canceled": [f"0x{n:x}" for n in range(200)], "not_canceled": {}}))
    assert await client.cancel_market(YES) == ["0x1"]
    [asked] = venue.asked("DELETE", "/cancel-market-orders")
    assert json.loads(asked.body) == {"market": CONDITION, "asset_id": YES}
    assert len(await client.cancel_all()) == 200
    assert client.wire.limits.cancels.level < 0
    [asked] = venue.asked("DELETE", "/cancel-all")
    assert verify_l2(CREDENTIALS, asked.headers, "DELETE", "/cancel-all", b"")
