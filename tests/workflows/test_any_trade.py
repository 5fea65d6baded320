"""Whatever books, venue, workers and people do: the promises of a trade hold after every run.

That the property can fail is proven too: the lifecycle is broken on purpose, once for each line of `MUTATIONS`, and
the property must notice.
"""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.workflows.scenarios import Scenario, must_hold, scenarios

_CHECKS = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]


@settings(max_examples=400, deadline=None, suppress_health_check=_CHECKS)
@given(scenarios())
def test_every_trade_reaches_its_end_with_every_promise_kept(scenario: Scenario) -> None:
    asyncio.run(must_hold(scenario))
