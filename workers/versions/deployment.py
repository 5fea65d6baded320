"""Which build carries which trade, as Temporal keeps it: worker deployment `surefoot`, one version a build.

A trade is pinned to the build it began on, and stays there until it is moved. New trades go to the current version.

Sources: docs.temporal.io/production-deployment/worker-deployments/worker-versioning; server 1.32 refuses a version that
no worker has polled for yet ("is not present in task queue"), which is a matter of a second after a worker's start.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from google.protobuf.field_mask_pb2 import FieldMask
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflow.v1 import WorkflowExecutionOptions
from temporalio.api.workflowservice.v1 import (
    DescribeWorkerDeploymentRequest,
    SetWorkerDeploymentCurrentVersionRequest,
    UpdateWorkflowExecutionOptionsRequest,
)
from temporalio.client import Client
from temporalio.common import PinnedVersioningOverride, SearchAttributeKey, VersioningBehavior, WorkerDeploymentVersion
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import WorkerDeploymentConfig

from domain.errors import Unavailable
from workers.versions.build import DEPLOYMENT
from workflows import names

UNVERSIONED = "unversioned"

_VERSION = SearchAttributeKey.for_keyword("TemporalWorkerDeploymentVersion")
_STATE = SearchAttributeKey.for_keyword(names.SEARCH_STATE)
_RPC_TIMEOUT = timedelta(seconds=10)
_PATIENCE_S = 60.0
_RETRY_S = 0.1
_AGAIN = (RPCStatusCode.FAILED_PRECONDITION, RPCStatusCode.NOT_FOUND, RPCStatusCode.UNAVAILABLE,
          RPCStatusCode.RESOURCE_EXHAUSTED, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.INTERNAL)  # fmt: skip


@dataclass(frozen=True, slots=True)
class OpenTrade:
    """`build` is `UNVERSIONED` for one that no versioned worker has begun."""

    id: str
    run_id: str
    state: str
    build: str


def worker_config(build: str) -> WorkerDeploymentConfig:
    """For `Worker(deployment_config=…)`: its trades stay on `build`."""
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(DEPLOYMENT, build),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.PINNED,
    )


async def open_trades(client: Client, *, but: str = "", only: str = "") -> AsyncIterator[OpenTrade]:
    """Trades that have not ended, of every build, of every build `but` one, or of `only` one. The index that is asked
    follows what happens by a moment."""
    query = f"WorkflowType = '{names.TRADE_WORKFLOW}' AND ExecutionStatus = 'Running'"
    if only:
        query += f" AND TemporalWorkerDeploymentVersion = '{DEPLOYMENT}:{only}'"
    async for execution in client.list_workflows(query):
        version = execution.typed_search_attributes.get(_VERSION)
        build = version.removeprefix(f"{DEPLOYMENT}:") if version else UNVERSIONED
        if not but or build != but:
            state = execution.typed_search_attributes.get(_STATE) or "?"
            yield OpenTrade(execution.id, execution.run_id, state, build)


async def become_current(client: Client, build: str) -> bool:
    """Let new trades go to `build`, whose worker must be running. False if they did already.

    Raises `Unavailable` when Temporal does not take it within a minute.
    """
    if await _current(client) == build:
        return False
    request = SetWorkerDeploymentCurrentVersionRequest(
        namespace=client.namespace, deployment_name=DEPLOYMENT, build_id=build, ignore_missing_task_queues=True
    )

    async def once() -> None:
        await client.workflow_service.set_worker_deployment_current_version(request, timeout=_RPC_TIMEOUT)

    await _patiently(once, f"making version {build} the current one of deployment {DEPLOYMENT}")
    return True


async def move(client: Client, trade: OpenTrade, build: str) -> bool:
    """Pin an open trade to `build`, whose worker must be running. False if it has ended meanwhile."""
    override = PinnedVersioningOverride(WorkerDeploymentVersion(DEPLOYMENT, build))
    request = UpdateWorkflowExecutionOptionsRequest(
        namespace=client.namespace,
        workflow_execution=WorkflowExecution(workflow_id=trade.id, run_id=trade.run_id),
        workflow_execution_options=WorkflowExecutionOptions(versioning_override=override._to_proto()),
        update_mask=FieldMask(paths=["versioning_override"]),
    )
    ended = False

    async def once() -> None:
        nonlocal ended
        try:
            await client.workflow_service.update_workflow_execution_options(request, timeout=_RPC_TIMEOUT)
        except RPCError as error:
            ended = error.status is RPCStatusCode.NOT_FOUND
            if not ended:
                raise

    await _patiently(once, f"moving trade {trade.id} to version {build}")
    return not ended


async def _current(client: Client) -> str:
    """The build that new trades go to; empty while there is none."""
    request = DescribeWorkerDeploymentRequest(namespace=client.namespace, deployment_name=DEPLOYMENT)
    try:
        answer = await client.workflow_service.describe_worker_deployment(request, timeout=_RPC_TIMEOUT)
    except RPCError:
        return ""  # not there yet, or not to be asked: setting it tells
    routing = answer.worker_deployment_info.routing_config
    return routing.current_deployment_version.build_id


async def _patiently(once: Callable[[], Awaitable[None]], what: str) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            await once()
        except RPCError as error:
            if error.status not in _AGAIN or time.monotonic() > deadline:
                raise Unavailable(
                    f"{what} failed: {error.message}; versions need a Temporal server of 1.28 or later, see "
                    "docs/versions.md",
                    "temporal",
                ) from None
            await asyncio.sleep(_RETRY_S)
        else:
            return
