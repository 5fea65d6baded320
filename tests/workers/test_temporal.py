"""The Temporal development server keeps workflows through a kill, and is set up for trades."""

from __future__ import annotations

import asyncio
import os
import signal
import sysconfig
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client, WorkflowExecutionStatus

from domain.errors import BadInput, Unavailable
from workers.stack.layout import Layout
from workers.stack.ports import allot
from workers.stack.processes import ProcessRecord
from workers.stack.services import get_status
from workers.stack.supervisor import RestartPolicy, Supervisor
from workers.stack.temporal import (
    SEARCH_ATTRIBUTES,
    TemporalServer,
    check_cluster,
    find_binary,
    search_attributes,
    set_up_namespace,
)
from workflows.names import TRADE_QUEUE, TRADE_WORKFLOW


class Running:
    def __init__(self, folder: Path) -> None:
        layout = Layout(folder)
        layout.prepare()
        self.ports = allot({"grpc": 0, "ui": 0, "metrics": 0}, {})
        self.binary = find_binary(None)
        self.server = TemporalServer(
            layout,
            self.binary,
            port=self.ports["grpc"],
            ui_port=self.ports["ui"],
            metrics_port=self.ports["metrics"],
        )
        self.records: list[ProcessRecord] = []
        self.stopping = asyncio.Event()

    async def start(self) -> None:
        ready = asyncio.Event()
        supervisor = Supervisor(
            [self.server.spec()],
            say=lambda line: None,
            changed=self._changed,
            ready=ready.set,
            policy=RestartPolicy(first_wait=0.01),
        )
        self.task = asyncio.create_task(supervisor.run(self.stopping))
        await ready.wait()

    def _changed(self, records: list[ProcessRecord]) -> None:
        self.records = records

    async def client(self) -> Client:
        async with asyncio.timeout(60):
            while True:
                try:
                    return await Client.connect(self.server.address)
                except RuntimeError:
                    await asyncio.sleep(0.1)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    server = Running(tmp_path)
    await server.start()
    yield server
    server.stopping.set()
    await server.task


@pytest.mark.stack
async def test_a_killed_server_comes_back_with_its_workflows_and_set_up_for_trades(running: Running) -> None:
    client = await running.client()
    await client.start_workflow(TRADE_WORKFLOW, id="i-kept", task_queue=TRADE_QUEUE)
    first = running.records[0].pid
    os.kill(first, signal.SIGKILL)
    async with asyncio.timeout(60):
        while running.records[0].pid == first:  # noqa: ASYNC110 - it happens in another process
            await asyncio.sleep(0.05)
    description = await (await running.client()).get_workflow_handle("i-kept").describe()
    assert description.status is WorkflowExecutionStatus.RUNNING

    namespace = "default"
    assert search_attributes(running.binary, running.server.address, namespace).items() >= SEARCH_ATTRIBUTES.items()
    set_up_namespace(running.binary, running.server.address, namespace, retention=True)
    answer = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=namespace))
    assert answer.config.workflow_execution_retention_ttl.ToTimedelta() == timedelta(days=60)
    assert await get_status(running.ports["metrics"], "/metrics") == 200
    assert await get_status(running.ports["ui"], "/") in (200, 302, 307)


def test_the_binary_is_the_configured_one_or_path_or_the_one_installed_beside_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "temporal"
    mine.write_text("#!/bin/sh\n")
    mine.chmod(0o755)
    assert find_binary(str(mine)) == mine
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_binary(None) == mine
    monkeypatch.setenv("PATH", "")
    assert find_binary(None) == Path(sysconfig.get_path("scripts")) / "temporal"


def test_a_configured_binary_that_does_not_exist_is_refused_with_the_variable_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="SUREFOOT_TEMPORAL"):
        find_binary(str(tmp_path / "none"))


def test_a_cluster_that_does_not_answer_is_named() -> None:
    with pytest.raises(Unavailable, match=r"temporal\.address 127\.0\.0\.1:1 does not answer"):
        check_cluster(find_binary(None), "127.0.0.1:1")
