"""Value by value over the wire: what cannot be true of an order of ten at 0.56 is never a number in the books.

An answer becomes UNKNOWN with what the venue wrote in its detail; a list, its fills and a frame are not read, or are
marked as beyond what was signed for, which only the account's position can bear out.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from domain.errors import Unavailable
from domain.evidence import OrderEvidence
from domain.orders import Verdict
from domain.plausible import judged_evidence, judged_result
from tests.public_record.probes.users import hear_kalshi
from tests.venues.kalshi.fake import FILLS, FRESH, MARKET, ORDERS, FakeKalshi, as_of, fill, order, ticket
from tests.venues.scripted import NOW, says, written
from venues.kalshi.client import KalshiClient
from venues.kalshi.orders import CREATE_PATH

TICKET = ticket()
CREATED = {
    "average_fee_paid": "0.0173",
    "average_fill_price": "0.5500",
    "client_order_id": TICKET.client_order_id,
    "fill_count": "7.00",
    "order_id": "o-1",
    "remaining_count": "0.00",
    "ts_ms": NOW // 1000,
}
COSTS = {"taker_fill_cost_dollars": "5.60", "maker_fill_cost_dollars": "0", "taker_fees_dollars": "0.0173"}
FRAME = {
    "trade_id": "t-1", "order_id": "$ORDER", "client_order_id": "$CLIENT_ID", "market_ticker": "$MARKET",
    "is_taker": True, "side": "yes", "yes_price_dollars": "0.40", "count_fp": "10.00", "fee_cost": "0.02",
    "action": "buy", "ts_ms": "$MS",
}  # fmt: skip

NO_NUMBERS = (
    "NaN", '"NaN"', '"sNaN"', "Infinity", '"Infinity"', '"-Infinity"', '""', "true", "false", '"ten"', '"0x10"',
    '"10,00"', '"--5"', "[10]", '{"value":"10"}', '[["10"]]',
)  # fmt: skip
NEVER = ("-5", '"-5"', '"-0.01"', "1e400000", '"1e400000"', '"-1e400000"', '"1e12000"', '"7.0000001"')
TOO_MANY = ("5000", '"5000.00"', '"10.01"', '"1e3"', "100000000")
NO_PRICE = (*NO_NUMBERS, *NEVER, '"1.70"', "1.70", '"-0.50"', '"0.90"', "5000", '"0"', '"0.00001"')
NO_FEE = (*NO_NUMBERS, "-100", '"-100"', '"-0.011"', '"12"', "1e400000", '"1e400000"')
COUNTS = (*NO_NUMBERS, *NEVER, *TOO_MANY, "null")

ANSWERS = [
    *[("fill_count", raw) for raw in (*COUNTS, '"0.00"')],  # none filled, and an average of what was paid for them
    *[("remaining_count", raw) for raw in (*COUNTS, '"3.01"')],
    *[("average_fill_price", raw) for raw in NO_PRICE],
    *[("average_fee_paid", raw) for raw in NO_FEE],
    *[("client_order_id", raw) for raw in ('"somebody-elses"', "null", '""', "5", "true", "[]")],
    *[("order_id", raw) for raw in ('""', "null", "5", "true", "{}")],
]
LISTED = [
    *[("fill_count_fp", raw) for raw in (*COUNTS, '"0.00"')],
    *[("remaining_count_fp", raw) for raw in (*NO_NUMBERS, *NEVER, "null")],
    *[("client_order_id", raw) for raw in ('"somebody-elses"', "null", '""', "5", "[]")],
    *[("order_id", raw) for raw in ('"o-2"', '""', "null", "5")],
    *[("ticker", raw) for raw in ('"ANOTHER"', '""', "null", "5")],
    *[("book_side", raw) for raw in ('"ask"', "true", "5")],
]
FILLED = [
    *[("count_fp", raw) for raw in (*COUNTS, '"0.00"')],
    *[("yes_price_dollars", raw) for raw in NO_PRICE],
    *[("fee_cost", raw) for raw in (*NO_FEE, "null", '"0.0000001"')],
    *[("book_side", raw) for raw in ('"ask"', "true", "5")],
    *[("ticker", raw) for raw in ('"ANOTHER"', "5", "[]")],
    ("market_ticker", '"ANOTHER"'),
    *[("trade_id", raw) for raw in ("5", "true", "{}")],
    *[("created_time", raw) for raw in ('"yesterday"', '"2099-01-01T00:00:00Z"', '"1969-01-01T00:00:00Z"', "5")],
]
FRAMED = [
    *[("count_fp", raw) for raw in (*NO_NUMBERS, *NEVER, "null", '"0.00"')],
    *[("yes_price_dollars", raw) for raw in (*NO_NUMBERS, *NEVER, '"1.70"', '"-0.50"', '"0"', '"0.00001"')],
    *[("fee_cost", raw) for raw in (*NO_FEE, '"0.0000001"')],
    *[("market_ticker", raw) for raw in ('"ANOTHER"', "null", "5")],
    *[("ts_ms", raw) for raw in ("0", "-5", '"now"', "1e400")],
    ("action", '"hold"'),
]  # fmt: skip


@pytest.mark.parametrize(("name", "raw"), ANSWERS)
async def test_an_answer_with_such_a_value_is_open_and_keeps_what_was_written(
    venue: FakeKalshi, client: KalshiClient, name: str, raw: str
) -> None:
    body = written(CREATED, name, raw)
    venue.on("POST", CREATE_PATH, says(body, 201))
    result = judged_result(TICKET, await client.submit(TICKET), NOW)
    assert result.verdict is Verdict.UNKNOWN, result
    assert (result.filled, result.remaining, result.paid, result.fees_paid) == (0, 0, None, None)
    assert (result.average_price, result.average_fee) == (None, None)
    as_number = re.sub(r"e(?=\d)", "E+", raw.strip('"'))
    told = (raw.strip('"'), as_number, "none of ours", "gives it no id", f'"{name}": ""', "5500 for 0.00 shares")
    assert any(each and each in result.detail for each in told), result.detail


async def believed(venue: FakeKalshi, client: KalshiClient, listed: bytes, row: bytes) -> OrderEvidence | None:
    """What the trade would be told of its order, None if nothing."""
    venue.on("GET", f"{ORDERS}/o-1", says(b'{"order":' + listed + b"}"))
    venue.on("GET", ORDERS, says(b'{"orders":[' + listed + b'],"cursor":""}'))
    venue.on("GET", FRESH, says(as_of(NOW)))
    venue.on("GET", FILLS, says(b'{"fills":[' + row + b'],"cursor":""}'))
    try:
        seen = await client.evidence(TICKET, order_id="o-1", sent_at=NOW, grace_ms=0)
        return judged_evidence(TICKET, seen, NOW)
    except Unavailable:
        return None


@pytest.mark.parametrize(("name", "raw"), LISTED)
async def test_a_listed_order_with_such_a_value_settles_nothing(
    venue: FakeKalshi, client: KalshiClient, name: str, raw: str
) -> None:
    listed = written(order(TICKET) | COSTS, name, raw)
    seen = await believed(venue, client, listed, json.dumps(fill("t-1", "10.00")).encode())
    assert seen is None or seen.beyond or not seen.complete, seen


@pytest.mark.parametrize(("name", "raw"), FILLED)
async def test_a_fill_with_such_a_value_settles_nothing(
    venue: FakeKalshi, client: KalshiClient, name: str, raw: str
) -> None:
    listed = json.dumps(order(TICKET)).encode()
    seen = await believed(venue, client, listed, written(fill("t-1", "10.00"), name, raw))
    assert seen is None or seen.beyond or not seen.complete, seen


async def test_the_fills_of_another_order_explain_nothing(venue: FakeKalshi, client: KalshiClient) -> None:
    listed = json.dumps(order(TICKET)).encode()
    seen = await believed(venue, client, listed, json.dumps(fill("t-1", "10.00", order_id="o-2")).encode())
    assert seen is not None
    assert (seen.fills, seen.complete) == ((), False)


async def test_the_same_order_and_fill_with_nothing_wrong_settle_it(venue: FakeKalshi, client: KalshiClient) -> None:
    listed, row = order(TICKET) | COSTS, fill("t-1", "10.00")
    seen = await believed(venue, client, json.dumps(listed).encode(), json.dumps(row).encode())
    assert seen is not None
    assert (seen.complete, seen.beyond, seen.filled, row["ticker"]) == (True, False, 10, MARKET)


def frame(name: str = "trade_id", raw: str = '"t-1"') -> dict[str, Any]:
    text = written({"type": "fill", "sid": 1, "msg": "%%"}, "msg", written(FRAME, name, raw).decode()).decode()
    return {"order": "accepted", "frames": [{"text": text.replace('"$MS"', "$MS")}]}


@pytest.mark.parametrize(("name", "raw"), FRAMED)
async def test_a_fill_frame_with_such_a_value_is_not_recorded(name: str, raw: str) -> None:
    facts = await hear_kalshi(frame(name, raw))
    assert (facts["fills"], facts["shares"], facts["gross"]) == (0, 0, 0)


async def test_the_same_frame_with_nothing_wrong_is_recorded() -> None:
    facts = await hear_kalshi(frame())
    assert (facts["fills"], facts["shares"], facts["gross"]) == (1, 10, 4)
