"""A trade's runs as production drives them, without Temporal: each is continued from the memory that the one before it
handed on, through the payload converter. A run that was handed on because of a fault is told."""

from __future__ import annotations

from collections.abc import Callable

from domain.intent import Intent
from domain.operator import Action, OperatorCommand
from domain.trade import TradeRecord, TradeState
from proof.wire_fuzz.desk import Desk, across
from workflows.driver import Driver
from workflows.state import TradeMemory, carried


class Life:
    """One trade on a desk. `parked` hears what the lifecycle raised."""

    def __init__(self, intent: Intent, desk: Desk, parked: Callable[[str], None]) -> None:
        self._intent, self._desk, self._parked = intent, desk, parked
        self._driver = Driver(intent, desk)

    async def run(self) -> TradeRecord:
        while True:
            try:
                end = await self._driver.run()
            finally:
                self._driver.abandon()
            if not isinstance(end, TradeMemory):
                return end
            if end.fault is not None and not end.fault.told:
                self._parked(end.fault.text)
            self._driver = Driver(self._intent, self._desk, across(carried(end), TradeMemory))

    @property
    def state(self) -> TradeState:
        return self._driver.memory.state

    def record(self) -> TradeRecord | None:
        """The trade as it knows itself; None if it cannot say, of which its own run will complain."""
        try:
            return self._driver.record()
        except Exception:
            return None

    def nudge(self) -> None:
        """The venue's user channel spoke of an order."""
        self._desk.wake()

    def say(self, action: Action, reason: str) -> str:
        """What the person is told: what will happen, or why not."""
        command = OperatorCommand("ada", reason)
        try:
            self._driver.may(action, command)
            answer = self._driver.take(action, command)
        except ValueError as refusal:
            return f"refused: {refusal}"
        self._desk.wake()
        return answer
