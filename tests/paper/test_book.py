"""The visible book: recording minus what was taken plus our own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper.core.book import MarketBook

CENT, LOT = 10_000, 1_000_000


def test_what_we_take_disappears_for_everyone() -> None:
    book = MarketBook()
    book.reset([], [(51 * CENT, 80 * LOT)])
    book.take("no", 51 * CENT, 30 * LOT)
    assert book.levels("no") == [(51 * CENT, 50 * LOT)]


def test_the_taken_part_shrinks_with_the_recording_and_is_forgotten_at_zero() -> None:
    book = MarketBook()
    book.reset([], [(51 * CENT, 10 * LOT)])
    book.take("no", 51 * CENT, 4 * LOT)
    book.change("no", 51 * CENT, -5 * LOT)
    assert (book.visible("no", 51 * CENT), book.taken["no"][51 * CENT]) == (1 * LOT, 4 * LOT)
    book.change("no", 51 * CENT, -3 * LOT)
    assert (book.visible("no", 51 * CENT), book.taken["no"][51 * CENT]) == (0, 2 * LOT)
    book.change("no", 51 * CENT, -2 * LOT)
    assert book.taken["no"] == {}
    book.change("no", 51 * CENT, 7 * LOT)
    assert book.visible("no", 51 * CENT) == 7 * LOT


def test_size_added_by_the_recording_is_new_size_even_where_we_took() -> None:
    book = MarketBook()
    book.reset([(40 * CENT, 10 * LOT)], [])
    book.take("yes", 40 * CENT, 10 * LOT)
    book.change("yes", 40 * CENT, 5 * LOT)
    assert book.visible("yes", 40 * CENT) == 5 * LOT


def test_more_than_is_displayed_cannot_be_taken() -> None:
    book = MarketBook()
    book.reset([(40 * CENT, 10 * LOT)], [])
    with pytest.raises(ValueError, match="displayed"):
        book.take("yes", 40 * CENT, 11 * LOT)


def test_a_book_that_starts_over_keeps_what_was_taken_only_as_far_as_it_still_shows_it() -> None:
    book = MarketBook()
    book.reset([(40 * CENT, 10 * LOT), (41 * CENT, 10 * LOT)], [])
    book.take("yes", 40 * CENT, 8 * LOT)
    book.take("yes", 41 * CENT, 8 * LOT)
    book.reset([(40 * CENT, 5 * LOT)], [])
    assert book.taken["yes"] == {40 * CENT: 5 * LOT}
    assert book.levels("yes") == []


_PRICES = st.integers(1, 6).map(lambda n: n * CENT)
_SIDES = st.sampled_from(["yes", "no"])
_STEPS = st.one_of(
    st.tuples(st.just("change"), _SIDES, _PRICES, st.integers(-9, 9)),
    st.tuples(st.just("take"), _SIDES, _PRICES, st.integers(1, 9)),
    st.tuples(st.just("rest"), _SIDES, _PRICES, st.integers(1, 9)),
    st.tuples(st.just("reset"), _SIDES, _PRICES, st.integers(0, 9)),
)


@given(st.lists(_STEPS, max_size=40))
def test_the_drained_changes_rebuild_the_visible_book_exactly(steps: list[tuple[str, str, int, int]]) -> None:
    book = MarketBook()
    copy: dict[tuple[str, int], int] = {}
    for kind, side, price, size in steps:
        if kind == "change":
            book.change(side, price, size * LOT)
        elif kind == "take":
            book.take(side, price, min(size * LOT, book.public(side, price)))
        elif kind == "rest":
            book.rest(side, price, size * LOT)
        else:
            book.reset([(price, size * LOT)], [(price + CENT, size * LOT)])
        for at_side, at_price, delta in book.drain():
            copy[at_side, at_price] = copy.get((at_side, at_price), 0) + delta
        assert all(size >= 0 for size in copy.values())
        for at_side in ("yes", "no"):
            shown = sorted((p, s) for (there, p), s in copy.items() if there == at_side and s)
            assert shown == book.levels(at_side)
