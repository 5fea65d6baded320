"""What reads and writes are given: one connection of asyncpg, a pool's or its own."""

from __future__ import annotations

from typing import TypeAlias

import asyncpg

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
