"""Which workflow an activity runs for, by Temporal's own word: what a request says of itself, anybody may write."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from temporalio import activity
from temporalio.client import Client
from temporalio.service import RPCError

from domain.errors import Unavailable

_PATIENCE = timedelta(seconds=1)
_MOST_KNOWN = 4096


@dataclass(frozen=True, slots=True)
class Caller:
    """All None for an activity that was started without a workflow."""

    workflow_id: str | None = None
    workflow_type: str | None = None
    run_id: str | None = None


class Calls(Protocol):
    def caller(self) -> Caller: ...

    async def first_run(self, caller: Caller) -> str:
        """The run that began what this one continues; its own id if it continues none. Raises `Unavailable` while
        Temporal does not say."""
        ...


class TemporalCalls:
    """Of the activity under way. What continues what is asked of the server once a run."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._first: dict[str, str] = {}

    def caller(self) -> Caller:
        info = activity.info()
        return Caller(info.workflow_id, info.workflow_type, info.workflow_run_id)

    async def first_run(self, caller: Caller) -> str:
        if caller.workflow_id is None or caller.run_id is None:
            return ""
        if caller.run_id not in self._first:
            handle = self._client.get_workflow_handle(caller.workflow_id, run_id=caller.run_id)
            try:
                described = await handle.describe(rpc_timeout=_PATIENCE)
            except RPCError as failed:
                raise Unavailable(
                    f"Temporal does not say what run {caller.run_id} continues ({failed.message}); asked again",
                    "temporal_unavailable",
                ) from None
            if len(self._first) >= _MOST_KNOWN:
                self._first.clear()
            self._first[caller.run_id] = described.raw_description.workflow_execution_info.first_run_id
        return self._first[caller.run_id]
