"""A chaos campaign goes on where it stopped, on the same code."""

from __future__ import annotations

from pathlib import Path

import pytest

from proof.chaos.campaign import _verdict
from proof.chaos.crowd import Crowd
from proof.chaos.kills import Kills
from proof.chaos.paths import PATHS
from proof.chaos.plan import Point
from proof.chaos.rounds import Lane, Victim
from proof.chaos.steps import Step
from proof.kept.results import Results

PATH = PATHS[0]
BEFORE, AFTER = (Point("trader", "submit_order.A1/venue.submit", when) for when in ("before", "after"))
STEPS = [
    Step(PATH, BEFORE, Victim.SELF, 0.1),
    Step(PATH, AFTER, Victim.SELF, 0.2),
    Step(PATH, AFTER, Victim.PAPER, 0.2),
]


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return Results(tmp_path)


def test_steps_that_held_or_were_violated_are_done_and_those_never_reached_are_left(results: Results) -> None:
    names = [step.name for step in STEPS]
    Kills(results).keep(dict(zip(names, ("held", "unreached", "violated"), strict=True)), ["two bodies"])
    again = Kills(results)
    assert again.left(STEPS) == [STEPS[1]]
    assert again.summary(STEPS) == {
        "code": again.summary(STEPS)["code"], "held": 1, "violated": 1, "unreached": 1, "left": 1,
        "failed": ["two bodies"],
    }  # fmt: skip


def test_a_step_that_was_held_once_stays_held_when_it_is_missed_later(results: Results) -> None:
    Kills(results).keep({STEPS[0].name: "held"}, [])
    Kills(results).keep({STEPS[0].name: "unreached"}, [])
    assert Kills(results).left(STEPS[:1]) == []


def test_the_crowd_is_one_step(results: Results) -> None:
    assert not Kills(results).crowd_done
    Kills(results).keep_crowd(Crowd(200, ("a share stands alone",), 5.0, 10.0))
    assert Kills(results).crowd_done
    assert Kills(results).failed == ["a share stands alone"]


@pytest.mark.parametrize(
    ("reached", "wrong", "verdict"),
    [
        (False, ["i-1: a share stands alone"], "unreached"),
        (True, [], "held"),
        (True, ["i-1: a share stands alone"], "violated"),
        (True, ["i-2: a share stands alone"], "held"),
    ],
)
def test_a_verdict_is_about_the_trade_that_was_held(reached: bool, wrong: list[str], verdict: str) -> None:
    lane = Lane("hedged.0", PATH, 0, AFTER, trade="i-1", reached=reached)
    assert _verdict(lane, wrong) == verdict
