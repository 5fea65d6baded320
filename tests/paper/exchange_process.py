"""A paper exchange as a process of its own, for tests that kill it: `python exchange_process.py STATE_DIR PEM_FILE`.

Prints its port once it answers. Plays the sample session.
"""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from pathlib import Path
from typing import Any

from paper.server import PaperConfig, PaperServer, serve


def sample() -> Any:
    """The module beside this one, by its place: a `tests` package of an installed library may hide ours."""
    found = importlib.util.spec_from_file_location("sample", Path(__file__).with_name("sample.py"))
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules["sample"] = module
    found.loader.exec_module(module)
    return module


def ready(server: PaperServer) -> None:
    print(server.port, flush=True)  # noqa: T201 - the parent reads it


if __name__ == "__main__":
    beside = sample()
    config = PaperConfig(state_dir=Path(sys.argv[1]), api_keys={beside.KEY_ID: Path(sys.argv[2]).read_text()})
    asyncio.run(serve(config, ready, open_session=lambda _: beside.session()))
