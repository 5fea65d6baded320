"""Numbered migrations: once each, in order, by any number of processes; history is not rewritten."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace

import asyncpg
import pytest

from domain.errors import BadInput, Unavailable
from ledger.migrate import Migration, migrate, shipped
from ledger.store import Ledger


@pytest.fixture
async def empty(postgres_dsn: str) -> str:
    """The module's database with nothing in it."""
    connection = await asyncpg.connect(postgres_dsn)
    await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await connection.close()
    return postgres_dsn


async def test_a_second_run_applies_nothing(empty: str) -> None:
    assert await migrate(empty) == len(shipped())
    assert await migrate(empty) == 0


async def test_processes_that_start_together_apply_each_migration_once(empty: str) -> None:
    assert sorted(await asyncio.gather(*(migrate(empty) for _ in range(5)))) == [0, 0, 0, 0, len(shipped())]


def test_the_numbers_of_the_shipped_migrations_have_no_gap() -> None:
    assert [migration.version for migration in shipped()] == list(range(1, len(shipped()) + 1))


async def test_a_new_migration_is_applied_on_top_of_what_is_there(empty: str) -> None:
    first = Migration(1, "0001_a.sql", "CREATE TABLE a (n INTEGER); INSERT INTO a VALUES (7)")
    second = Migration(2, "0002_b.sql", "CREATE TABLE b AS SELECT n + 1 AS n FROM a")
    assert [await migrate(empty, [first]), await migrate(empty, [first, second])] == [1, 1]
    connection = await asyncpg.connect(empty)
    assert await connection.fetchval("SELECT n FROM b") == 8
    await connection.close()


async def test_an_applied_migration_that_changed_is_refused_by_name(empty: str) -> None:
    first = Migration(1, "0001_a.sql", "CREATE TABLE a (n INTEGER)")
    await migrate(empty, [first])
    with pytest.raises(BadInput, match=r"0001_a\.sql.*must not change") as refusal:
        await migrate(empty, [replace(first, sql="CREATE TABLE a (n BIGINT)")])
    assert refusal.value.code == "ledger_migration_changed"


async def test_a_database_of_a_newer_program_is_refused(empty: str) -> None:
    first, second = (Migration(n, f"000{n}_t.sql", f"CREATE TABLE t{n} ()") for n in (1, 2))
    await migrate(empty, [first, second])
    with pytest.raises(BadInput, match=r"0002_t\.sql.*upgrade") as refusal:
        await migrate(empty, [first])
    assert refusal.value.code == "ledger_newer"


async def test_a_migration_that_fails_leaves_nothing_of_itself_or_of_those_before_it(empty: str) -> None:
    good = Migration(1, "0001_a.sql", "CREATE TABLE a ()")
    bad = Migration(2, "0002_b.sql", "CREATE TABLE b (); SELECT 1 / 0")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(empty, [good, bad])
    connection = await asyncpg.connect(empty)
    assert await connection.fetchval("SELECT COUNT(*) FROM pg_tables WHERE schemaname = 'public'") == 0
    await connection.close()


async def test_a_ledger_without_migrations_says_what_to_do(empty: str) -> None:
    with pytest.raises(BadInput, match="apply the migrations"):
        await Ledger.connect(empty)


async def test_a_server_that_is_not_there_is_unavailable_and_its_password_stays_secret() -> None:
    with socket.socket() as bound:  # bound and not listening: nobody answers on this port
        bound.bind(("127.0.0.1", 0))
        await _nobody_answers(bound.getsockname()[1])


async def _nobody_answers(port: int) -> None:
    dsn = f"postgresql://surefoot:hunter2@127.0.0.1:{port}/ledger"
    for attempt in (migrate, Ledger.connect):
        with pytest.raises(Unavailable, match="could not be asked") as failure:
            await attempt(dsn)
        assert "hunter2" not in str(failure.value)


async def test_a_database_that_does_not_exist_is_bad_input(empty: str) -> None:
    elsewhere = empty.replace("/test_", "/no_such_")
    with pytest.raises(BadInput, match="no_such_"):
        await migrate(elsewhere)
