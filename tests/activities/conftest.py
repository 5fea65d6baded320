"""A desk that reconciles; and quiet: activities log every order, in tests that would only be noise."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from domain.market import Venue
from ledger.migrate import migrate
from ledger.reconciliations import Reconciliations
from ledger.store import Ledger
from testing.ledger.memory import MemoryLedger
from testing.ledger.memory_reconciliations import MemoryReconciliations
from tests.activities.reconciling import Desk
from tests.ledger.samples import SECOND, START
from tests.quiet import quiet

__all__ = ["desk", "quiet"]

_TABLES = (
    "runs, intents, suppressions, trades, reservations, steps, orders, sends, fills, cash, "
    "halts, commands, redemptions, capital, accounts, reconciliations, acknowledgements, claims, rule_texts"
)


@pytest.fixture(params=["memory", "postgres"])
async def desk(request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    if request.param == "memory":
        memory = MemoryLedger()
        made = Desk(memory, MemoryReconciliations(memory))
        await memory.record_opening(Venue.KALSHI, await made.venue.cash(), START - SECOND)
        yield made
        return
    dsn = request.getfixturevalue("postgres_dsn")
    await migrate(dsn)
    connection = await asyncpg.connect(dsn)
    await connection.execute(f"TRUNCATE {_TABLES}")
    await connection.close()
    ledger, records = await Ledger.connect(dsn, min_size=1, max_size=2), await Reconciliations.connect(dsn)
    made = Desk(ledger, records)
    await ledger.record_opening(Venue.KALSHI, await made.venue.cash(), START - SECOND)
    yield made
    await records.close()
    await ledger.close()
