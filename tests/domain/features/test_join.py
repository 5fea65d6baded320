"""The spot price of a book's moment: the last one known then, or none and why."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from domain.features.feature import Flaw
from domain.features.join import AsOf, Joined, Tolerance, join
from domain.spot import ATTO, SpotKind, SpotSource, SpotTick

SECOND = 1_000_000


def tick(at: int, price: int = 1) -> SpotTick:
    return SpotTick(SpotSource.CHAINLINK, "btcusd", SpotKind.INDEX, price * ATTO, at, at)


def test_the_last_tick_at_or_before_the_book_is_the_one() -> None:
    spot = AsOf(Tolerance(age=2 * SECOND))
    assert spot.at(0) == Joined(None, flaw=Flaw.MISSING)
    for second in (10, 11, 13):
        spot.update(tick(second * SECOND))
    assert spot.at(13 * SECOND) == Joined(tick(13 * SECOND))
    assert spot.at(13 * SECOND - 1) == Joined(tick(11 * SECOND), 2 * SECOND - 1)
    assert spot.at(15 * SECOND).valid
    late = spot.at(15 * SECOND + 1)
    assert (late.flaw, late.gap) == (Flaw.STALE, 2 * SECOND + 1)
    assert spot.at(9 * SECOND) == Joined(tick(10 * SECOND), -SECOND, Flaw.AHEAD)


def test_the_next_tick_is_taken_only_as_far_as_clocks_may_differ() -> None:
    spot = AsOf(Tolerance(age=SECOND, ahead=50_000))
    spot.update(tick(10 * SECOND))
    assert spot.at(10 * SECOND - 50_000) == Joined(tick(10 * SECOND), -50_000)
    assert spot.at(10 * SECOND - 50_001).flaw is Flaw.AHEAD


def test_ticks_that_come_late_find_their_place_or_are_counted() -> None:
    spot = AsOf(Tolerance(age=2 * SECOND), keep=5 * SECOND)
    spot.update(tick(10 * SECOND, 1))
    spot.update(tick(12 * SECOND, 2))
    spot.update(tick(11 * SECOND, 3))
    assert spot.at(11 * SECOND) == Joined(tick(11 * SECOND, 3))
    spot.update(tick(7 * SECOND))
    assert spot.late == 1
    spot.update(tick(100 * SECOND))
    assert len(spot) == 1


@given(
    st.lists(st.integers(0, 20 * SECOND), max_size=30),
    st.lists(st.integers(-SECOND, 25 * SECOND), min_size=1, max_size=20),
    st.integers(0, 3 * SECOND),
    st.integers(0, SECOND),
)
def test_the_columns_say_what_the_fold_says(times: list[int], books: list[int], age: int, ahead: int) -> None:
    tolerance = Tolerance(age, ahead)
    spot = AsOf(tolerance, keep=60 * SECOND)
    for at in times:
        spot.update(tick(at))
    joined = join(books, [tick(at) for at in sorted(times)], tolerance)
    assert joined == [spot.at(when) for when in books]
    for when, found in zip(books, joined, strict=True):
        if found.valid:
            assert found.tick is not None
            assert -ahead <= when - found.tick.exchange_at <= age
