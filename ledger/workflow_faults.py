"""Trades whose workflow cannot go on, as the ledger keeps them: one row a fault, from when it was first seen until the
trade moved again."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager
from typing import Any

from domain.workflow_fault import MOST_TEXT, FaultKind, FaultSource, WorkflowFault
from ledger.codec import Row, rows_json
from ledger.connection import Connection

# Seen again, a standing fault keeps when and by whom it was first seen; what was not told now stays as it was known.
_RECORD = """
INSERT INTO workflow_faults SELECT * FROM jsonb_populate_recordset(NULL::workflow_faults, $1::jsonb)
ON CONFLICT (intent_id, kind) WHERE cleared_at IS NULL DO UPDATE SET
    build     = excluded.build,
    text      = CASE excluded.text WHEN '' THEN workflow_faults.text ELSE excluded.text END,
    attempt   = CASE excluded.attempt WHEN 0 THEN workflow_faults.attempt ELSE excluded.attempt END,
    markets   = CASE excluded.markets WHEN '[]' THEN workflow_faults.markets ELSE excluded.markets END,
    last_seen = GREATEST(workflow_faults.last_seen, excluded.last_seen)
RETURNING (xmax = 0)"""

_CLEAR = """
WITH cleared AS (
    UPDATE workflow_faults SET cleared_at = $3 WHERE intent_id = $1 AND kind = $2 AND cleared_at IS NULL RETURNING 1
)
SELECT COUNT(*) FROM cleared"""

_STANDING = "SELECT * FROM workflow_faults WHERE cleared_at IS NULL ORDER BY first_seen, intent_id, kind"
_OF_TRADE = "SELECT * FROM workflow_faults WHERE intent_id = $1 ORDER BY first_seen, kind"


class FaultStore(ABC):
    """This half of `ledger.store.Ledger`; see `ledger.port.FaultLedger`."""

    @abstractmethod
    async def _write(self, statement: str, *arguments: Any) -> Any: ...

    @abstractmethod
    def _connection(self) -> AbstractAsyncContextManager[Connection]: ...

    async def record_fault(self, fault: WorkflowFault) -> bool:
        return bool(await self._write(_RECORD, rows_json(fault_row(fault))))

    async def clear_fault(self, intent_id: str, kind: FaultKind, at: int) -> bool:
        return bool(await self._write(_CLEAR, intent_id, kind, at))

    async def workflow_faults(self) -> tuple[WorkflowFault, ...]:
        async with self._connection() as connection:
            return await standing(connection)


async def standing(connection: Connection) -> tuple[WorkflowFault, ...]:
    return tuple(fault_of(row) for row in await connection.fetch(_STANDING))


async def of_trade(connection: Connection, intent_id: str) -> tuple[WorkflowFault, ...]:
    """Every one the trade ever had, oldest first."""
    return tuple(fault_of(row) for row in await connection.fetch(_OF_TRADE, intent_id))


def bounded(fault: WorkflowFault) -> str:
    """Its text as it is kept. Postgres takes no NUL."""
    return fault.text.replace("\x00", "\N{REPLACEMENT CHARACTER}")[:MOST_TEXT]


def fault_row(fault: WorkflowFault) -> dict[str, Any]:
    return {
        "intent_id": fault.intent_id,
        "kind": fault.kind,
        "build": fault.build,
        "source": fault.source,
        "text": bounded(fault),
        "attempt": fault.attempt,
        "markets": list(fault.markets),
        "first_seen": fault.first_seen,
        "last_seen": fault.last_seen,
        "cleared_at": fault.cleared_at,
    }


def fault_of(row: Row) -> WorkflowFault:
    markets = row["markets"]  # the driver hands JSON over as text, a function's answer as what it holds
    return WorkflowFault(
        intent_id=row["intent_id"],
        kind=FaultKind(row["kind"]),
        build=row["build"],
        source=FaultSource(row["source"]),
        text=row["text"],
        attempt=row["attempt"],
        markets=tuple(json.loads(markets) if isinstance(markets, str) else markets),
        first_seen=row["first_seen"],
        last_seen=row["last_seen"],
        cleared_at=row["cleared_at"],
    )
