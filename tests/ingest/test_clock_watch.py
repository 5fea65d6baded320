"""Our clock against a venue's, from what the books' changes say of both."""

from __future__ import annotations

from domain.book import Book
from ingest.clock_watch import ClockWatch

S = 1_000_000


def changed(book: Book, exchange_at: int, received_at: int) -> None:
    book.set_bid(400_000, S, exchange_at, received_at)


def test_messages_from_the_future_show_by_how_much_our_clock_is_behind_at_least() -> None:
    watch, book = ClockWatch(), Book("A")
    changed(book, 10 * S, 10 * S + 30_000)
    watch.look([book], 11 * S)
    assert watch.behind == 0
    changed(book, 12 * S, 12 * S - 700_000)
    watch.look([book], 12 * S)
    assert watch.behind == 700_000


def test_a_clock_set_right_is_believed_once_the_window_has_passed() -> None:
    watch, book = ClockWatch(window_us=5 * S), Book("A")
    changed(book, 10 * S, 9 * S)
    watch.look([book], 10 * S)
    changed(book, 14 * S, 14 * S + 20_000)
    watch.look([book], 14 * S + 30_000)
    assert watch.behind == 1 * S
    watch.look([book], 15 * S + 1)
    assert watch.behind == 0


def test_a_snapshot_without_an_exchange_time_and_a_book_that_did_not_change_say_nothing() -> None:
    watch, book = ClockWatch(), Book("A")
    book.replace([], [], 10 * S, 10 * S)
    watch.look([book], 11 * S)
    changed(book, 12 * S, 11 * S + 500_000)
    watch.look([book], 12 * S)
    watch = ClockWatch()
    watch.look([], 12 * S)
    watch.look([book], 13 * S)
    assert watch.behind == 0
