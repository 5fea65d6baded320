"""How far a repair takes a side, and what it does where a side reaches nothing or was given back too often."""

from __future__ import annotations

from decimal import Decimal

from domain.fees import FeeSchedule
from domain.intent import Way
from domain.orders import Purpose, Side
from domain.residual import Levels, Options, Repair, Residual, Stand, options

D = Decimal
BOTH = frozenset({Way.COMPLETE, Way.UNWIND})
ONLY_COMPLETE = frozenset({Way.COMPLETE})


def book(*levels: tuple[str, str]) -> Levels:
    return tuple((D(price), D(size)) for price, size in levels)


def leg(
    name: str, shares: str, take: Levels = (), give: Levels = (), *, side: Side = Side.BUY, least: str = "0.01"
) -> Stand:
    return Stand(name, side, D(shares), take, give, FeeSchedule(), D("0.01"), D(least), D("0.01"))


def compared(*legs: Stand, ways: frozenset[Way] = BOTH) -> Options:
    return options(Residual(legs, D("-5"), D(1), None, ways))


def first(*legs: Stand, ways: frozenset[Way] = BOTH) -> Repair:
    found = compared(*legs, ways=ways)
    assert found.best is not None, found.why
    return found.best


def test_what_a_side_without_a_book_keeps_from_being_completed_is_given_back_whole() -> None:
    """A set of A and C against B sold: nobody bids for B, so that no share of it can be completed."""
    a, c = leg("A", "10", (), book(("0.20", "10"))), leg("C", "5", book(("0.30", "9")), book(("0.20", "10")))
    found = first(a, leg("B", "0", side=Side.SELL), c)
    assert (found.leg, found.purpose, found.size, found.target) == ("A", Purpose.UNWIND, D(10), D(0))


def test_a_side_given_back_too_often_goes_before_one_whose_book_falls_far_short_and_as_far_as_that_reaches() -> None:
    short, scarce = leg("A", "-2", book(("0.10", "20"))), leg("B", "0", book(("0.10", "1")))
    found = first(short, scarce, leg("C", "10"))
    assert (found.leg, found.size) == ("A", D(3))  # to none, and on to the one share that B can follow


def test_what_was_given_back_too_often_is_bought_back_though_another_such_side_finds_no_seller() -> None:
    found = first(leg("A", "-5"), leg("B", "-1", book(("0.10", "9"))))
    assert (found.leg, found.size) == ("B", D(1))


def test_no_more_is_bought_back_than_the_book_holds() -> None:
    found = first(leg("A", "-5", book(("0.10", "2"))), leg("B", "0"))
    assert (found.leg, found.size) == ("A", D(2))


def test_a_book_below_the_venues_smallest_order_reaches_nothing_and_the_other_sides_wait_for_it() -> None:
    too_small = leg("A", "0", book(("0.10", "0.50")), least="1")
    ample, standing = leg("B", "0", book(("0.10", "20"))), leg("C", "10")
    assert compared(too_small, ample, standing, ways=ONLY_COMPLETE).best is None


def test_a_book_that_holds_just_the_venues_smallest_order_is_taken() -> None:
    found = first(leg("A", "0", book(("0.10", "1")), least="1"), leg("C", "10"), ways=ONLY_COMPLETE)
    assert (found.leg, found.size) == ("A", D(1))


def test_levels_beyond_what_is_needed_do_not_make_the_limit_worse() -> None:
    a = leg("A", "0", book(("0.30", "4"), ("0.31", "6"), ("0.40", "1"), ("0.50", "9")))
    found = first(a, leg("C", "10"), ways=ONLY_COMPLETE)
    assert (found.size, found.limit) == (D(10), D("0.31"))
