"""An order's identity is a pure function of intent, leg and attempt."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from domain.orders import Side, client_order_id
from tests.ledger.samples import intent, ticket

ids = st.text("0123456789abcdef", min_size=32, max_size=32).map(lambda digits: f"i-{digits}")
keys = st.tuples(ids, st.sampled_from("AB"), st.integers(1, 99))


@given(st.lists(keys, unique=True, max_size=50))
def test_different_orders_have_different_ids_and_the_same_order_the_same(orders: list[tuple[str, str, int]]) -> None:
    given_ids = [client_order_id(*key) for key in orders]
    assert len(set(given_ids)) == len(orders)
    assert given_ids == [client_order_id(*key) for key in orders]


@given(keys)
def test_an_order_id_uses_only_what_every_venue_accepts(key: tuple[str, str, int]) -> None:
    assert re.fullmatch(r"[0-9a-f-]{36}", client_order_id(*key))


def test_the_ids_of_orders_already_sent_never_change() -> None:
    assert client_order_id("i-" + "0" * 32, "A", 1) == "ccf60c20-1178-5955-88e2-f522592f08fe"


def test_what_an_order_is_for_or_costs_does_not_change_its_id() -> None:
    one = ticket(intent(), "A", 3)
    other = ticket(intent(), "A", 3, side=Side.SELL, size="1", limit="0.01")
    assert one.client_order_id == other.client_order_id
    assert one.client_order_id != ticket(intent(), "A", 4).client_order_id


def test_the_opposite_of_the_opposite_is_the_side_itself() -> None:
    assert all(side.opposite is not side and side.opposite.opposite is side for side in Side)
