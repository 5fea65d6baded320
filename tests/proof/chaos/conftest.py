"""One real stack for all crash tests: starting one costs seconds, killing it is what they are about."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from proof.chaos import books
from proof.chaos.system import System, clear_away, survivors
from recording.sources import session_file

CROWD = 20


@contextmanager
def state_folder() -> Iterator[Path]:
    """A state folder that the embedded Postgres can reach, also under root; all that runs in it ends with it."""
    path = Path(tempfile.mkdtemp(prefix="surefoot-crash-"))
    path.chmod(0o711)
    try:
        yield path
    finally:
        clear_away(path)
        left = survivors(path)
        shutil.rmtree(path, ignore_errors=True)
    assert left == []


@pytest.fixture
def folder() -> Iterator[Path]:
    with state_folder() as path:
        yield path


@pytest.fixture(scope="module")
async def system() -> AsyncIterator[System]:
    """Up and playing the calm pair. Ingest takes only what is worth 20 cents a share, so nothing of that.

    The limits that a slow machine would meet are wide: they have tests of their own.
    """
    env = {
        "SUREFOOT_PAPER__RUDENESS": "0",
        "SUREFOOT_STRATEGY__MARGIN": "0.2",
        "SUREFOOT_STRATEGY__MAX_SIZE": "10",
        "SUREFOOT_STRATEGY__TTL_MS": "60000",
        "SUREFOOT_GATES__MAX_BOOK_AGE_MS": "60000",
        "SUREFOOT_GATES__MAX_SKEW_MS": "60000",
        "SUREFOOT_GATES__MAX_LAG_MS": "60000",
        "SUREFOOT_ADMISSION__MOST_TRADING": "null",  # trades are held half-way by the dozen
        "SUREFOOT_ADMISSION__HEDGE_WAIT_MS": "null",
        "SUREFOOT_KALSHI__READ_TIMEOUT_MS": "14000",
    }
    with state_folder() as path:
        session_file.write(books.session("calm"), path / "calm.session.jsonl.gz")
        crowd = books.session("crowd", [f"DECIDED-{n:02d}" for n in range(CROWD)])
        session_file.write(crowd, path / "crowd.session.jsonl.gz")
        running = System(path, env)
        await running.up()
        await running.ask("POST", "/play", {"recording": str(path / "calm.session.jsonl.gz")})
        yield running
