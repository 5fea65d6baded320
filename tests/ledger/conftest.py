"""Every ledger test runs twice: against Postgres and against the fake that ships beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from ledger.migrate import migrate
from ledger.store import Ledger
from testing.ledger.memory import MemoryLedger

TABLES = (
    "runs, intents, suppressions, trades, reservations, steps, orders, sends, fills, cash, "
    "halts, commands, redemptions, capital, accounts, claims, rule_texts, workflow_faults"
)


@pytest.fixture(params=["memory", "postgres"])
async def ledger(request: pytest.FixtureRequest) -> AsyncIterator[Ledger | MemoryLedger]:
    """An empty ledger."""
    if request.param == "memory":
        yield MemoryLedger()
        return
    dsn = request.getfixturevalue("postgres_dsn")
    await migrate(dsn)
    connection = await asyncpg.connect(dsn)
    await connection.execute(f"TRUNCATE {TABLES}")
    await connection.close()
    opened = await Ledger.connect(dsn, min_size=1, max_size=4)
    yield opened
    await opened.close()
