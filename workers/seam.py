"""The one place where something may stand between a worker and the world: a plug-in that the environment asks for.

Nothing does, unless `PLAN_VARIABLE` is set, and never in mode live. The plug-in is whatever is installed as the entry
point `surefoot.seam`: an object with `tapped(desk)` and `watched(worker)`, which give back what they were given, with
something before and after each call. The chaos runs bring one that dies there.
"""

from __future__ import annotations

import os
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, TypeVar

from domain.errors import BadInput

if TYPE_CHECKING:
    from temporalio.worker import Worker

    from workers.local.layout import Stack

PLAN_VARIABLE = "CHAOS_PLAN"
GROUP = "surefoot.seam"

Desk = TypeVar("Desk")


def tapped(stack: Stack, desk: Desk) -> Desk:
    """`desk` (client, venues, ledger) as it is, or as the plug-in gives it back.

    Raises `BadInput` if one is asked for and the stack is live, or none is installed.
    """
    if PLAN_VARIABLE not in os.environ:
        return desk
    if stack.live:
        raise BadInput(
            f"{PLAN_VARIABLE} is set, which kills this process on purpose, and mode is live; unset it", "chaos"
        )
    given: Desk = _plugin().tapped(desk)
    return given


def watched(worker: Worker) -> Worker:
    """The same for what a worker reports to Temporal. Call after `tapped`."""
    if PLAN_VARIABLE not in os.environ:
        return worker
    given: Worker = _plugin().watched(worker)
    return given


def _plugin() -> Any:
    found = list(entry_points(group=GROUP))
    if len(found) != 1:
        raise BadInput(
            f"{PLAN_VARIABLE} is set and {len(found)} plug-ins are installed as {GROUP}; expected one", "chaos"
        )
    return found[0].load()
