"""What the touch says, and when it says nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.features.feature import Feature, FeatureVector, Flaw, flawed
from domain.features.flow import FlowImbalance, flow, flows
from domain.features.touch import Touch, clipped, imbalance, mid, spread, weighted_mid

SHARE = 1_000_000
CENT = 10_000
SECOND = 1_000_000


def touch(bid: int | None, bid_size: int, ask: int | None, ask_size: int, at: int = 0) -> Touch:
    """Cents and shares."""
    return Touch(
        None if bid is None else bid * CENT, bid_size * SHARE, None if ask is None else ask * CENT, ask_size * SHARE, at
    )


def test_known_answers() -> None:
    book = touch(40, 300, 44, 100)
    assert mid(book).value == pytest.approx(0.42)
    assert spread(book).value == pytest.approx(0.04)
    assert imbalance(book).value == 0.75
    assert weighted_mid(book).value == pytest.approx(0.75 * 0.44 + 0.25 * 0.40)


@pytest.mark.parametrize("measure", [mid, spread, imbalance, weighted_mid])
@pytest.mark.parametrize(
    ("book", "flaw"),
    [
        (touch(None, 0, 44, 100), Flaw.ONE_SIDED),
        (touch(40, 100, None, 0), Flaw.ONE_SIDED),
        (touch(40, 0, 44, 100), Flaw.ONE_SIDED),
        (touch(44, 100, 44, 100), Flaw.CROSSED),
        (touch(45, 100, 44, 100), Flaw.CROSSED),
    ],
)
def test_a_book_that_is_no_market_has_no_features(measure, book: Touch, flaw: Flaw) -> None:
    assert measure(book).flaw is flaw


sizes = st.integers(1, 10**12)
books = st.tuples(st.integers(1, 98), sizes, st.integers(1, 99), sizes).filter(lambda b: b[0] < b[2])


@given(books)
def test_the_weighted_mid_lies_within_the_spread_and_mirrors(book: tuple[int, int, int, int]) -> None:
    bid, bid_size, ask, ask_size = book
    yes = Touch(bid * CENT, bid_size, ask * CENT, ask_size, 0)
    no = Touch((100 - ask) * CENT, ask_size, (100 - bid) * CENT, bid_size, 0)
    assert bid / 100 - 1e-12 <= weighted_mid(yes).value <= ask / 100 + 1e-12
    assert weighted_mid(yes).value + weighted_mid(no).value == pytest.approx(1.0)
    assert imbalance(yes).value + imbalance(no).value == pytest.approx(1.0)


def test_a_price_is_kept_where_tokens_trade() -> None:
    assert clipped(1.2, CENT) == 0.99
    assert clipped(-0.1, 1_000) == 0.001
    assert clipped(0.5, CENT) == 0.5


def test_a_vector_names_the_first_feature_that_may_not_be_used() -> None:
    vector = FeatureVector("1", 5, {"mid": Feature(0.5), "sigma": flawed(Flaw.WARMING)})
    assert vector["mid"].valid
    assert vector.first_flaw("mid") is None
    assert vector.first_flaw() == ("sigma", flawed(Flaw.WARMING))
    named = vector.first_flaw("mid", "beta")
    assert named is not None
    assert (named[0], named[1].flaw) == ("beta", Flaw.MISSING)


@pytest.mark.parametrize(
    ("before", "after", "shares"),
    [
        (touch(40, 100, 44, 100), touch(40, 130, 44, 100), 30),  # more wants to buy at the same price
        (touch(40, 100, 44, 100), touch(41, 50, 44, 100), 50),  # a better bid: all of it is new
        (touch(40, 100, 44, 100), touch(39, 70, 44, 100), -100),  # the bid is gone
        (touch(40, 100, 44, 100), touch(40, 100, 44, 60), 40),  # the ask was eaten into
        (touch(40, 100, 44, 100), touch(40, 100, 43, 20), -20),  # a better ask
        (touch(40, 100, 44, 100), touch(40, 100, 45, 70), 100),  # the ask is gone
        (touch(40, 100, 44, 100), touch(None, 0, 44, 100), -100),  # nobody bids any more
        (touch(40, 100, 44, 100), touch(40, 100, None, 0), 100),
    ],
)
def test_order_flow_of_one_move(before: Touch, after: Touch, shares: int) -> None:
    assert flow(before, after) == shares * SHARE


@given(st.lists(books, min_size=2, max_size=20))
def test_order_flow_of_the_other_token_is_the_opposite(states: list[tuple[int, int, int, int]]) -> None:
    yes = [Touch(b * CENT, bs, a * CENT, asz, 0) for b, bs, a, asz in states]
    no = [Touch((100 - a) * CENT, asz, (100 - b) * CENT, bs, 0) for b, bs, a, asz in states]
    assert [-e for e in flows(yes)] == flows(no)


@given(st.lists(st.tuples(books, st.integers(0, 3 * SECOND)), min_size=2, max_size=40))
def test_the_window_holds_exactly_its_moves(steps: list[tuple[tuple[int, int, int, int], int]]) -> None:
    at, states = 1, []
    for (bid, bid_size, ask, ask_size), gap in steps:
        at += gap
        states.append(Touch(bid * CENT, bid_size, ask * CENT, ask_size, at))
    fold = FlowImbalance(5 * SECOND)
    for state in states:
        fold.update(state)
    moves = flows(states)
    inside = sum(e for state, e in zip(states[1:], moves, strict=True) if state.at > at - 5 * SECOND)
    answer = fold.at(at)
    assert answer.valid == (at - states[0].at >= 5 * SECOND)
    if answer.valid:
        assert answer.value == pytest.approx(inside / SHARE)


def test_a_lost_book_begins_anew_and_an_older_state_is_left_out() -> None:
    fold = FlowImbalance(SECOND)
    assert fold.at(0).flaw is Flaw.MISSING
    fold.update(touch(40, 100, 44, 100, at=10 * SECOND))
    fold.update(touch(40, 900, 44, 100, at=9 * SECOND))
    assert fold.late == 1
    assert fold.at(10 * SECOND).flaw is Flaw.WARMING
    assert fold.at(12 * SECOND) == Feature(0.0)
    fold.reset()
    assert fold.at(13 * SECOND).flaw is Flaw.MISSING
    fold.update(touch(40, 900, 44, 100, at=14 * SECOND))
    assert fold.at(15 * SECOND) == Feature(0.0)
