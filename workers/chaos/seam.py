"""The one place where production meets chaos: inert unless the environment names a plan, refused in mode live."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from domain.errors import BadInput

if TYPE_CHECKING:
    from temporalio.worker import Worker

    from workers.stack.layout import Stack

PLAN_VARIABLE = "CHAOS_PLAN"

Desk = TypeVar("Desk")


def tapped(stack: Stack, desk: Desk) -> Desk:
    """`desk` (client, venues, ledger) as it is; with a plan, with every call of them a point where to die.

    Raises `BadInput` if a plan is set and the stack is live.
    """
    if PLAN_VARIABLE not in os.environ:
        return desk
    if stack.live:
        raise BadInput(
            f"{PLAN_VARIABLE} is set, which kills this process on purpose, and mode is live; unset it", "chaos"
        )
    from workers.chaos import taps  # noqa: PLC0415 - not even loaded where no plan is set

    parts: Any = desk
    tapped_desk: Desk = replace(
        parts,
        client=taps.tapped_client(parts.client),
        venues={name: taps.Tapped(client, "venue") for name, client in parts.venues.items()},
        ledger=taps.Tapped(parts.ledger, "ledger"),
    )
    return tapped_desk


def watched(worker: Worker) -> Worker:
    """The same for what a worker reports to Temporal. Call after `tapped`."""
    if PLAN_VARIABLE not in os.environ:
        return worker
    from workers.chaos import taps  # noqa: PLC0415

    return taps.watched(worker)
