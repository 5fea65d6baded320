"""Value by value over the wire: what cannot be true of an order of ten at 0.56 is never a number in the books.

As in the other venue's room; here an order may be signed in dollars, so more shares for the same dollars are right, and
as many as twice are believed of an answer alone. Frames of the user channel carry no fill into the ledger at all.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from domain.errors import Rejected, Unavailable
from domain.evidence import OrderEvidence
from domain.orders import OrderTicket, Side, Verdict
from domain.plausible import judged_evidence, judged_result
from tests.public_record.probes.users import hear_polymarket
from tests.venues.polymarket.scripted import NO, ORDERS, TRADES, YES, Scripted, order, posted, ticket, trade
from tests.venues.scripted import NOW, says, written
from venues.polymarket.client import PolymarketClient

BUY, SELL = ticket(), ticket(side=Side.SELL)

NO_NUMBERS = (
    "NaN", '"NaN"', '"sNaN"', "Infinity", '"Infinity"', '"-Infinity"', "true", "false", '"ten"', '"0x10"', '"1_0"',
    '"10,00"', '"--5"', "[10]", '{"value":"10"}', '[["10"]]',
)  # fmt: skip
NOTHING = ('""', "null")
NEVER = ("-5", '"-5"', '"-0.01"', "1e400000", '"1e400000"', '"-1e400000"', '"1e12000"', '"7.0000001"')
TOO_MANY = ("5000", '"5000.00"', '"20.01"', '"1e3"', "100000000")
NO_PRICE = (*NO_NUMBERS, *NOTHING, *NEVER, '"1.70"', "1.70", '"-0.50"', '"0.90"', "5000", '"0"', '"0.00001"')

ANSWERS = [
    *[("takingAmount", raw) for raw in (*NO_NUMBERS, *NOTHING, *NEVER, *TOO_MANY, '"0"')],  # nothing, and paid for
    *[("makingAmount", raw) for raw in (*NO_NUMBERS, *NOTHING, *NEVER, '"5.61"', '"9"', '"17"', "5600000", '"0"')],
    *[("orderID", raw) for raw in ('"0x01"', "null", '""', "5", "true", "[]")],
    *[("status", raw) for raw in ('"filled"', "null", '""', "5", "true")],
    *[("success", raw) for raw in ("false", "5", '"yes"')],
]
SALES = [
    *[("makingAmount", raw) for raw in (*NO_NUMBERS, *NOTHING, *NEVER, "5000", '"10.01"', '"0"')],
    *[("takingAmount", raw) for raw in (*NO_NUMBERS, *NOTHING, *NEVER, '"10.01"', '"5.5"', "5600000", '"0"')],
]
LISTED = [
    *[("size_matched", raw) for raw in (*NO_NUMBERS, *NOTHING, *NEVER, *TOO_MANY)],
    *[("original_size", raw) for raw in (*NO_NUMBERS, *NEVER)],
    *[("id", raw) for raw in ('"0x01"', '""', "null", "5", "[]")],
    *[("asset_id", raw) for raw in (f'"{NO}"', '"5"', '""', "null", "5")],
    *[("associate_trades", raw) for raw in ('["t-2"]', "5", '"t-1"', "[5]")],
    *[("status", raw) for raw in ('"LIVE"', '"FILLED"', "5", "null")],
]
TRADED = [
    *[("size", raw) for raw in (*NO_NUMBERS, *NOTHING, *NEVER, *TOO_MANY, '"0"', '"9"')],
    *[("price", raw) for raw in (*NO_NUMBERS, *NOTHING, *NEVER, '"1.70"', '"-0.50"', "5000")],
    *[("side", raw) for raw in ('"SELL"', '""', '"HOLD"', "null", "5")],
    *[("asset_id", raw) for raw in (f'"{NO}"', '"5"', '""', "null", "5")],
    *[("taker_order_id", raw) for raw in ('"0x01"', '""', "null", "5")],
    *[("id", raw) for raw in ('"t-2"', "null", "5")],
    *[("match_time", raw) for raw in ("-5", "1e400000", '"NaN"', '"yesterday"', "[5]", "4070908800", "true")],
]
MADE = [
    *[("price", raw) for raw in NO_PRICE],
    *[("matched_amount", raw) for raw in (*NO_NUMBERS, *NOTHING, *NEVER)],
    *[("asset_id", raw) for raw in ('"5"', '"NaN"', '""', "null", "5")],
]


@pytest.mark.parametrize(("asked", "name", "raw"), [(BUY, *row) for row in ANSWERS] + [(SELL, *row) for row in SALES])
async def test_an_answer_with_such_a_value_is_open_and_keeps_what_was_written(
    venue: Scripted, client: PolymarketClient, asked: OrderTicket, name: str, raw: str
) -> None:
    order_id = (await client.prepare(asked)).order_id
    amounts = {} if asked is BUY else {"makingAmount": "10", "takingAmount": "5.6"}
    venue.on("POST", "/order", says(written(posted(order_id, **amounts), name, raw)))
    result = judged_result(asked, await client.submit(asked), NOW)
    assert result.verdict is Verdict.UNKNOWN, result
    assert (result.filled, result.remaining, result.paid, result.fees_paid) == (0, 0, None, None)
    if raw in NOTHING:
        return
    as_number = re.sub(r"e(?=\d)", "E+", raw.strip('"'))
    told = (raw.strip('"'), as_number, "success False")
    assert any(each in result.detail for each in told), result.detail


async def believed(
    venue: Scripted, client: PolymarketClient, order_id: str, listed: bytes, row: bytes
) -> OrderEvidence | None:
    """What the trade would be told of its order, None if nothing."""
    page = b'{"limit":500,"count":1,"next_cursor":"LTE=","data":['
    venue.on("GET", f"/data/order/{order_id}", says(listed))
    venue.on("GET", ORDERS, says(page + listed + b"]}"))
    venue.on("GET", TRADES, says(page + row + b"]}"))
    try:
        seen = await client.evidence(BUY, order_id=order_id, sent_at=NOW, grace_ms=0)
        return judged_evidence(BUY, seen, NOW)
    except (Unavailable, Rejected):
        return None


@pytest.mark.parametrize(("name", "raw"), LISTED)
async def test_a_listed_order_with_such_a_value_settles_nothing(
    venue: Scripted, client: PolymarketClient, order_id: str, name: str, raw: str
) -> None:
    row = json.dumps(trade("t-1", order_id)).encode()
    seen = await believed(venue, client, order_id, written(order(order_id), name, raw), row)
    assert seen is None or seen.beyond or not seen.complete, seen


@pytest.mark.parametrize(("name", "raw"), TRADED)
async def test_a_trade_with_such_a_value_settles_nothing(
    venue: Scripted, client: PolymarketClient, order_id: str, name: str, raw: str
) -> None:
    listed = json.dumps(order(order_id)).encode()
    seen = await believed(venue, client, order_id, listed, written(trade("t-1", order_id), name, raw))
    assert seen is None or seen.beyond or not seen.complete, seen


@pytest.mark.parametrize(("name", "raw"), MADE)
async def test_a_maker_with_such_a_value_settles_nothing(
    venue: Scripted, client: PolymarketClient, order_id: str, name: str, raw: str
) -> None:
    whole = trade("t-1", order_id)
    maker = written(whole["maker_orders"][0], name, raw).decode()
    row = written(whole, "maker_orders", f"[{maker}]")
    seen = await believed(venue, client, order_id, json.dumps(order(order_id)).encode(), row)
    assert seen is None or seen.beyond or not seen.complete, seen


async def test_the_same_order_and_trade_with_nothing_wrong_settle_it(
    venue: Scripted, client: PolymarketClient, order_id: str
) -> None:
    listed, row = json.dumps(order(order_id)).encode(), json.dumps(trade("t-1", order_id)).encode()
    seen = await believed(venue, client, order_id, listed, row)
    assert seen is not None
    assert (seen.complete, seen.beyond, seen.filled, seen.fills[0].market) == (True, False, 10, YES)


async def test_twice_the_shares_for_the_same_dollars_are_believed(venue: Scripted, client: PolymarketClient) -> None:
    order_id = (await client.prepare(BUY)).order_id
    venue.on("POST", "/order", says(posted(order_id, takingAmount="20")))
    result = judged_result(BUY, await client.submit(BUY), NOW)
    assert (result.verdict, result.filled, result.paid) == (Verdict.ACCEPTED, 20, result.paid)


@pytest.mark.parametrize("raw", [*NO_NUMBERS, *NOTHING, *NEVER, *TOO_MANY, '"10"'])
@pytest.mark.parametrize("name", ["size", "price", "status", "taker_order_id"])
async def test_no_frame_of_a_trade_puts_a_fill_on_record(name: str, raw: str) -> None:
    said: dict[str, Any] = trade("t-1", "$ORDER") | {"event_type": "trade", "type": "TRADE"}
    facts = await hear_polymarket({"order": "unknown", "frames": [{"text": written(said, name, raw).decode()}]})
    assert (facts["fills"], facts["shares"], facts["gross"]) == (0, 0, 0)
