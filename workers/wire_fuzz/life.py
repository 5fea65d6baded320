"""The trade's life as production drives it, without Temporal: whatever is raised out of it is a find."""

from __future__ import annotations

from domain.operator import Action, OperatorCommand
from domain.trade import TradeRecord, TradeState
from workers.wire_fuzz.desk import Desk
from workflows.lifecycle import Trade


class Life:
    """One trade on a desk. `say` returns why a command is refused, or what the person is told."""

    def __init__(self, trade: Trade, desk: Desk) -> None:
        self.trade, self.desk = trade, desk

    async def run(self) -> TradeRecord:
        return await self.trade.run()

    @property
    def state(self) -> TradeState:
        return self.trade.state

    def record(self) -> TradeRecord | None:
        """The trade as it knows itself; None if it cannot say, of which its own run will complain."""
        try:
            return self.trade.record()
        except Exception:
            return None

    def nudge(self) -> None:
        """The venue's user channel spoke of an order."""
        self.desk.wake()

    def say(self, action: Action, reason: str) -> str:
        command = OperatorCommand("ada", reason)
        try:
            self.trade.may(action, command)
            answer = self.trade.take(action, command)
        except ValueError as refusal:
            return f"refused: {refusal}"
        except Exception as error:
            return f"raised {type(error).__name__}: {error}"
        self.desk.wake()
        return answer
