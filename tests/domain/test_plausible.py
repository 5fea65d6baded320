"""What a venue says is held against what was signed, whichever venue it is, before anything is built on it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Unavailable
from domain.evidence import Fill, FillStatus, ForeignOrder, OrderEvidence, OrderStatus, Resolution
from domain.market import Venue
from domain.orders import OrderTicket, Purpose, Quote, Side, SubmitResult, TimeInForce, Verdict
from domain.plausible import (
    BEYOND_SIGNED,
    IMPOSSIBLE,
    judged_evidence,
    judged_quote,
    judged_resolution,
    judged_result,
    odd_foreign,
    odd_numbers,
)

D = Decimal
NOW = 1_795_226_400_000_000
CENTURY_LATER = 4_070_908_800_000_000
BUY = OrderTicket("i-1", "A", 1, Purpose.OPEN, Venue.POLYMARKET, "M", Side.BUY, D(10), D("0.50"))
SELL = replace(BUY, side=Side.SELL, purpose=Purpose.UNWIND)
RESTING = replace(BUY, tif=TimeInForce.GTC)


def answer(**changes: Any) -> SubmitResult:
    said = {"order_id": "0x1", "filled": D(10), "paid": D("4.9"), "at": NOW} | changes
    return SubmitResult(Verdict.ACCEPTED, **said)


def fill(**changes: Any) -> Fill:
    said: dict[str, Any] = {"price": D("0.49"), "size": D(10), "fee": D("0.1"), "at": NOW, "side": Side.BUY}
    said |= {"trade_id": "t-1", "order_id": "0x1", "client_order_id": BUY.client_order_id, "market": "M"}
    return Fill(**({"venue": Venue.POLYMARKET} | said | changes))


def listed(*fills: Fill, **changes: Any) -> OrderEvidence:
    said: dict[str, Any] = {"status": OrderStatus.DONE, "order_id": "0x1", "filled": D(10), "fresh_at": NOW}
    return OrderEvidence(BUY.client_order_id, fills=fills, **(said | changes))


@pytest.mark.parametrize(
    ("ticket", "changes"),
    [
        (BUY, {}),
        (BUY, {"filled": D("11.2"), "paid": D(5)}),  # the same dollars at a better price
        (BUY, {"filled": D(0), "paid": D(0)}),
        (BUY, {"paid": None, "average_price": D("0.5")}),
        (BUY, {"average_fee": D("0.0175"), "fees_paid": D("0.175")}),
        (BUY, {"fees_paid": D("-0.01")}),  # what rounding took before is given back
        (SELL, {"paid": D("5.4")}),
        (RESTING, {"filled": D(4), "paid": D(2), "remaining": D(6)}),
    ],
)
def test_an_answer_that_can_be_true_is_believed_as_it_is(ticket: OrderTicket, changes: dict[str, Any]) -> None:
    result = answer(**changes)
    assert judged_result(ticket, result, NOW) == result


@pytest.mark.parametrize(
    ("ticket", "changes", "code"),
    [
        (BUY, {"paid": D("5.01")}, BEYOND_SIGNED),
        (BUY, {"filled": D(10_000_000), "paid": D(5_000_000)}, BEYOND_SIGNED),  # in millionths
        (BUY, {"filled": D(5), "paid": D(10)}, BEYOND_SIGNED),  # the amounts in each other's place
        (SELL, {"filled": D(5), "paid": D(10)}, IMPOSSIBLE),  # two dollars a share
        (BUY, {"filled": D(20), "paid": D(10)}, BEYOND_SIGNED),
        (BUY, {"filled": D(11), "paid": None}, BEYOND_SIGNED),  # more shares for dollars nobody named
        (BUY, {"filled": D(2), "paid": D("1.2")}, BEYOND_SIGNED),  # within the dollars, worse than the limit
        (BUY, {"paid": None, "average_price": D("0.51")}, BEYOND_SIGNED),
        (SELL, {"filled": D(11), "paid": D(6)}, BEYOND_SIGNED),
        (SELL, {"paid": D("4.9")}, BEYOND_SIGNED),
        (RESTING, {"filled": D("10.01"), "paid": D(5)}, BEYOND_SIGNED),
        (RESTING, {"filled": D(4), "paid": D(2), "remaining": D("6.01")}, IMPOSSIBLE),
        (BUY, {"filled": D(-5)}, IMPOSSIBLE),
        (BUY, {"filled": D("NaN")}, IMPOSSIBLE),
        (BUY, {"filled": D("1e400000")}, IMPOSSIBLE),
        (BUY, {"filled": D("1.0000001")}, IMPOSSIBLE),
        (BUY, {"remaining": D(-1)}, IMPOSSIBLE),
        (BUY, {"remaining": D("Infinity")}, IMPOSSIBLE),
        (BUY, {"paid": D(-5)}, IMPOSSIBLE),
        (BUY, {"average_price": D("1.70")}, IMPOSSIBLE),
        (BUY, {"average_price": D("-0.5")}, IMPOSSIBLE),
        (BUY, {"average_fee": D(-100)}, IMPOSSIBLE),
        (BUY, {"fees_paid": D(-100)}, IMPOSSIBLE),
        (BUY, {"fees_paid": D(12)}, IMPOSSIBLE),
    ],
)
def test_an_answer_that_cannot_be_true_is_an_open_outcome_with_its_numbers_told_and_none_believed(
    ticket: OrderTicket, changes: dict[str, Any], code: str
) -> None:
    result = judged_result(ticket, answer(**changes), NOW)
    assert (result.verdict, result.code, result.landed, result.order_id) == (Verdict.UNKNOWN, code, True, "0x1")
    assert (result.filled, result.remaining, result.paid, result.fees_paid) == (0, 0, None, None)
    for value in changes.values():
        if value is not None:
            assert str(value) in result.detail


def test_a_refusal_with_a_fill_is_none() -> None:
    result = judged_result(BUY, SubmitResult(Verdict.REJECTED, "no", filled=D(3)), NOW)
    assert (result.verdict, result.code, result.landed) == (Verdict.UNKNOWN, IMPOSSIBLE, False)


def test_a_time_of_the_next_century_is_ours() -> None:
    assert judged_result(BUY, answer(at=CENTURY_LATER), NOW).at == NOW
    assert judged_evidence(BUY, listed(fill(), fresh_at=CENTURY_LATER), NOW).fresh_at == NOW


@pytest.mark.parametrize(
    "evidence",
    [
        listed(fill()),
        listed(fill(size=D("11.2"), price=D("0.40")), filled=D("11.2")),
        listed(filled=D("11.2"), status=OrderStatus.RESTING),  # dollars at better prices; its fills come later
        listed(fill(), fill(), filled=D(10)),  # one fill, listed twice
        listed(fill(), fill(trade_id="t-2", status=FillStatus.VOID)),
        listed(fill(size=D(4)), status=OrderStatus.RESTING, filled=D(4), remaining=D(6)),
        listed(status=OrderStatus.ABSENT, order_id=None, filled=D(0)),
    ],
)
def test_evidence_that_can_be_true_is_believed_as_it_is(evidence: OrderEvidence) -> None:
    assert judged_evidence(BUY, evidence, NOW) == evidence


@pytest.mark.parametrize(
    "evidence",
    [
        listed(filled=D(-5)),
        listed(filled=D("NaN")),
        listed(filled=D("10.0000001")),
        listed(remaining=D(-1)),
        listed(status=OrderStatus.RESTING, filled=D(4), remaining=D("6.5")),
        listed(fill(size=D(11), price=D("0.40"))),  # ten counted, eleven in its fills
        listed(fill(side=Side.SELL)),
        listed(fill(market="another")),
        listed(fill(order_id="0x2")),
        listed(fill(venue=Venue.KALSHI)),
        listed(fill(price=D("1.01"))),
        listed(fill(price=D("-0.1"))),
        listed(fill(fee=D(-100))),
        listed(fill(fee=D(100))),
        listed(fill(size=D(0))),
        listed(fill(size=D("Infinity"))),
        listed(fill(at=CENTURY_LATER)),
        listed(fill(at=-1)),
        replace(listed(fill()), client_order_id="somebody-elses"),
    ],
)
def test_evidence_that_cannot_be_true_is_unavailable_with_its_numbers(evidence: OrderEvidence) -> None:
    with pytest.raises(Unavailable, match="cannot be true") as told:
        judged_evidence(BUY, evidence, NOW)
    assert str(evidence.filled)[:40] in told.value.message


@pytest.mark.parametrize(
    ("ticket", "evidence"),
    [
        (BUY, listed(fill(price=D("0.60")))),
        (BUY, listed(fill(size=D(2), price=D("0.90")), filled=D(2))),
        (BUY, listed(filled=D(10_000_000), status=OrderStatus.RESTING)),
        (BUY, listed(filled=D(11), status=OrderStatus.RESTING, paid=D("5.5"))),
        (RESTING, listed(filled=D("10.5"))),
        (SELL, listed(fill(side=Side.SELL, size=D(11), price=D("0.5")), filled=D(11))),
        (SELL, listed(fill(side=Side.SELL, price=D("0.3")))),
    ],
)
def test_evidence_of_more_than_was_signed_for_is_marked_and_otherwise_as_it_is(
    ticket: OrderTicket, evidence: OrderEvidence
) -> None:
    assert judged_evidence(ticket, evidence, NOW) == replace(evidence, beyond=True)


@pytest.mark.parametrize("price", ["0", "0.0000999", "1e-30"])
def test_a_fill_for_nothing_is_none_unless_a_set_was_handed_back(price: str) -> None:
    evidence = listed(fill(price=D(price)))
    with pytest.raises(Unavailable, match="a share"):
        judged_evidence(BUY, evidence, NOW)
    merged = replace(BUY, purpose=Purpose.MERGE)
    assert judged_evidence(merged, evidence, NOW) == evidence


def test_an_order_somebody_else_placed_is_not_held_against_what_we_did_not_sign() -> None:
    adopted = replace(BUY, purpose=Purpose.ADOPTED, foreign_id="theirs")
    evidence = replace(listed(fill(price=D("0.9"), size=D(12)), filled=D(12)), client_order_id="0x1")
    assert judged_evidence(adopted, evidence, NOW) == evidence


@pytest.mark.parametrize(
    "quote",
    [
        Quote("another", (), (), NOW, NOW),
        Quote("M", ((D("1.2"), D(5)),), (), NOW, NOW),
        Quote("M", (), ((D("0.4"), D(-5)),), NOW, NOW),
        Quote("M", (), ((D("0.4"), D("NaN")),), NOW, NOW),
        Quote("M", (), ((D("0.5"), D(5)), (D("0.4"), D(5))), NOW, NOW),
        Quote("M", ((D("0.4"), D(5)), (D("0.5"), D(5))), (), NOW, NOW),
    ],
)
def test_a_book_that_cannot_be_is_unavailable(quote: Quote) -> None:
    with pytest.raises(Unavailable):
        judged_quote("M", quote)


@pytest.mark.parametrize("payout", ["-0.1", "1.01", "100", "NaN", "0.3333333"])
def test_a_payout_that_cannot_be_is_unavailable(payout: str) -> None:
    with pytest.raises(Unavailable):
        judged_resolution("M", Resolution("M", D(payout)))
    assert judged_resolution("M", Resolution("M", D("0.5"))).payout == D("0.5")
    with pytest.raises(Unavailable):
        judged_resolution("M", Resolution("another", D(1)))


def test_an_order_looked_up_is_taken_over_only_as_the_one_asked_for() -> None:
    found = ForeignOrder(Venue.POLYMARKET, "0x1", "", "M", Side.BUY, D(10), D("0.5"), listed(fill()))
    assert not odd_foreign("0X1", found)
    assert odd_foreign("0x2", found)
    assert odd_foreign("0x1", replace(found, size=D(-1)))
    assert odd_foreign("0x1", replace(found, side=Side.SELL))


amounts = st.decimals() | st.decimals(0, 20, places=2) | st.just(D("1e999999")) | st.just(D("sNaN"))
maybe = st.none() | amounts
results = st.builds(
    SubmitResult,
    st.sampled_from(Verdict),
    filled=amounts,
    remaining=amounts,
    average_price=maybe,
    average_fee=maybe,
    paid=maybe,
    fees_paid=maybe,
    order_id=st.sampled_from([None, "0x1"]),
    at=st.integers(),
)
tickets = st.sampled_from([BUY, SELL, RESTING, replace(BUY, purpose=Purpose.MERGE), replace(BUY, limit=D(0))])


@given(tickets, results)
def test_whatever_an_answer_holds_nothing_is_raised_and_nothing_unsound_passes(
    ticket: OrderTicket, result: SubmitResult
) -> None:
    judged = judged_result(ticket, result, NOW)
    assert not odd_numbers(judged)
    assert 0 <= judged.at < CENTURY_LATER
    if judged.verdict is Verdict.ACCEPTED:
        assert judged.filled <= ticket.size or (judged.paid or D(0)) <= ticket.size * ticket.limit + D("0.01")
    assert judged_result(ticket, judged, NOW) == judged


fills = st.builds(
    fill,
    price=amounts,
    size=amounts,
    fee=amounts,
    paid=maybe,
    at=st.integers(),
    trade_id=st.sampled_from(["t-1", "t-2"]),
    side=st.sampled_from(Side),
    status=st.sampled_from(FillStatus),
)


told = st.fixed_dictionaries(
    {"filled": amounts, "remaining": amounts, "status": st.sampled_from(OrderStatus), "fresh_at": st.integers()}
)


@given(tickets, st.lists(fills, max_size=3), told)
def test_whatever_a_list_holds_it_is_believed_marked_or_unavailable(
    ticket: OrderTicket, rows: list[Fill], said: dict[str, Any]
) -> None:
    evidence = listed(*rows, **said)
    try:
        judged = judged_evidence(ticket, evidence, NOW)
    except Unavailable:
        return
    assert judged.filled.is_finite()
    assert judged.fresh_at <= NOW
    assert sum((row.cash for row in judged.fills), D(0)).is_finite()
