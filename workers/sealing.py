"""Gives the workflows of one worker its keys' judgement of commands, for their validators."""

from __future__ import annotations

from temporalio.worker import Interceptor, WorkflowInboundInterceptor, WorkflowInterceptorClassInput

from domain.operator import Action, OperatorCommand, is_sealed
from domain.seal import SealKeys
from workflows import names


class Sealing(Interceptor):
    """Intercepts nothing: it hands a function into the sandbox, which a validator calls and no replay does."""

    def __init__(self, keys: SealKeys) -> None:
        self._keys = keys

    def workflow_interceptor_class(
        self, input: WorkflowInterceptorClassInput
    ) -> type[WorkflowInboundInterceptor] | None:
        input.unsafe_extern_functions[names.EXTERN_IS_SEALED] = self._is_sealed
        return None

    def _is_sealed(self, trade: str, action: Action, command: OperatorCommand) -> bool:
        return is_sealed(self._keys, trade, action, command)
