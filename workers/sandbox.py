"""The workflow sandbox, without its toll on every payload, and with an ear for tasks that fail.

The SDK asks the sandboxed workflow, by compiling a line of Python, which serialization context each payload belongs
to: six times a payload, two dozen payloads a trade. Our converters know no contexts, so the answer is always none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Any, Protocol

from temporalio.converter import SerializationContext, StorageDriverStoreContext
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.workflow import Info

from workers.stuck_tasks import TaskPulse

_NO_CONTEXT = StorageDriverStoreContext()
_NONDETERMINISM = 3  # `EvictionReason` of the SDK's core: it found a difference after the task itself went well
_OWN_LINE = re.compile(r'File "[^"]*?((?:workflows|domain)/[^"]+)", line (\d+)')

# Our own rooms are passed through: re-importing them for every trade costs milliseconds on the order path, and import
# contracts and replays already hold them to determinism.
_RESTRICTIONS = SandboxRestrictions.default.with_passthrough_modules("domain", "workflows")


class TaskNews(Protocol):
    """Hears how workflow tasks end, on threads of the worker. Keep it short, and raise nothing."""

    def failed(self, workflow: Info, text: str) -> None: ...

    def succeeded(self, workflow: Info) -> None:
        """As far as this process can tell: whether the server took it is the server's to say."""
        ...


class TradeSandbox(SandboxedWorkflowRunner):
    """Restrictions as the SDK's, with `domain` and `workflows` passed through.

    `completed` is called, on a thread of the worker, after each workflow task that went well. Keep it short. `news`
    hears of these too, and of those that failed; `pulse` of every beginning and end.
    """

    def __init__(
        self,
        completed: Callable[[], None] = lambda: None,
        news: TaskNews | None = None,
        pulse: TaskPulse | None = None,
    ) -> None:
        super().__init__(restrictions=_RESTRICTIONS)
        self._completed = completed
        self._news = news
        self._pulse = pulse or TaskPulse()

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        try:
            inner = super().create_instance(det)
        except Exception as error:
            if self._news is not None:
                self._news.failed(det.info, words_of(type(error).__name__, str(error)))
            raise
        return _Heard(inner, det.info, self._completed, self._news, self._pulse)


class _Heard(WorkflowInstance):
    """A sandboxed workflow that is never asked for contexts, and whose tasks are heard of."""

    def __init__(
        self,
        inner: WorkflowInstance,
        info: Info,
        completed: Callable[[], None],
        news: TaskNews | None,
        pulse: TaskPulse,
    ) -> None:
        self._inner = inner
        self._info = info
        self._completed = completed
        self._news = news
        self._pulse = pulse

    def activate(self, act: Any) -> Any:
        self._pulse.begins(act.run_id)
        try:
            kinds = {job.WhichOneof("variant") for job in act.jobs}
            return self._evict(act) if "remove_from_cache" in kinds else self._task(act, kinds)
        finally:
            self._pulse.ends(act.run_id)

    def _evict(self, act: Any) -> Any:
        self._evicted(act)
        try:
            completion = self._inner.activate(act)
        except BaseException:
            self._pulse.not_evicted(act.run_id)
            raise
        self._pulse.evicted(act.run_id)
        return completion

    def _task(self, act: Any, kinds: Collection[str | None]) -> Any:
        try:
            completion = self._inner.activate(act)
        except BaseException as error:  # the deadlock detector's interruption too
            self._failed(words_of(type(error).__name__, str(error)))
            raise
        if completion.HasField("failed"):
            failure = completion.failed.failure
            self._failed(words_of(failure.application_failure_info.type, failure.message, failure.stack_trace))
        elif completion.HasField("successful"):
            self._completed()
            if self._news is not None and not act.is_replaying and kinds != {"query_workflow"}:
                self._news.succeeded(self._info)
        return completion

    def _failed(self, text: str) -> None:
        if self._news is not None:
            self._news.failed(self._info, text)

    def _evicted(self, act: Any) -> None:
        for job in act.jobs:
            if job.remove_from_cache.reason == _NONDETERMINISM:
                self._failed(words_of("nondeterminism", job.remove_from_cache.message))

    def get_serialization_context(self, command_info: Any) -> SerializationContext | None:
        return None

    def get_external_store_context(self, command_info: Any) -> StorageDriverStoreContext:
        return _NO_CONTEXT

    def get_info(self) -> Info:
        return self._inner.get_info()

    def get_thread_id(self) -> int | None:
        return self._inner.get_thread_id()


def words_of(kind: str, message: str, trace: str = "") -> str:
    """`Inexact: 1/3 has no end (domain/money.py:61)`: what was raised, and the last line of ours that led to it."""
    said = f"{kind}: {message}" if kind and message else kind or message or "no reason given"
    lines = _OWN_LINE.findall(trace)
    return f"{said} ({lines[-1][0]}:{lines[-1][1]})" if lines else said
