"""What a person wants to know first, in one read: what is open, stuck, unhedged, earned today, free, compared, told."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from domain.alerts import Alert
from domain.exposure import unhedged_notional
from domain.halt import Halt
from domain.troubles import Stuck
from domain.workflow_fault import WorkflowFault
from ledger import reads, workflow_faults
from ledger.connection import Connection
from ledger.standing import Compared, alert_of, last_compared, stuck_trades

_MOST_ALONE = 50
_DAY = 86_400_000_000
_AT_WORK = """
SELECT intent_id, residual FROM trades_now WHERE state NOT IN ('SETTLING', 'CLOSED')
 ORDER BY residual DESC, intent_id"""
_TODAY = """
SELECT coalesce(sum(t.pnl), 0) FROM trades t JOIN intents i USING (intent_id)
 WHERE t.state IN ('SETTLING', 'CLOSED') AND i.decided_at >= $1"""
_LAST_ALERT = "SELECT * FROM alerts ORDER BY raised_at DESC, id LIMIT 1"


@dataclass(frozen=True, slots=True)
class Overview:
    """`trading` are trades that buy and sell, `settling` those whose markets have yet to pay. Dollars: `unhedged` at
    what it was bought for, `today` the certain P&L of trades decided since midnight UTC, `free` over all venues, None
    where one has no opening balance."""

    trading: int
    settling: int
    stuck: tuple[Stuck, ...]
    faults: tuple[WorkflowFault, ...]
    halts: tuple[Halt, ...]
    unhedged: Decimal
    today: Decimal
    free: Decimal | None
    compared: Compared | None
    last_alert: Alert | None


async def overview(connection: Connection, now: int) -> Overview:
    """At `now`, wall-clock microseconds."""
    at_work = await connection.fetch(_AT_WORK)
    unhedged = Decimal(0)
    for row in at_work[:_MOST_ALONE]:
        if row["residual"]:
            story = await reads.story(connection, row["intent_id"])
            unhedged += unhedged_notional(story.intent, story.fills)
    free = [venue.free for venue in await reads.capital(connection)]
    last = await connection.fetchrow(_LAST_ALERT)
    return Overview(
        trading=len(at_work),
        settling=await connection.fetchval("SELECT count(*) FROM trades WHERE state = 'SETTLING'"),
        stuck=await stuck_trades(connection),
        faults=await workflow_faults.standing(connection),
        halts=await reads.halts(connection),
        unhedged=unhedged,
        today=await connection.fetchval(_TODAY, now - now % _DAY),
        free=None if None in free else sum((each for each in free if each is not None), Decimal(0)),
        compared=await last_compared(connection),
        last_alert=None if last is None else alert_of(last),
    )
