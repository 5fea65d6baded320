"""What ingest does about a supervisor that died: it ends, so that no new trade opens where nobody looks."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping

import structlog

from workers.local.processes import SUPERVISOR_VARIABLE

log = structlog.get_logger(__name__)

ALONE_S = 60.0
_LOOK_S = 1.0


async def unsupervised(
    environ: Mapping[str, str] = os.environ,
    *,
    parent: Callable[[], int] = os.getppid,
    alone_s: float = ALONE_S,
    look_s: float = _LOOK_S,
) -> None:
    """Returns once the supervisor that started this process has been gone for `alone_s`.

    A parent that ends hands its children to another: no clock and no file is needed to see it. Never returns in a
    process that something else started, such as systemd, which looks after it in its own way."""
    supervisor = environ.get(SUPERVISOR_VARIABLE, "")
    since: float | None = None
    while not supervisor or since is None or time.monotonic() - since < alone_s:
        await asyncio.sleep(look_s)
        if supervisor and since is None and str(parent()) != supervisor:
            since = time.monotonic()
            log.error("nobody supervises any more", supervisor=int(supervisor), ends_in_s=alone_s)
