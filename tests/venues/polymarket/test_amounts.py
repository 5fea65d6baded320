"""What an order offers and asks for: exact, on the venue's grid, never above its limit."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Denied
from domain.orders import Side, TimeInForce
from venues.polymarket.amounts import AMOUNT_DECIMALS, Amounts, order_amounts, whole_cents

CENT = Decimal("0.01")
TICKS = tuple(Decimal(text) for text in ("0.1", "0.01", "0.005", "0.0025", "0.001", "0.0001"))
AT_ONCE = (TimeInForce.IOC, TimeInForce.FOK)
RESTING = (TimeInForce.GTC, TimeInForce.GTD)

sizes = st.integers(1, 10**9).map(lambda lots: Decimal(lots) / 100)


@st.composite
def prices(draw: st.DrawFn) -> tuple[Decimal, Decimal]:
    tick = draw(st.sampled_from(TICKS))
    return tick, tick * draw(st.integers(1, int(1 / tick) - 1))


@given(size=sizes, price=prices(), side=st.sampled_from(Side), tif=st.sampled_from(RESTING))
def test_a_resting_order_is_size_against_size_times_limit_to_the_last_unit(
    size: Decimal, price: tuple[Decimal, Decimal], side: Side, tif: TimeInForce
) -> None:
    tick, limit = price
    amounts = order_amounts(side, size, limit, tick, tif)
    assert amounts.shares(side) == size
    assert amounts.dollars(side) == size * limit
    unit = 10 ** (6 - AMOUNT_DECIMALS[int(tick * 10**6)])
    assert (amounts.maker if side is Side.BUY else amounts.taker) % unit == 0


@given(size=sizes, price=prices(), tif=st.sampled_from(AT_ONCE))
def test_a_sale_that_takes_has_the_amounts_of_one_that_rests(
    size: Decimal, price: tuple[Decimal, Decimal], tif: TimeInForce
) -> None:
    tick, limit = price
    assert order_amounts(Side.SELL, size, limit, tick, tif) == order_amounts(
        Side.SELL, size, limit, tick, TimeInForce.GTC
    )


@given(size=sizes, price=prices(), tif=st.sampled_from(AT_ONCE))
def test_a_buy_that_takes_spends_whole_cents_no_more_than_asked_and_keeps_its_limit(
    size: Decimal, price: tuple[Decimal, Decimal], tif: TimeInForce
) -> None:
    tick, limit = price
    refused: Denied | None = None
    try:
        amounts = order_amounts(Side.BUY, size, limit, tick, tif)
    except Denied as denied:
        refused = denied
    if refused is not None:
        assert refused.code == "bad_size"
        nearest = Decimal(refused.message.rpartition("nearest ")[2])
        assert order_amounts(Side.BUY, nearest, limit, tick, tif).shares(Side.BUY) == nearest
        assert size * limit < 10  # dust only
        return
    assert amounts.maker % 10_000 == 0
    assert amounts.taker % (1_000 if tick == Decimal("0.1") else 100) == 0
    assert size * limit - CENT < amounts.dollars(Side.BUY) <= size * limit
    assert amounts.shares(Side.BUY) <= size
    implied = Decimal(amounts.maker) / Decimal(amounts.taker)
    assert limit <= implied < limit + Decimal("0.0001")


@given(size=sizes, limit=st.integers(1, 99).map(lambda cents: Decimal(cents) / 100), tif=st.sampled_from(AT_ONCE))
def test_a_tick_that_gets_finer_changes_no_order(size: Decimal, limit: Decimal, tif: TimeInForce) -> None:
    def at(tick: str, side: Side) -> Amounts | str:
        try:
            return order_amounts(side, size, limit, Decimal(tick), tif)
        except Denied as denied:
            return denied.code

    for side in Side:
        assert at("0.01", side) == at("0.001", side) == at("0.0001", side)


@given(size=sizes, price=prices())
def test_whole_cents_is_the_largest_size_that_can_be_bought_exactly(
    size: Decimal, price: tuple[Decimal, Decimal]
) -> None:
    _, limit = price
    exact = whole_cents(size, limit)
    assert 0 <= exact <= size
    assert exact * limit % CENT == 0
    for lots in range(1, 40):
        larger = exact + CENT * lots
        assert larger > size or larger * limit % CENT != 0


@pytest.mark.parametrize(
    ("limit", "tick", "nearest"),
    [
        ("0.5051", "0.01", "0.51"),
        ("0.5049", "0.01", "0.50"),
        ("0", "0.01", "0.01"),
        ("1", "0.01", "0.99"),
        ("0.9999", "0.001", "0.999"),
        ("-3", "0.1", "0.10"),
        ("0.0024", "0.0025", "0.0025"),
        ("0.123456789", "0.0001", "0.1235"),
        ("0.502", "0.005", "0.50"),
    ],
)
def test_a_price_off_the_grid_is_denied_with_the_nearest_that_is_on_it(limit: str, tick: str, nearest: str) -> None:
    with pytest.raises(Denied, match=rf"nearest {re.escape(nearest)}$") as denied:
        order_amounts(Side.BUY, Decimal(10), Decimal(limit), Decimal(tick), TimeInForce.GTC)
    assert denied.value.code == "off_tick"
    order_amounts(Side.BUY, Decimal(10), Decimal(nearest), Decimal(tick), TimeInForce.GTC)


@pytest.mark.parametrize(("size", "nearest"), [("0", "0.01"), ("-5", "0.01"), ("0.009", "0.01"), ("7.4848", "7.48")])
def test_a_size_below_the_lot_is_denied_with_the_nearest_that_can_be_sent(size: str, nearest: str) -> None:
    with pytest.raises(Denied, match=rf"nearest {re.escape(nearest)}$") as denied:
        order_amounts(Side.SELL, Decimal(size), Decimal("0.5"), Decimal("0.01"), TimeInForce.IOC)
    assert denied.value.code == "bad_size"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e30", "-1e30"])
def test_what_is_no_amount_is_denied_and_never_sent(number: str) -> None:
    with pytest.raises(Denied):
        order_amounts(Side.BUY, Decimal(number), Decimal("0.5"), Decimal("0.01"), TimeInForce.GTC)
    with pytest.raises(Denied):
        order_amounts(Side.BUY, Decimal(5), Decimal(number), Decimal("0.01"), TimeInForce.GTC)
    with pytest.raises(Denied) as denied:
        order_amounts(Side.BUY, Decimal(5), Decimal("0.5"), Decimal(number), TimeInForce.GTC)
    assert denied.value.code == "bad_tick"


def test_a_tick_the_table_does_not_have_is_denied() -> None:
    with pytest.raises(Denied, match=r"tick 0\.02 is unknown") as denied:
        order_amounts(Side.BUY, Decimal(5), Decimal("0.5"), Decimal("0.02"), TimeInForce.GTC)
    assert denied.value.code == "bad_tick"
