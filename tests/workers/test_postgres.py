"""The embedded Postgres keeps its data through every way of dying."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from domain.errors import BadInput, Unavailable
from tests.patience import PATIENCE_S
from workers.local.layout import Layout
from workers.local.ports import free_port
from workers.local.postgres import AWAY, EmbeddedPostgres, check_server
from workers.local.supervisor import RestartPolicy, Supervisor

pytestmark = pytest.mark.stack


class Server:
    """The embedded server under a supervisor of its own."""

    def __init__(self, folder: Path) -> None:
        self.layout = Layout(folder)
        self.layout.prepare()
        self.port = free_port(set())
        self.lines: list[str] = []

    async def start(self) -> None:
        self.stopping, ready = asyncio.Event(), asyncio.Event()
        postgres = EmbeddedPostgres(self.layout, self.port, self.lines.append)
        self.data = postgres.data
        supervisor = Supervisor(
            [postgres.spec()],
            say=self.lines.append,
            changed=lambda records: None,
            ready=ready.set,
            policy=RestartPolicy(first_wait=0.01),
        )
        self.task = asyncio.create_task(supervisor.run(self.stopping))
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait([self.task, waiting], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self.task.done():
            self.task.result()

    async def stop(self) -> None:
        self.stopping.set()
        await self.task

    @property
    def dsn(self) -> str:
        password = self.layout.postgres_password.read_text()
        return f"postgresql://surefoot:{password}@127.0.0.1:{self.port}/surefoot?sslmode=disable"

    async def execute(self, statement: str) -> object:
        """Runs it as soon as the server answers."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    connection = await asyncpg.connect(self.dsn)
                except AWAY:
                    await asyncio.sleep(0.05)
                    continue
                try:
                    return await connection.fetchval(statement)
                finally:
                    await connection.close()

    def postmaster(self) -> int:
        return int((self.data / "postmaster.pid").read_text().splitlines()[0])


@pytest.fixture
async def server(state_dir: Path) -> AsyncIterator[Server]:
    running = Server(state_dir)
    await running.start()
    yield running
    if not running.task.done():
        await running.stop()


async def test_what_was_committed_survives_a_stop_and_every_kind_of_kill(server: Server) -> None:
    await server.execute("CREATE TABLE kept (n int)")
    await server.execute("INSERT INTO kept VALUES (1)")

    await server.stop()
    assert not server.stopping.is_set() or server.task.done()
    await server.start()
    assert await server.execute("SELECT sum(n) FROM kept") == 1

    first = server.postmaster()
    os.kill(first, signal.SIGKILL)
    await server.execute("INSERT INTO kept VALUES (2)")
    assert server.postmaster() != first

    # Everything of it at once, while a session is open.
    connection = await asyncpg.connect(server.dsn)
    second = psutil.Process(server.postmaster())
    for process in (second, *second.children(recursive=True)):
        process.kill()
    connection.terminate()
    assert await server.execute("SELECT sum(n) FROM kept") == 3


async def test_a_server_that_dies_in_the_middle_of_a_greeting_is_away_and_nothing_worse(
    state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its supervisor asks for its health, and would end with any other error."""

    async def connect(*_: object, **__: object) -> None:
        raise asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress")

    layout = Layout(state_dir)
    layout.prepare()
    layout.postgres_password.write_text("secret")
    monkeypatch.setattr(asyncpg, "connect", connect)
    postgres = EmbeddedPostgres(layout, 1, print)
    assert await postgres.healthy() is False
    with pytest.raises(Unavailable):
        await postgres.create_database()
    with pytest.raises(Unavailable):
        await check_server("postgresql://surefoot:secret@127.0.0.1:1/surefoot")


async def test_a_stale_pid_file_that_names_a_foreign_process_is_cleared_and_the_process_left_alone(
    server: Server,
) -> None:
    await server.stop()
    (server.data / "postmaster.pid").write_text(
        f"{os.getpid()}\n{server.data}\n0\n{server.port}\n\n127.0.0.1\n\nready\n"
    )
    await server.start()
    assert await server.execute("SELECT 1") == 1


async def test_an_orphaned_server_is_ended_before_the_next_starts(server: Server, state_dir: Path) -> None:
    """As after a kill -9 of the supervisor: the server still runs, nobody holds its handle."""
    orphan = psutil.Process(server.postmaster())
    other = EmbeddedPostgres(server.layout, server.port, server.lines.append)
    await other.prepare()
    assert not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE
    assert any("left by a former postgres" in line for line in server.lines)


async def test_only_those_who_know_the_password_get_in(server: Server) -> None:
    wrong = server.dsn.replace(server.layout.postgres_password.read_text(), "wrong")
    with pytest.raises(BadInput, match=r"postgres\.dsn") as caught:
        await check_server(wrong)
    assert "wrong" not in caught.value.message
    await check_server(server.dsn)


async def test_it_listens_on_loopback_alone_and_writes_through(server: Server) -> None:
    assert await server.execute("SHOW listen_addresses") == "127.0.0.1"
    assert await server.execute("SHOW unix_socket_directories") == ""
    assert await server.execute("SHOW fsync") == "on"
    assert await server.execute("SHOW synchronous_commit") == "on"


async def test_a_lost_password_file_is_told_before_anything_starts(server: Server) -> None:
    await server.stop()
    server.layout.postgres_password.unlink()
    with pytest.raises(BadInput, match=r"postgres\.password is gone"):
        await server.start()


async def test_a_server_that_does_not_answer_is_unavailable_without_its_dsn_in_the_message() -> None:
    with pytest.raises(Unavailable) as caught:
        await check_server(f"postgresql://me:hunter2@127.0.0.1:{free_port(set())}/x")
    assert "hunter2" not in caught.value.message
    assert "postgres.dsn" in caught.value.message
