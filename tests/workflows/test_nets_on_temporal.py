"""The same bugs on a real server: one in each function of a life, and one at each statement of what carries it.

Both are long. A run of the tests tries every `STEP`-th; all of them with SUREFOOT_EVERY_BUG=1 (about forty minutes).
"""

from __future__ import annotations

import asyncio
import gc
import os
import time
from contextlib import ExitStack, suppress
from dataclasses import replace

import pytest
from temporalio.client import Client, WorkflowQueryFailedError
from temporalio.service import RPCError

from domain.operator import Action
from domain.trade import TradeRecord, TradeState
from tests.ledger.samples import B, D
from tests.workflows.floor import Floor, Handle, until
from tests.workflows.injection import Site, broken_at, sites
from tests.workflows.test_nets import LIFE, SUMS, Carried, deep, hedged, lines_of
from workflows import names
from workflows.driver import Driver
from workflows.repair import Repairs

pytestmark = [
    pytest.mark.ladder,
    pytest.mark.stack,
    # The SDK leaves the coroutine of a task that failed before it began.
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

EVERY = bool(os.environ.get("SUREFOOT_EVERY_BUG"))
STEP = 1 if EVERY else 20
SHARES = 6
"""Each test takes an equal share of the places, so that several processes can have them."""
CARRIERS = ("trade", "temporal_desk", "driver", "state", "parked")
FAILED = "workflow_task_failed_event_attributes"


def alone() -> Carried:
    stage = deep(Carried(repair_deadline_ms=1_000))
    stage.venue.set_book(B)
    return stage


async def reached_functions() -> dict[str, list[Site]]:
    """The first statement of each function that a trade comes to which stands alone, or else one that is hedged."""
    modules = tuple(f"workflows.{name}" for name in LIFE) + tuple(f"domain.{name}" for name in SUMS)
    found: dict[str, list[Site]] = {}
    taken: set[tuple[str, str]] = set()
    for world in (alone, hedged):
        seen: set[tuple[str, int]] = set()
        with lines_of(modules, seen):
            await world().carry()
        sites_here = [site for module in modules for site in sites(module) if (site.module, site.line) in seen]
        for site in sites_here:
            if (site.module, site.function) not in taken and site.module != "domain.fees":
                taken.add((site.module, site.function))
                found.setdefault(world.__name__, []).append(site)
    return found


@pytest.mark.timeout(3_600 if EVERY else 400)
@pytest.mark.parametrize("share", range(SHARES))
async def test_a_bug_in_any_function_of_a_life_parks_it_and_an_unwind_is_answered_within_five_seconds(
    client: Client, share: int
) -> None:
    tried, parked = 0, 0
    for world, found in (await reached_functions()).items():
        for n, site in list(enumerate(found[::STEP]))[share::SHARES]:
            floor = Floor(client, f"{names.TRADE_QUEUE}-life-{world}-{n}")
            policy = replace(floor.intent.policy, repair_deadline_ms=500, ladder_wait_ms=100)
            floor.intent = replace(floor.intent, policy=policy, strategy=f"{world}-{n}")
            if world == "alone":
                floor.venue.set_book(B)
            tried += 1
            async with floor.worker():
                with broken_at(site):
                    handle = await floor.start()
                    if await _parked(handle):
                        parked += 1
                        began = time.monotonic()
                        answer = await floor.ask(handle, Action.UNWIND)
                        assert time.monotonic() - began < 5, site
                        assert "parked" in answer, site
                        record = await until(handle, lambda record: not record.residual)
                        assert record.reserved >= floor.intent.size, site
                with suppress(RPCError):  # it may have ended: the bug was never come to
                    await handle.signal(names.SIGNAL_RESUME, "mended")
                    await handle.signal(names.SIGNAL_FORCE_FLAT, floor.said(Action.FORCE_FLAT))
                ended = await _ended(floor, handle)
            assert ended.state is TradeState.CLOSED, site
            if world == "alone":
                assert (await floor.venue.account()).positions == {}, site
    gc.collect()  # what the SDK has left of failed tasks is this test's
    assert parked >= tried / 2, "most functions are come to before anything is paid"


async def _parked(handle: Handle) -> bool:
    """Whether it is parked within three seconds; what a trade comes to only in its last hours is not."""
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        with suppress(RPCError, WorkflowQueryFailedError):
            record: TradeRecord = await handle.query(names.QUERY_RECORD, result_type=TradeRecord)
            if any(step.text.startswith("Parked: ") for step in record.steps):
                return True
        await asyncio.sleep(0.1)
    return False


def carrying() -> list[Site]:
    """Every `STEP`-th statement of what carries a life, and all that its end goes through."""
    found = [site for name in CARRIERS for site in sites(f"workflows.{name}")]
    ends = {f"{Driver.__name__}.run", f"{Driver.__name__}._ended"}
    return [site for n, site in enumerate(found) if n % STEP == 0 or site.function in ends]


@pytest.mark.timeout(3_600 if EVERY else 400)
@pytest.mark.parametrize("share", range(SHARES))
async def test_a_bug_in_what_carries_a_life_keeps_a_command_and_mended_code_carries_it_out(
    client: Client, share: int
) -> None:
    """The person signals once. The task fails, or the trade is parked, until the code is mended; then it is done."""
    for n, site in list(enumerate(carrying()))[share::SHARES]:
        floor = Floor(client, f"{names.TRADE_QUEUE}-carrier-{n}")
        floor.intent = replace(floor.intent, strategy=f"carrier-{n}")
        floor.venue.set_book(B)
        with ExitStack() as broken:
            if site.module == "workflows.parked":
                life = next(s for s in sites("workflows.repair") if s.function == f"{Repairs.__name__}.run")
                broken.enter_context(broken_at(life))
            broken.enter_context(broken_at(site))
            async with floor.worker():
                handle = await floor.start()
                await handle.signal(names.SIGNAL_FORCE_FLAT, floor.said(Action.FORCE_FLAT))
                await _until_it_fails_or_ends(handle)
                broken.close()
                with suppress(RPCError):  # it may have ended
                    await handle.signal(names.SIGNAL_RESUME, "mended")
                    await handle.signal(names.SIGNAL_ORDER_UPDATE, "")
                ended = await _ended(floor, handle)
        assert ended.state is TradeState.CLOSED, site
        assert (await floor.venue.account()).positions == {}, site
        assert ended.residual == D(0), site
        assert [command.author for command in ended.commands] in ([], ["ada"]), site
        assert any("ada asked to unwind" in step.text for step in ended.steps) or ended.commands, site
    gc.collect()


async def _until_it_fails_or_ends(handle: Handle) -> None:
    """A second and a half, or less if a task has failed or the trade has ended before."""
    deadline = time.monotonic() + 1.5
    while time.monotonic() < deadline:
        history = await handle.fetch_history()
        if any(event.HasField(FAILED) for event in history.events):
            return
        if history.events[-1].HasField("workflow_execution_completed_event_attributes"):
            return
        await asyncio.sleep(0.1)


async def _ended(floor: Floor, handle: Handle) -> TradeRecord:
    """The closed record. A trade that closed on broken code is not asked: mended code does not replay it."""
    with suppress(WorkflowQueryFailedError, RPCError):
        return await floor.ended(handle)
    return await handle.result()
