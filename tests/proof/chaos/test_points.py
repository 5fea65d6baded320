"""A slice of `make chaos`: processes that kill themselves just before or just after a call, and servers killed there.

The whole enumeration is watched for, so that a path without the points below fails here and not only overnight.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from domain.errors import BadInput
from proof.chaos import campaign
from proof.chaos.paths import PATHS
from proof.chaos.rounds import Stage, Victim
from proof.chaos.steps import Step
from workers.local.layout import Stack
from workers.seam import PLAN_VARIABLE, tapped

pytestmark = [pytest.mark.stack, pytest.mark.ladder, pytest.mark.timeout(300)]

_WATCHED = ("hedged", "unwound", "missed", "a-lost-present", "second-lost-present", "cross-void")
_SELF = (
    "trader:task.initialize_workflow:hedged:before",
    "trader:submit_order.A1/ledger.begin_order:hedged:after",
    "trader:submit_order.A1/venue.submit:hedged:before",
    "trader:submit_order.A1/venue.submit:unwound:after",
    "trader:submit_order.A1/report:missed:before",
    "trader:submit_order.A1/report:hedged:after",
    "trader:task.submit_order:unwound:before",
    "trader:submit_order.B1/venue.submit:hedged:before",
    "trader:submit_order.B1/venue.submit:a-lost-present:after",
    "trader:submit_order.A2/venue.submit:unwound:after",
    "trader:settle_trade/ledger.record_trade:missed:after",
    "trader:settle_trade/ledger.record_trade:hedged:before",
    "trader:submit_order.A1/venue.submit:cross-void:after",
    "trader:submit_order.A2/venue.submit:cross-void:before",
    "trader:submit_order.B1/venue.submit:second-lost-present:after",
)
_SERVERS = (
    "trader:submit_order.B1/venue.submit:hedged:after:paper",
    "trader:submit_order.A1/report:unwound:before:temporal",
    "trader:submit_order.B1/ledger.begin_order:hedged:before:postmaster",
)


@pytest.fixture(scope="module")
async def stage() -> AsyncIterator[Stage]:
    async with campaign.stage(print) as on:
        yield on


@pytest.fixture(scope="module")
async def found(stage: Stage) -> list[Step]:
    return await campaign.watch(stage, [path for path in PATHS if path.name in _WATCHED], print, times=1)


async def test_whoever_dies_before_or_after_a_call_leaves_nothing_standing(stage: Stage, found: list[Step]) -> None:
    result = await campaign.kill_at(stage, campaign.named(_SELF, found), print)
    assert result.violations == []
    assert result.unreached == []
    assert result.kills >= 2


@pytest.mark.parametrize("name", _SERVERS)
async def test_a_server_that_dies_around_its_own_call_leaves_nothing_standing(
    stage: Stage, found: list[Step], name: str
) -> None:
    result = await campaign.kill_at(stage, campaign.named([name], found), print)
    assert result.violations == []
    assert result.kills == 1


async def test_every_call_of_every_path_is_a_point_on_both_sides(found: list[Step]) -> None:
    """What is killed before is killed after too, unless it is the first thing an activity does."""
    own = {(step.path.name, step.point.call, step.point.when) for step in found if step.victim is Victim.SELF}
    between = {(path, call) for path, call, when in own if "/" in call or call.startswith("temporal.")}
    assert between
    assert {(path, call) for path, call in between if (path, call, "after") not in own} == set()


def test_a_plan_is_refused_in_mode_live(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PLAN_VARIABLE, "/nowhere/plan.json")

    class Live(Stack):
        live = True  # type: ignore[assignment]

    with pytest.raises(BadInput, match="mode is live"):
        tapped(object.__new__(Live), object())
