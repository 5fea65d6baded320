"""Trades whose workflow cannot go on, as `status`, `why`, `trades` and the commands tell of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from domain.errors import SurefootError

if TYPE_CHECKING:
    from domain.workflow_fault import WorkflowFault
    from workers.local.layout import Stack


_MOST = 5


def standing(stack: Stack) -> tuple[WorkflowFault, ...] | None:
    """Those that stand; None while the ledger cannot be read."""
    import asyncio

    return asyncio.run(read(stack))


async def read(stack: Stack) -> tuple[WorkflowFault, ...] | None:
    from workers.local.books import open_ledger

    try:
        async with open_ledger(stack) as ledger:
            return await ledger.workflow_faults()
    except SurefootError:
        return None


def plain(fault: WorkflowFault) -> dict[str, Any]:
    """As JSON takes it: its fields, and `words` for people."""
    return asdict(fault) | {"words": fault.words}


def lines(faults: Iterable[WorkflowFault]) -> list[str]:
    """One line a trade, of the first few."""
    known = list(faults)
    told = [f"trade {fault.intent_id}: {fault.words}" for fault in known[:_MOST]]
    return told + ([f"{len(known) - _MOST} more; see `surefoot trades`"] if len(known) > _MOST else [])
