"""Levels set to a size: whatever the order of changes, the book is what a plain table of levels would say."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from domain.book import Book
from domain.money import MICRO

CENT = 10_000
changes = st.lists(st.tuples(st.booleans(), st.integers(1, 99), st.integers(0, 3)), max_size=80)


@given(changes)
def test_best_prices_and_levels_are_those_of_a_plain_table_after_every_change(
    steps: list[tuple[bool, int, int]],
) -> None:
    book = Book("T")
    book.replace([], [], 0, 0)
    plain: dict[bool, dict[int, int]] = {True: {}, False: {}}
    for at, (bid, cents, size) in enumerate(steps, start=1):
        (book.set_bid if bid else book.set_ask)(cents * CENT, size * MICRO, at, at + 1)
        plain[bid][cents * CENT] = size * MICRO
        bids = {price: size for price, size in plain[True].items() if size}
        asks = {price: size for price, size in plain[False].items() if size}
        assert (book.bids, book.asks) == (bids, asks)
        assert (book.best_bid, book.best_ask) == (max(bids, default=None), min(asks, default=None))
        assert book.bid_levels() == tuple(sorted(bids.items(), reverse=True))
        assert book.ask_levels() == tuple(sorted(asks.items()))
        assert (book.exchange_at, book.received_at, book.version) == (at, at + 1, at + 1)


@given(st.dictionaries(st.integers(1, 99), st.integers(0, 3)), st.dictionaries(st.integers(1, 99), st.integers(0, 3)))
def test_a_snapshot_on_its_own_side_is_the_one_whose_asks_are_bids_of_the_other(
    bids: dict[int, int], asks: dict[int, int]
) -> None:
    one, other = Book("T"), Book("T")
    one.gapped = other.gapped = True
    low = [(cents * CENT, size * MICRO) for cents, size in bids.items()]
    high = [(cents * CENT, size * MICRO) for cents, size in asks.items()]
    one.replace(low, high, 5, 6)
    other.reset(low, [(MICRO - price, size) for price, size in high], 5, 6)
    assert (one.bids, one.asks, one.best_bid, one.best_ask) == (other.bids, other.asks, other.best_bid, other.best_ask)
    assert one.ready
    assert one.gapped == one.crossed()


@given(changes)
def test_setting_a_level_moves_the_touch_as_changing_it_by_the_difference_does(
    steps: list[tuple[bool, int, int]],
) -> None:
    one, other = Book("T"), Book("T")
    for book in (one, other):
        book.replace([], [], 1, 1)
    for at, (bid, cents, size) in enumerate(steps, start=2):
        price, stands = cents * CENT, (other.bids if bid else other.asks).get(cents * CENT, 0)
        (one.set_bid if bid else one.set_ask)(price, size * MICRO, at, at)
        assert (other.change_bid if bid else other.change_ask)(price, size * MICRO - stands, at, at)
        assert (one.touched_at, one.touch_gap, one.best_bid) == (other.touched_at, other.touch_gap, other.best_bid)
