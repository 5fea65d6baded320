"""Commands are asked of the same state folders as processes run in."""

from __future__ import annotations

from tests.workers.conftest import hosted, state_dir

__all__ = ["hosted", "state_dir"]
