"""What working orders hold back: the same rule, to the cent, by which the exchange holds it back."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Unavailable
from paper.core.records import Position
from paper.kalshi.account import Account, Commitment
from venues.kalshi.collateral import held_back
from venues.kalshi.messages import Order

_ORDERS = st.lists(
    st.tuples(st.sampled_from(["bid", "ask"]), st.integers(1, 9_999), st.integers(1, 10_000)), max_size=6
)


def resting(side: str, price: Decimal | None, left: Decimal) -> Order:
    return Order(
        order_id="o",
        ticker="M-E-T",
        status="resting",
        fill_count_fp=Decimal(0),
        remaining_count_fp=left,
        book_side=side,
        yes_price_dollars=price,
    )


def test_a_bid_holds_its_price_and_an_ask_what_its_no_share_costs() -> None:
    working = [resting("bid", Decimal("0.40"), Decimal(10)), resting("ask", Decimal("0.70"), Decimal(2))]
    assert held_back(working, {}) == Decimal("4.60")
    assert held_back(working, {"M-E-T": Decimal(5)}) == Decimal("4.00")
    assert held_back(working, {"M-E-T": Decimal(-4)}) == Decimal("3.00")
    assert held_back([], {"M-E-T": Decimal(5)}) == 0


def test_an_order_without_a_price_leaves_cash_unknown() -> None:
    with pytest.raises(Unavailable, match="yes_price_dollars"):
        held_back([resting("bid", None, Decimal(1))], {})


@given(held=st.integers(-5_000, 5_000), working=_ORDERS)
def test_it_is_what_the_paper_exchange_holds_back(held: int, working: list[tuple[str, int, int]]) -> None:
    account = Account(0, 100, {"M-E-T": Position(shares=held * 10_000)})
    theirs = account.reserve("M-E-T", [Commitment(s, p * 100, n * 10_000, 0) for s, p, n in working])  # type: ignore[arg-type]
    ours = held_back(
        [resting(s, Decimal(p) / 10_000, Decimal(n) / 100) for s, p, n in working], {"M-E-T": Decimal(held) / 100}
    )
    assert ours == Decimal(theirs).scaleb(-6)
