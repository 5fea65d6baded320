"""Which run of which workflow opened a trade, as the ledger keeps it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

from ledger.codec import intent_of
from ledger.port import Decided

if TYPE_CHECKING:
    from ledger.connection import Connection

_DECIDED = """
SELECT i.canonical, COALESCE(t.state = 'CLOSED', FALSE) AS closed, COALESCE(t.chain, '') AS chain
  FROM intents i LEFT JOIN trades t USING (intent_id) WHERE i.intent_id = $1"""

_TAKE_OVER = """
WITH taken AS (UPDATE trades SET chain = $2 WHERE intent_id = $1 AND state <> 'CLOSED' RETURNING 1)
SELECT COUNT(*) FROM taken"""


class OriginStore(ABC):
    """This half of `ledger.store.Ledger`; see `ledger.port.OriginLedger`."""

    @abstractmethod
    async def _write(self, statement: str, *arguments: Any) -> Any: ...

    @abstractmethod
    def _connection(self) -> AbstractAsyncContextManager[Connection]: ...

    async def decided(self, intent_id: str) -> Decided | None:
        async with self._connection() as connection:
            row = await connection.fetchrow(_DECIDED, intent_id)
        if row is None:
            return None
        return Decided(intent_of(row["canonical"]), closed=row["closed"], chain=row["chain"])

    async def take_over(self, intent_id: str, chain: str) -> bool:
        return bool(await self._write(_TAKE_OVER, intent_id, chain))
