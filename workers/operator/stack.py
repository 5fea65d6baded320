"""The operator port of one stack: each part is made when it is asked for, and opens its connections for one act."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from workers.operator.port import ClaimOperator, HaltOperator, ReconciliationOperator
from workers.operator.trades import StackTrades

if TYPE_CHECKING:
    from workers.local.layout import Stack


def _silent(_: str) -> None:
    return


class StackOperator:
    """`Operator` of the stack that was last started in a state folder. `say` hears what a person waits for."""

    def __init__(self, stack: Stack, say: Callable[[str], None] = _silent) -> None:
        self._stack = stack
        self._say = say

    @property
    def trades(self) -> StackTrades:
        return StackTrades(self._stack, self._say)

    @property
    def halts(self) -> HaltOperator:
        from workers.operator.halts import StackHalts

        return StackHalts(self._stack.layout, lambda: self._stack, self._say)

    @property
    def claims(self) -> ClaimOperator:
        from workers.operator.claims import StackClaims

        return StackClaims(self._stack, self._say)

    @property
    def reconciliation(self) -> ReconciliationOperator:
        from workers.operator.reconciliation import StackReconciliation

        return StackReconciliation(self._stack)
