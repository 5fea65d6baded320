"""A state folder that the embedded Postgres can reach, also under root: pytest's own lies behind a closed folder."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def state_dir() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="surefoot-test-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)
