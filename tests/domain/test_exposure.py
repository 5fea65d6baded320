"""What a trade's fills amount to."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.evidence import Fill, FillStatus, Redemption
from domain.exposure import (
    Split,
    collateral,
    exposed,
    own_fills,
    payoff_due,
    peak_cash_out,
    realised_pnl,
    split,
    unhedged_notional,
    unhedged_notional_seconds,
)
from domain.orders import SETS, Purpose, Side
from domain.trade import OrderRecord, TradeState
from tests.ledger.samples import REJECTED, SECOND, START, UNKNOWN, A, B, D, accepted, fill, intent, ticket

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


def test_fills_of_one_instant_count_together_in_the_most_cash_out() -> None:
    bought, sold = fill(BUY_A), fill(SELL_A, "10")
    assert peak_cash_out([bought, sold]) == -(bought.cash + sold.cash)


def test_time_alone_adds_up_over_every_stretch_between_fills() -> None:
    moments = [fill(BUY_A, "4", n=1, at=START), fill(BUY_A, "6", n=2, at=START + SECOND)]
    closed = fill(BUY_B, at=START + 3 * SECOND)
    assert unhedged_notional_seconds(PLANNED, [*moments, closed], START + 9 * SECOND) == D("9.60")  # 1.60 + 2 × 4.00


def test_shares_counted_by_fills_stand_at_what_was_paid_and_those_still_open_at_their_limit() -> None:
    settled = [OrderRecord(BUY_A, accepted(BUY_A), settled=True, filled=D(10))]
    parts = [fill(BUY_A, "5", n=1, price="0.30"), fill(BUY_A, "5", n=2, price="0.32")]
    assert exposed(PLANNED, TradeState.LEG_B, settled, parts) == D("3.10")
    works = [OrderRecord(BUY_A, UNKNOWN, settled=False, filled=D(4))]
    assert exposed(PLANNED, TradeState.LEG_A, works, [fill(BUY_A, "4", price="0.30")]) == D("3.60")  # 1.20 + 6 × 0.40


def test_fills_beyond_what_an_order_tells_of_stand_as_they_are() -> None:
    told = [OrderRecord(BUY_A, accepted(BUY_A), settled=True, filled=D(5))]
    assert exposed(PLANNED, TradeState.LEG_B, told, [fill(BUY_A, "10")]) == D("4.00")


def test_more_than_an_open_order_asked_for_cost_no_more_than_its_limit_says() -> None:
    over = [OrderRecord(BUY_A, UNKNOWN, settled=False, filled=D(12))]
    assert exposed(PLANNED, TradeState.LEG_A, over) == D("4.00")


def test_a_trade_that_settles_is_exposed_while_one_of_its_orders_is_open() -> None:
    orders = [
        OrderRecord(BUY_A, accepted(BUY_A), settled=True, filled=D(10)),
        OrderRecord(BUY_B, UNKNOWN, settled=False, filled=D(0)),
    ]
    assert exposed(PLANNED, TradeState.SETTLING, orders) == D("4.00")


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


# ---------------------------------------------------------------------- more legs, shorts, merges, payment

C = "GAME-CCC"
BASKET = replace(
    PLANNED, legs=(*PLANNED.legs, replace(PLANNED.legs[0], name="C", market=C, limit=D("0.02"))), set_id="GAME"
)
BUY_C = ticket(BASKET, "C", purpose=Purpose.HEDGE)
SHORT = replace(PLANNED, legs=(PLANNED.legs[0], replace(PLANNED.legs[1], side=Side.SELL)), payoff=D(0))
SELL_B = ticket(SHORT, "B", purpose=Purpose.HEDGE, side=Side.SELL)


def merged(size: str) -> list[Fill]:
    """Sets handed back: a share of every market, for a dollar together."""
    shares = (("A", "0.40"), ("B", "0.55"), ("C", "0.05"))
    sold = [fill(ticket(BASKET, leg, 9, side=Side.SELL), size, price=price) for leg, price in shares]
    return [replace(one, merged=True, fee=D(0), trade_id=f"m-{one.market}") for one in sold]


def paid(market: str, shares: str, payout: str) -> Redemption:
    return Redemption(BUY_A.venue, market, PLANNED.id, D(shares), D(payout), START)


def test_only_what_every_leg_has_is_hedged() -> None:
    fills = [fill(BUY_A, "10"), fill(BUY_B, "8"), fill(BUY_C, "5")]
    assert split(BASKET, fills) == Split(D(5), D(0), D(8))
    assert split(BASKET, fills[:2]) == Split(D(0), D(0), D(18))


def test_a_leg_that_sells_opens_by_selling_and_stands_for_what_it_locks() -> None:
    fills = [fill(ticket(SHORT)), fill(SELL_B)]
    assert split(SHORT, fills) == Split(D(10), D(0), D(0))
    assert split(SHORT, fills[1:]) == Split(D(0), D(0), D(10))
    assert unhedged_notional(SHORT, fills[1:]) == D("4.50")  # sold at 0.55: 0.45 of each dollar is ours
    back = replace(fill(ticket(SHORT, "B", 2, limit="0.60")), at=START + SECOND)
    assert split(SHORT, [fills[1], back]) == Split(D(0), D(10), D(0))
    assert unhedged_notional_seconds(SHORT, [fills[1], back], START + 9 * SECOND) == D("4.50")


def test_a_dollar_is_locked_for_each_share_short_until_it_is_bought_back_or_paid() -> None:
    sold = fill(SELL_B)
    back = replace(fill(ticket(SHORT, "B", 2, limit="0.60"), "4"), at=START + SECOND)
    assert collateral([sold]) == 10
    assert collateral([sold, back]) == 6
    assert collateral([sold, back], [paid(B, "-6", "1")]) == 0
    assert collateral([], [paid(B, "-6", "1")]) == 0  # a payment whose fills are not listed locks nothing
    assert collateral([], [paid(B, "6", "1")]) == 6
    assert peak_cash_out([sold]) == 10 - sold.cash
    assert peak_cash_out([sold, back]) == 10 - sold.cash  # buying back at 0.60 frees more than it costs


def test_a_set_handed_back_stays_hedged_and_its_cash_is_realised() -> None:
    bought = [fill(BUY_A), fill(BUY_B), fill(BUY_C)]
    part = [*bought, *merged("4")]
    assert split(BASKET, part) == split(BASKET, bought) == Split(D(10), D(0), D(0))
    assert realised_pnl(BASKET, part) == realised_pnl(BASKET, bought)
    assert (payoff_due(BASKET, bought), payoff_due(BASKET, part), payoff_due(BASKET, [*bought, *merged("10")])) == (
        D(10),
        D(6),
        D(0),
    )
    assert unhedged_notional(BASKET, part) == 0


def test_what_markets_paid_takes_the_place_of_what_was_certain() -> None:
    fills = [fill(BUY_A), fill(BUY_B)]
    cash = sum((one.cash for one in fills), D(0))
    for payments, left in (
        ([], D(10)),
        ([paid(A, "10", "1")], D(0)),  # the other share of each pair is then worth nothing
        ([paid(A, "10", "0")], D(10)),
        ([paid(A, "10", "1"), paid(B, "10", "0")], D(0)),
    ):
        assert realised_pnl(PLANNED, fills, payments) == cash + 10
        assert payoff_due(PLANNED, fills, payments) == left
    split_down_the_middle = [paid(A, "10", "0.5"), paid(B, "10", "0.25")]
    assert realised_pnl(PLANNED, fills, split_down_the_middle) == cash + D("7.5")


def test_a_short_share_gives_its_payout_back() -> None:
    fills = [fill(ticket(SHORT)), fill(SELL_B)]
    cash = sum((one.cash for one in fills), D(0))
    assert realised_pnl(SHORT, fills) == cash
    assert realised_pnl(SHORT, fills, [paid(A, "10", "1")]) == cash  # the short leg will then cost the same
    assert realised_pnl(SHORT, fills, [paid(A, "10", "1"), paid(B, "-10", "1")]) == cash
    assert realised_pnl(SHORT, fills, [paid(A, "10", "1"), paid(B, "-10", "0")]) == cash + 10


def test_a_share_that_stood_alone_is_worth_what_its_market_paid() -> None:
    assert realised_pnl(PLANNED, [fill(BUY_A)], [paid(A, "10", "1")]) == D("10") - D("4.1680")


def test_at_worst_one_leg_of_a_basket_fails_and_all_others_stand() -> None:
    orders = [
        OrderRecord(BUY_A, accepted(BUY_A), settled=True, filled=D(10)),
        OrderRecord(BUY_B, accepted(BUY_B), settled=True, filled=D(10)),
        OrderRecord(BUY_C, UNKNOWN, settled=False, filled=D(0)),
    ]
    assert exposed(BASKET, TradeState.LEG_B, orders) == D("9.50")
    assert exposed(BASKET, TradeState.LEG_B, orders[:1]) == D("4.00")
    short = [OrderRecord(SELL_B, accepted(SELL_B), settled=True, filled=D(10))]
    assert exposed(SHORT, TradeState.LEG_B, short) == D("4.50")


def test_a_merge_exposes_nothing_and_neither_does_a_trade_that_settles() -> None:
    bought = [OrderRecord(t, accepted(t), settled=True, filled=D(10)) for t in (BUY_A, BUY_B, BUY_C)]
    merge = replace(BUY_A, leg=SETS, purpose=Purpose.MERGE, side=Side.SELL, market="GAME")
    assert exposed(BASKET, TradeState.HEDGED, [*bought, OrderRecord(merge, None, settled=False, filled=D(0))]) == 0
    assert exposed(BASKET, TradeState.SETTLING, bought[:2]) == 0
    between = [*bought[:1], OrderRecord(merge, None, settled=False, filled=D(0)), *bought[1:]]
    assert exposed(BASKET, TradeState.HEDGED, between) == 0


@given(histories(), st.integers(0, 3), st.sampled_from(["0", "0.5", "1"]))
def test_realised_and_locked_add_up_whatever_has_been_paid(fills: list[Fill], which: int, payout: str) -> None:
    held = {A: D(0), B: D(0)}
    for one in fills:
        held[one.market] += one.shares
    payments = [paid(market, str(held[market]), payout) for n, market in enumerate((A, B)) if which & (1 << n)]
    cash = sum((f.cash for f in fills), D(0)) + sum((one.cash for one in payments), D(0))
    assert realised_pnl(PLANNED, fills, payments) == cash + payoff_due(PLANNED, fills, payments)
    if which == 3:
        assert payoff_due(PLANNED, fills, payments) == 0
