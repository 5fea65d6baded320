"""The workflow sandbox, without its toll on every payload.

The SDK asks the sandboxed workflow, by compiling a line of Python, which serialization context each payload belongs
to: six times a payload, two dozen payloads a trade. Our converters know no contexts, so the answer is always none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from temporalio.converter import SerializationContext, StorageDriverStoreContext
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.workflow import Info

_NO_CONTEXT = StorageDriverStoreContext()

# Our own rooms are passed through: re-importing them for every trade costs milliseconds on the order path, and import
# contracts and replays already hold them to determinism.
_RESTRICTIONS = SandboxRestrictions.default.with_passthrough_modules("domain", "workflows")


class TradeSandbox(SandboxedWorkflowRunner):
    """Restrictions as the SDK's, with `domain` and `workflows` passed through.

    `completed` is called, on a thread of the worker, after each workflow task that went well. Keep it short.
    """

    def __init__(self, completed: Callable[[], None] = lambda: None) -> None:
        super().__init__(restrictions=_RESTRICTIONS)
        self._completed = completed

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        return _ContextFree(super().create_instance(det), self._completed)


class _ContextFree(WorkflowInstance):
    """A sandboxed workflow that is never asked for contexts."""

    def __init__(self, inner: WorkflowInstance, completed: Callable[[], None]) -> None:
        self._inner = inner
        self._completed = completed

    def activate(self, act: Any) -> Any:
        completion = self._inner.activate(act)
        if completion.HasField("successful"):
            self._completed()
        return completion

    def get_serialization_context(self, command_info: Any) -> SerializationContext | None:
        return None

    def get_external_store_context(self, command_info: Any) -> StorageDriverStoreContext:
        return _NO_CONTEXT

    def get_info(self) -> Info:
        return self._inner.get_info()

    def get_thread_id(self) -> int | None:
        return self._inner.get_thread_id()
