"""An order's bytes are a pure function of its ticket."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Denied
from domain.orders import Side, TimeInForce
from tests.venues.kalshi.fake import MARKET, ticket
from venues.kalshi.orders import order_body


def test_the_bytes_of_an_order_never_change() -> None:
    expected = (
        b'{"ticker":"KXTEST-26NOV21-AAA","client_order_id":"%s","side":"bid","count":"10.00","price":"0.5600",'
        b'"time_in_force":"immediate_or_cancel","self_trade_prevention_type":"taker_at_cross","post_only":false,'
        b'"cancel_order_on_pause":false,"exchange_index":-1}'
    ) % ticket().client_order_id.encode()
    assert order_body(ticket()) == expected


def test_a_sell_is_an_ask_at_the_same_yes_price() -> None:
    body = json.loads(order_body(ticket(side=Side.SELL)))
    assert (body["side"], body["price"]) == ("ask", "0.5600")


@pytest.mark.parametrize("limit", ["0", "1", "-0.1", "1.01", "0.00005", "0.12345", "0.1234567"])
def test_a_price_the_wire_cannot_carry_is_denied_as_off_tick(limit: str) -> None:
    with pytest.raises(Denied, match=MARKET) as denied:
        order_body(ticket(limit=Decimal(limit)))
    assert denied.value.code == "off_tick"


@pytest.mark.parametrize("size", ["0", "-1", "0.001", "1.005", "NaN", "Infinity"])
def test_a_size_the_wire_cannot_carry_is_denied_as_bad_size(size: str) -> None:
    with pytest.raises(Denied, match=r"0\.01 contract") as denied:
        order_body(ticket(size=Decimal(size)))
    assert denied.value.code == "bad_size"


def test_post_only_is_denied_on_an_order_that_cannot_rest() -> None:
    with pytest.raises(Denied, match="post-only"):
        order_body(ticket(post_only=True))
    assert json.loads(order_body(ticket(post_only=True, tif=TimeInForce.GTC)))["post_only"] is True


def test_an_order_good_till_a_date_is_one_good_till_cancelled_that_ends_by_itself_and_never_later() -> None:
    gtd = ticket(tif=TimeInForce.GTD, expires_at=1_795_226_460_999_999, post_only=True)
    body = json.loads(order_body(gtd))
    assert (body["time_in_force"], body["expiration_time"]) == ("good_till_canceled", 1_795_226_460)
    with pytest.raises(Denied, match="without the date"):
        order_body(ticket(tif=TimeInForce.GTD))


def test_an_order_joins_the_group_it_is_given() -> None:
    assert json.loads(order_body(ticket(), "g-1"))["order_group_id"] == "g-1"


@given(tick=st.integers(1, 9_999), hundredths=st.integers(1, 10**8))
def test_price_and_count_are_exact_however_they_are_written(tick: int, hundredths: int) -> None:
    price, count = Decimal(tick) / 10_000, Decimal(hundredths) / 100
    body = json.loads(order_body(ticket(limit=price, size=count)))
    assert Decimal(body["price"]) == price
    assert Decimal(body["count"]) == count
    assert order_body(ticket(limit=price.normalize(), size=count.normalize())) == order_body(
        ticket(limit=price + Decimal("0.0000"), size=count + Decimal("0.00"))
    )
