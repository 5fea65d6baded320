"""Whether today's code makes the decisions that a history records; and if not, where it first differs.

Temporal's own replayer is the judge. To say more than its message does, the commands that the code gives are written
down beside it and compared with those the history tells of.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, WorkflowInstance, WorkflowInstanceDetails

from workers.payloads import DATA_CONVERTER
from workers.sandbox import TradeSandbox
from workflows.trade import TradeWorkflow

_CHANGE_VERSION = "TemporalChangeVersion"  # an attribute that the SDK itself sets beside a patch marker
_NOTHING = "nothing more"
_COMPLETED: Final = "workflow_task_completed_event_attributes"
_SCHEDULED: Final = "workflow_task_scheduled_event_attributes"
_NOT_DONE: Final = ("workflow_task_failed_event_attributes", "workflow_task_timed_out_event_attributes")


@dataclass(frozen=True, slots=True)
class Divergence:
    """`event` is the id of the first event that today's code does not lead to (0: none could be told), `recorded` what
    it is, `produced` what the code does instead, `words` the replayer's own."""

    trade: str
    event: int
    recorded: str
    produced: str
    words: str

    def __str__(self) -> str:
        return f"{self.trade}: at event {self.event} the history has {self.recorded}; this code gives {self.produced}"


async def replay(histories: AsyncIterator[WorkflowHistory]) -> AsyncIterator[tuple[WorkflowHistory, Divergence | None]]:
    """Each history in turn, and where this process's code departs from it, None where it does not.

    A history may be of a trade that is still open. Sends nothing and asks nobody.
    """
    listener = _Listener()
    with ThreadPoolExecutor(1) as executor:
        replayer = Replayer(
            workflows=[TradeWorkflow],
            data_converter=DATA_CONVERTER,
            workflow_runner=listener,
            workflow_task_executor=executor,
        )
        async with replayer.workflow_replay_iterator(histories) as results:
            async for result in results:
                failure = result.replay_failure
                found = _divergence(result.history, listener.given, failure) if failure is not None else None
                yield result.history, found


def as_far_as_it_went(history: WorkflowHistory) -> WorkflowHistory:
    """The history without what came after its last task that went well, if tasks failed or timed out since.

    Nothing was decided in those, so they say nothing of the code that carries the trade on: it does what they were to
    do. If it fails there too, the trade is no worse off with it.
    """
    done = max((n for n, e in enumerate(history.events) if e.HasField(_COMPLETED)), default=-1)
    since = history.events[done + 1 :]
    if not any(event.HasField(field) for event in since for field in _NOT_DONE):
        return history
    next_task = next(n for n, event in enumerate(since) if event.HasField(_SCHEDULED))
    return WorkflowHistory(history.workflow_id, history.events[: done + 1 + next_task])


class _Listener(TradeSandbox):
    """Production's sandbox; `given` are the commands of the last workflow it made."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[str] = []

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        self.given = []
        return _Listened(super().create_instance(det), self.given)


class _Listened(WorkflowInstance):
    def __init__(self, inner: Any, given: list[str]) -> None:
        self._inner = inner
        self._given = given

    def activate(self, act: Any) -> Any:
        completion = self._inner.activate(act)
        for command in completion.successful.commands:
            said = _said(command)
            if said:
                self._given.append(said)
        return completion

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def get_serialization_context(self, command_info: Any) -> Any:
        return self._inner.get_serialization_context(command_info)

    def get_external_store_context(self, command_info: Any) -> Any:
        return self._inner.get_external_store_context(command_info)

    def get_info(self) -> Any:
        return self._inner.get_info()

    def get_thread_id(self) -> int | None:
        thread: int | None = self._inner.get_thread_id()
        return thread


def _said(command: Any) -> str:
    """A command in words; empty for those that leave no event of their own at once."""
    kind = command.WhichOneof("variant")
    if kind == "schedule_activity":
        return f"the activity {command.schedule_activity.activity_type}"
    if kind == "set_patch_marker":
        return f"the patch {command.set_patch_marker.patch_id}"
    return {
        "start_timer": "a timer",
        "upsert_workflow_search_attributes": "a change of search attributes",
        "complete_workflow_execution": "the end of the trade",
        "fail_workflow_execution": "the failure of the trade",
        "continue_as_new_workflow_execution": "a continuation as new",
    }.get(kind or "", "")


def _recorded(event: HistoryEvent) -> str:
    """The same words for an event that a command left; empty for every other event."""
    kind = event.WhichOneof("attributes")
    if kind == "activity_task_scheduled_event_attributes":
        return f"the activity {event.activity_task_scheduled_event_attributes.activity_type.name}"
    if kind == "upsert_workflow_search_attributes_event_attributes":
        changed = event.upsert_workflow_search_attributes_event_attributes.search_attributes.indexed_fields
        return "" if _CHANGE_VERSION in changed else "a change of search attributes"
    if kind == "marker_recorded_event_attributes":
        marker = event.marker_recorded_event_attributes
        if marker.marker_name != "core_patch":
            return ""
        return f"the patch {_patch(marker.details['patch-data'].payloads[0].data)}" if marker.details else "the patch"
    return {
        "timer_started_event_attributes": "a timer",
        "workflow_execution_completed_event_attributes": "the end of the trade",
        "workflow_execution_failed_event_attributes": "the failure of the trade",
        "workflow_execution_continued_as_new_event_attributes": "a continuation as new",
    }.get(kind or "", "")


def _patch(data: bytes) -> str:
    """Which one: the SDK's core writes it down as an object with an `id`."""
    try:
        told = json.loads(data)
    except ValueError:
        return data.decode(errors="replace")
    return str(told["id"]) if isinstance(told, dict) and "id" in told else str(told)


def _divergence(history: WorkflowHistory, given: list[str], failure: Exception) -> Divergence:
    words = str(failure)
    recorded = [(event.event_id, said) for event in history.events if (said := _recorded(event))]
    for n, (event, said) in enumerate(recorded):
        produced = given[n] if n < len(given) else _NOTHING
        if produced != said:
            return Divergence(history.workflow_id, event, said, produced, words)
    beyond = given[len(recorded)] if len(given) > len(recorded) else _NOTHING
    last = history.events[-1].event_id if history.events else 0
    return Divergence(history.workflow_id, last, _NOTHING, beyond, words)
