"""Opening stops before hedging does, and begins again only well below what stopped it."""

from __future__ import annotations

import pytest

from domain.admission import Admission, AdmissionLimits, AtWork, Load, load_of

SECOND = 1_000_000
NOW = 1_772_359_200 * SECOND
LIMITS = AdmissionLimits(most_trading=8, hedge_wait_ms=1_000)


def test_at_the_limit_nothing_is_opened_until_three_quarters_of_it_are_left() -> None:
    admission = Admission(LIMITS)
    assert [bool(admission.busy(Load(n))) for n in (7, 8, 7, 6, 5, 7, 8)] == [
        False, True, True, True, False, False, True,
    ]  # fmt: skip
    assert admission.busy(Load(9)) == "9 trades are under way; limit 8"


def test_while_a_hedge_waits_nothing_is_opened_and_that_comes_before_how_many_there_are() -> None:
    admission = Admission(LIMITS)
    assert admission.busy(Load(1, 999_999)) == ""
    assert admission.busy(Load(9, 1_500_000)) == "a hedge has waited for 1.5 s; limit 1 s"
    assert admission.busy(Load(1, 750_000)) == "a hedge has waited for 0.8 s; limit 1 s"
    assert admission.busy(Load(1, 749_999)) == ""


def test_the_smallest_limit_lets_one_trade_after_the_other_through() -> None:
    admission = Admission(AdmissionLimits(1, None))
    assert [bool(admission.busy(Load(n, 10**9))) for n in (0, 1, 0)] == [False, True, False]


def test_without_limits_nothing_is_ever_busy() -> None:
    assert Admission(AdmissionLimits(None, None)).busy(Load(10_000, 10**9)) == ""


@pytest.mark.parametrize(
    ("ages", "alone", "load"),
    [
        ((), (), Load()),
        ((1, 3, 2), (True, True, False), Load(3, 3 * SECOND)),
        ((119, 120), (True, True), Load(2, 119 * SECOND)),  # two minutes alone are not load any more
        ((599, 600), (False, False), Load(1, 0)),  # what began ten minutes ago takes no time
        ((-1,), (True,), Load(1, 0)),  # another host's clock is ahead
    ],
)
def test_what_is_under_way_is_counted_by_when_it_began(
    ages: tuple[int, ...], alone: tuple[bool, ...], load: Load
) -> None:
    trades = [AtWork(NOW - age * SECOND, stands) for age, stands in zip(ages, alone, strict=True)]
    assert load_of(trades, NOW) == load
