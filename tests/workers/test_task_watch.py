"""A trade whose workflow task fails is seen in seconds, keeps others off its markets, and heals with mended code."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
import structlog
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from activities.alerts import Alerts
from domain.alerts import Trouble
from domain.errors import Halted
from domain.operator import Action
from domain.trade import TradeState
from domain.workflow_fault import FaultKind, FaultSource, WorkflowFault
from proof.histories.__main__ import SEARCH_KEYS
from proof.histories.stage import PERSON, A, B, Stage
from tests.ledger.samples import RUN_ID, START, body, intent, ticket
from tests.patience import PATIENCE_S
from workers.local.temporal import DYNAMIC, find_binary
from workers.payloads import DATA_CONVERTER
from workers.task_watch import TaskWatch
from workers.trading import wall_clock_us
from workers.versions.deployment import open_trades
from workers.versions.inherit import Inheritance, after_start, before_start
from workflows.lifecycle import Trade

WITHIN_S = 10.0


async def server(*flags: str) -> WorkflowEnvironment:
    return await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(find_binary(None)),
        dev_server_log_level="error",
        data_converter=DATA_CONVERTER,
        search_attributes=list(SEARCH_KEYS),
        dev_server_extra_args=[word for flag in flags for word in ("--dynamic-config-value", flag)],
    )


@pytest.fixture(scope="module")
async def our_server() -> AsyncIterator[Client]:
    """The server as `surefoot up` starts it."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEMPORAL_VERSION_CHECK_DISABLED", "1")
        async with await server(*DYNAMIC) as running:
            yield running.client
    structlog.reset_defaults()


@pytest.fixture(scope="module")
async def their_server() -> AsyncIterator[Client]:
    """A server of the user's own: nothing of it is configured by us."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEMPORAL_VERSION_CHECK_DISABLED", "1")
        async with await server() as running:
            yield running.client
    structlog.reset_defaults()


@pytest.fixture
async def ours(our_server: Client) -> AsyncIterator[Client]:
    yield our_server
    await leave_nothing(our_server)


@pytest.fixture
async def theirs(their_server: Client) -> AsyncIterator[Client]:
    yield their_server
    await leave_nothing(their_server)


async def leave_nothing(client: Client) -> None:
    """A trade of one test would be carried on, or refused, by the versions of the next."""
    async for trade in open_trades(client):
        await client.get_workflow_handle(trade.id).terminate()


@contextmanager
def wrong_code(raises: BaseException, where: str = "_hedge") -> Iterator[None]:
    """A version whose life raises there: what no net may catch, or what one does."""

    async def step(self: Trade) -> Any:
        raise raises

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trade, where, step)
        yield


@asynccontextmanager
async def watching(on: Stage, build: str, **how: Any) -> AsyncIterator[list[tuple[str, str]]]:
    """A worker of `build` and its watch, as `workers.trading` puts them together; yields the alerts it raised."""
    told: list[tuple[str, str]] = []

    class Told(Alerts):
        def raised(self, trouble: Trouble) -> None:
            told.append((trouble.kind, trouble.text))

    inherited = await before_start(on.client, build, leave=False)
    watch = TaskWatch(on.client, on.ledger, build, wall_clock_us, Told(), **how)
    async with on.worker(build, watch):
        await after_start(on.client, build, inherited)
        running = asyncio.create_task(watch.run())
        try:
            yield told
        finally:
            running.cancel()


async def fault_of(on: Stage, *, within_s: float = WITHIN_S) -> WorkflowFault:
    """The fault that stands for the trade, once one does. Raises `TimeoutError`."""
    async with asyncio.timeout(within_s):
        while True:
            for fault in await on.ledger.workflow_faults():
                if fault.intent_id == on.intent.id:
                    return fault
            await asyncio.sleep(0.05)


async def tried(on: Stage, times: int, *, within_s: float = WITHIN_S) -> WorkflowFault:
    """The trade's fault, once its task has been tried so often. Raises `TimeoutError`."""
    async with asyncio.timeout(within_s):
        while True:
            if (fault := await fault_of(on)).attempt >= times:
                return fault
            await asyncio.sleep(0.05)


async def stands_on(on: Stage, build: str) -> WorkflowFault:
    """The trade's fault, once it is one of that build. Raises `TimeoutError`."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            if (fault := await fault_of(on)).build == build:
                return fault
            await asyncio.sleep(0.05)


async def no_fault(on: Stage, *, within_s: float = WITHIN_S) -> None:
    """Until none stands. Raises `TimeoutError`."""
    async with asyncio.timeout(within_s):
        while True:
            if not await on.ledger.workflow_faults():
                return
            await asyncio.sleep(0.05)


@pytest.mark.stack
async def test_a_task_that_fails_is_told_at_once_and_its_markets_are_shut_until_mended_code_heals_it(
    ours: Client,
) -> None:
    on = Stage(ours, "fails")
    with wrong_code(MemoryError("1/3 has no end")):
        async with watching(on, "bad-1") as told:
            await on.start()
            fault = await fault_of(on, within_s=5)
            assert (fault.kind, fault.source, fault.build) == (FaultKind.FAILING, FaultSource.WORKER, "bad-1")
            assert "MemoryError: 1/3 has no end" in fault.text
            assert set(fault.markets) == {A, B}
            assert {halt.target for halt in await on.ledger.halts()} == {A, B}
            other = intent(1)  # on the same markets' names
            await tried(on, 3)
            with pytest.raises(Halted, match=f"trade {on.intent.id}: its workflow task fails"):
                await on.ledger.begin_order(RUN_ID, other, ticket(other), body(ticket(other)), START)
            assert [alert for alert, _ in told] == ["workflow_fault"], "one alert, however often it fails"
            assert on.intent.id in told[0][1]
            await on.force_flat()  # kept until code runs that hears it
    began = time.monotonic()
    async with watching(on, "good-1"):
        await no_fault(on)
        assert time.monotonic() - began < WITHIN_S
        assert await on.ledger.halts() == ()
        record = await on.until(told=PERSON.author)  # an activity looks at its seal first
        asked = [command for command in record.commands if command.action is Action.FORCE_FLAT]
        assert len(asked) <= 1, "asked once, carried out once"
        told_of_it = [step.text for step in record.steps if PERSON.author in step.text]
        assert len(told_of_it) == 1


@pytest.mark.stack
async def test_a_task_that_blocks_or_kills_its_worker_is_found_by_asking_temporal(ours: Client) -> None:
    on = Stage(ours, "blocks")
    argv = (sys.executable, "-m", "tests.workers.blocking_worker", ours.service_client.config.target_host, on.queue)
    worker = await asyncio.create_subprocess_exec(*argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        await on.start()
        looking = asyncio.create_task(TaskWatch(ours, on.ledger, "other-2", wall_clock_us, Alerts()).run())
        fault = await fault_of(on, within_s=2 * WITHIN_S)  # the process takes its time to begin
        assert (fault.kind, fault.source) == (FaultKind.FAILING, FaultSource.SERVER)
        assert "the task blocked it" in fault.text or "deadlock" in fault.text.lower()
        looking.cancel()
    finally:
        worker.kill()
        await worker.wait()
    async with watching(on, "good-2"):
        await no_fault(on)


@pytest.mark.stack
async def test_a_failing_task_is_found_even_where_its_own_worker_says_nothing(ours: Client) -> None:
    on = Stage(ours, "killed")
    with wrong_code(MemoryError("nobody hears this")):
        async with on.worker("bad-3"):
            await after_start(ours, "bad-3", Inheritance())
            await on.start()
            watch = TaskWatch(ours, on.ledger, "other-3", wall_clock_us, Alerts())
            looking = asyncio.create_task(watch.run())
            fault = await fault_of(on)
            looking.cancel()
    assert (fault.source, fault.build) == (FaultSource.SERVER, "bad-3")
    assert fault.text.startswith("MemoryError: nobody hears this")
    async with watching(on, "good-3"):
        await no_fault(on)


@pytest.mark.stack
async def test_on_a_server_of_the_users_own_a_held_task_is_freed_and_the_trade_moves_within_ten_seconds(
    theirs: Client,
) -> None:
    on = Stage(theirs, "held")
    with wrong_code(MemoryError("1/3 has no end")):
        async with watching(on, "bad-4", sweeps=True):
            await on.start()
            await tried(on, 5, within_s=PATIENCE_S)  # from here on it is held for ten seconds and more
    await on.force_flat()
    began = time.monotonic()
    async with watching(on, "good-4", sweeps=True):
        await no_fault(on)
        assert time.monotonic() - began < WITHIN_S
        record = await on.until(told=PERSON.author)  # an activity looks at the seal of what was signalled first
    assert len([step for step in record.steps if PERSON.author in step.text]) == 1


@pytest.mark.stack
async def test_a_new_version_that_fails_as_the_old_one_did_takes_the_trade_over_and_does_not_refuse_to_start(
    ours: Client,
) -> None:
    on = Stage(ours, "unmended")
    with wrong_code(MemoryError("1/3 has no end")):
        async with watching(on, "bad-5"):
            await on.start()
            await tried(on, 2)
        async with watching(on, "worse-5"):
            await stands_on(on, "worse-5")
    async with watching(on, "good-5"):
        await no_fault(on)
        await on.until(TradeState.SETTLING, TradeState.CLOSED)


@pytest.mark.stack
async def test_a_parked_trade_is_a_fault_with_its_text_and_the_start_of_mended_code_resumes_it_once(
    ours: Client,
) -> None:
    on = Stage(ours, "parked")
    with wrong_code(ArithmeticError("1/3 has no end")):
        async with watching(on, "bad-6") as told:
            await on.start()
            fault = await fault_of(on)
            assert (fault.kind, fault.build) == (FaultKind.PARKED, "bad-6")
            assert "ArithmeticError: 1/3 has no end" in fault.text
            assert {halt.target for halt in await on.ledger.halts()} == {A, B}
            assert [alert for alert, _ in told] == ["workflow_fault"]
            record = await on.until(TradeState.STUCK)
            assert any("1/3 has no end" in step.text for step in record.steps), "in the trade's own story too"
    with wrong_code(ArithmeticError("1/3 has no end"), "run"):
        async with watching(on, "bad-7"):  # resumed by a version that raises as well: parked on that, and left alone
            await stands_on(on, "bad-7")
            await asyncio.sleep(2)
            record = await on.until(TradeState.STUCK)
            assert len([step for step in record.steps if "version bad-7 has started" in step.text]) == 1
    began = time.monotonic()
    async with watching(on, "good-6"):
        await no_fault(on)
        assert time.monotonic() - began < WITHIN_S
        await on.until(TradeState.SETTLING, TradeState.CLOSED)
        assert await on.ledger.halts() == ()
