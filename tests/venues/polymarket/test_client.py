"""Polymarket through the venue port: bytes, evidence, cancels, books, rules, the account."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from domain.errors import BadInput, Denied, Rejected, Unavailable
from domain.evidence import FillStatus, OrderEvidence, OrderStatus
from domain.orders import Purpose, Side, TimeInForce, Verdict
from tests.venues.kalshi.fake import NOW, drops, hangs, says
from tests.venues.polymarket.scripted import (
    CONDITION,
    CREDENTIALS,
    NO,
    OWNER,
    WALLET,
    YES,
    Scripted,
    order,
    rows,
    ticket,
    trade,
)
from venues.polymarket.auth import verify_l2
from venues.polymarket.client import ChainAccess, PolymarketClient
from venues.polymarket.fake_relayer import FakeRelayer
from venues.polymarket.journal import ChainJournal
from venues.polymarket.relayer import Stage
from venues.polymarket.rest import Services
from venues.polymarket.wallet import SignatureType, Wallet
from venues.wire import Timeouts

MINUTE = 60_000_000
TRADES, ORDERS = "/data/trades", "/data/orders"
DeadLetters = list[tuple[str, bytes, str]]


async def order_id_of(client: PolymarketClient, **changes: Any) -> str:
    return (await client.prepare(ticket(**changes))).order_id


def posted(order_id: str, **changes: Any) -> dict[str, Any]:
    answer = {"success": True, "errorMsg": "", "orderID": order_id, "status": "matched", "makingAmount": "5.6"}
    return answer | {"takingAmount": "10"} | changes


# --- what leaves ------------------------------------------------------------------------------------------------


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


async def test_a_duplicate_answer_says_that_the_order_arrived(venue: Scripted, client: PolymarketClient) -> None:
    order_id = await order_id_of(client)
    venue.on("POST", "/order", says({"error": f"order {order_id} is invalid. Duplicated."}, 400))
    result = await client.submit(ticket())
    assert (result.verdict, result.landed, result.order_id) == (Verdict.UNKNOWN, True, order_id)


async def test_nothing_secret_is_in_any_repr(client: PolymarketClient) -> None:
    shown = f"{client!r} {client.wire!r} {WALLET!r} {CREDENTIALS!r} {vars(client)!r}"
    assert CREDENTIALS.secret not in shown
    assert CREDENTIALS.passphrase not in shown
    assert "11" * 32 not in shown


def test_a_base_url_that_is_not_encrypted_is_refused() -> None:
    with pytest.raises(BadInput, match="not encrypted"):
        PolymarketClient(Services(clob="http://clob.example.com"), WALLET, CREDENTIALS)


# --- batches ----------------------------------------------------------------------------------------------------


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


# --- evidence ---------------------------------------------------------------------------------------------------


@pytest.fixture
async def order_id(client: PolymarketClient) -> str:
    return await order_id_of(client)


async def asks(client: PolymarketClient, *, known: str | None = None, sent_at: int = NOW, grace_ms: int = 0) -> Any:
    return await client.evidence(ticket(), order_id=known, sent_at=sent_at, grace_ms=grace_ms)


async def test_a_matched_order_whose_trades_explain_it_is_done(
    venue: Scripted, client: PolymarketClient, order_id: str
) -> None:
    venue.on("GET", f"/data/order/{order_id}", says(order(order_id)))
    venue.on(
        "GET",
        TRADES,
        says(rows(trade("t-2", order_id, size="4", maker_orders=[], match_time="1795226402"), cursor="MQ==")),
        says(rows(trade("t-1", order_id, size="6", maker_orders=[]), trade("t-9", "0xanother"))),
    )
    seen: OrderEvidence = await asks(client)
    assert (seen.status, seen.order_id, seen.filled, seen.remaining) == (OrderStatus.DONE, order_id, 10, 0)
    assert seen.complete
    assert not seen.provisional
    assert [(fill.trade_id, fill.size, fill.market, fill.client_order_id) for fill in seen.fills] == [
        ("t-1", Decimal(6), YES, ticket().client_order_id),
        ("t-2", Decimal(4), YES, ticket().client_order_id),
    ]
    assert seen.fills[0].fee == Decimal("0.07392")  # 6 · 0.05 · 0.56 · 0.44
    assert venue.asked("GET", TRADES)[0].params == {"market": CONDITION}


@pytest.mark.parametrize(("matched", "filled"), [("10", 10), ("6", 6)])
async def test_matched_shares_without_their_trades_are_counted_and_never_final(
    venue: Scripted, client: PolymarketClient, order_id: str, matched: str, filled: int
) -> None:
    venue.on("GET", f"/data/order/{order_id}", says(order(order_id, size_matched=matched)))
    venue.on("GET", TRADES, says(rows()))
    seen = await asks(client)
    assert (seen.status, seen.filled, seen.complete) == (OrderStatus.RESTING, filled, False)


async def test_a_trade_that_failed_is_void_and_a_trade_not_confirmed_provisional(
    venue: Scripted, client: PolymarketClient, order_id: str
) -> None:
    venue.on("GET", f"/data/order/{order_id}", says(order(order_id)))
    failed = trade("t-1", order_id, size="6", status="TRADE_STATUS_FAILED", maker_orders=[])
    mined = trade("t-2", order_id, size="4", status="MINED", maker_orders=[])
    venue.on("GET", TRADES, says(rows(failed, mined)))
    seen = await asks(client)
    assert (seen.status, seen.filled, seen.complete, seen.provisional) == (OrderStatus.DONE, 4, True, True)
    assert [fill.status for fill in seen.fills] == [FillStatus.VOID, FillStatus.PROVISIONAL]


@pytest.mark.parametrize("status", ["LIVE", "DELAYED", "UNMATCHED", "ORDER_STATUS_LIVE", "A_STATUS_OF_TOMORROW"])
async def test_an_order_that_works_or_may_work_is_resting_with_what_is_left(
    venue: Scripted, client: PolymarketClient, order_id: str, status: str
) -> None:
    venue.on("GET", f"/data/order/{order_id}", says(order(order_id, status=status, size_matched="4")))
    venue.on("GET", TRADES, says(rows(trade("t-1", order_id, size="4", maker_orders=[]))))
    seen = await asks(client)
    assert (seen.status, seen.filled, seen.remaining) == (OrderStatus.RESTING, 4, 6)


@pytest.mark.parametrize(
    "status", ["CANCELED", "CANCELED_EXPIRED_ORDER", "INVALID", "CANCELED_order couldn't be fully filled. FOK orders…"]
)
async def test_a_killed_or_cancelled_order_is_done_with_nothing(
    venue: Scripted, client: PolymarketClient, order_id: str, status: str
) -> None:
    venue.on("GET", f"/data/order/{order_id}", says(order(order_id, status=status, size_matched="", created_at="")))
    venue.on("GET", TRADES, says(rows()))
    seen = await asks(client)
    assert (seen.status, seen.filled, seen.complete) == (OrderStatus.DONE, 0, True)


@pytest.mark.parametrize(
    "nothing",
    [says(b"null"), says(b"{}"), says({"error": "order not found"}, 404), says({"error": "Invalid orderID"}, 400)],
)
async def test_an_order_is_found_among_the_listed_ones_where_its_own_read_gives_nothing(
    venue: Scripted, client: PolymarketClient, order_id: str, nothing: Any
) -> None:
    venue.on("GET", f"/data/order/{order_id}", nothing)
    venue.on("GET", ORDERS, says(rows(order(order_id))))
    venue.on("GET", TRADES, says(rows(trade("t-1", order_id))))
    assert (await asks(client)).complete
    assert venue.asked("GET", ORDERS)[0].params == {"id": order_id}


def forgotten(venue: Scripted, *trades: dict[str, Any], cancel: Any = None) -> None:
    """Neither listing knows the order."""
    venue.on("GET", ORDERS, says(rows()))
    venue.on("GET", TRADES, says(rows(*trades)))
    if cancel is not None:
        venue.on("DELETE", "/order", cancel)


def not_cancelled(order_id: str, reason: str) -> Any:
    return says({"canceled": [], "not_canceled": {order_id: reason}})


GONE = "Order not found or already canceled"


async def test_absence_takes_time_a_cancel_that_knows_nothing_and_no_trade(
    venue: Scripted, client: PolymarketClient, order_id: str
) -> None:
    forgotten(venue, cancel=not_cancelled(order_id, GONE))
    early = await asks(client, sent_at=NOW - MINUTE + 1000)
    assert early.status is OrderStatus.UNSEEN
    assert not venue.asked("DELETE", "/order")
    patient = await asks(client, sent_at=NOW - MINUTE, grace_ms=90_000)
    assert patient.status is OrderStatus.UNSEEN
    late = await asks(client, sent_at=NOW - MINUTE)
    assert (late.status, late.filled, late.order_id) == (OrderStatus.ABSENT, 0, order_id)
    assert json.loads(venue.asked("DELETE", "/order")[0].body) == {"orderID": order_id}


async def test_an_order_known_to_have_arrived_is_never_absent_but_forgotten_when_it_was_killed(
    venue: Scripted, client: PolymarketClient, order_id: str
) -> None:
    forgotten(venue, cancel=not_cancelled(order_id, GONE))
    seen = await asks(client, known=order_id, sent_at=NOW - MINUTE)
    assert (seen.status, seen.filled, seen.complete) == (OrderStatus.DONE, 0, True)


async def test_an_order_that_was_working_unlisted_is_ended_by_the_cancel_and_not_yet_judged(
    venue: Scripted, client: PolymarketClient, order_id: str
) -> None:
    forgotten(venue, cancel=says({"canceled": [order_id], "not_canceled": {}}))
    assert (await asks(client, sent_at=NOW - MINUTE)).status is OrderStatus.UNSEEN


async def test_an_order_the_cancel_calls_matched_waits_for_its_trades(
    venue: Scripted, client: PolymarketClient, order_id: str
) -> None:
    forgotten(venue, cancel=not_cancelled(order_id, "Order already matched"))
    assert (await asks(client, known=order_id, sent_at=NOW - 10 * MINUTE)).status is OrderStatus.UNSEEN


async def test_a_forgotten_order_with_trades_is_done_with_them_once_they_had_time_to_come(
    venue: Scripted, client: PolymarketClient, order_id: str
) -> None:
    forgotten(venue, trade("t-1", order_id), cancel=not_cancelled(order_id, "order already matched"))
    early = await asks(client, sent_at=NOW - 4_000_000)
    late = await asks(client, sent_at=NOW - 5_000_000)
    assert (early.status, early.filled) == (OrderStatus.UNSEEN, 10)
    assert (late.status, late.filled, late.complete) == (OrderStatus.DONE, 10, True)


@pytest.mark.parametrize("answer", [drops, hangs, says({"error": "trading is disabled"}, 503), says(b"<html>")])
async def test_no_absence_without_an_answer_to_the_cancel(
    venue: Scripted, client: PolymarketClient, order_id: str, answer: Any
) -> None:
    forgotten(venue, cancel=answer)
    with pytest.raises(Unavailable):
        await asks(client, sent_at=NOW - MINUTE)


async def test_a_maker_is_filled_on_its_own_token_whatever_token_the_taker_traded(
    venue: Scripted, client: PolymarketClient, order_id: str
) -> None:
    """Two purchases of opposite outcomes are matched by minting a pair."""
    resting = ticket(tif=TimeInForce.GTC)
    ours = (await client.prepare(resting)).order_id
    assert ours == order_id  # the order type is not signed
    part = {"order_id": ours, "owner": OWNER, "maker_address": WALLET.maker, "price": "0.56", "asset_id": YES}
    minted = trade(
        "t-1",
        "0xtaker",
        asset_id=NO,
        side="BUY",
        size="12",
        price="0.44",
        trader_side="MAKER",
        maker_orders=[part | {"matched_amount": "3"}, part | {"matched_amount": "1"}],
    )
    venue.on("GET", f"/data/order/{ours}", says(order(ours, status="LIVE", size_matched="4", order_type="GTC")))
    venue.on("GET", TRADES, says(rows(minted)))
    seen = await client.evidence(resting, order_id=ours, sent_at=NOW, grace_ms=0)
    [fill] = seen.fills
    assert (fill.market, fill.side, fill.price, fill.size, fill.fee, fill.taker) == (
        YES,
        Side.BUY,
        Decimal("0.56"),
        4,
        0,
        False,
    )
    assert (seen.status, seen.remaining) == (OrderStatus.RESTING, 6)


async def test_a_trade_of_ours_that_cannot_be_read_forbids_a_verdict_and_another_one_does_not(
    venue: Scripted, client: PolymarketClient, order_id: str, dead: DeadLetters
) -> None:
    venue.on("GET", f"/data/order/{order_id}", says(order(order_id)))
    broken = trade("t-8", "0xanother") | {"size": None, "id": 8}
    venue.on("GET", TRADES, says(rows(trade("t-1", order_id), broken)))
    assert (await asks(client)).complete
    venue.on("GET", TRADES, says(rows(trade("t-1", order_id, size="ten"))))
    with pytest.raises(Unavailable, match="t-1"):
        await asks(client)
    assert [kind for kind, _, _ in dead] == ["trade", "trade"]
    assert json.loads(dead[0][1]) == broken


async def test_an_order_of_another_token_is_not_ours(venue: Scripted, client: PolymarketClient, order_id: str) -> None:
    venue.on("GET", f"/data/order/{order_id}", says(order(order_id, asset_id=NO)))
    with pytest.raises(Rejected, match="is for token"):
        await asks(client)


@pytest.mark.parametrize("answer", [says(b"<html>"), says({"id": "0x"}), says({}, 503), drops, hangs])
async def test_evidence_that_cannot_be_read_is_unavailable(
    venue: Scripted, client: PolymarketClient, order_id: str, answer: Any
) -> None:
    venue.on("GET", f"/data/order/{order_id}", answer)
    with pytest.raises(Unavailable):
        await asks(client)


async def test_a_listing_whose_cursors_go_round_is_no_evidence(
    venue: Scripted, client: PolymarketClient, order_id: str
) -> None:
    venue.on("GET", f"/data/order/{order_id}", says(order(order_id)))
    venue.on("GET", TRADES, says(rows(cursor="again")))
    with pytest.raises(Unavailable, match="does not end"):
        await asks(client)


async def test_an_order_is_looked_up_by_the_venues_id_whoever_placed_it(
    venue: Scripted, client: PolymarketClient
) -> None:
    venue.on("GET", "/data/order/0xff", says(order("0xff", side="SELL", original_size="12")))
    venue.on("GET", TRADES, says(rows(trade("t-1", "0xff", side="SELL"))))
    found = await client.look_up("0xff")
    assert (found.order_id, found.client_order_id, found.market, found.side) == ("0xff", "", YES, Side.SELL)
    assert (found.size, found.limit, found.evidence.filled) == (12, Decimal("0.56"), 10)
    venue.on("GET", ORDERS, says(rows()))
    with pytest.raises(Rejected, match="not listed") as missing:
        await client.look_up("0xee")
    assert missing.value.code == "not_found"


# --- cancel -----------------------------------------------------------------------------------------------------


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


# --- markets ----------------------------------------------------------------------------------------------------


async def test_the_best_price_is_the_last_of_each_side_and_comes_first_here(
    venue: Scripted, client: PolymarketClient
) -> None:
    book = {
        "market": CONDITION,
        "asset_id": YES,
        "timestamp": "1795226400000",
        "hash": "",
        "bids": [{"price": ".45", "size": "5"}, {"price": "0.47", "size": "3.5"}],
        "asks": [{"price": "0.52", "size": "2.5"}, {"price": "0.49", "size": "1"}, {"price": "0.48", "size": "0"}],
    }
    venue.on("GET", "/book", says(book))
    quote = await client.quote(YES)
    assert quote.bids == ((Decimal("0.47"), Decimal("3.5")), (Decimal("0.45"), Decimal(5)))
    assert quote.asks == ((Decimal("0.49"), Decimal(1)), (Decimal("0.52"), Decimal("2.5")))
    assert (quote.asked_at, quote.answered_at) == (NOW, NOW)
    assert venue.asked("GET", "/book")[0].params == {"token_id": YES}


@pytest.mark.parametrize(
    "bad", [{"asset_id": NO}, {"bids": [{"price": "1.5", "size": "1"}]}, {"asks": [{"price": "0.5", "size": ""}]}]
)
async def test_a_book_of_another_token_or_with_an_impossible_level_is_not_believed(
    venue: Scripted, client: PolymarketClient, bad: dict[str, Any]
) -> None:
    venue.on("GET", "/book", says({"market": CONDITION, "asset_id": YES, "bids": [], "asks": []} | bad))
    with pytest.raises(Unavailable):
        await client.quote(YES)


async def test_a_token_without_a_book_is_rejected(venue: Scripted, client: PolymarketClient) -> None:
    venue.on("GET", "/book", says({"error": "No orderbook exists for the requested token id"}, 404))
    with pytest.raises(Rejected):
        await client.quote(YES)


async def test_a_binary_market_is_two_instruments_of_one_condition(venue: Scripted, client: PolymarketClient) -> None:
    venue.plays(info={"itode": True}, market={"seconds_delay": 3})
    yes, no = await client.market(YES), await client.market(NO)
    assert (yes.market, yes.event, yes.outcomes, yes.outcome, yes.complement) == (YES, CONDITION, 2, "Yes", NO)
    assert (no.event, no.outcome, no.complement) == (CONDITION, "No", YES)
    assert (yes.fees.taker, yes.fees.maker, yes.fees.exponent) == (Decimal("0.05"), 0, 1)
    assert yes.fees.trade_fee(Decimal("0.5"), Decimal(100)) == Decimal("1.25")
    assert (yes.min_size, yes.size_step, yes.min_notional, yes.delay_ms) == (5, Decimal("0.01"), 1, 3000)
    assert yes.on_grid(Decimal("0.01"))
    assert not yes.on_grid(Decimal("0.995"))
    assert (yes.open, yes.set_id, yes.title) == (True, "", "Will it rain?")


async def test_sets_are_named_and_merged_only_where_there_is_a_wallet_for_it(venue: Scripted, tmp_path: Path) -> None:
    merge = ticket(leg="*", purpose=Purpose.MERGE, market=CONDITION, side=Side.SELL, limit=Decimal(1))
    async with PolymarketClient(venue.services, WALLET, CREDENTIALS) as without:
        assert (await without.market(YES)).set_id == ""
        refused = await without.submit(merge)
        assert (refused.verdict, refused.sent) == (Verdict.DENIED, False)
    safe = Wallet.from_hex("11" * 32, funder="0x" + "22" * 20, signature_type=SignatureType.SAFE)
    relayer = FakeRelayer()
    chain = ChainAccess(relayer, ChainJournal(tmp_path))
    async with PolymarketClient(venue.services, safe, CREDENTIALS, chain=chain) as client:
        assert (await client.market(YES)).set_id == CONDITION
        prepared = await client.prepare(merge)
        result = await client.submit(merge)
        assert (result.verdict, result.order_id, result.remaining) == (Verdict.ACCEPTED, prepared.order_id, 10)
        working = await client.evidence(merge, order_id=result.order_id, sent_at=NOW, grace_ms=0)
        await client.cancel(CONDITION, prepared.order_id)
        assert working.status is OrderStatus.RESTING
        relayer.move("tx-1", Stage.CONFIRMED)
        done = await client.evidence(merge, order_id=result.order_id, sent_at=NOW, grace_ms=0)
        assert (done.status, done.filled, {fill.market for fill in done.fills}) == (OrderStatus.DONE, 10, {YES, NO})
    assert not [seen for seen in venue.seen if seen.method in ("POST", "DELETE")]
    venue.on("GET", TRADES, says(rows(trade("t-1", "0x1"))))
    venue.on("GET", ORDERS, says(rows()))
    venue.on("GET", "/balance-allowance", says({"balance": "0", "allowances": {}}))
    async with PolymarketClient(venue.services, safe, CREDENTIALS, chain=chain) as another:
        fills = (await another.account()).fills
    assert [fill for fill in fills if fill.merged] == list(done.fills)
    assert [fill.trade_id for fill in fills if not fill.merged] == ["t-1"]


async def test_rules_that_changed_are_forgotten_for_both_tokens_and_orders_wait_for_the_new_ones(
    venue: Scripted, client: PolymarketClient
) -> None:
    await client.market(YES)
    await client.market(NO)
    venue.plays(info={"mts": 0.1})
    assert (await client.market(NO)).step_at(Decimal("0.5")) == Decimal("0.01")
    client.forget_rules(YES)
    venue.on("GET", f"/clob-markets/{CONDITION}", says({}, status=503))
    waits = await client.submit(ticket(limit=Decimal("0.55")))
    assert (waits.verdict, waits.sent) == (Verdict.DENIED, False)
    venue.plays(info={"mts": 0.1})
    refused = await client.submit(ticket(limit=Decimal("0.55")))
    assert (refused.verdict, refused.code) == (Verdict.DENIED, "off_tick")
    assert (await client.market(NO)).step_at(Decimal("0.5")) == Decimal("0.1")


@pytest.mark.parametrize(("info", "market"), [({"ao": False}, {}), ({}, {"closed": True})])
async def test_a_market_that_takes_no_orders_is_not_open_and_is_asked_for_each_time(
    venue: Scripted, client: PolymarketClient, info: dict[str, Any], market: dict[str, Any]
) -> None:
    venue.plays(info=info, market=market)
    assert not (await client.market(YES)).open


async def test_a_market_that_does_not_say_its_fees_is_charged_the_dearest_and_one_without_any_none(
    venue: Scripted, client: PolymarketClient
) -> None:
    venue.plays(info={"fd": None, "tbf": 1000})
    assert (await client.fees(YES)).taker == Decimal("0.07")
    async with PolymarketClient(venue.services, WALLET, CREDENTIALS) as other:
        venue.plays(info={"fd": None, "tbf": 0})
        assert (await other.fees(YES)).taker == 0


async def test_a_neg_risk_yes_token_is_one_of_as_many_as_gamma_lists_and_its_no_token_of_none(
    venue: Scripted, client: PolymarketClient
) -> None:
    group = "0x" + "ee" * 32
    venue.plays(info={"nr": True}, market={"neg_risk": True, "neg_risk_market_id": group})
    listed = {
        "id": "9",
        "conditionId": CONDITION,
        "version": "v1",
        "outcomes": '["Yes", "No"]',
        "clobTokenIds": json.dumps([YES, NO]),
        "negRisk": True,
        "orderPriceMinTickSize": 0.01,
        "orderMinSize": 5,
    }
    venue.on("GET", "/markets/keyset", says({"markets": [listed | {"events": [{"id": "77"}]}]}))
    event = {"id": "77", "negRisk": True, "negRiskMarketID": group, "negRiskAugmented": False}
    venue.on("GET", "/events/77", says(event | {"markets": [listed, listed, listed]}))
    assert ((await client.market(YES)).event, (await client.market(YES)).outcomes) == (group, 3)
    assert ((await client.market(NO)).event, (await client.market(NO)).outcomes) == (CONDITION, 0)
    assert (await client.markets.rules(YES)).neg_risk
    async with PolymarketClient(venue.services, WALLET, CREDENTIALS) as other:
        venue.on("GET", "/events/77", says(event | {"negRiskAugmented": True, "markets": [listed]}))
        assert (await other.market(YES)).outcomes == 0
    async with PolymarketClient(venue.services, WALLET, CREDENTIALS) as third:
        venue.on("GET", "/events/77", says({}, 500))
        assert (await third.market(YES)).outcomes == 0


async def test_a_v2_market_is_named_by_its_own_ids_and_signed_under_its_own_domain(
    venue: Scripted, client: PolymarketClient
) -> None:
    token, other = "663574927012476832975694178961957910328055987427402067619466963999000625152", "7"
    short, padded = "0x017791f201d5a788e0039e511fc1900e5f" + "0" * 28, "0x017791f201d5a788e0039e511fc1900e5f" + "0" * 30
    tokens = [{"t": token, "o": "Up"}, {"t": other, "o": "Down"}]
    venue.on("GET", f"/markets-by-token/{token}", says({"condition_id": short}))
    venue.on("GET", f"/clob-markets/{padded}", says({"t": tokens, "c": padded, "mos": 5, "mts": 0.01, "v": "v2"}))
    listed = [{"token_id": token, "outcome": "Up"}, {"token_id": other, "outcome": "Down"}]
    venue.on("GET", f"/markets/{padded}", says({"condition_id": padded, "tokens": listed, "neg_risk": False}))
    assert (await client.markets.rules(token)).version == "v2"
    assert (await client.prepare(ticket(market=token))).order_id.startswith("0x")
    assert (await client.market(token)).event == padded


# --- resolution -------------------------------------------------------------------------------------------------


def tokens(yes: bool | None, no: bool | None) -> dict[str, Any]:
    return {
        "tokens": [
            {"token_id": YES, "outcome": "Yes", "winner": yes},
            {"token_id": NO, "outcome": "No", "winner": no},
        ]
    }


@pytest.mark.parametrize(
    ("market", "payout"),
    [
        ({"closed": True} | tokens(True, False), Decimal(1)),
        ({"closed": True} | tokens(False, True), Decimal(0)),
        ({"closed": True, "is_50_50_outcome": True} | tokens(False, False), Decimal("0.5")),
        ({"closed": True} | tokens(False, False), None),  # closed, its outcome not said yet
        ({"closed": False} | tokens(True, False), None),
        ({"closed": True} | tokens(None, None), None),
    ],
)
async def test_a_market_pays_once_it_is_closed_and_its_winner_is_named(
    venue: Scripted, client: PolymarketClient, market: dict[str, Any], payout: Decimal | None
) -> None:
    venue.plays(market=market)
    assert (await client.resolution(YES)).payout == payout


async def test_two_winners_are_not_believed(venue: Scripted, client: PolymarketClient) -> None:
    venue.plays(market={"closed": True} | tokens(True, True))
    with pytest.raises(Unavailable, match="2 winners"):
        await client.resolution(YES)


# --- account ----------------------------------------------------------------------------------------------------


def balances(venue: Scripted, cash: str, **by_token: str) -> None:
    async def reply(request: Any) -> Any:
        token = request.query.get("token_id", "")
        kind = request.query["asset_type"]
        assert request.query["signature_type"] == "0"
        assert (kind == "COLLATERAL") == (not token)
        shares = {YES: by_token.get("yes", "0"), NO: by_token.get("no", "0"), "": cash}[token]
        return await says({"balance": shares, "allowances": {}})(request)

    venue.on("GET", "/balance-allowance", reply)


async def test_an_account_is_balances_and_what_is_matched_and_not_mined_yet(
    venue: Scripted, client: PolymarketClient
) -> None:
    mined = trade("t-1", "0x1")
    matched = trade("t-2", "0x2", size="5", maker_orders=[], status="MATCHED")
    failed = trade("t-3", "0x3", size="7", maker_orders=[], status="TRADE_STATUS_FAILED")
    first = says(rows(mined, matched, cursor="p2"))
    venue.on("GET", TRADES, first, says(rows(matched, failed)), first)
    working = order("0x4", side="SELL", status="LIVE", size_matched="1.5", asset_id=NO)
    venue.on("GET", ORDERS, says(rows(working, order("0x5"))))
    balances(venue, "100000000", yes="10000000", no="2500000")
    account = await client.account()
    assert account.positions == {YES: Decimal(15), NO: Decimal("2.5")}
    assert account.cash == Decimal(100) - 5 * Decimal("0.56") - Decimal("0.0616")
    [resting] = account.open_orders
    assert (resting.order_id, resting.client_order_id, resting.market, resting.remaining) == (
        "0x4",
        "",
        NO,
        Decimal("8.5"),
    )
    assert [(fill.trade_id, fill.status) for fill in account.fills] == [
        ("t-1", FillStatus.FINAL),
        ("t-2", FillStatus.PROVISIONAL),
        ("t-3", FillStatus.VOID),
    ]


async def test_a_trade_mined_while_the_account_is_read_is_counted_once(
    venue: Scripted, client: PolymarketClient
) -> None:
    matched, mined = (rows(trade("t-1", "0x1", status=status)) for status in ("MATCHED", "MINED"))
    venue.on("GET", TRADES, says(matched), says(mined))  # the balance below has moved already
    venue.on("GET", ORDERS, says(rows()))
    balances(venue, "94400000", yes="10000000")
    account = await client.account()
    assert (account.cash, account.positions) == (Decimal("94.4"), {YES: Decimal(10)})


async def test_tokens_of_a_resolved_market_are_cash_at_their_payout(venue: Scripted, client: PolymarketClient) -> None:
    venue.plays(market={"closed": True} | tokens(True, False))
    bought = trade("t-2", "0x2", asset_id=NO, maker_orders=[])
    venue.on("GET", TRADES, says(rows(trade("t-1", "0x1"), bought)))
    venue.on("GET", ORDERS, says(rows()))
    balances(venue, "90000000", yes="10000000", no="10000000")
    account = await client.account()
    assert (account.cash, account.positions) == (Decimal(100), {})


async def test_a_trade_with_ourselves_is_two_fills(venue: Scripted, client: PolymarketClient) -> None:
    own = {"order_id": "0x2", "owner": OWNER, "matched_amount": "10", "price": "0.56", "asset_id": YES, "side": "SELL"}
    venue.on("GET", TRADES, says(rows(trade("t-1", "0x1", maker_orders=[own]))))
    venue.on("GET", ORDERS, says(rows()))
    balances(venue, "0")
    fills = (await client.account()).fills
    assert [(fill.trade_id, fill.order_id, fill.side, fill.taker) for fill in fills] == [
        ("t-1", "0x1", Side.BUY, True),
        ("t-1", "0x2", Side.SELL, False),
    ]


@pytest.mark.parametrize("path", [TRADES, ORDERS])
async def test_a_row_that_cannot_be_read_makes_the_account_unavailable_and_is_kept(
    venue: Scripted, client: PolymarketClient, dead: DeadLetters, path: str
) -> None:
    venue.on("GET", TRADES, says(rows()))
    venue.on("GET", ORDERS, says(rows()))
    venue.on("GET", path, says(rows({"id": "x"})))
    balances(venue, "0")
    with pytest.raises(Unavailable, match="dead letters"):
        await client.account()
    assert [json.loads(raw) for _, raw, _ in dead] == [{"id": "x"}]


async def test_cash_is_what_working_purchases_do_not_hold_back(venue: Scripted, client: PolymarketClient) -> None:
    buying = order("0x4", status="LIVE", size_matched="4")
    selling = order("0x5", status="LIVE", size_matched="0", side="SELL")
    venue.on("GET", ORDERS, says(rows(buying, selling)))
    balances(venue, "100000000")
    assert await client.cash() == Decimal(100) - 6 * Decimal("0.56")


@pytest.mark.parametrize("balance", ["", "12.5", "much"])
async def test_a_balance_that_is_no_whole_number_of_millionths_is_not_believed(
    venue: Scripted, client: PolymarketClient, balance: str
) -> None:
    venue.on("GET", ORDERS, says(rows()))
    balances(venue, balance)
    with pytest.raises(Unavailable):
        await client.cash()


# --- the connection ---------------------------------------------------------------------------------------------


async def test_clock_skew_is_the_venues_second_against_ours(venue: Scripted, client: PolymarketClient) -> None:
    venue.on("GET", "/time", says(str(NOW // 1_000_000 + 5).encode()))
    skew = await client.clock_skew()
    assert (skew.offset, skew.error) == (5_500_000, 500_000)
    venue.on("GET", "/time", says(b'"soon"'))
    with pytest.raises(Unavailable, match="seconds since"):
        await client.clock_skew()


async def test_the_accounts_own_tier_sets_its_limits_and_an_unknown_one_changes_nothing(
    venue: Scripted, client: PolymarketClient
) -> None:
    venue.on("GET", "/v1/user/rate-limit-tier", says({"tier": "Gold"}), says({"tier": "a tier of tomorrow"}))
    assert await client.configure_limits() == "gold"
    assert client.wire.limits.orders.capacity == 600
    assert await client.configure_limits() == "gold"


async def test_public_reads_carry_no_credentials(venue: Scripted, client: PolymarketClient) -> None:
    venue.on("GET", "/book", says({"market": CONDITION, "asset_id": YES}))
    await client.quote(YES)
    await client.market(YES)
    assert not [seen for seen in venue.seen if "POLY_API_KEY" in seen.headers]


async def test_a_rate_limit_that_is_used_up_denies_the_order_before_it_leaves(venue: Scripted) -> None:
    async with PolymarketClient(
        venue.services, WALLET, CREDENTIALS, timeouts=Timeouts(submit=2.0), clock=lambda: NOW
    ) as client:
        venue.on("POST", "/order", says({"error": "Too Many Requests"}, 429, {"Retry-After": "30"}))
        first, second = await client.submit(ticket()), await client.submit(ticket())
    assert (first.verdict, first.code) == (Verdict.REJECTED, "rate_limited")
    assert (second.verdict, second.code, second.sent) == (Verdict.DENIED, "rate_limited", False)
    assert len(venue.asked("POST", "/order")) == 1
