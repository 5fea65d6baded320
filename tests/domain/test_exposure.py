"""What a trade's fills amount to."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.evidence import Fill, FillStatus
from domain.exposure import (
    Split,
    exposed,
    own_fills,
    peak_cash_out,
    realised_pnl,
    split,
    unhedged_notional,
    unhedged_notional_seconds,
)
from domain.orders import Purpose, Side
from domain.trade import OrderRecord, TradeState
from tests.ledger.samples import REJECTED, SECOND, START, UNKNOWN, B, D, accepted, fill, intent, ticket

PLANNED = intent()
BUY_A = ticket(PLANNED, "A")
BUY_B = ticket(PLANNED, "B", purpose=Purpose.HEDGE)
SELL_A = ticket(PLANNED, "A", 2, purpose=Purpose.UNWIND, side=Side.SELL, limit="0.38")


def test_equal_fills_of_both_legs_are_hedged_and_earn_the_payoff_less_what_they_cost() -> None:
    fills = [fill(BUY_A), fill(BUY_B)]
    assert split(PLANNED, fills) == Split(D(10), D(0), D(0))
    assert realised_pnl(PLANNED, fills) == D(10) - D("4.1680") - D("5.6733")


def test_shares_sold_again_are_unwound_and_what_has_no_other_side_is_residual() -> None:
    fills = [fill(BUY_A, "10"), fill(BUY_B, "6"), fill(SELL_A, "3")]
    assert split(PLANNED, fills) == Split(D(6), D(3), D(1))
    assert split(PLANNED, fills).filled == D(10)


def test_a_residual_is_worth_nothing_in_realised_pnl() -> None:
    assert realised_pnl(PLANNED, [fill(BUY_A)]) == D("-4.1680")


def test_selling_more_than_was_bought_stands_alone_too() -> None:
    assert split(PLANNED, [fill(BUY_A, "2"), fill(SELL_A, "5")]) == Split(D(0), D(2), D(3))


def test_a_void_fill_counts_for_nothing() -> None:
    void = replace(fill(BUY_B), status=FillStatus.VOID)
    assert split(PLANNED, [fill(BUY_A), void]) == split(PLANNED, [fill(BUY_A)])
    assert realised_pnl(PLANNED, [void]) == 0
    assert own_fills(PLANNED, [void, fill(BUY_A)]) == [fill(BUY_A)]


def test_a_fill_in_another_market_is_refused_by_name() -> None:
    stray = replace(fill(BUY_A), market="OTHER")
    with pytest.raises(ValueError, match=r"OTHER.*GAME-AAA and GAME-BBB"):
        split(PLANNED, [stray])
    assert own_fills(PLANNED, [stray]) == []


def test_ten_shares_at_forty_cents_alone_for_two_seconds_are_eight_dollar_seconds() -> None:
    fills = [fill(BUY_A, at=START), fill(BUY_B, at=START + 2 * SECOND)]
    assert unhedged_notional_seconds(PLANNED, fills, START + 100 * SECOND) == D(8)
    assert unhedged_notional(PLANNED, fills) == 0


def test_what_still_stands_alone_counts_until_now_at_its_average_price() -> None:
    fills = [fill(BUY_A, "5", n=1, price="0.30"), fill(BUY_A, "5", n=2, price="0.40"), fill(BUY_B, "4")]
    assert unhedged_notional(PLANNED, fills) == D("2.10")  # 6 shares at 0.35
    assert unhedged_notional_seconds(PLANNED, fills, START + 3 * SECOND) == D("6.30")
    assert unhedged_notional_seconds(PLANNED, fills, START - SECOND) == 0


def test_an_average_that_never_ends_is_rounded_only_in_the_sum() -> None:
    fills = [fill(BUY_A, "1", n=1, price="0.10"), fill(BUY_A, "2", n=2, price="0.20")]  # a third of a half
    sold = fill(SELL_A, "1", at=START + SECOND)
    assert unhedged_notional_seconds(PLANNED, [*fills, sold], START + SECOND) == D("0.50")
    assert unhedged_notional(PLANNED, [*fills, sold]) == D("0.333333333333")


def test_the_most_cash_out_at_once_is_before_the_sale_that_brings_some_back() -> None:
    bought, sold = fill(BUY_A, at=START), fill(SELL_A, "10", at=START + 1)
    assert peak_cash_out([sold, bought]) == D("4.1680")
    assert peak_cash_out([]) == 0


def test_an_open_hedge_may_not_fill_so_leg_a_stays_exposed() -> None:
    orders = [
        OrderRecord(BUY_A, accepted(BUY_A), settled=True, filled=D(10)),
        OrderRecord(BUY_B, UNKNOWN, settled=False, filled=D(0)),
    ]
    assert exposed(PLANNED, TradeState.STUCK, orders) == D("4.00")
    assert exposed(PLANNED, TradeState.STUCK, orders, [fill(BUY_A)]) == D("4.00")


def test_an_open_sale_may_fill_and_leave_the_other_leg_exposed() -> None:
    orders = [
        OrderRecord(BUY_A, accepted(BUY_A), settled=True, filled=D(10)),
        OrderRecord(BUY_B, accepted(BUY_B), settled=True, filled=D(10)),
        OrderRecord(SELL_A, UNKNOWN, settled=False, filled=D(0)),
    ]
    assert exposed(PLANNED, TradeState.UNWIND, orders) == D("5.50")


def test_a_refused_order_and_a_closed_trade_expose_nothing() -> None:
    refused = [OrderRecord(BUY_A, REJECTED, settled=False, filled=D(0))]
    assert exposed(PLANNED, TradeState.LEG_A, refused) == 0
    done = [OrderRecord(BUY_A, accepted(BUY_A), settled=True, filled=D(10))]
    assert exposed(PLANNED, TradeState.CLOSED, done) == 0
    assert exposed(PLANNED, TradeState.REBALANCE, done) == D("4.00")


_sizes = st.integers(1, 50_000).map(lambda hundredths: D(hundredths) / 100)
_prices = st.integers(1, 99).map(lambda cents: D(cents) / 100)


@st.composite
def histories(draw: st.DrawFn) -> list[Fill]:
    """Any fills of the two markets, buys and sells, at any times within a minute."""
    fills = []
    for n in range(draw(st.integers(0, 12))):
        order = ticket(PLANNED, draw(st.sampled_from("AB")), n + 1, side=draw(st.sampled_from(Side)))
        at = START + draw(st.integers(0, 60 * SECOND))
        one = fill(order, str(draw(_sizes)), price=str(draw(_prices)), at=at)
        fills.append(replace(one, trade_id=f"t{n}"))
    return fills


@given(histories())
def test_shares_are_never_lost_or_made(fills: list[Fill]) -> None:
    parts = split(PLANNED, fills)
    bought = sum((f.size for f in fills if f.side is Side.BUY), D(0))
    sold = sum((f.size for f in fills if f.side is Side.SELL), D(0))
    assert min(parts.hedged, parts.unwound, parts.residual) >= 0
    # every share bought or sold is one of a pair, one of a closed round trip, or alone
    assert bought + sold == 2 * parts.hedged + 2 * parts.unwound + parts.residual


@given(histories(), st.randoms())
def test_the_order_in_which_fills_are_listed_does_not_matter(fills: list[Fill], dice: object) -> None:
    shuffled = list(fills)
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    assert split(PLANNED, shuffled) == split(PLANNED, fills)
    assert realised_pnl(PLANNED, shuffled) == realised_pnl(PLANNED, fills)
    end = START + 90 * SECOND
    assert unhedged_notional_seconds(PLANNED, shuffled, end) == unhedged_notional_seconds(PLANNED, fills, end)


@given(histories())
def test_time_alone_only_grows_and_stops_when_nothing_stands_alone(fills: list[Fill]) -> None:
    early, late = (unhedged_notional_seconds(PLANNED, fills, START + s * SECOND) for s in (60, 120))
    alone = split(PLANNED, fills).residual
    assert 0 <= early <= late
    assert (late == early) == (alone == 0)


@given(histories())
def test_pnl_of_a_trade_with_nothing_alone_is_bounded_by_its_payoffs(fills: list[Fill]) -> None:
    parts = split(PLANNED, fills)
    cash = sum((f.cash for f in fills), D(0))
    assert realised_pnl(PLANNED, fills) == cash + parts.hedged


def test_leg_b_first_stands_alone_at_leg_bs_price() -> None:
    fills = [fill(BUY_B, "2"), fill(BUY_A, "2", at=START + SECOND)]
    assert fills[0].market == B
    assert unhedged_notional_seconds(PLANNED, fills, START + SECOND) == D("1.10")
