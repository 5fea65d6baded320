"""The ledger in memory, sometimes away and sometimes slow; a slow write takes effect before its answer is heard."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from domain.errors import SurefootError, Unavailable
from domain.evidence import Fill, FillStatus
from domain.intent import Intent
from domain.orders import OrderTicket, SubmitResult
from domain.snapshot import OrderFacts
from domain.trade import TradeRecord
from ledger.port import InHand
from proof.simulate.weather import Weather
from testing.ledger.memory import MemoryLedger


class StormyLedger(MemoryLedger):
    """`down` while it cannot be reached at all. `begun` is told of each order as its bytes are recorded."""

    def __init__(self, weather: Weather, begun: Callable[[OrderTicket], None]) -> None:
        super().__init__()
        self.down = False
        self._weather = weather
        self._begun = begun

    async def begin_order(
        self,
        run_id: str,
        intent: Intent | None,
        ticket: OrderTicket,
        body: bytes,
        at: int,
        *,
        order_id: str = "",
        chain: str = "",
    ) -> int:
        fate = self._reach("begin_order")
        copy = await super().begin_order(run_id, intent, ticket, body, at, order_id=order_id, chain=chain)
        self._begun(ticket)
        await self._answer(fate)
        return copy

    async def finish_order(self, ticket: OrderTicket, result: SubmitResult) -> None:
        fate = self._reach("finish_order")
        await super().finish_order(ticket, result)
        await self._answer(fate)

    async def order_outcome(self, client_order_id: str) -> OrderFacts | None:
        fate = self._reach("order_outcome")
        facts = await super().order_outcome(client_order_id)
        await self._answer(fate)
        return facts

    async def in_hand(self, intent_id: str) -> InHand:
        fate = self._reach("in_hand")
        found = await super().in_hand(intent_id)
        await self._answer(fate)
        return found

    async def record_fills(self, fills: Iterable[Fill]) -> None:
        await super().record_fills(fills)  # inside record_trade's transaction

    async def record_trade(self, run_id: str, intent: Intent, record: TradeRecord) -> None:
        fate = self._reach("record_trade")
        await super().record_trade(run_id, intent, record)
        await self._answer(fate)

    def told_of(self, client_order_id: str) -> bool:
        """Whether a fill of the order, not void, is on record."""
        fills = self._fills.values()
        return any(one.client_order_id == client_order_id and one.status is not FillStatus.VOID for one in fills)

    def _reach(self, call: str) -> str | None:
        fate = self._weather.fault("ledger", call)
        if self.down or fate == "away":
            raise Unavailable(f"the ledger did not answer {call}; asking again is safe", "ledger_unavailable")
        return fate

    async def _answer(self, fate: str | None) -> None:
        if fate is not None:
            await asyncio.sleep(0.3 if fate == "slow" else 3)


def at_once(coroutine: Any) -> None:
    """Run what never really waits."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise SurefootError("the ledger in memory waited where it must not")
