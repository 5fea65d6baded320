"""A window starts on the books everything before it built, and never makes an old book look new."""

from __future__ import annotations

from itertools import pairwise

import pytest

from domain.errors import BadInput
from recording.sources import synth
from recording.sources.session import BookDelta, BookReset, RecordedSession
from recording.sources.window import Levels, between, cut

SECOND = 1_000_000


def books(session: RecordedSession, until: int) -> dict[str, tuple[dict[int, int], dict[int, int]]]:
    levels: dict[str, Levels] = {}
    for event in session.log:
        if event.at <= until:
            levels.setdefault(event.market, Levels()).apply(event)
    return {market: (book.yes, book.no) for market, book in levels.items()}


def test_books_in_a_window_equal_those_of_the_whole_session_at_every_later_moment() -> None:
    whole = synth.make(11, seconds=20)
    first, last = whole.start + 7 * SECOND, whole.start + 9 * SECOND
    part = between(whole, first, last)
    assert [type(event) for event in part.log[:2]] == [BookReset, BookReset]
    assert part.start == first
    assert part.end <= last
    assert all(a.at <= b.at for a, b in pairwise(part.log))
    for moment in range(first, last, SECOND // 4):
        assert books(part, moment) == books(whole, moment)


def test_a_book_long_quiet_before_the_window_enters_only_at_its_next_change() -> None:
    market = synth.make(1, seconds=8).markets
    a, b = market[0].market, market[1].market
    log = (
        BookReset(0, a, ((400_000, 5),), ()),
        BookReset(0, b, ((500_000, 5),), ()),
        BookDelta(95 * SECOND, b, "yes", 500_000, 1),
        BookDelta(101 * SECOND, b, "yes", 500_000, 1),
        BookDelta(102 * SECOND, a, "yes", 400_000, 2),
    )
    part = between(RecordedSession("quiet", market, log), 100 * SECOND, 110 * SECOND)
    assert part.log == (
        BookReset(100 * SECOND, b, ((500_000, 6),), ()),
        BookDelta(101 * SECOND, b, "yes", 500_000, 1),
        BookReset(102 * SECOND, a, ((400_000, 7),), ()),
    )


def test_times_of_day_and_iso_times_mean_the_same_moment() -> None:
    session = synth.make(0)
    assert cut(session, "19:00:10", "19:00:20") == cut(session, "2026-01-01T19:00:10Z", "2026-01-01T19:00:20")


def test_after_midnight_a_time_of_day_is_the_next_day() -> None:
    market = synth.make(1, seconds=8).markets
    evening = 20_454 * 86_400 * SECOND + 23 * 3_600 * SECOND
    log = tuple(BookReset(evening + hour * 3_600 * SECOND, market[0].market, (), ()) for hour in range(3))
    part = cut(RecordedSession("late", market, log), "00:30", "01:30")
    assert part.end == evening + 2 * 3_600 * SECOND


@pytest.mark.parametrize(("start", "end"), [("20:00", None), ("19:00:30", "19:00:10"), ("noon", None), ("25:00", None)])
def test_a_window_outside_the_session_or_unreadable_is_refused_with_what_there_is(start: str, end: str | None) -> None:
    with pytest.raises(BadInput, match="synth-0"):
        cut(synth.make(0), start, end)
