"""Pages of this stack's own processes, as a command asks for them: over the wire every venue is asked over.

Whoever listens on the port, an answer ends with its time and its size, and nothing is unpacked that was not asked for.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from venues.wire import Answer


_MOST_BYTES = 256 << 20  # the paper exchange's audit of some hundred thousand orders


class NoAnswer(Exception):
    """No whole answer came back; the text says of what kind the failure was."""


def ask(method: str, url: str, *, timeout: float, body: Any = None) -> Answer:
    """Ask once, with `body` as JSON if there is one. Raises `NoAnswer`."""
    import asyncio  # noqa: PLC0415 - as the line below: a command that asks no page does without

    with ThreadPoolExecutor(1) as thread:  # the caller may stand on a loop of its own
        return thread.submit(asyncio.run, _asked(method, url, timeout, body)).result()


async def _asked(method: str, url: str, timeout: float, body: Any) -> Answer:
    from venues.wire import HttpWire, Timeouts, WireFailure  # noqa: PLC0415 - the same

    origin, slash, path = url.partition("://")[2].partition("/")
    wire = HttpWire(
        "This stack",
        f"{url.partition('://')[0]}://{origin}",
        timeouts=Timeouts(connect=min(2.0, timeout)),
        most_bytes=_MOST_BYTES,
    )
    try:
        return await wire.exchange(
            method,
            slash + path,
            timeout=timeout,
            content=None if body is None else json.dumps(body).encode(),
            headers=None if body is None else {"Content-Type": "application/json"},
        )
    except WireFailure as failure:
        raise NoAnswer(str(failure)) from None
    finally:
        await wire.close()
