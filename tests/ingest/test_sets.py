"""A set is all outcomes of an event, known to be all; anything less is refused by name."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from domain.errors import BadInput
from domain.market import MarketSpec
from ingest.sets import MOST, sets_of
from recording.sources.tickers import market


def outcomes(event: str, number: int) -> tuple[MarketSpec, ...]:
    return tuple(market(f"{event}-{n}", event, str(n), outcomes=number) for n in range(1, number + 1))


ONE, TWO = outcomes("E", 2)


def test_all_outcomes_of_each_event_are_a_set_named_by_it() -> None:
    cup = outcomes("F", 3)
    sets = sets_of([ONE, cup[0], TWO, cup[1], cup[2]])
    assert [(found.name, [spec.market for spec in found.markets]) for found in sets] == [
        ("E", ["E-1", "E-2"]),
        ("F", ["F-1", "F-2", "F-3"]),
    ]


def test_a_missing_outcome_makes_no_set() -> None:
    with pytest.raises(BadInput, match="event F has F-1, F-2: 2 of 3 outcomes; a missing one would be a loss"):
        sets_of([ONE, TWO, *outcomes("F", 3)[:2]])


def test_markets_that_nobody_says_exclude_each_other_make_no_set_unless_a_person_declares_it() -> None:
    loose = [replace(spec, outcomes=0) for spec in outcomes("F", 3)]
    with pytest.raises(BadInput, match="nobody says that exactly one of them pays"):
        sets_of(loose)
    (declared,) = sets_of(loose, [["F-3", "F-1", "F-2"]])
    assert [spec.market for spec in declared.markets] == ["F-3", "F-1", "F-2"]


def test_a_person_may_declare_a_set_of_two_events_but_not_part_of_an_event_that_has_more_outcomes() -> None:
    (declared,) = sets_of([ONE, *outcomes("F", 2)], [["E-1", "F-2"]])
    assert declared.name == "E+F"
    with pytest.raises(BadInput, match="F has 3 outcomes, 2 are declared"):
        sets_of(outcomes("F", 3), [["F-1", "F-2"]])
    with pytest.raises(BadInput, match="E-9 is not among the markets read"):
        sets_of([ONE, TWO], [["E-1", "E-9"]])


@pytest.mark.parametrize(
    ("markets", "why"),
    [
        ([ONE], f"2 to {MOST} markets"),
        (outcomes("F", MOST + 1), f"2 to {MOST} markets"),
        ([ONE, replace(TWO, payoff=Decimal(2))], "payoffs differ"),
    ],
)
def test_one_market_too_many_and_unequal_payoffs_are_refused_by_name(markets: list[MarketSpec], why: str) -> None:
    with pytest.raises(BadInput, match=rf"{markets[0].market}.*{why}"):
        sets_of(markets)
