"""The door as a process of the stack: `python -m workers.ui_door.process --state-dir DIR`."""

from __future__ import annotations

import logging

import structlog

from workers.local.layout import Stack
from workers.local.ports import HOST
from workers.local.temporal import find_binary
from workers.process import child_main, until_told_to_stop
from workers.ui_door.door import Door
from workers.ui_door.keys import ensure_door_keys
from workers.ui_door.pages import Pages, pages_of
from workers.ui_door.tokens import TokenFolder

log = structlog.get_logger(__name__)


async def run(stack: Stack) -> None:
    """Serves until SIGTERM."""
    # It writes what it cannot parse with a traceback each: a stranger's bytes, as many as he likes.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    layout = stack.layout
    keys = ensure_door_keys(layout)
    binary = find_binary(stack.settings.temporal.binary)

    async def pages() -> Pages:
        return await pages_of(binary, layout.ui, keys.path)

    door = Door(keys, TokenFolder(layout.ui_tokens), pages, f"http://{HOST}:{stack.ports['temporal_http']}")
    async with until_told_to_stop() as stop:
        runner = await door.listen(HOST, stack.ports["temporal_ui"])
        log.info("the door to the Temporal UI is open", port=stack.ports["temporal_ui"])
        try:
            await stop.wait()
        finally:
            await runner.cleanup()


if __name__ == "__main__":
    child_main("ui_door", run, __doc__)
