"""What stands in the ledger that a person may be asked for: stuck trades, the last comparison; and alerts as rows."""

from __future__ import annotations

from dataclasses import dataclass

import asyncpg
import msgspec

from domain.alerts import Alert
from domain.reconcile import Finding
from domain.troubles import Stuck
from ledger.connection import Connection

_MOST_STUCK = 200
_STUCK = """
SELECT t.intent_id, i.pair, t.residual, t.at FROM trades t JOIN intents i USING (intent_id)
 WHERE t.state = 'STUCK' ORDER BY t.at, t.intent_id LIMIT $1"""

_COMPARED = """
SELECT venue, at, unreached, findings FROM reconciliations
 WHERE id = (SELECT id FROM reconciliations WHERE venue = '' ORDER BY at DESC, id DESC LIMIT 1)"""

_KNOWN_SINCE = "SELECT known_as FROM acknowledgements WHERE at >= $1"
_FINDINGS = msgspec.json.Decoder(tuple[Finding, ...])


@dataclass(frozen=True, slots=True)
class Compared:
    """The last reconciliation: when (µs), and what it found that nobody has acknowledged since."""

    at: int
    unreached: dict[str, str]
    findings: tuple[Finding, ...]


async def stuck_trades(connection: Connection) -> tuple[Stuck, ...]:
    rows = await connection.fetch(_STUCK, _MOST_STUCK)
    return tuple(Stuck(row["intent_id"], row["pair"], row["residual"], row["at"]) for row in rows)


async def last_compared(connection: Connection) -> Compared | None:
    rows = await connection.fetch(_COMPARED)
    if not rows:
        return None
    at = max(row["at"] for row in rows)
    known = {row["known_as"] for row in await connection.fetch(_KNOWN_SINCE, at)}
    findings = tuple(one for row in rows for one in _FINDINGS.decode(row["findings"]) if one.known_as not in known)
    return Compared(at, {row["venue"]: row["unreached"] for row in rows if row["unreached"] is not None}, findings)


def alert_of(row: asyncpg.Record) -> Alert:
    return msgspec.convert(dict(row), Alert)
