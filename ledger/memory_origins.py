"""Which run of which workflow opened a trade, in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain.intent import Intent
from domain.snapshot import TradeFacts
from domain.trade import TradeState
from ledger.port import Decided


class MemoryOrigins:
    """See `ledger.port.OriginLedger`; `refuse_stranger` in SQL."""

    _intents: dict[str, tuple[str, Intent]]
    _trades: dict[str, tuple[str, TradeFacts]]

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

    def _stranger(self, intent_id: str, chain: str) -> Mapping[str, Any] | None:
        """Why an order of this run may not leave; None if it may."""
        opened_by = self._chains.get(intent_id, "")
        if opened_by:
            return None if chain == opened_by else {"stranger": "other_run"}
        return {"stranger": "closed"} if self._closed(intent_id) else None
