"""What an order may be for at most, whatever counts it was decided on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.orders import SETS, OrderTicket, Purpose, Side
from domain.send_bounds import Sent, refusal
from tests.ledger.samples import D, intent, ticket

PLANNED = intent()  # ten of A at 0.40, ten of B at 0.55
A1, B1 = ticket(PLANNED, "A"), ticket(PLANNED, "B", purpose=Purpose.HEDGE)


def sent(
    of: OrderTicket, filled: str | None, *, proven: bool = True, settled: bool = True, dearer: bool = False
) -> Sent:
    count = None if filled is None else D(filled)
    cash = -of.limit * (of.size if count is None or not settled else count) * (1 if of.side is Side.BUY else -1)
    return Sent(of, settled, count, count if proven else None, cash, dearer)


def next_of(of: OrderTicket, size: str, *, side: Side = Side.BUY, limit: str | None = None) -> OrderTicket:
    purpose = Purpose.COMPLETE if side is Side.BUY else Purpose.UNWIND
    limit_of = of.limit if limit is None else D(limit)
    return replace(of, attempt=9, purpose=purpose, side=side, size=D(size), limit=limit_of)


def why(of: OrderTicket, *before: Sent, reserve: str = "15", lately: int = 0) -> str:
    return refusal(PLANNED, of, before, reserve=D(reserve), lately=lately)


def test_a_plan_within_its_bounds_passes() -> None:
    assert why(A1) == ""
    assert why(B1, sent(A1, "10")) == ""
    assert why(next_of(B1, "6"), sent(A1, "10"), sent(B1, "4")) == ""
    assert why(next_of(A1, "10", side=Side.SELL), sent(A1, "10")) == ""


@pytest.mark.parametrize("count", [None, "10", "3"])
def test_what_a_leg_has_or_may_get_leaves_less_to_add(count: str | None) -> None:
    before = sent(A1, count, settled=count != "3")  # three so far, and the rest on its way
    assert "beside 10 it has or may get, 10 may be" in why(next_of(A1, "5"), before)


def test_what_was_given_back_leaves_room_once_two_sources_agree_on_it() -> None:
    sale = next_of(A1, "10", side=Side.SELL)
    assert why(next_of(A1, "10"), sent(A1, "10"), sent(replace(sale, attempt=2), "10")) == ""
    assert why(next_of(A1, "10"), sent(A1, "10"), sent(replace(sale, attempt=2), "10", proven=False))


def test_more_shares_for_the_same_dollars_are_hedged_and_more_for_more_dollars_are_not() -> None:
    assert why(replace(B1, size=D("10.6")), sent(A1, "10.6")) == ""
    assert "10 may be" in why(replace(B1, size=D("10.6")), sent(A1, "10.6", dearer=True))


def test_dollars_that_are_or_may_be_out_leave_less_to_spend() -> None:
    assert why(next_of(B1, "10", limit="0.90"), sent(A1, "10")) == ""
    assert "is reserved" in why(next_of(B1, "10", limit="0.90"), sent(A1, "10"), reserve="12")
    open_order = sent(A1, "0", settled=False)
    assert "is reserved" in why(next_of(B1, "10", limit="0.90"), open_order, reserve="12")


@pytest.mark.parametrize(("count", "proven"), [("10", False), ("4", True), (None, False)])
def test_nothing_is_given_back_that_two_sources_do_not_agree_on(count: str | None, *, proven: bool) -> None:
    assert "two sources agree on" in why(next_of(A1, "5", side=Side.SELL), sent(A1, count, proven=proven))


def test_what_may_have_been_given_back_is_not_given_back_again() -> None:
    first = sent(replace(next_of(A1, "6", side=Side.SELL), attempt=2), "0", settled=False)
    assert "agree on 4 only" in why(next_of(A1, "5", side=Side.SELL), sent(A1, "10"), first)


def test_what_is_given_back_goes_in_pieces_of_the_intents_size() -> None:
    assert "in one piece, 10 may be" in why(next_of(A1, "12", side=Side.SELL), sent(A1, "12"))


def test_a_piece_is_at_least_what_the_venue_takes() -> None:
    """An adopted order may be larger than the trade."""
    leg = replace(PLANNED.legs[0], min_size=D(15))
    planned = replace(PLANNED, legs=(leg, *PLANNED.legs[1:]))
    adopted = sent(replace(A1, purpose=Purpose.ADOPTED, foreign_id="by hand", size=D(40)), "40")
    sale = next_of(A1, "15", side=Side.SELL)
    assert refusal(planned, sale, [adopted], reserve=D(15), lately=0) == ""
    assert "15 may be" in refusal(planned, replace(sale, size=D(16)), [adopted], reserve=D(15), lately=0)


def test_so_many_orders_leave_without_a_person() -> None:
    assert PLANNED.policy.most_orders == 40
    assert why(B1, sent(A1, "10"), lately=39) == ""
    assert "40 orders have left since a person last spoke" in why(B1, sent(A1, "10"), lately=40)


def test_sets_are_handed_back_that_are_whole_and_an_order_elsewhere_is_none() -> None:
    merge = replace(A1, leg=SETS, purpose=Purpose.MERGE, side=Side.SELL, size=D(8), market="set", limit=D(1))
    assert why(merge, sent(A1, "10"), sent(B1, "8")) == ""
    assert "agree on 7 only" in why(merge, sent(A1, "10"), sent(B1, "7"))
    assert "is no leg" in why(replace(A1, market="GAME-CCC"))


def test_the_bound_of_orders_changes_no_intents_id() -> None:
    assert intent().id == replace(intent(), policy=replace(intent().policy, most_orders=40)).id
    assert intent().id != replace(intent(), policy=replace(intent().policy, most_orders=41)).id
