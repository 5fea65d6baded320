"""Numbered migrations: applied in order, once, in one transaction under an advisory lock, each with its checksum.

A migration that was applied is history: changing its file is refused, a new number is the way. A database written
by a newer program is refused too, because an older one cannot know what its tables mean.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

import asyncpg

from domain.errors import BadInput
from ledger.faults import translated

_LOCK = 7_306_118_421  # any number no other program on this database takes
_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")

_CREATE = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    version    INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,
    sha256     TEXT NOT NULL,
    applied_at BIGINT NOT NULL
)"""


@dataclass(frozen=True, slots=True)
class Migration:
    version: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def shipped() -> tuple[Migration, ...]:
    """The migrations of this program, in order."""
    files = (entry for entry in resources.files("ledger").joinpath("migrations").iterdir())
    named = ((match, entry) for entry in files if (match := _NAME.fullmatch(entry.name)))
    found = (Migration(int(match[1]), entry.name, entry.read_text("utf-8")) for match, entry in named)
    return tuple(sorted(found, key=lambda migration: migration.version))


async def migrate(dsn: str, migrations: Sequence[Migration] | None = None) -> int:
    """Bring the database to this program's schema; returns how many migrations were applied.

    Any number of processes may do so at once. Raises `BadInput` for a changed or unknown applied migration,
    `Unavailable` when Postgres cannot be reached.
    """
    wanted = shipped() if migrations is None else tuple(migrations)
    with translated():
        connection = await asyncpg.connect(dsn, timeout=10)
        try:
            async with connection.transaction():
                await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
                return await _apply(connection, wanted)
        finally:
            await connection.close(timeout=5)


async def _apply(connection: asyncpg.Connection[asyncpg.Record], wanted: Sequence[Migration]) -> int:
    if not await connection.fetchval("SELECT to_regclass('schema_migrations') IS NOT NULL"):
        await connection.execute(_CREATE)
    rows = await connection.fetch("SELECT version, name, sha256 FROM schema_migrations ORDER BY version")
    applied = {row["version"]: row for row in rows}
    known = {migration.version: migration for migration in wanted}
    newest = max(known, default=0)
    if unknown := [row["name"] for version, row in applied.items() if version not in known]:
        raise BadInput(
            f"the ledger's database holds migration {', '.join(unknown)}, this program knows only up to {newest:04}: "
            "the database was written by a newer version; upgrade this program or use another database",
            "ledger_newer",
        )
    pending = 0
    for migration in wanted:
        row = applied.get(migration.version)
        if row is None:
            await connection.execute(migration.sql)
            await connection.execute(
                "INSERT INTO schema_migrations VALUES ($1, $2, $3, $4)",
                migration.version,
                migration.name,
                migration.sha256,
                time.time_ns() // 1000,
            )
            pending += 1
        elif row["sha256"] != migration.sha256:
            raise BadInput(
                f"migration {migration.name} was applied as {row['sha256'][:12]}, its file is now "
                f"{migration.sha256[:12]}: an applied migration must not change; restore the file, add a new number",
                "ledger_migration_changed",
            )
    return pending
