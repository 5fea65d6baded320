"""What the ledger itself knows of one trade's orders and fills, in one read: evidence in hand."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from ledger.codec import fill_of, in_story_order, order_of
from ledger.port import InHand

if TYPE_CHECKING:
    from ledger.connection import Connection

_FILLS = "SELECT * FROM fills WHERE client_order_id = ANY($1) OR order_id = ANY($2) ORDER BY at, trade_id, order_id"
_COMMANDED = "SELECT COALESCE(max(at), 0) FROM commands WHERE intent_id = $1"


class InHandStore(ABC):
    """This part of `ledger.store.Ledger`; see `ledger.port.InHandLedger`."""

    @abstractmethod
    def _view(self) -> AbstractAsyncContextManager[Connection]: ...

    async def in_hand(self, intent_id: str) -> InHand:
        async with self._view() as connection:
            rows = await connection.fetch("SELECT * FROM orders WHERE intent_id = $1", intent_id)
            own = [row["client_order_id"] for row in rows]
            theirs = [row["order_id"] for row in rows if row["order_id"]]  # fills may carry no client id
            fills = await connection.fetch(_FILLS, own, theirs) if rows else []
            commanded_at = await connection.fetchval(_COMMANDED, intent_id)
        return InHand(
            orders=tuple(in_story_order(order_of(row) for row in rows)),
            fills=tuple(fill_of(row) for row in fills),
            commanded_at=int(commanded_at),
        )
