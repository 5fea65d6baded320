"""JSON nested deeper than any reader goes is an answer that cannot be read, at both venues: never an exception."""

from __future__ import annotations

from decimal import Decimal

import pytest

from domain.errors import Unavailable
from domain.market import Venue
from domain.orders import OrderTicket, Purpose, Side, Verdict
from venues.kalshi import errors as kalshi
from venues.polymarket import errors as polymarket
from venues.polymarket.messages import Page, decode

DEEP = b'{"x":' + b"[" * 50_000
TICKET = OrderTicket("i-1", "A", 1, Purpose.OPEN, Venue.KALSHI, "M", Side.BUY, Decimal(5), Decimal("0.5"))


def test_a_submit_answered_so_is_unknown_at_kalshi() -> None:
    created = kalshi.judge_answer(TICKET.client_order_id, 201, DEEP, 1)
    assert (created.verdict, created.landed) == (Verdict.UNKNOWN, False)  # it names no order of ours
    assert kalshi.judge_answer(TICKET.client_order_id, 400, DEEP, 1).verdict is Verdict.UNKNOWN
    assert isinstance(kalshi.read_refusal("GET /x", 400, DEEP), Unavailable)


def test_a_submit_answered_so_is_unknown_at_polymarket() -> None:
    for status in (200, 400, 503):
        assert polymarket.judge_answer("0x1", TICKET, status, DEEP, 1).verdict is Verdict.UNKNOWN
    assert isinstance(polymarket.read_refusal("GET /x", 400, DEEP), Unavailable)
    with pytest.raises(ValueError, match="not a Page"):
        decode(Page, DEEP)
