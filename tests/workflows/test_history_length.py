"""A trade may wait for a year: its history stays below the length at which Temporal ends a workflow."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from domain.intent import LegPolicy
from proof.histories import corpus
from tests.places import ROOT
from workflows.repair import _SLOWEST_STUCK_LOOK_MS, _STUCK_LOOK_MS
from workflows.temporal_desk import LONG_HISTORY, RARE_LOOK_MS, SLOW_LOOK_MS, paced

FOLDER = ROOT / "tests" / "histories"
MOST_EVENTS = 51_200  # docs.temporal.io/workflow-execution/limits
YEAR_MS = 365 * 86_400_000


def events_between_waits(name: str) -> list[int]:
    """From each wait of a recorded history to the next."""
    events = corpus.load(FOLDER, name).events
    waits = [event.event_id for event in events if event.HasField("timer_started_event_attributes")]
    return [after - before for before, after in pairwise(waits)]


def a_look(questions: int) -> int:
    """A timer that fires and its task, and six events for every question put to a venue."""
    return 5 + 6 * questions


def after_a_year(events_a_look: int, first_ms: int, slowest_ms: int, pace: Callable[[int, int], int]) -> int:
    events, look_ms, waited = 200, first_ms, 0
    while waited < YEAR_MS:
        events += events_a_look
        waited += pace(look_ms, events)
        look_ms = min(look_ms * 2, slowest_ms)
    return events


def test_a_look_costs_what_the_arithmetic_here_says() -> None:
    assert set(events_between_waits("open-settling")) == {a_look(2)}  # two markets are asked whether they have paid
    told, asked, *looks = events_between_waits("open-stuck")
    assert set(looks) == {a_look(3)}  # whether a market has paid, and two books
    assert asked == a_look(4)  # once, whether the fill that stands is final
    assert told == a_look(3) + 1  # the first look instead tells the ledger, and shows itself in the search attributes


POLICY = LegPolicy()
SETTLING = (POLICY.settle_poll_ms, POLICY.settle_slowest_ms)
STUCK = (_STUCK_LOOK_MS, _SLOWEST_STUCK_LOOK_MS)


@pytest.mark.parametrize("pace", [SETTLING, STUCK])
@pytest.mark.parametrize("legs", [2, 3, 5, 7])
def test_a_trade_that_waits_for_a_year_stays_below_the_limit(legs: int, pace: tuple[int, int]) -> None:
    questions = legs if pace == SETTLING else legs + 1  # a stuck trade reads every book, then whether a market has paid
    assert after_a_year(a_look(questions), *pace, paced) < MOST_EVENTS
    assert after_a_year(a_look(questions), *pace, lambda ms, _: ms) > MOST_EVENTS, "then it needs no slower pace"


def test_only_looks_that_are_slow_already_become_rare_and_only_in_a_long_history() -> None:
    assert paced(SLOW_LOOK_MS, LONG_HISTORY) == SLOW_LOOK_MS
    assert paced(SLOW_LOOK_MS, LONG_HISTORY + 1) == RARE_LOOK_MS
    assert paced(SLOW_LOOK_MS - 1, MOST_EVENTS) == SLOW_LOOK_MS - 1
    assert paced(2 * RARE_LOOK_MS, LONG_HISTORY + 1) == 2 * RARE_LOOK_MS
