"""A state folder that the embedded Postgres can reach, also under root: pytest's own lies behind a closed folder."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from workers.chaos.system import survivors
from workers.stack.processes import wait_ended


@pytest.fixture
def state_dir() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="surefoot-test-"))
    folder.chmod(0o711)
    yield folder
    wait_ended(survivors(folder), 10)  # the children of a killed Postgres outlive it for a moment, and write
    shutil.rmtree(folder)
