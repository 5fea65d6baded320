"""The Temporal development server keeps workflows through a kill, and is set up for trades."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sysconfig
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import psutil
import pytest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError

from domain.errors import BadInput, Unavailable
from tests.patience import PATIENCE_S
from workers.local.layout import Layout
from workers.local.ports import allot
from workers.local.processes import ProcessRecord
from workers.local.supervisor import RestartPolicy, Supervisor
from workers.local.temporal import (
    SEARCH_ATTRIBUTES,
    TemporalServer,
    check_cluster,
    find_binary,
    search_attributes,
    set_up_namespace,
)
from workers.stack.services import get_status
from workers.ui_door.door import Door
from workers.ui_door.keys import DoorKeys
from workers.ui_door.pages import pages_of
from workers.ui_door.tokens import TokenFolder
from workflows.names import TRADE_QUEUE, TRADE_WORKFLOW


class Running:
    def __init__(self, folder: Path) -> None:
        layout = Layout(folder)
        layout.prepare()
        self.ports = allot({"grpc": 0, "http": 0, "metrics": 0}, {})
        self.binary = find_binary(None)
        self.server = TemporalServer(
            layout,
            self.binary,
            port=self.ports["grpc"],
            http_port=self.ports["http"],
            http_host="only-this.invalid",
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
        async with asyncio.timeout(PATIENCE_S):
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
    async with asyncio.timeout(PATIENCE_S):
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


CROSS_SITE = {"Content-Type": "text/plain", "Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}
TRADE = b'{"workflowType":{"name":"Trade"},"taskQueue":{"name":"surefoot-trades"},"input":[{}]}'


@pytest.mark.stack
async def test_no_page_of_a_browser_reaches_a_workflow_and_the_door_shows_them(
    running: Running, tmp_path: Path
) -> None:
    client = await running.client()
    held = await client.start_workflow(TRADE_WORKFLOW, id="i-held", task_queue=TRADE_QUEUE)
    api = f"http://127.0.0.1:{running.ports['http']}"
    space = "/api/v1/namespaces/default/workflows"
    async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
        for headers in (CROSS_SITE, {"Host": "evil.example"}, {"Host": "127.0.0.1"}, {"Host": "none.invalid"}, {}):
            answer = await http.post(f"{api}{space}/evil-csrf", content=TRADE, headers=headers)
            assert (answer.status_code, "Host not allowed" in answer.text) == (403, True)
            assert (await http.post(f"{api}{space}/i-held/terminate", headers=headers)).status_code == 403
            assert (await http.get(f"{api}{space}", headers=headers)).status_code == 403
        with pytest.raises(RPCError):
            await client.get_workflow_handle("evil-csrf").describe()
        assert (await held.describe()).status is WorkflowExecutionStatus.RUNNING

        # All that the server listens on: nothing of it is a page that takes any Host, but its metrics, which are read.
        process = psutil.Process(running.records[0].pid)
        listening = {each.laddr.port for each in process.net_connections("tcp") if each.status == psutil.CONN_LISTEN}
        for port in listening - {running.ports["metrics"], running.ports["http"]}:
            with pytest.raises(httpx.HTTPError):
                await http.get(f"http://127.0.0.1:{port}/api/v1/settings", timeout=5)

        keys, tokens = DoorKeys("only-this.invalid", "/f0lder"), TokenFolder(tmp_path / "tokens")
        door = Door(keys, tokens, lambda: pages_of(running.binary, tmp_path / "ui", keys.path), api)
        runner = await door.listen("127.0.0.1", 0)
        try:
            origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
            answer = await http.get(f"{origin}/f0lder/open", params={"token": tokens.issue(), "to": "/"})
            assert answer.status_code == 303
            page = await http.get(f"{origin}/f0lder/namespaces/default/workflows")
            scripts = re.findall(r'href="(/f0lder/_app/[^"]+[.]js)"', page.text)
            assert len(scripts) > 5
            for script in scripts:
                assert (await http.get(f"{origin}{script}")).headers["Content-Type"].startswith("text/javascript")
            assert (await http.get(f"{origin}/f0lder/api/v1/settings")).json()["DisableWriteActions"] is True
            listed = await http.get(f"{origin}/f0lder{space}", params={"query": "WorkflowType = 'Trade'"})
            assert [each["execution"]["workflowId"] for each in listed.json()["executions"]] == ["i-held"]
            history = (await http.get(f"{origin}/f0lder{space}/i-held/history-reverse")).json()["history"]
            assert history["events"][-1]["eventType"] == "EVENT_TYPE_WORKFLOW_EXECUTION_STARTED"
            refused = await http.post(f"{origin}/f0lder{space}/i-held/terminate", headers={"Origin": origin})
            assert refused.status_code == 403
        finally:
            await runner.cleanup()
    assert (await held.describe()).status is WorkflowExecutionStatus.RUNNING


def test_a_configured_binary_that_does_not_exist_is_refused_with_the_variable_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="SUREFOOT_TEMPORAL"):
        find_binary(str(tmp_path / "none"))


def test_a_cluster_that_does_not_answer_is_named() -> None:
    with pytest.raises(Unavailable, match=r"temporal\.address 127\.0\.0\.1:1 does not answer"):
        check_cluster(find_binary(None), "127.0.0.1:1")
