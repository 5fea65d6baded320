"""What a leg risks, read off its book: scarcer, faster, delayed and wider books are riskier."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from domain.book import CALM_US, Book
from domain.depth import TakerFees, buy, sell
from domain.money import MICRO
from domain.orders import Side
from domain.sequence import PPM, LegRisk, best_order, expected_value
from ingest.strategies.legging import LEG_US, PATH_US, risk_of
from recording.sources.tickers import market

FEES = TakerFees(70_000)
SPEC = market("CUP-RED", "CUP", "Red")
T0 = 1_772_359_200_000_000


def book(*, standing: int = 100, bid: int = 38, name: str = "CUP-RED") -> Book:
    """YES asked at 0.40, bid at `bid` cents, five hundred shares there."""
    made = Book(name)
    made.reset([(bid * 10_000, 500 * MICRO)], [(600_000, standing * MICRO)], T0, T0)
    return made


def risk(of: Book, *, need: int = 100, delay_ms: int = 0, at: int = T0) -> LegRisk:
    walk = buy(of.ask_levels(), need * MICRO, FEES)
    return risk_of(of, walk, Side.BUY, replace(SPEC, market=of.market, delay_ms=delay_ms), at)


def test_a_book_nothing_is_known_of_moves_once_a_second_and_all_of_it_is_needed() -> None:
    found = risk(book())
    assert found.gone == PPM * LEG_US // (LEG_US + CALM_US)
    assert found.fills == PPM - PPM * PATH_US // (PATH_US + CALM_US)
    # 100 × (0.40 + 0.0168) − 100 × (0.38 − 0.016492) + a cent a share of drift
    assert found.loss == (41_680_000 - (38_000_000 - 1_649_200) + MICRO) * MICRO


@given(st.integers(100, 5_000), st.integers(0, 5_000))
def test_a_deeper_book_is_never_riskier(standing: int, more: int) -> None:
    shallow, deep = risk(book(standing=standing)), risk(book(standing=standing + more))
    assert deep.gone <= shallow.gone
    assert deep.fills >= shallow.fills
    assert deep.loss == shallow.loss


@given(st.lists(st.integers(100, 5_000), min_size=2, max_size=4), st.integers(0, 3), st.integers(1, 5_000))
def test_a_book_that_gets_deeper_does_not_send_its_leg_first(depths: list[int], which: int, more: int) -> None:
    which %= len(depths)
    profit = 10 * MICRO * MICRO

    def order(standing: list[int]) -> tuple[list[LegRisk], tuple[int, ...]]:
        risks = [risk(book(standing=size, name=str(n))) for n, size in enumerate(standing)]
        return risks, best_order(risks, profit)

    risks, before = order(depths)
    assert expected_value([risks[n] for n in before], profit) > 0
    depths[which] += more
    after = order(depths)[1]
    assert after.index(which) >= before.index(which)


def test_a_touch_that_moves_often_is_riskier_until_it_has_been_silent_for_longer_than_its_pace() -> None:
    busy = book()
    for step in range(1, 40):
        assert busy.change_bid(390_000, MICRO if step % 2 else -MICRO, T0 + step * 10_000, T0)
    assert busy.touch_gap < 20_000
    assert risk(busy, at=T0 + 400_000).gone > risk(book()).gone
    assert risk(busy, at=T0 + 10_000_000).gone < risk(book()).gone


def test_a_venue_that_holds_orders_back_makes_a_leg_riskier_first_and_later() -> None:
    delayed = risk(book(), delay_ms=3_000)
    assert delayed.gone > risk(book()).gone
    assert delayed.fills < risk(book()).fills


def test_a_wider_book_loses_more_when_unwound_and_one_without_bids_loses_everything() -> None:
    assert risk(book(bid=30)).loss > risk(book()).loss
    bare = book()
    assert bare.change_bid(380_000, -500 * MICRO, T0, T0)
    assert risk(bare).loss == (41_680_000 + MICRO) * MICRO


def test_a_sold_leg_is_unwound_by_buying_back() -> None:
    made = book(standing=60)
    walk = sell(made.bid_levels(), 100 * MICRO, FEES)
    found = risk_of(made, walk, Side.SELL, SPEC, T0)
    # 60 bought back at 0.40, 40 found nobody and cost a dollar each; brought 100 × 0.38 less its fee; a cent of drift
    back = 60 * 400_000 + 1_008_000 + 40 * MICRO
    assert found.loss == (back - (38_000_000 - 1_649_200) + MICRO) * MICRO
    assert found.gone == PPM * LEG_US // (LEG_US + CALM_US) * 100 // 500
