"""Books: the best is always the best, levels are what the changes add up to, and an impossible change is refused."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from domain.book import Book

prices = st.integers(1, 99).map(lambda cents: cents * 10_000)
changes = st.tuples(st.booleans(), prices, st.integers(-50, 50).map(lambda lots: lots * 10_000))


@given(st.lists(changes, max_size=80))
def test_best_and_levels_always_equal_what_the_accepted_changes_add_up_to(script: list[tuple[bool, int, int]]) -> None:
    book = Book("M")
    book.reset((), (), 1, 1)
    bids: dict[int, int] = {}
    asks: dict[int, int] = {}
    for at, (bid, price, delta) in enumerate(script, start=2):
        side = bids if bid else asks
        possible = side.get(price, 0) + delta >= 0
        accepted = (book.change_bid if bid else book.change_ask)(price, delta, at, at)
        assert accepted == possible
        if possible:
            side[price] = side.get(price, 0) + delta
            if side[price] == 0:
                del side[price]
        assert book.best_bid == max(bids, default=None)
        assert book.best_ask == min(asks, default=None)
        assert book.bid_levels() == tuple(sorted(bids.items(), reverse=True))
        assert book.ask_levels() == tuple(sorted(asks.items()))


def test_a_refused_change_leaves_levels_version_and_times_alone() -> None:
    book = Book("M")
    book.reset([(400_000, 1_000_000)], [], 10, 11)
    before = (book.bid_levels(), book.version, book.exchange_at, book.received_at)
    assert not book.change_bid(400_000, -1_000_001, 20, 21)
    assert (book.bid_levels(), book.version, book.exchange_at, book.received_at) == before


def test_a_no_bid_is_a_yes_ask_at_one_minus_its_price() -> None:
    book = Book("M")
    book.reset([(400_000, 1)], [(550_000, 2)], 1, 1)
    assert (book.best_bid, book.best_ask) == (400_000, 450_000)
    assert book.asks == {450_000: 2}


def test_a_snapshot_replaces_everything_and_ends_a_gap() -> None:
    book = Book("M")
    assert not book.ready
    book.reset([(400_000, 5), (390_000, 0)], [], 1, 1)
    book.gapped = True
    book.reset([(300_000, 7)], [(600_000, 3)], 2, 3)
    assert book.ready
    assert not book.gapped
    assert book.bid_levels() == ((300_000, 7),)
    assert (book.exchange_at, book.received_at, book.version) == (2, 3, 2)


def test_a_book_is_crossed_when_its_bid_reaches_its_ask_and_never_with_an_empty_side() -> None:
    book = Book("M")
    book.reset([(500_000, 1)], [], 1, 1)
    assert not book.crossed()
    book.change_ask(510_000, 1, 1, 1)
    assert not book.crossed()
    book.change_ask(500_000, 1, 1, 1)
    assert book.crossed()


def test_a_crossing_outlasts_its_instant_once_time_has_gone_on_and_a_crossed_snapshot_ends_no_doubt() -> None:
    book = Book("M")
    book.reset([(500_000, 1)], [(500_000, 1)], 7, 7)
    assert book.crossed()
    assert not book.gapped
    assert not book.outlasted(7)
    assert book.outlasted(8)
    book.gapped = True
    book.reset([(510_000, 1)], [(500_000, 1)], 9, 9)
    assert book.gapped
    book.reset([(490_000, 1)], [(500_000, 1)], 10, 10)
    assert not book.gapped
    assert not book.outlasted(11)


def test_sorted_levels_are_made_once_a_version() -> None:
    book = Book("M")
    book.reset([(400_000, 1)], [(500_000, 1)], 1, 1)
    first = book.ask_levels()
    assert book.ask_levels() is first
    book.change_ask(510_000, 4, 2, 2)
    assert book.ask_levels() is not first
