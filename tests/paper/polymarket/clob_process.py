"""A paper exchange as a process of its own, for tests that kill it: `python clob_process.py STATE_DIR`.

Prints its port once it answers. Plays the rain session.
"""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from pathlib import Path
from typing import Any

from paper.polymarket.facade import PolymarketConfig
from paper.server import PaperConfig, PaperServer, serve


def beside(name: str) -> Any:
    """A module of this folder by its place: a `tests` package of an installed library may hide ours."""
    found = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module
    found.loader.exec_module(module)
    return module


def ready(server: PaperServer) -> None:
    print(server.port, flush=True)  # noqa: T201 - the parent reads it


if __name__ == "__main__":
    session = beside("clob").session
    side = PolymarketConfig(mine_after_ms=300, confirm_after_ms=300)
    config = PaperConfig(state_dir=Path(sys.argv[1]), api_keys={}, polymarket=side)
    asyncio.run(serve(config, ready, open_session=lambda _: session()))
