"""Amends, decreases, batches, mass cancels and places in the queue."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from domain.errors import BadInput, Denied, Rejected, Unknown
from domain.orders import Side, Verdict
from tests.venues.kalshi.fake import MARKET, FakeKalshi, order, ticket
from tests.venues.scripted import NOW, drops, says
from venues.kalshi.client import KalshiClient
from venues.kalshi.orders import CREATE_PATH, order_body
from venues.kalshi.signing import Signer
from venues.kalshi.working import BATCH_PATH, SWEEP_US
from venues.token_bucket import TokenBucket

FOK = "fill_or_kill_insufficient_resting_volume"
ONE, TWO = ticket(), ticket(attempt=2)


def placed(asked: Any, **changes: Any) -> dict[str, Any]:
    done = {"order_id": f"o-{asked.attempt}", "client_order_id": asked.client_order_id}
    return done | {"fill_count": "4.00", "remaining_count": "6.00", "ts_ms": 5} | changes


def refused(asked: Any, code: str, details: str = "") -> dict[str, Any]:
    error = {"code": code, "message": code.replace("_", " "), "details": details}
    return {"client_order_id": asked.client_order_id, "error": error}


async def test_an_amend_names_the_whole_size_and_lets_the_venue_route(venue: FakeKalshi, client: KalshiClient) -> None:
    answer = {"order_id": "o-1", "remaining_count": "6.00", "fill_count": "0.00", "ts_ms": 1}
    venue.on("POST", f"{CREATE_PATH}/o-1/amend", says(answer))
    done = await client.working.amend(MARKET, "o-1", side=Side.SELL, limit=Decimal("0.45"), total=Decimal(10))
    assert (done.order_id, done.remaining_count) == ("o-1", 6)
    assert json.loads(venue.seen[0].body) == {
        "ticker": MARKET,
        "side": "ask",
        "price": "0.4500",
        "count": "10.00",
        "exchange_index": -1,
    }


async def test_a_decrease_says_what_is_to_remain_so_that_it_can_be_repeated(
    venue: FakeKalshi, client: KalshiClient
) -> None:
    venue.on("POST", f"{CREATE_PATH}/o-1/decrease", drops, says({"order_id": "o-1", "remaining_count": "3.00"}))
    with pytest.raises(Unknown, match="look first"):
        await client.working.decrease(MARKET, "o-1", remaining=Decimal(3))
    assert (await client.working.decrease(MARKET, "o-1", remaining=Decimal(3))).remaining_count == 3
    first, second = venue.seen
    assert first.body == second.body
    assert json.loads(first.body) == {"reduce_to": "3.00", "market_ticker": MARKET, "exchange_index": -1}


async def test_a_change_of_an_order_that_is_gone_is_rejected(venue: FakeKalshi, client: KalshiClient) -> None:
    with pytest.raises(Rejected):
        await client.working.decrease(MARKET, "o-1", remaining=Decimal(0))


async def test_a_price_or_size_the_wire_cannot_carry_is_denied_before_it_leaves(
    venue: FakeKalshi, client: KalshiClient
) -> None:
    with pytest.raises(Denied, match="cannot be sent"):
        await client.working.amend(MARKET, "o-1", side=Side.BUY, limit=Decimal("0.45005"), total=Decimal(10))
    with pytest.raises(Denied, match="nearest 10"):
        await client.working.amend(MARKET, "o-1", side=Side.BUY, limit=Decimal("0.45"), total=Decimal("10.001"))
    assert venue.seen == []


async def test_a_batch_sends_each_orders_own_bytes_and_judges_each_by_itself(
    venue: FakeKalshi, client: KalshiClient
) -> None:
    answer = {"orders": [placed(ONE), refused(TWO, "insufficient_balance")]}
    venue.on("POST", BATCH_PATH, says(answer, 201))
    first, second = await client.working.submit_many([ONE, TWO])
    assert (first.verdict, first.order_id, first.filled, first.remaining) == (Verdict.ACCEPTED, "o-1", 4, 6)
    assert (second.verdict, second.code) == (Verdict.REJECTED, "insufficient_balance")
    assert venue.seen[0].body == b'{"orders":[' + order_body(ONE) + b"," + order_body(TWO) + b"]}"


async def test_entries_of_a_batch_are_told_by_name_not_by_place(venue: FakeKalshi, client: KalshiClient) -> None:
    venue.on("POST", BATCH_PATH, says({"orders": [refused(TWO, "invalid_price"), placed(ONE)]}, 201))
    first, second = await client.working.submit_many([ONE, TWO])
    assert (first.verdict, second.verdict) == (Verdict.ACCEPTED, Verdict.REJECTED)


@pytest.mark.parametrize(
    ("item", "verdict", "code"),
    [
        (refused(ONE, "order_already_exists"), Verdict.UNKNOWN, "order_already_exists"),
        (refused(ONE, "invalid_order", "post only cross"), Verdict.REJECTED, "post_only_cross"),
        (refused(ONE, FOK), Verdict.REJECTED, FOK),
        (refused(ONE, "trading_is_paused"), Verdict.REJECTED, "trading_is_paused"),
        (refused(ONE, "exchange_is_paused"), Verdict.REJECTED, "exchange_is_paused"),
        (refused(ONE, "MARKET_INACTIVE"), Verdict.REJECTED, "MARKET_INACTIVE"),
        (refused(ONE, "a_code_of_tomorrow"), Verdict.UNKNOWN, "undocumented_refusal"),
        (refused(ONE, "internal_error"), Verdict.UNKNOWN, "undocumented_refusal"),
        ({"client_order_id": ONE.client_order_id}, Verdict.UNKNOWN, "unparseable"),
        (placed(ONE, client_order_id="somebody-elses"), Verdict.UNKNOWN, "unparseable"),
    ],
)
async def test_what_one_entry_of_a_batch_proves(
    venue: FakeKalshi, client: KalshiClient, item: dict[str, Any], verdict: Verdict, code: str
) -> None:
    venue.on("POST", BATCH_PATH, says({"orders": [item]}, 201))
    (result,) = await client.working.submit_many([ONE])
    assert (result.verdict, result.code, result.sent) == (verdict, code, True)
    assert result.landed == (code == "order_already_exists")


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        (says({"orders": [placed(ONE)]}, 201), Verdict.UNKNOWN),  # one of the two is missing
        (says(b"<html>", 201), Verdict.UNKNOWN),
        (says({}, 503), Verdict.UNKNOWN),
        (says({"error": "too many requests"}, 429), Verdict.REJECTED),
        (drops, Verdict.UNKNOWN),
    ],
)
async def test_what_a_whole_batch_proves_holds_for_each_of_its_orders(
    venue: FakeKalshi, client: KalshiClient, reply: Any, verdict: Verdict
) -> None:
    venue.on("POST", BATCH_PATH, reply)
    assert [result.verdict for result in await client.working.submit_many([ONE, TWO])] == [verdict] * 2
    assert len(venue.seen) == 1


async def test_an_order_that_cannot_be_sent_does_not_keep_the_others_back(
    venue: FakeKalshi, client: KalshiClient
) -> None:
    venue.on("POST", BATCH_PATH, says({"orders": [placed(TWO)]}, 201))
    bad, good = await client.working.submit_many([ticket(limit=Decimal("0.00005")), TWO])
    assert (bad.verdict, bad.code, good.verdict) == (Verdict.DENIED, "off_tick", Verdict.ACCEPTED)


async def test_each_order_of_a_batch_is_billed_and_one_above_the_budget_is_denied_whole(
    venue: FakeKalshi, signer: Signer
) -> None:
    writes = TokenBucket("write", rate=0.001, capacity=20)
    venue.on("POST", BATCH_PATH, says({"orders": [placed(ONE), placed(TWO)]}, 201))
    async with KalshiClient(venue.base_url, signer, writes=writes) as client:
        tickets = [ticket(attempt=n) for n in (1, 2, 3)]
        assert {r.code for r in await client.working.submit_many(tickets)} == {"above_burst"}
        assert {r.verdict for r in await client.working.submit_many(tickets[:2])} == {Verdict.ACCEPTED}
        assert {r.code for r in await client.working.submit_many(tickets[:1])} == {"rate_limited"}
    assert len(venue.seen) == 1


async def test_many_orders_are_cancelled_at_once_each_with_its_market(venue: FakeKalshi, client: KalshiClient) -> None:
    answer = [{"order_id": "o-1", "reduced_by": "6.00"}, {"order_id": "o-2", "error": {"code": "not_found"}}]
    venue.on("DELETE", BATCH_PATH, says({"orders": answer}))
    gone = await client.working.cancel_many([(MARKET, "o-1"), (MARKET, "o-2")])
    assert [(one.reduced_by, one.error is None) for one in gone] == [(6, True), (0, False)]
    entry = {"order_id": "o-1", "market_ticker": MARKET, "exchange_index": -1}
    assert json.loads(venue.seen[0].body)["orders"][0] == entry
    assert await client.working.cancel_many([]) == []


async def test_everything_is_cancelled_by_one_word(venue: FakeKalshi, client: KalshiClient) -> None:
    venue.on("DELETE", CREATE_PATH, says(b"", 204))
    await client.working.cancel_all()
    assert [(seen.method, seen.params) for seen in venue.seen] == [("DELETE", {})]


async def test_no_order_leaves_in_the_minute_that_a_cancel_of_everything_reaches_into(
    venue: FakeKalshi, signer: Signer
) -> None:
    now = NOW
    venue.on("DELETE", CREATE_PATH, says(b"", 204))
    venue.on("POST", CREATE_PATH, says({"error": {"code": "invalid_price", "message": "no"}}, 400))
    async with KalshiClient(venue.base_url, signer, clock=lambda: now) as client:
        await client.working.cancel_all()
        swept = await client.submit(ticket())
        batch = await client.working.submit_many([ticket()])
        now += SWEEP_US - 1
        still = await client.submit(ticket())
        now += 1
        free = await client.submit(ticket())
    assert [(one.verdict, one.code, one.sent) for one in (swept, *batch, still)] == [
        (Verdict.DENIED, "cancel_all_minute", False)
    ] * 3
    assert free.code == "invalid_price"
    assert len(venue.asked("POST", CREATE_PATH)) == 1


async def test_whoever_wants_to_get_out_cancels_by_id_and_may_sell_at_once(
    venue: FakeKalshi, client: KalshiClient
) -> None:
    listed = [order(ticket(), order_id=f"o-{n}", status="resting") for n in range(45)]
    venue.on("GET", "/portfolio/orders", says({"orders": listed, "cursor": ""}))
    venue.on("DELETE", BATCH_PATH, says({"orders": []}))
    venue.on("POST", CREATE_PATH, says({"error": {"code": "invalid_price", "message": "no"}}, 400))
    assert await client.working.cancel_resting() == 45
    asked = [
        entry["order_id"] for seen in venue.asked("DELETE", BATCH_PATH) for entry in json.loads(seen.body)["orders"]
    ]
    assert asked == [f"o-{n}" for n in range(45)]
    assert venue.asked("DELETE", CREATE_PATH) == []
    assert (await client.submit(ticket())).sent


async def test_places_in_the_queue_are_contracts_ahead(venue: FakeKalshi, client: KalshiClient) -> None:
    rows = [{"order_id": "o-1", "market_ticker": MARKET, "queue_position_fp": "12.50"}]
    venue.on("GET", "/portfolio/orders/queue_positions", says({"queue_positions": rows}))
    venue.on("GET", "/portfolio/orders/o-1/queue_position", says({"queue_position_fp": "3.00"}))
    assert await client.working.queue_positions([MARKET]) == {"o-1": Decimal("12.5")}
    assert await client.working.queue_position("o-1") == 3
    with pytest.raises(BadInput, match="at least one"):
        await client.working.queue_positions([])
