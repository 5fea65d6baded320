"""The table of `venues.kalshi.errors`, row by row, over a real connection."""

from __future__ import annotations

import socket
from decimal import Decimal
from typing import Any

import pytest

from domain.errors import Rejected, Unavailable
from domain.orders import SETS, Purpose, TimeInForce, Verdict
from tests.venues.kalshi.fake import FakeKalshi, ticket
from tests.venues.scripted import NOW, drops, hangs, says
from venues.kalshi.client import KalshiClient
from venues.kalshi.errors import parse_error, read_refusal
from venues.kalshi.orders import CREATE_PATH
from venues.kalshi.signing import Signer
from venues.token_bucket import TokenBucket

CREATED = {
    "average_fee_paid": "0.0173",
    "average_fill_price": "0.5500",
    "client_order_id": ticket().client_order_id,
    "fill_count": "7.00",
    "order_id": "o-1",
    "remaining_count": "0.00",
    "ts_ms": 1_795_226_400_123,
}


def error(code: str, details: str = "") -> dict[str, Any]:
    inner = {"code": code, "message": code.replace("_", " "), "service": "exchange"}
    return {"error": inner | ({"details": details} if details else {})}


async def test_201_is_accepted_with_what_traded_at_once(venue: FakeKalshi, client: KalshiClient) -> None:
    venue.on("POST", CREATE_PATH, says(CREATED, 201))
    result = await client.submit(ticket())
    assert result.verdict is Verdict.ACCEPTED
    assert (result.order_id, result.filled, result.remaining) == ("o-1", Decimal(7), Decimal(0))
    assert (result.average_price, result.average_fee) == (Decimal("0.55"), Decimal("0.0173"))
    assert result.at == 1_795_226_400_123_000
    assert [seen.body for seen in venue.seen] == [(await client.prepare(ticket())).body]


async def test_an_order_that_rests_is_accepted_with_what_is_left_of_it(venue: FakeKalshi, client: KalshiClient) -> None:
    resting = ticket(tif=TimeInForce.GTC, post_only=True)
    venue.on("POST", CREATE_PATH, says(CREATED | {"fill_count": "4.00", "remaining_count": "6.00"}, 201))
    result = await client.submit(resting)
    assert (result.verdict, result.filled, result.remaining) == (Verdict.ACCEPTED, 4, 6)


async def test_a_merge_is_denied_before_anything_is_sent(venue: FakeKalshi, client: KalshiClient) -> None:
    result = await client.submit(ticket(purpose=Purpose.MERGE, leg=SETS, market="KXTEST-26NOV21", limit=Decimal(1)))
    assert (result.verdict, result.code, result.sent) == (Verdict.DENIED, "not_supported", False)
    assert venue.seen == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b'{"order_id":"o-1"',
        b"<html>",
        b"[]",
        b"7",
        b"[" * 100_000,
        {"order": None},
        {"order_id": "o-1"},
        {"error": {"code": "insufficient_balance"}},
        CREATED | {"client_order_id": "somebody-elses"},
        CREATED | {"client_order_id": None},
    ],
)
async def test_a_201_that_does_not_name_our_order_proves_nothing(
    venue: FakeKalshi, client: KalshiClient, body: Any
) -> None:
    venue.on("POST", CREATE_PATH, says(body, 201))
    result = await client.submit(ticket())
    assert (result.verdict, result.code, result.landed, result.sent) == (Verdict.UNKNOWN, "unparseable", False, True)
    assert result.order_id is None


@pytest.mark.parametrize("gone", ["fill_count", "remaining_count", "order_id"])
async def test_a_201_that_names_our_order_and_lacks_a_count_is_unknown_and_landed(
    venue: FakeKalshi, client: KalshiClient, gone: str
) -> None:
    venue.on("POST", CREATE_PATH, says({key: value for key, value in CREATED.items() if key != gone}, 201))
    result = await client.submit(ticket())
    assert (result.verdict, result.code, result.landed) == (Verdict.UNKNOWN, "unparseable", True)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"fill_count": "-5.00"}, "impossible"),
        ({"fill_count": "5000.00"}, "beyond_signed"),
        ({"fill_count": "10.01"}, "beyond_signed"),
        ({"fill_count": "1E+400000"}, "impossible"),
        ({"fill_count": "7.0000001"}, "impossible"),
        ({"fill_count": "7.00", "remaining_count": "3.01"}, "impossible"),
        ({"remaining_count": "-1.00"}, "impossible"),
        ({"average_fill_price": "1.70"}, "impossible"),
        ({"average_fill_price": "-0.50"}, "impossible"),
        ({"average_fill_price": "0.90"}, "beyond_signed"),
        ({"average_fee_paid": "-100"}, "impossible"),
        ({"average_fee_paid": "7"}, "impossible"),
    ],
)
async def test_numbers_that_cannot_be_true_of_what_was_signed_leave_the_outcome_open(
    venue: FakeKalshi, client: KalshiClient, changes: dict[str, str], code: str
) -> None:
    venue.on("POST", CREATE_PATH, says(CREATED | changes, 201))
    result = await client.submit(ticket())
    assert (result.verdict, result.code, result.landed, result.order_id) == (Verdict.UNKNOWN, code, True, "o-1")
    assert (result.filled, result.remaining, result.average_price, result.average_fee) == (0, 0, None, None)
    assert next(iter(changes.values())) in result.detail


@pytest.mark.parametrize("ts_ms", [0, 1, 4_070_908_800_000, -5])
async def test_a_time_that_is_not_now_is_not_when_it_answered(
    venue: FakeKalshi, client: KalshiClient, ts_ms: int
) -> None:
    venue.on("POST", CREATE_PATH, says(CREATED | {"ts_ms": ts_ms}, 201))
    result = await client.submit(ticket())
    assert (result.verdict, result.at) == (Verdict.ACCEPTED, NOW)


async def test_averages_are_shown_and_are_no_sum(venue: FakeKalshi, client: KalshiClient) -> None:
    venue.on("POST", CREATE_PATH, says(CREATED, 201))
    result = await client.submit(ticket())
    assert (result.paid, result.fees_paid) == (None, None)


async def test_an_unknown_code_under_a_status_nobody_documents_is_no_refusal(
    venue: FakeKalshi, client: KalshiClient
) -> None:
    venue.on("POST", CREATE_PATH, says(error("a_code_of_tomorrow"), 422))
    result = await client.submit(ticket())
    assert (result.verdict, result.code, result.landed) == (Verdict.UNKNOWN, "undocumented_refusal_422", False)


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (400, error("insufficient_balance"), "insufficient_balance"),
        (400, error("invalid_price"), "invalid_price"),
        (400, error("invalid_order", "post only cross"), "post_only_cross"),
        (400, error("invalid_order", "count: too small"), "invalid_order"),
        (409, error("MARKET_INACTIVE"), "MARKET_INACTIVE"),
        (400, error("invalid_parameters"), "invalid_parameters"),
        (400, {"code": "bad_request", "message": "bad request", "details": "json: cannot unmarshal"}, "bad_request"),
        (400, {"msg": "Parameter validation failed"}, "http_400"),
        (401, {"error": {"code": "header_timestamp_expired", "message": "expired"}}, "header_timestamp_expired"),
        (401, {"error": {"code": "authentication_error", "details": "NOT_FOUND"}}, "authentication_error"),
        (403, error("forbidden"), "forbidden"),
        (404, error("not_found"), "not_found"),
        (409, error("fill_or_kill_insufficient_resting_volume"), "fill_or_kill_insufficient_resting_volume"),
        (409, error("trading_is_paused"), "trading_is_paused"),
        (409, error("exchange_is_paused"), "exchange_is_paused"),
        (422, error("MARKET_INACTIVE"), "MARKET_INACTIVE"),
        (400, error("missing_parameters"), "missing_parameters"),
        (409, error("a_code_of_tomorrow"), "a_code_of_tomorrow"),
        (410, error("endpoint_retired"), "endpoint_retired"),
        (429, {"error": "too many requests"}, "rate_limited"),
    ],
)
async def test_a_refusal_in_the_venues_own_words_is_rejected(
    venue: FakeKalshi, client: KalshiClient, status: int, body: dict[str, Any], code: str
) -> None:
    venue.on("POST", CREATE_PATH, says(body, status))
    result = await client.submit(ticket())
    assert (result.verdict, result.code, result.sent, result.landed) == (Verdict.REJECTED, code, True, False)
    assert str(status) in result.detail


async def test_a_duplicate_proves_an_earlier_copy_landed_and_nothing_else(
    venue: FakeKalshi, client: KalshiClient
) -> None:
    venue.on("POST", CREATE_PATH, says(error("order_already_exists"), 409))
    result = await client.submit(ticket())
    assert (result.verdict, result.code, result.landed) == (Verdict.UNKNOWN, "order_already_exists", True)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 429])
@pytest.mark.parametrize("body", [b"", b"<html>denied</html>", b"{}", b"[]", b"null", b'{"error":{}}', b"\xff\xfe"])
async def test_a_refusal_the_venue_did_not_write_is_unknown(
    venue: FakeKalshi, client: KalshiClient, status: int, body: bytes
) -> None:
    venue.on("POST", CREATE_PATH, says(body, status))
    result = await client.submit(ticket())
    assert (result.verdict, result.code, result.landed, result.sent) == (Verdict.UNKNOWN, "unparseable", False, True)


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504, 200, 204, 302])
async def test_any_other_status_is_unknown_whatever_it_says(
    venue: FakeKalshi, client: KalshiClient, status: int
) -> None:
    venue.on("POST", CREATE_PATH, says(error("service_unavailable"), status))
    result = await client.submit(ticket())
    assert (result.verdict, result.code) == (Verdict.UNKNOWN, f"http_{status}")
    assert (result.landed, result.sent) == (False, True)
    assert len(venue.seen) == 1


async def test_no_answer_in_time_is_unknown(venue: FakeKalshi, client: KalshiClient) -> None:
    venue.on("POST", CREATE_PATH, hangs)
    result = await client.submit(ticket())
    assert (result.verdict, result.code, result.landed, result.sent) == (Verdict.UNKNOWN, "timeout", False, True)


async def test_a_connection_lost_after_sending_is_unknown(venue: FakeKalshi, client: KalshiClient) -> None:
    venue.on("POST", CREATE_PATH, drops)
    result = await client.submit(ticket())
    assert (result.verdict, result.code, result.landed, result.sent) == (Verdict.UNKNOWN, "disconnected", False, True)
    assert len(venue.seen) == 1


async def test_a_refused_connection_is_unknown_and_nothing_left(signer: Signer) -> None:
    with socket.socket() as taken:  # bound, not listening: connections are refused, and nobody else gets the port
        taken.bind(("127.0.0.1", 0))
        async with KalshiClient(f"http://127.0.0.1:{taken.getsockname()[1]}", signer, clock=lambda: NOW) as client:
            result = await client.submit(ticket())
    assert (result.verdict, result.code, result.landed, result.sent) == (Verdict.UNKNOWN, "refused", False, False)


async def test_a_lost_answer_is_settled_by_sending_the_same_bytes_again(
    venue: FakeKalshi, client: KalshiClient
) -> None:
    venue.on("POST", CREATE_PATH, drops, says(error("order_already_exists"), 409))
    first, second = await client.submit(ticket()), await client.submit(ticket())
    assert (first.landed, second.landed) == (False, True)
    assert len({seen.body for seen in venue.seen}) == 1


async def test_an_order_the_wire_cannot_carry_is_denied_and_nothing_is_sent(
    venue: FakeKalshi, client: KalshiClient
) -> None:
    result = await client.submit(ticket(limit=Decimal("0.50005")))
    assert (result.verdict, result.code, result.sent) == (Verdict.DENIED, "off_tick", False)
    assert venue.seen == []


async def test_an_order_beyond_our_own_rate_limit_is_denied_and_nothing_is_sent(
    venue: FakeKalshi, signer: Signer
) -> None:
    venue.on("POST", CREATE_PATH, says(CREATED, 201))
    writes = TokenBucket("write", rate=0.001, capacity=10)
    async with KalshiClient(venue.base_url, signer, clock=lambda: NOW, writes=writes) as client:
        verdicts = [(await client.submit(ticket())).verdict for _ in range(2)]
        refused = await client.submit(ticket())
    assert verdicts == [Verdict.ACCEPTED, Verdict.DENIED]
    assert (refused.code, refused.sent) == ("rate_limited", False)
    assert len(venue.seen) == 1


def test_the_four_shapes_of_an_error_body_are_read_alike() -> None:
    nested = parse_error(400, b'{"error":{"code":"invalid_order","message":"invalid order","details":"why"}}')
    flat = parse_error(400, b'{"code":"bad_request","message":"bad request","details":"why"}')
    assert (str(nested), str(flat)) == ("invalid_order: invalid order (why)", "bad_request: bad request (why)")
    assert str(parse_error(400, b'{"msg":"Parameter validation failed"}')) == "Parameter validation failed"
    assert str(parse_error(429, b'{"error":"too many requests"}')) == "rate_limited: too many requests"
    assert parse_error(502, b"<html>") is None


def test_a_refused_read_is_rejected_only_in_the_venues_words() -> None:
    assert isinstance(read_refusal("GET /x", 404, b'{"error":{"code":"not_found"}}'), Rejected)
    for status, body in [(404, b"<html>"), (429, b'{"error":"too many requests"}'), (503, b"{}"), (408, b"")]:
        assert isinstance(read_refusal("GET /x", status, body), Unavailable)
