"""Every documented answer to a submit, and what it proves."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from domain.errors import Rejected, Unavailable
from domain.orders import Side, SubmitResult, TimeInForce, Verdict
from tests.venues.polymarket.scripted import Scripted, ticket
from tests.venues.scripted import drops, hangs, says
from venues.polymarket.client import PolymarketClient
from venues.polymarket.errors import TEXTS, judge_answer, parse_error, read_refusal, read_text

ID = "0x" + "ab" * 32
REJECTED, UNKNOWN, ACCEPTED = Verdict.REJECTED, Verdict.UNKNOWN, Verdict.ACCEPTED
LACKS_ALLOWANCE = (
    "not enough balance / allowance: the allowance is not enough -> spender: "
    "0xd91E80cF2E7be2e162c6513ceD06f1dD0dA35296, allowance: 0, sum of matched orders: 0, order amount (inc. fees): 1"
)
POST_ONLY_MODE = "post-only mode: only post-only orders and cancels are allowed"

# status, text, verdict, code, landed
DOCUMENTED: list[tuple[int, str, Verdict, str, bool]] = [
    (400, "Invalid order payload", REJECTED, "invalid_payload", False),
    (400, "not enough balance / allowance", REJECTED, "insufficient_balance", False),
    (
        400,
        "not enough balance / allowance: the balance is not enough -> balance: 8100, order amount: 5140070",
        REJECTED,
        "insufficient_balance",
        False,
    ),
    (400, LACKS_ALLOWANCE, REJECTED, "insufficient_allowance", False),
    (400, f"order {ID} is invalid. Price (0.505) breaks minimum tick size rule: 0.01", REJECTED, "off_tick", False),
    (
        400,
        "invalid amounts, the buy orders maker amount supports a max accuracy of 4 decimals",
        REJECTED,
        "invalid_amounts",
        False,
    ),
    (400, f"order {ID} is invalid. Size (1) lower than the minimum: 5", REJECTED, "below_minimum", False),
    (400, f"order {ID} is invalid. Duplicated.", UNKNOWN, "duplicated", True),
    (400, f"order {ID} already exists", UNKNOWN, "duplicated", True),
    (400, "Same order has already been placed, can't be placed again", UNKNOWN, "duplicated", True),
    (400, f"order {ID} crosses the book", REJECTED, "post_only_cross", False),
    (400, "invalid post-only order: order crosses book", REJECTED, "post_only_cross", False),
    (400, "invalid expiration", REJECTED, "invalid_expiration", False),
    (400, "invalid nonce", REJECTED, "invalid_nonce", False),
    (400, "order canceled in the CTF exchange contract", REJECTED, "cancelled_on_chain", False),
    (400, "order match delayed due to market conditions", UNKNOWN, "match_delayed", False),
    (
        400,
        "order couldn't be fully filled. FOK orders are fully filled or killed.",
        REJECTED,
        "fok_killed",
        False,
    ),
    (
        400,
        "no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found.",
        REJECTED,
        "fak_killed",
        False,
    ),
    (400, "the market is not yet ready to process new orders", REJECTED, "market_not_ready", False),
    (400, "the orderbook 123 does not exist", REJECTED, "market_not_ready", False),
    (400, "invalid amount for a marketable BUY order ($0.56), min size: $1", REJECTED, "below_notional", False),
    (400, "'0xabc' address banned", REJECTED, "banned", False),
    (400, "'0xabc' address in closed only mode", REJECTED, "closed_only", False),
    (400, "Too many orders in payload: 16, max allowed: 15", REJECTED, "too_many_orders", False),
    (400, "Invalid orderID", REJECTED, "invalid_order_id", False),
    (400, "the order owner has to be the owner of the API KEY", REJECTED, "wrong_owner", False),
    (400, "the order signer address has to be the address of the API KEY", REJECTED, "wrong_signer", False),
    (400, "order_version_mismatch", REJECTED, "order_version_mismatch", False),
    (400, "invalid signature", REJECTED, "invalid_signature", False),
    (400, "a text of tomorrow", UNKNOWN, "undocumented_refusal_400", False),
    (400, "context canceled", UNKNOWN, "undocumented_refusal_400", False),
    (401, "Unauthorized/Invalid api key", REJECTED, "unauthorized", False),
    (401, "Invalid L1 Request headers", REJECTED, "unauthorized", False),
    (403, "Trading restricted in your region", REJECTED, "forbidden", False),
    (404, "No orderbook exists for the requested token id", REJECTED, "no_orderbook", False),
    (404, "market not found", REJECTED, "market_not_found", False),
    (404, "something else not found", UNKNOWN, "undocumented_refusal_404", False),
    (425, "service not ready", REJECTED, "restarting", False),
    (429, "Too Many Requests", REJECTED, "rate_limited", False),
    (500, "order timed out", REJECTED, "order_timed_out", False),
    (500, "could not insert order", UNKNOWN, "http_500", False),
    (500, "could not run the execution", UNKNOWN, "http_500", False),
    (500, "there are no matching orders", UNKNOWN, "http_500", False),
    (500, "the trade contains rounding issues", UNKNOWN, "http_500", False),
    (500, "the price of the taker's order has a discrepancy greater than allowed", UNKNOWN, "http_500", False),
    (500, "Internal server error", UNKNOWN, "http_500", False),
    (500, "not enough balance / allowance", UNKNOWN, "http_500", False),  # a refusal's text, not its status
    (503, POST_ONLY_MODE, REJECTED, "post_only_mode", False),
    (
        503,
        "Trading is currently cancel-only. New orders are not accepted, but cancels are allowed.",
        REJECTED,
        "cancel_only",
        False,
    ),
    (503, "Trading is currently disabled. Check polymarket.com for updates", REJECTED, "disabled", False),
    (503, "trading is disabled", REJECTED, "disabled", False),
    (503, "upstream connect error", UNKNOWN, "http_503", False),
    (502, "Bad gateway", UNKNOWN, "http_502", False),
    (200, "not enough balance / allowance", REJECTED, "insufficient_balance", False),
    (200, POST_ONLY_MODE, REJECTED, "post_only_mode", False),
    (200, f"order {ID} is invalid. Duplicated.", UNKNOWN, "duplicated", True),
    (200, "Rate limit exceeded for tokenId: 123", UNKNOWN, "rate_limited", False),
    (200, "a text of tomorrow", UNKNOWN, "undocumented_refusal_200", False),
]


def body_of(status: int, text: str) -> bytes:
    if status != 200:
        return json.dumps({"error": text}).encode()
    return json.dumps({"success": True, "errorMsg": text, "orderID": "", "status": "", "makingAmount": ""}).encode()


@pytest.mark.parametrize(("status", "text", "verdict", "code", "landed"), DOCUMENTED)
def test_every_documented_answer_proves_what_it_says_and_no_more(
    status: int, text: str, verdict: Verdict, code: str, landed: bool
) -> None:
    result = judge_answer(ID, ticket(), status, body_of(status, text), 7)
    assert (result.verdict, result.code, result.landed, result.filled, result.at) == (verdict, code, landed, 0, 7)
    assert result.order_id == (ID if landed else None)
    assert text.split(":", maxsplit=1)[0] in result.detail or status == 425


def test_no_documented_text_is_left_without_a_test() -> None:
    assert {row.code for row in TEXTS} == {row.code for _, text, *_ in DOCUMENTED if (row := read_text(text))}


def posted(**changes: Any) -> bytes:
    answer: dict[str, Any] = {
        "success": True,
        "errorMsg": "",
        "orderID": ID,
        "status": "matched",
        "makingAmount": "5.6",
        "takingAmount": "10",
        "transactionsHashes": [],
        "tradeIDs": ["t-1"],
    }
    return json.dumps(answer | changes).encode()


def judged(body: bytes, **changes: Any) -> SubmitResult:
    return judge_answer(ID, ticket(**changes), 200, body, 7)


def test_a_match_is_accepted_with_its_shares_and_the_price_paid() -> None:
    result = judged(posted())
    assert (result.verdict, result.order_id, result.filled, result.remaining) == (ACCEPTED, ID, 10, 0)
    assert result.average_price == Decimal("0.56")


def test_a_purchase_sized_in_dollars_may_get_more_shares_than_asked_for() -> None:
    result = judged(posted(takingAmount="11.2"))
    assert (result.verdict, result.filled, result.average_price) == (ACCEPTED, Decimal("11.2"), Decimal("0.5"))


def test_a_sale_gives_shares_and_takes_dollars() -> None:
    result = judged(posted(makingAmount="4", takingAmount="2.24"), side=Side.SELL)
    assert (result.verdict, result.filled, result.average_price) == (ACCEPTED, 4, Decimal("0.56"))


@pytest.mark.parametrize(
    ("status", "making", "taking", "filled", "left"),
    [
        ("live", "", "", 0, 10),
        ("live", "0", "0", 0, 10),
        ("matched", "2.24", "4", 4, 6),
        ("matched", "5.6", "10", 10, 0),
    ],
)
def test_an_order_that_rests_says_what_is_left_of_it(
    status: str, making: str, taking: str, filled: int, left: int
) -> None:
    result = judged(posted(status=status, makingAmount=making, takingAmount=taking), tif=TimeInForce.GTC)
    assert (result.verdict, result.filled, result.remaining) == (ACCEPTED, filled, left)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"status": "delayed"}, "delayed"),
        ({"status": "unmatched"}, "unmatched"),
        ({"status": "matched", "makingAmount": "", "takingAmount": ""}, "odd_status"),
        ({"status": "matched", "makingAmount": "0", "takingAmount": "10"}, "odd_status"),
        ({"status": "live", "makingAmount": "", "takingAmount": ""}, "odd_status"),  # a FAK order cannot rest
        ({"status": "", "makingAmount": ""}, "odd_status"),
        ({"status": "a_status_of_tomorrow"}, "odd_status"),
        ({"takingAmount": "ten"}, "unparseable"),
        ({"takingAmount": "-10"}, "impossible"),
    ],
)
def test_an_answer_that_took_the_order_and_leaves_a_doubt_is_unknown_and_landed(
    changes: dict[str, Any], code: str
) -> None:
    result = judged(posted(**changes))
    assert (result.verdict, result.code, result.landed) == (UNKNOWN, code, True)


def test_a_sale_never_fills_more_than_asked_for() -> None:
    result = judged(posted(makingAmount="11", takingAmount="6"), side=Side.SELL)
    assert (result.verdict, result.code, result.landed) == (UNKNOWN, "beyond_signed", True)


@pytest.mark.parametrize(
    "body", [b"<html>", b"[]", posted(orderID=""), posted(success=False), posted(orderID=None), b"{}"]
)
def test_a_200_that_says_neither_order_nor_error_is_unknown(body: bytes) -> None:
    result = judged(body)
    assert (result.verdict, result.code, result.landed) == (UNKNOWN, "unparseable", False)


def test_an_order_id_in_another_case_is_the_same_id() -> None:
    assert judged(posted(orderID=ID.upper().replace("0X", "0x"))).verdict is ACCEPTED


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 502, 503])
def test_a_body_the_venue_does_not_write_proves_nothing(status: int) -> None:
    result = judge_answer(ID, ticket(), status, b"<html>1015</html>", 7)
    assert (result.verdict, result.code) == (UNKNOWN, f"http_{status}")


def test_a_missing_allowance_names_its_spender_and_what_to_do() -> None:
    error = parse_error(json.dumps({"error": LACKS_ALLOWANCE}).encode())
    assert error is not None
    assert error.spender == "0xd91E80cF2E7be2e162c6513ceD06f1dD0dA35296"
    assert "approve" in judge_answer(ID, ticket(), 400, json.dumps({"error": LACKS_ALLOWANCE}).encode(), 7).detail


def test_a_pause_says_how_long() -> None:
    error = parse_error(b'{"error":"post-only mode","code":"post_only_mode","retry_after_seconds":79}')
    assert error is not None
    assert (error.code, error.retry_after) == ("post_only_mode", 79)


@pytest.mark.parametrize(
    ("status", "text", "expected", "code"),
    [
        (400, "Invalid orderID", Rejected, "invalid_order_id"),
        (401, "Unauthorized/Invalid api key", Rejected, "unauthorized"),
        (404, "No orderbook exists for the requested token id", Rejected, "not_found"),
        (404, "market not found", Rejected, "not_found"),
        (425, "not ready", Unavailable, "restarting"),
        (429, "Too Many Requests", Unavailable, "rate_limited"),
        (500, "Internal server error", Unavailable, "http_500"),
        (503, "trading is disabled", Unavailable, "http_503"),
    ],
)
def test_a_refused_read_is_rejected_and_an_unanswered_one_unavailable(
    status: int, text: str, expected: type[Exception], code: str
) -> None:
    refusal = read_refusal("GET /x", status, json.dumps({"error": text}).encode())
    assert isinstance(refusal, expected)
    assert refusal.code == code
    assert isinstance(read_refusal("GET /x", status, b"<html>"), Unavailable)


async def test_a_lost_or_late_answer_is_unknown_and_a_refused_connection_says_nothing_left(
    venue: Scripted, client: PolymarketClient
) -> None:
    venue.on("POST", "/order", drops, hangs)
    lost, late = await client.submit(ticket()), await client.submit(ticket())
    assert [(each.verdict, each.code, each.sent) for each in (lost, late)] == [
        (UNKNOWN, "disconnected", True),
        (UNKNOWN, "timeout", True),
    ]


async def test_an_answer_of_another_id_is_kept_with_its_bytes(
    venue: Scripted, client: PolymarketClient, dead: list[tuple[str, bytes, str]]
) -> None:
    venue.on("POST", "/order", says(posted()))  # the digest of this ticket is another
    result = await client.submit(ticket())
    assert (result.verdict, result.code, result.landed, result.order_id) == (UNKNOWN, "order_id_mismatch", False, None)
    assert dead == [("order_answer", posted(), result.detail)]
