"""A process whose workflow task neither ends nor can be evicted is ended and started again; a slow one is not."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from proof.histories.__main__ import SEARCH_KEYS
from proof.histories.stage import Stage
from workers import sandbox
from workers.local.processes import ProcessSpec
from workers.local.supervisor import RestartPolicy, Supervisor
from workers.local.temporal import find_binary
from workers.payloads import DATA_CONVERTER
from workers.stuck_tasks import TaskPulse, end_when_stuck


class Ended(Exception):
    """Instead of the process."""


def ended(code: int) -> None:
    raise Ended(code)


class Inner:
    """A workflow whose evictions fail as often as it says."""

    def __init__(self, failures: int) -> None:
        self.failures = failures

    def activate(self, act: Any) -> Any:
        self.failures -= 1
        if self.failures >= 0:
            raise RuntimeError("cannot be torn down")


def eviction(pulse: TaskPulse, failures: int) -> Any:
    workflow: Any = sandbox._Heard(Inner(failures), None, lambda: None, None, pulse)  # type: ignore[arg-type]
    act = WorkflowActivation(run_id="run-1")
    act.jobs.add().remove_from_cache.SetInParent()
    return lambda: workflow.activate(act)


async def test_an_eviction_that_fails_for_as_long_as_that_ends_the_process() -> None:
    pulse = TaskPulse()
    evict = eviction(pulse, 1)
    with pytest.raises(RuntimeError):
        evict()
    with pytest.raises(Ended, match="5"):
        await end_when_stuck(pulse, ended, look_s=0, most_looks=3)


async def test_one_that_succeeds_at_last_and_tasks_that_end_do_not() -> None:
    pulse = TaskPulse()
    evict = eviction(pulse, 1)
    with pytest.raises(RuntimeError):
        evict()
    assert (pulse.look(), pulse.look()) == (1, 2)
    evict()
    for _ in range(5):
        pulse.begins("run-2")
        assert pulse.look() == 1
        pulse.ends("run-2")
    assert pulse.stuck(1) == []


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[Client]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEMPORAL_VERSION_CHECK_DISABLED", "1")
        async with await WorkflowEnvironment.start_local(
            dev_server_existing_path=str(find_binary(None)),
            data_converter=DATA_CONVERTER,
            search_attributes=list(SEARCH_KEYS),
        ) as started:
            yield started.client


@pytest.mark.stack
async def test_a_worker_that_no_interruption_frees_is_ended_and_started_again(server: Client, tmp_path: Path) -> None:
    on = Stage(server, "stuck")
    output = tmp_path / "worker.err"
    address = server.service_client.config.target_host
    argv = (sys.executable, "-m", "tests.workers.blocking_worker", address, on.queue, "4")

    async def healthy() -> bool:
        return True

    spec = ProcessSpec("worker", argv, output, output, healthy, passes=("PYTHON*",), stop_timeout=1)
    lines: list[str] = []
    stop, ready = asyncio.Event(), asyncio.Event()
    policy = RestartPolicy(quick=0.1, first_wait=0.01)
    supervisor = Supervisor([spec], say=lines.append, changed=lambda records: None, ready=ready.set, policy=policy)
    running = asyncio.create_task(supervisor.run(stop))
    try:
        await on.start()
        async with asyncio.timeout(90):
            while sum("is up" in line for line in lines) < 2:  # noqa: ASYNC110 - it happens in another process
                await asyncio.sleep(0.1)
        assert any("worker died (exit code 5)" in line for line in lines)
    finally:
        stop.set()
        await running
