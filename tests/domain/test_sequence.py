"""The order of legs: the closed rule for two, the best of all orders for more, and never a matter of chance."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.sequence import PPM, LegRisk, best_order, expected_value

CENT = 10**10  # picos


def legs(number: st.SearchStrategy[int], fills: st.SearchStrategy[int]) -> st.SearchStrategy[list[LegRisk]]:
    risk = st.tuples(fills, st.integers(0, PPM - 1), st.integers(1, 10**14))
    return number.flatmap(lambda n: st.lists(risk, min_size=n, max_size=n)).map(
        lambda rows: [LegRisk(f"M{n}", *row) for n, row in enumerate(rows)]
    )


profits = st.integers(-(10**13), 10**14)
any_fill = st.integers(0, PPM)


@given(legs(st.just(2), any_fill), profits)
def test_the_value_of_two_legs_is_the_closed_form(two: list[LegRisk], profit: int) -> None:
    a, b = two
    gone = Fraction(b.gone, PPM)
    assert expected_value(two, profit) == Fraction(a.fills, PPM) * ((1 - gone) * profit - gone * a.loss)


@given(legs(st.just(2), st.just(PPM)), profits)
def test_of_two_legs_that_fill_alike_a_goes_first_iff_missing_b_costs_less(two: list[LegRisk], profit: int) -> None:
    a, b = two
    one, other = b.gone * (profit + a.loss), a.gone * (profit + b.loss)
    if one != other:
        assert best_order(two, profit) == ((0, 1) if one < other else (1, 0))


@given(legs(st.integers(1, 5), any_fill), profits)
def test_no_other_order_is_worth_more(some: list[LegRisk], profit: int) -> None:
    found = best_order(some, profit)
    worth = [expected_value([some[n] for n in order], profit) for order in permutations(range(len(some)))]
    assert expected_value([some[n] for n in found], profit) == max(worth)


@given(legs(st.integers(2, 6), any_fill), profits, st.randoms(use_true_random=False))
def test_the_order_does_not_depend_on_how_the_legs_came_in(
    some: list[LegRisk], profit: int, dice: st.DataObject
) -> None:
    shuffled = list(some)
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    assert [some[n].key for n in best_order(some, profit)] == [shuffled[n].key for n in best_order(shuffled, profit)]


def deepened(leg: LegRisk, part: int, also_first: bool) -> LegRisk:
    """The leg with its chance of being gone cut to `part` ppm of itself; `fills` grows by no greater factor."""
    gone = leg.gone * part // PPM
    fills = min(PPM, leg.fills * (PPM - gone) // (PPM - leg.gone)) if also_first else leg.fills
    return replace(leg, gone=gone, fills=fills)


@given(legs(st.integers(2, 6), any_fill), st.integers(1, 10**14), st.integers(0, 5), st.integers(0, PPM), st.booleans())
def test_a_leg_that_gets_deeper_neither_becomes_the_first_nor_passes_another_later_leg(
    some: list[LegRisk], profit: int, which: int, part: int, also_first: bool
) -> None:
    which %= len(some)
    before = best_order(some, profit)
    if expected_value([some[n] for n in before], profit) <= 0:
        return  # a trade that is worth nothing has no order worth keeping
    some[which] = deepened(some[which], part, also_first)
    after = best_order(some, profit)
    assert after[0] != which or before[0] == which
    if which != before[0]:
        ahead = set(before[1 : before.index(which)]) - {after[0]}
        assert ahead <= set(after[: after.index(which)])


@given(legs(st.just(2), any_fill), st.integers(1, 10**14), st.integers(0, 1), st.integers(0, PPM))
def test_of_two_legs_a_deeper_one_is_never_sent_earlier(two: list[LegRisk], profit: int, which: int, part: int) -> None:
    before = best_order(two, profit).index(which)
    two[which] = deepened(two[which], part, also_first=False)
    assert best_order(two, profit).index(which) >= before


def test_the_scarce_leg_goes_first_and_of_equals_the_one_that_is_dear_to_give_back_goes_last() -> None:
    deep = LegRisk("DEEP", PPM, 10_000, 300 * CENT)
    scarce = LegRisk("SCARCE", PPM, 200_000, 300 * CENT)
    dear = LegRisk("DEAR", PPM, 10_000, 900 * CENT)
    found = best_order([dear, deep, scarce], 150 * CENT)
    assert [(dear, deep, scarce)[n].key for n in found] == ["SCARCE", "DEEP", "DEAR"]


def test_equals_stand_in_the_order_of_their_keys() -> None:
    same = [LegRisk(key, PPM, 0, 1) for key in ("C", "A", "B")]
    assert best_order(same, 1) == (1, 2, 0)
    assert best_order([], 1) == ()


@pytest.mark.parametrize(("fills", "gone", "loss"), [(-1, 0, 1), (PPM + 1, 0, 1), (1, PPM, 1), (1, -1, 1), (1, 1, 0)])
def test_chances_beyond_certainty_and_losses_below_one_are_refused(fills: int, gone: int, loss: int) -> None:
    with pytest.raises(ValueError, match="expected fills from 0"):
        LegRisk("M", fills, gone, loss)
