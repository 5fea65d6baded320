"""Depth that is kept while a book stands: the same answers as walking it anew, for any size, in any order of asking."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.book import Book
from domain.depth import Depth, TakerFees, buy, sell
from domain.fees import FeeModel
from domain.money import MICRO
from domain.orders import Side
from ingest.view import View

ALL_FEES = (
    TakerFees(0),
    TakerFees(70_000),
    TakerFees(70_000, 10_000),
    TakerFees(50_000, 1, FeeModel.POLYMARKET, 1),
    TakerFees(250_000, 1, FeeModel.POLYMARKET, 2),
)

changes = st.tuples(st.booleans(), st.integers(1, 99), st.integers(0, 400_000))
sizes = st.integers(0, 1_500_000)
asks = st.tuples(st.sampled_from(list(Side)), sizes, st.sampled_from(ALL_FEES))


@given(st.lists(st.one_of(changes, asks), max_size=40))
def test_any_size_at_any_version_costs_what_the_walk_from_the_best_level_costs(
    events: list[tuple[object, ...]],
) -> None:
    book = Book("A")
    book.reset([(400_000, 300_000)], [(500_000, 300_000)], 1, 1)
    view = View([book])
    for n, (first, second, third) in enumerate(events):
        if isinstance(first, Side):
            assert isinstance(second, int)
            assert isinstance(third, TakerFees)
            anew = (
                buy(book.ask_levels(), second, third) if first is Side.BUY else sell(book.bid_levels(), second, third)
            )
            assert view.walk(0, first, second, third) == anew
        else:
            assert isinstance(second, int)
            assert isinstance(third, int)
            change = book.set_bid if first else book.set_ask
            change(second * 10_000, third, 2 + n, 2 + n)


def test_a_level_is_walked_once_while_its_book_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    walked: list[int] = []
    once = Depth._next_level

    def counting(depth: Depth) -> None:
        walked.append(1)
        once(depth)

    monkeypatch.setattr(Depth, "_next_level", counting)
    book = Book("A")
    book.reset([], [(MICRO - cents * 10_000, MICRO) for cents in (40, 41, 42)], 1, 1)
    depth = Depth(book, Side.BUY, TakerFees(70_000))
    for size in (3_000_000, 1, 1_500_000, 2_000_000, 4_000_000):
        depth.walk(size)
    assert len(walked) == 3
    book.set_ask(390_000, MICRO, 2, 2)
    assert depth.walk(MICRO).worst == 390_000
    assert len(walked) == 4
