"""Alerts in the ledger, and what the ledger knows that wakes a person.

A watcher must see that the ledger does not answer, so it asks on a connection of its own that waits three seconds, not
on the pool that trades use.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import asyncpg
import msgspec

from domain.alerts import Alert, Trouble
from domain.troubles import BURST_WINDOW, Refusals, burst, compared, fault, halted, orphan, stuck
from ledger import reads, workflow_faults
from ledger.codec import rows_json
from ledger.faults import translated
from ledger.overview import Overview, overview
from ledger.standing import alert_of, last_compared, stuck_trades

_PATIENCE_S = 3.0
_FAST = "fill_or_kill_insufficient_resting_volume"  # a quote that was gone: no refusal that anybody is woken for

_RECORD = """
INSERT INTO alerts SELECT * FROM jsonb_populate_recordset(NULL::alerts, $1::jsonb)
ON CONFLICT (id) DO UPDATE SET
    last_seen   = GREATEST(alerts.last_seen, excluded.last_seen),
    resolved_at = COALESCE(alerts.resolved_at, excluded.resolved_at),
    delivery    = CASE excluded.delivery WHEN '' THEN alerts.delivery ELSE excluded.delivery END"""

_LIST = """
SELECT * FROM alerts WHERE NOT $1 OR resolved_at IS NULL
 ORDER BY resolved_at IS NULL DESC, raised_at DESC, id LIMIT $2"""

_REFUSED = """
SELECT venue, count(*)::int AS n, mode() WITHIN GROUP (ORDER BY code) AS code FROM orders
 WHERE verdict = 'rejected' AND first_sent_at > $1 AND code <> $2 GROUP BY venue"""


class AlertLedger:
    """One connection, opened when it is needed and given up at the first trouble. Raises `Unavailable` in time."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: asyncpg.Connection[Any] | None = None

    async def troubles(self, now: int, longest: int) -> list[Trouble]:
        """What the ledger shows at `now` (µs); `longest` may lie between two reconciliations."""
        connection = await self._connected()
        with self._given_up(), translated():
            found = [stuck(one) for one in await stuck_trades(connection)]
            found += [fault(one) for one in await workflow_faults.standing(connection)]
            found += [one for one in map(halted, await reads.halts(connection)) if one is not None]
            last = await last_compared(connection)
            if last is not None:
                found += [one for one in map(orphan, last.findings) if one is not None]
                found += compared(last.at, last.unreached, now, longest)
            rows = await connection.fetch(_REFUSED, now - BURST_WINDOW, _FAST)
            return found + burst(Refusals(row["venue"], row["n"], row["code"]) for row in rows)

    async def record(self, alerts: Iterable[Alert]) -> None:
        """Once each, however often; a resolved one stays so."""
        rows = [msgspec.to_builtins(alert) for alert in alerts]
        if rows:
            connection = await self._connected()
            with self._given_up(), translated():
                await connection.execute(_RECORD, rows_json(*rows))

    async def alerts(self, *, only_open: bool = False, limit: int = 100) -> tuple[Alert, ...]:
        """Open ones first, each part with the newest first."""
        connection = await self._connected()
        with self._given_up(), translated():
            return tuple(alert_of(row) for row in await connection.fetch(_LIST, only_open, limit))

    async def overview(self, now: int) -> Overview:
        """What a person wants to know first, at `now` (µs)."""
        connection = await self._connected()
        with self._given_up(), translated():
            return await overview(connection, now)

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    async def _connected(self) -> asyncpg.Connection[Any]:
        if self._connection is None or self._connection.is_closed():
            with translated():
                self._connection = await asyncpg.connect(
                    self._dsn, timeout=_PATIENCE_S, command_timeout=_PATIENCE_S, statement_cache_size=0
                )
        return self._connection

    def _given_up(self) -> _GivenUp:
        return _GivenUp(self)

    def give_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()


class _GivenUp:
    """A connection that failed is not used again: one to a server that froze would answer late, and wrongly."""

    def __init__(self, ledger: AlertLedger) -> None:
        self._ledger = ledger

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if kind is not None:
            self._ledger.give_up()
