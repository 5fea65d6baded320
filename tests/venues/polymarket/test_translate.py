"""Amounts, times, sides and fills, exactly as the venue wrote them."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.evidence import FillStatus
from domain.fees import FeeModel, FeeSchedule
from domain.orders import Side
from tests.venues.polymarket.scripted import CONDITION, NO, YES, trade
from venues.polymarket.messages import FeeDetails, RestOrder, RestTrade, amount, decode, plain_text
from venues.polymarket.translate import (
    DEAREST,
    fee_schedule,
    fill_status,
    grid_of,
    maker_fills,
    micros_of,
    order_dead,
    settled_on_chain,
    shares_of,
    taker_fill,
)

FEES = FeeSchedule(Decimal("0.05"), unit=Decimal("0.000001"), model=FeeModel.POLYMARKET)


def raw(value: Any) -> msgspec.Raw:
    return msgspec.Raw(json.dumps(value).encode())


def row(**changes: Any) -> RestTrade:
    return decode(RestTrade, json.dumps(trade("t-1", "0x1", **changes)).encode())


def maker(amount: str, price: str, **changes: Any) -> dict[str, Any]:
    return {"order_id": "0x2", "matched_amount": amount, "price": price, "asset_id": YES, "owner": "me"} | changes


@given(st.decimals(min_value=0, max_value=10**9, places=6))
def test_an_amount_is_exact_whether_it_came_as_text_or_as_a_number(value: Decimal) -> None:
    text = format(value, "f")
    assert amount(msgspec.Raw(f'"{text}"'.encode())) == amount(msgspec.Raw(text.encode())) == value


@pytest.mark.parametrize("nothing", [b'""', b"null", b""])
def test_an_amount_the_venue_leaves_out_is_none(nothing: bytes) -> None:
    assert amount(msgspec.Raw(nothing)) is None


@pytest.mark.parametrize("bad", ['"ten"', '"NaN"', '"Infinity"', "true", "[]"])
def test_what_is_no_finite_number_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match=r"number|finite"):
        amount(msgspec.Raw(bad.encode()))


def test_a_level_written_without_its_zero_is_a_number() -> None:
    assert amount(raw(".48")) == Decimal("0.48")


@pytest.mark.parametrize(
    ("wire", "expected"),
    [
        ("1795226400", 1_795_226_400_000_000),
        (1795226400, 1_795_226_400_000_000),
        ("1795226400123", 1_795_226_400_123_000),
        (1795226400123456, 1_795_226_400_123_456),
        ("2026-11-21T02:00:00.25Z", 1_795_226_400_250_000),
        ("", 0),
        (None, 0),
    ],
)
def test_a_time_is_told_by_its_magnitude(wire: Any, expected: int) -> None:
    assert micros_of(raw(wire)) == expected


@pytest.mark.parametrize("bad", ["soon", "2026-11-21T02:00:00", "-5"])
def test_a_time_that_is_none_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="expected seconds"):
        micros_of(raw(bad))


@pytest.mark.parametrize(
    ("status", "expected", "moved"),
    [
        ("MATCHED", FillStatus.PROVISIONAL, False),
        ("TRADE_STATUS_MATCHED_NOT_BROADCASTED", FillStatus.PROVISIONAL, False),
        ("MINED", FillStatus.PROVISIONAL, True),
        ("TRADE_STATUS_CONFIRMED", FillStatus.FINAL, True),
        ("RETRYING", FillStatus.PROVISIONAL, False),
        ("TRADE_STATUS_FAILED", FillStatus.VOID, False),
        ("A_STATUS_OF_TOMORROW", FillStatus.PROVISIONAL, True),
    ],
)
def test_a_trade_status_says_how_final_a_fill_is_and_whether_the_chain_has_moved(
    status: str, expected: FillStatus, moved: bool
) -> None:
    assert fill_status(status) is expected
    assert settled_on_chain(row(status=status)) is moved


def test_a_taker_pays_the_curves_fee_and_a_maker_none() -> None:
    fill = taker_fill(row(maker_orders=[maker("10", "0.56")]), FEES)
    assert (fill.price, fill.size, fill.fee, fill.taker) == (Decimal("0.56"), 10, Decimal("0.1232"), True)
    [made] = maker_fills(row(maker_orders=[maker("10", "0.56")]), lambda each: True, lambda token: FEES)
    assert (made.side, made.fee, made.taker) == (Side.SELL, 0, False)


def test_a_purchase_through_several_levels_costs_their_average() -> None:
    levels = [maker("4", "0.55"), maker("4", "0.56"), maker("2", "0.43", asset_id=NO)]  # the last by minting, at 0.57
    fill = taker_fill(row(size="10", price="0.57", maker_orders=levels), FEES)
    assert fill.price == Decimal("0.558")
    assert fill.cash + fill.fee == -(4 * Decimal("0.55") + 4 * Decimal("0.56") + 2 * Decimal("0.57"))


def test_what_several_prices_cost_is_kept_exactly_and_their_average_is_for_people() -> None:
    fill = taker_fill(row(size="3", maker_orders=[maker("1", "0.50"), maker("2", "0.51")]), FEES)
    assert (fill.paid, fill.gross, fill.told_price) == (Decimal("1.52"), Decimal("1.52"), Decimal("0.506667"))
    assert fill.cash == -Decimal("1.52") - fill.fee
    one_price = taker_fill(row(maker_orders=[maker("4", "0.56"), maker("6", "0.56")]), FEES)
    assert (one_price.price, one_price.paid) == (Decimal("0.56"), None)


parts = st.lists(st.tuples(st.integers(1, 9_999), st.integers(1, 10**9)), min_size=1, max_size=12)


@given(parts)
def test_whatever_the_makers_the_booked_price_gives_back_the_dollars_that_were_paid(
    levels: list[tuple[int, int]],
) -> None:
    prices = [(Decimal(ticks) / 10_000, Decimal(micros) / 1_000_000) for ticks, micros in levels]
    makers = [maker(str(size), str(price)) for price, size in prices]
    size, paid = sum(size for _, size in prices), sum(price * size for price, size in prices)
    fill = taker_fill(row(size=str(size), maker_orders=makers), FEES)
    assert fill.gross == paid
    assert abs(fill.price * fill.size - paid) < Decimal("1e-15")
    assert fill.fee == sum(FEES.trade_fee(price, size) for price, size in prices)


def test_a_fee_is_of_each_makers_part_at_its_price_rounded_half_up_on_its_own() -> None:
    """0.05 · 7 · 0.49 · 0.51 = 0.087465 → 0.08747; 0.05 · 93.14 · 0.25 = 1.16425; at the average it were 1.25175."""
    curve = FeeSchedule(Decimal("0.05"), unit=Decimal("0.000001"), model=FeeModel.POLYMARKET)
    fill = taker_fill(row(size="100.14", maker_orders=[maker("7", "0.49"), maker("93.14", "0.50")]), curve)
    assert fill.fee == Decimal("0.08747") + Decimal("1.16425")


@pytest.mark.parametrize(
    ("price", "size", "fee"),
    [
        ("0.50", "0.0002857", "0.00000"),  # 0.00000499975: below half a step
        ("0.50", "0.000286", "0.00001"),  # 0.000005005
        ("0.50", "0.0008", "0.00001"),  # 0.000014
        ("0.20", "0.0402", "0.00045"),  # 0.00045024
        ("0.10", "0.75", "0.00473"),  # 0.004725 exactly: half up
    ],
)
def test_a_fee_is_rounded_half_up_to_a_hundred_thousandth_of_a_dollar(price: str, size: str, fee: str) -> None:
    curve = FeeSchedule(Decimal("0.07"), unit=Decimal("0.000001"), model=FeeModel.POLYMARKET)
    assert curve.trade_fee(Decimal(price), Decimal(size)) == Decimal(fee)


@pytest.mark.parametrize(
    "changes",
    [
        {"size": "-10"},
        {"size": "NaN"},
        {"size": "1e400000"},
        {"size": "1_000"},
        {"size": "10.0000001"},
        {"price": "1.2"},
        {"match_time": "", "last_update": ""},
        {"maker_orders": [maker("10", "-0.5")]},
        {"maker_orders": [maker("10", "0.56", asset_id="")]},  # of which token is not said: never the taker's
        {"side": "HOLD"},
    ],
)
def test_a_trade_whose_numbers_cannot_be_is_not_read(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        taker_fill(row(**changes), FEES)


def test_a_resting_orders_parts_at_several_prices_are_kept_exactly_too() -> None:
    rows = [maker("1", "0.50"), maker("2", "0.51")]
    [made] = maker_fills(row(size="3", maker_orders=rows), lambda each: True, lambda token: FEES)
    assert (made.size, made.paid) == (3, Decimal("1.52"))


@pytest.mark.parametrize(
    ("status", "dead"),
    [
        ("LIVE", False),
        ("DELAYED", False),
        ("UNMATCHED", False),
        ("", False),
        ("a word of tomorrow", False),
        ("MATCHED", True),
        ("ORDER_STATUS_MATCHED", True),
        ("CANCELED", True),
        ("cancelled", True),
        ("CANCELED_EXPIRED_ORDER", True),
        ("EXPIRED", True),
        ("KILLED", True),
        ("REJECTED", True),
        ("INVALID", True),
        ("FAILED", True),
    ],
)
def test_an_orders_word_says_whether_it_may_still_trade(status: str, dead: bool) -> None:
    assert order_dead(RestOrder("0x1", "0xc", "1", "BUY", status)) is dead


@pytest.mark.parametrize("makers", [[], [maker("4", "0.50")]])
def test_where_not_all_makers_are_listed_the_price_at_the_top_stands(makers: list[dict[str, Any]]) -> None:
    assert taker_fill(row(maker_orders=makers), FEES).price == Decimal("0.56")


@pytest.mark.parametrize(
    ("taker_side", "asset", "said", "expected"),
    [
        ("BUY", YES, None, Side.SELL),
        ("SELL", YES, "", Side.BUY),
        ("BUY", NO, None, Side.BUY),  # both bought: a pair was minted
        ("SELL", NO, None, Side.SELL),  # both sold: a pair was merged
        ("BUY", YES, "BUY", Side.BUY),
    ],
)
def test_a_makers_direction_follows_from_the_tokens_where_it_is_not_said(
    taker_side: str, asset: str, said: str | None, expected: Side
) -> None:
    makers = [maker("10", "0.56", asset_id=asset, side=said)]
    [fill] = maker_fills(row(side=taker_side, maker_orders=makers), lambda each: True, lambda token: FEES)
    assert (fill.side, fill.market) == (expected, asset)


@given(
    st.lists(st.tuples(st.integers(1, 10**8), st.integers(1, 99)), min_size=1, max_size=6),
)
def test_one_order_is_one_fill_a_trade_and_no_share_is_lost(parts: list[tuple[int, int]]) -> None:
    rows = [maker(format(Decimal(size).scaleb(-2), "f"), "0.56") for size, _ in parts]
    [fill] = maker_fills(row(maker_orders=rows), lambda each: True, lambda token: FEES)
    assert fill.size == sum(Decimal(size).scaleb(-2) for size, _ in parts)


def test_a_fee_curve_comes_from_the_market_and_what_is_not_said_is_charged_the_dearest() -> None:
    curve = fee_schedule(FeeDetails(raw(0.07), raw(2), True), raw(1000))
    assert (curve.taker, curve.maker, curve.exponent, curve.model) == (
        Decimal("0.07"),
        0,
        2,
        FeeModel.POLYMARKET,
    )
    assert fee_schedule(FeeDetails(raw("0.05"), raw(1), False), raw(None)).maker == Decimal("0.05")
    assert fee_schedule(None, raw(1000)) == DEAREST
    assert fee_schedule(None, raw(0)).taker == 0
    assert fee_schedule(None, raw(None)) == DEAREST  # unsaid is not nothing


@pytest.mark.parametrize(("rate", "exponent"), [(1.5, 1), (-0.1, 1), (0.07, 1.5), (0.07, 99), ("much", 1)])
def test_a_fee_curve_that_makes_no_sense_is_refused(rate: Any, exponent: Any) -> None:
    with pytest.raises(ValueError, match=r"expected|number"):
        fee_schedule(FeeDetails(raw(rate), raw(exponent), True), raw(0))


def test_a_balance_is_millionths() -> None:
    assert shares_of(raw("12345678")) == Decimal("12.345678")
    with pytest.raises(ValueError, match="whole number"):
        shares_of(raw("1.5"))


def test_prices_run_from_one_tick_to_a_dollar_less_one() -> None:
    [band] = grid_of(Decimal("0.001"))
    assert (band.start, band.end, band.step) == (Decimal("0.001"), Decimal("0.999"), Decimal("0.001"))
    with pytest.raises(ValueError, match="tick"):
        grid_of(Decimal(0))


def test_a_row_without_what_money_rests_on_does_not_decode() -> None:
    listed = trade("t-1", "0x1")
    del listed["size"]
    with pytest.raises(ValueError, match="size"):
        decode(RestTrade, json.dumps(listed).encode())


def test_an_id_is_text_whether_it_came_as_a_number_or_not() -> None:
    assert [plain_text(raw(value)) for value in ("77", 77, None)] == ["77", "77", ""]
    assert CONDITION
