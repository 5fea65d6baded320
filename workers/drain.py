"""An old version's worker, kept beside the new one until its last trade has ended:

    python -m workers.drain --state-dir DIR

It takes no new trade, opens no port, and ends by itself (exit code 0) once no open trade is pinned to its build. DIR is
a copy of the state folder's `settings.json`, `stack.json` and keys from before the upgrade; see docs/versions.md.
"""

from __future__ import annotations

import asyncio

import structlog
from temporalio.service import RPCError

from workers.local.layout import Stack
from workers.process import child_main, until_told_to_stop
from workers.trading import trading
from workers.versions.build import build_id
from workers.versions.deployment import open_trades

log = structlog.get_logger(__name__)

_LOOK_S = 5.0
_SURE = 3  # looks in a row that find nothing: the index of open trades lags a little


async def run(stack: Stack) -> None:
    """Works until the last trade of this build has ended, or until SIGTERM."""
    build = build_id()
    async with until_told_to_stop() as stop, trading(stack, takes_over=False, draining=True) as desk:
        log.info("draining", build=build)
        empty = 0
        while not stop.is_set() and empty < _SURE:
            try:
                left = [trade async for trade in open_trades(desk.client, only=build)]
            except RPCError as away:
                log.info("Temporal away; draining goes on", error=away.message)
            else:
                empty = 0 if left else empty + 1
                log.info("trades left on this version", build=build, left=len(left))
            try:
                async with asyncio.timeout(_LOOK_S):
                    await stop.wait()
            except TimeoutError:
                continue
        log.info("drained" if empty else "stopping; finishing what is in flight", build=build)


if __name__ == "__main__":
    child_main("drain", run, __doc__)
