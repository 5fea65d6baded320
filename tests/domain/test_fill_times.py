"""A venue that tells the second of a match only: where in that second its order's answer puts it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.evidence import within_its_second
from domain.exposure import unhedged_notional_seconds
from domain.market import Venue
from tests.ledger.samples import SECOND, START, D, fill, intent, ticket

PLANNED = intent()
TOLD = replace(fill(ticket(PLANNED, "A"), at=START), venue=Venue.POLYMARKET)


@pytest.mark.parametrize(
    ("answered", "placed"),
    [
        (START + 120_000, START + 120_000),  # an order that takes has matched as its answer comes
        (START - 40_000, START),  # our clock is behind: the second told still holds
        (START + 3 * SECOND, START + SECOND - 1),  # the answer came late, or another clock is meant
    ],
)
def test_a_match_told_to_the_second_is_placed_within_it_by_its_orders_answer(answered: int, placed: int) -> None:
    assert within_its_second(TOLD, answered).at == placed


def test_a_match_told_more_finely_and_one_of_another_venue_stay() -> None:
    fine = replace(TOLD, at=START + 250_000)
    assert within_its_second(fine, START + 900_000) == fine
    kalshi = replace(TOLD, venue=Venue.KALSHI)
    assert within_its_second(kalshi, START + 900_000) == kalshi


def test_two_legs_a_twentieth_of_a_second_apart_count_as_that_across_venues() -> None:
    legs = (replace(PLANNED.legs[0], venue=Venue.POLYMARKET), PLANNED.legs[1])
    across = replace(PLANNED, legs=legs)
    hedge = fill(ticket(PLANNED, "B"), at=START + 950_000)
    assert unhedged_notional_seconds(across, [TOLD, hedge], START + SECOND) == D("3.80")
    placed = within_its_second(TOLD, START + 900_000)
    assert unhedged_notional_seconds(across, [placed, hedge], START + SECOND) == D("0.20")
