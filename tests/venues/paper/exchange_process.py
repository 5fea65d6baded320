"""A paper exchange as a process of its own, for tests that kill it: `python exchange_process.py STATE_DIR PEM_FILE`.

Prints its port once it answers. Plays the sample session.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.venues.paper.sample import KEY_ID, session
from venues.paper.server import PaperConfig, PaperServer, serve


def ready(server: PaperServer) -> None:
    print(server.port, flush=True)  # noqa: T201 - the parent reads it


if __name__ == "__main__":
    config = PaperConfig(state_dir=Path(sys.argv[1]), api_keys={KEY_ID: Path(sys.argv[2]).read_text()})
    asyncio.run(serve(config, ready, open_session=lambda _: session()))
