"""What leaves as an order or a batch: the same bytes again, nothing off the grid, each entry judged."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from domain.errors import Denied
from domain.orders import Verdict
from tests.venues.polymarket.scripted import (
    CONDITION,
    CREDENTIALS,
    NO,
    WALLET,
    YES,
    Scripted,
    posted,
    ticket,
)
from tests.venues.scripted import NOW, says
from venues.polymarket.auth import verify_l2
from venues.polymarket.client import PolymarketClient


async def test_a_repeated_submit_sends_the_same_bytes_under_fresh_and_valid_headers(venue: Scripted) -> None:
    now = NOW

    def clock() -> int:
        nonlocal now
        now += 1_000_000
        return now

    async with PolymarketClient(venue.services, WALLET, CREDENTIALS, clock=clock) as client:
        venue.on("POST", "/order", says({"error": "Internal server error"}, 500))
        await client.submit(ticket())
        await client.submit(ticket())
        first, second = venue.asked("POST", "/order")
        assert first.body == second.body == (await client.prepare(ticket())).body
        assert first.headers["POLY_SIGNATURE"] != second.headers["POLY_SIGNATURE"]
        for seen in (first, second):
            assert verify_l2(CREDENTIALS, seen.headers, "POST", "/order", seen.body)


async def test_another_process_makes_the_same_bytes_and_the_same_id(venue: Scripted, client: PolymarketClient) -> None:
    async with PolymarketClient(venue.services, WALLET, CREDENTIALS) as other:
        assert await other.prepare(ticket()) == await client.prepare(ticket())


async def test_a_market_is_read_once_for_all_its_orders(venue: Scripted, client: PolymarketClient) -> None:
    for attempt in range(1, 4):
        await client.prepare(ticket(attempt=attempt))
        await client.prepare(ticket(attempt=attempt, market=NO))
    assert len(venue.asked("GET", f"/clob-markets/{CONDITION}")) == 1


async def test_an_off_grid_price_is_refused_before_the_wire_with_the_nearest_valid_one(
    venue: Scripted, client: PolymarketClient
) -> None:
    result = await client.submit(ticket(limit=Decimal("0.5051")))
    assert (result.verdict, result.code, result.sent) == (Verdict.DENIED, "off_tick", False)
    assert "0.51" in result.detail
    assert not venue.asked("POST", "/order")


async def test_a_tick_that_became_finer_is_read_again_before_a_price_is_refused(
    venue: Scripted, client: PolymarketClient
) -> None:
    coarse = await client.prepare(ticket())
    venue.plays(info={"mts": 0.001})
    fine = await client.prepare(ticket(attempt=2, limit=Decimal("0.985")))
    assert fine.order_id != coarse.order_id


async def test_an_unknown_token_and_a_market_that_cannot_be_read_send_nothing(
    venue: Scripted, client: PolymarketClient
) -> None:
    unknown = await client.submit(ticket(market="7"))
    venue.on("GET", f"/clob-markets/{CONDITION}", says({}, 503))
    unread = await client.submit(ticket())
    assert (unknown.verdict, unknown.code) == (Verdict.DENIED, "not_found")
    assert (unread.verdict, unread.code) == (Verdict.DENIED, "http_503")
    assert not venue.asked("POST", "/order")


async def test_a_market_of_a_version_not_known_is_never_signed_for(venue: Scripted, client: PolymarketClient) -> None:
    venue.plays(info={"v": "v3"})
    result = await client.submit(ticket())
    assert (result.verdict, result.code) == (Verdict.DENIED, "unknown_version")
    assert not (await client.market(YES)).open


async def test_a_duplicate_answer_says_that_the_order_arrived(
    venue: Scripted, client: PolymarketClient, order_id: str
) -> None:
    venue.on("POST", "/order", says({"error": f"order {order_id} is invalid. Duplicated."}, 400))
    result = await client.submit(ticket())
    assert (result.verdict, result.landed, result.order_id) == (Verdict.UNKNOWN, True, order_id)


async def test_a_batch_is_judged_entry_by_entry(venue: Scripted, client: PolymarketClient) -> None:
    tickets = [ticket(attempt=attempt) for attempt in (1, 2, 3)] + [ticket(attempt=4, limit=Decimal("0.5051"))]
    ids = [(await client.prepare(each)).order_id for each in tickets[:3]]
    refused = posted("", errorMsg="post-only mode: only post-only orders and cancels are allowed", status="")
    venue.on("POST", "/orders", says([posted(ids[0]), refused, posted(ids[2], status="delayed")]))
    results = await client.submit_many(tickets)
    assert [(each.verdict, each.code) for each in results] == [
        (Verdict.ACCEPTED, ""),
        (Verdict.REJECTED, "post_only_mode"),
        (Verdict.UNKNOWN, "delayed"),
        (Verdict.DENIED, "off_tick"),
    ]
    sent = json.loads(venue.asked("POST", "/orders")[0].body)
    assert sent == [json.loads((await client.prepare(each)).body) for each in tickets[:3]]


@pytest.mark.parametrize(
    ("status", "answer", "verdict"),
    [
        (401, {"error": "Unauthorized/Invalid api key"}, Verdict.REJECTED),
        (429, {"error": "Too Many Requests"}, Verdict.REJECTED),
        (400, {"error": "Too many orders in payload: 16, max allowed: 15"}, Verdict.REJECTED),
        (400, {"error": "not enough balance / allowance"}, Verdict.UNKNOWN),  # whose?
        (500, {"error": "Internal server error"}, Verdict.UNKNOWN),
        (200, [{"success": True}], Verdict.UNKNOWN),  # fewer entries than orders
        (200, {"success": True}, Verdict.UNKNOWN),
    ],
)
async def test_a_batch_answered_as_a_whole_proves_only_what_stopped_it_at_the_door(
    venue: Scripted, client: PolymarketClient, status: int, answer: Any, verdict: Verdict
) -> None:
    venue.on("POST", "/orders", says(answer, status))
    results = await client.submit_many([ticket(), ticket(attempt=2)])
    assert [each.verdict for each in results] == [verdict, verdict]


async def test_a_batch_of_more_than_fifteen_is_denied(client: PolymarketClient) -> None:
    with pytest.raises(Denied, match="15"):
        await client.submit_many([ticket(attempt=attempt) for attempt in range(1, 17)])
