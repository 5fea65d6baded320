"""Which run of which workflow opened a trade, in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain.intent import Intent
from domain.orders import OrderTicket, Purpose
from domain.snapshot import OrderFacts, TradeFacts
from domain.trade import TradeState
from ledger.port import Decided


class MemoryOrigins:
    """See `ledger.port.OriginLedger`; `refuse_stranger` in SQL."""

    _intents: dict[str, tuple[str, Intent]]
    _trades: dict[str, tuple[str, TradeFacts]]
    _orders: dict[str, OrderFacts]

    def __init__(self) -> None:
        super().__init__()
        self._chains: dict[str, str] = {}

    async def decided(self, intent_id: str) -> Decided | None:
        known = self._intents.get(intent_id)
        if known is None:
            return None
        return Decided(known[1], closed=self._closed(intent_id), chain=self._chains.get(intent_id, ""))

    async def take_over(self, intent_id: str, chain: str) -> bool:
        if intent_id not in self._trades or self._closed(intent_id):
            return False
        self._chains[intent_id] = chain
        return True

    def _closed(self, intent_id: str) -> bool:
        trade = self._trades.get(intent_id)
        return trade is not None and trade[1].state is TradeState.CLOSED

    def _stranger(self, ticket: OrderTicket, chain: str) -> Mapping[str, Any] | None:
        """Why an order of this run may not leave; None if it may."""
        opened_by = self._chains.get(ticket.intent_id, "")
        if opened_by and chain != opened_by:
            return {"stranger": "other_run"}
        if not opened_by and self._closed(ticket.intent_id):
            return {"stranger": "closed"}
        buys = chain and ticket.purpose in (Purpose.HEDGE, Purpose.COMPLETE)
        return {"stranger": "never_opened"} if buys and not self._opened(ticket.intent_id) else None

    def _opened(self, intent_id: str) -> bool:
        begun = (order for order in self._orders.values() if order.ticket.intent_id == intent_id)
        return any(
            order.ticket.purpose is Purpose.ADOPTED or (order.ticket.purpose is Purpose.OPEN and order.sends > 0)
            for order in begun
        )
