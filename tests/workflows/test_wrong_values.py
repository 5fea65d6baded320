"""Value by value through a whole trade, from the bytes of a venue's answer: no more leaves than was decided, no more is
out than was reserved, and the trade ends, or is STUCK for a person to see."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from domain.evidence import OrderEvidence
from domain.orders import OrderTicket, SubmitResult
from domain.trade import TradeState
from tests.ledger.samples import D
from tests.public_record.probes.trades import live
from tests.venues.scripted import written
from tests.workflows.rehearsal import BOTH, Rehearsal

KALSHI = {
    "order_id": "$ORDER", "client_order_id": "$CLIENT_ID", "fill_count": "10.00", "remaining_count": "0.00",
    "average_fill_price": "0.40", "average_fee_paid": "0.0170",
}  # fmt: skip
POLYMARKET = {
    "success": True, "errorMsg": "", "orderID": "$ORDER", "status": "matched", "makingAmount": "4",
    "takingAmount": "10",
}  # fmt: skip
WRONG = ('"-5"', '"5000"', '"1e400000"', '"NaN"', '"Infinity"', '""', "true", "[10]", '{"value":"10"}', '"7.0000001"')
VALUES = [
    *[("kalshi", name, raw) for name in ("fill_count", "remaining_count") for raw in (*WRONG, "null")],
    *[("kalshi", "average_fill_price", raw) for raw in (*WRONG, '"1.70"', '"-0.50"', '"0.90"', '"0"')],
    *[("kalshi", "average_fee_paid", raw) for raw in (*WRONG, '"-100"')],
    ("kalshi", "fill_count", '"0.00"'),
    ("kalshi", "client_order_id", '"somebody-elses"'),
    ("kalshi", "order_id", '""'),
    *[("polymarket", name, raw) for name in ("takingAmount", "makingAmount") for raw in WRONG],
    ("polymarket", "takingAmount", '"0"'),
    ("polymarket", "makingAmount", '"17"'),
    ("polymarket", "makingAmount", '"9"'),
    ("polymarket", "orderID", '"0x01"'),
]


def bought(sent: list[str], leg: str) -> Any:
    return sum(D(words.split()[3]) for words in sent if words.split()[1][0] == leg and words.split()[2] == "buy")


def answered(venue: str, name: str, raw: str, leg: str, **more: Any) -> dict[str, Any]:
    """The order of a leg trades as asked, and every answer to it has that value."""
    body = written(KALSHI if venue == "kalshi" else POLYMARKET, name, raw).decode()
    return {"answers": [{"leg": leg, "as": venue, "text": body, "runs": True}]} | more


@pytest.mark.parametrize("leg", ["A", "B"])
@pytest.mark.parametrize(("venue", "name", "raw"), VALUES)
async def test_a_wrong_answer_is_mended_by_the_list_and_the_trade_is_hedged(
    venue: str, name: str, raw: str, leg: str
) -> None:
    facts = await live(answered(venue, name, raw, leg))
    assert facts["fault"] == "", facts
    assert facts["sent"] == BOTH, facts["story"]
    assert (facts["state"], facts["outcome"]) == ("closed", "hedged"), facts["story"]
    assert facts["broken"] == []


@pytest.mark.parametrize("leg", ["A", "B"])
@pytest.mark.parametrize(("venue", "name", "raw"), VALUES)
async def test_a_wrong_answer_that_no_list_mends_for_a_quarter_of_an_hour_buys_nothing_more(
    venue: str, name: str, raw: str, leg: str
) -> None:
    reads = [{"leg": leg, "status": "unavailable", "until_s": 900}]
    facts = await live(answered(venue, name, raw, leg, reads=reads, person=[{"at_s": 901, "does": "retry"}]))
    assert facts["fault"] == "", facts
    assert bought(facts["sent"], "A") == 10, facts["sent"]
    assert bought(facts["sent"], "B") <= 10, facts["sent"]
    assert facts["state"] == "closed", facts["story"]
    assert facts["broken"] == [], facts["story"]


@pytest.mark.parametrize("fee", ["0.90", "5", "9"])
async def test_a_fee_dearer_than_any_schedule_brings_nothing_out_beyond_the_reserve(fee: str) -> None:
    stage = Rehearsal()
    submit, evidence = stage.venue.submit, stage.venue.evidence

    async def dear(ticket: OrderTicket) -> SubmitResult:
        result = await submit(ticket)
        return replace(result, average_fee=D(fee) / 10, fees_paid=D(fee)) if ticket.leg == "A" else result

    async def listed(ticket: OrderTicket, **asked: Any) -> OrderEvidence:
        seen = await evidence(ticket, **asked)
        return replace(seen, fills=tuple(replace(fill, fee=D(fee)) for fill in seen.fills))

    stage.venue.submit, stage.venue.evidence = dear, listed  # type: ignore[method-assign]
    seen = stage.look_at(120_000)
    await stage.run()
    out = sum(D(words.split()[3]) * D(words.split()[5]) for words in stage.sent()) + D(fee)
    assert out <= stage.intent.worst_cost
    assert stage.sent() == BOTH[: len(stage.sent())]
    assert seen[0].state is (TradeState.STUCK if len(stage.sent()) == 1 else TradeState.SETTLING)
    assert any(text.startswith("cash_and_positions_balance") for text in await stage.broken())  # and a person hears it
