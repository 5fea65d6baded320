"""A state folder that the embedded Postgres can reach, also under root: pytest's own lies behind a closed folder."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import cli.recorded  # noqa: F401 - bound to the real ledger before a test puts another in its place
from proof.chaos.system import survivors
from tests.workers.hosted import Hosted
from workers.local.processes import wait_ended


@pytest.fixture
def state_dir() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="surefoot-test-"))
    folder.chmod(0o711)
    yield folder
    wait_ended(survivors(folder), 10)  # the children of a killed Postgres outlive it for a moment, and write
    shutil.rmtree(folder)


@pytest.fixture
def hosted(tmp_path: Path) -> Iterator[Callable[..., Hosted]]:
    """Starts supervisors in one folder, and ends them and what they started."""
    started: list[Hosted] = []

    def start(*names: str) -> Hosted:
        started.append(Hosted(tmp_path, *names))
        return started[-1]

    yield start
    for item in started:
        item.close()
