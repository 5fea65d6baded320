"""The ledger that a state folder records, asked directly, whatever else of its stack runs or does not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from cli.options import say

if TYPE_CHECKING:
    from ledger.store import Ledger
    from workers.local.layout import Stack


@asynccontextmanager
async def open_ledger(stack: Stack) -> AsyncIterator[Ledger]:
    """While nothing of the stack runs, its Postgres is started for this command alone, which is told in one line.

    Raises `Unavailable` if it can neither be reached nor started.
    """
    from workers.local.asleep import reading

    async with reading(stack, say) as ledger:
        yield ledger
