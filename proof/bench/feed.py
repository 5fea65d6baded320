"""The whole ingest process: frames of a session in, leg A's bytes at the exchange out."""

from __future__ import annotations

import asyncio

from domain.intent import Intent
from proof.bench import memory
from proof.bench.figures import emit, percentiles
from proof.bench.sessions import waves
from proof.bench.stand import first_arrivals, play, stand, until_quiet
from proof.bench.trades import leg_a
from workers.local.books import open_ledger
from workers.local.layout import Stack

_SETTLE_S = 3.0


async def run(command: str, count: int) -> None:
    """Figures: deciding frame in to leg A at the exchange; memory of every process before and after the session."""
    session = waves(count)
    with stand(ingest=True) as stack:
        await asyncio.sleep(_SETTLE_S)
        memory.run(stack, command, "idle")
        await asyncio.to_thread(play, stack, session)
        await asyncio.to_thread(until_quiet, stack, 60 + (session.end - session.start) / 1e6)
        await asyncio.sleep(_SETTLE_S)
        intents = await _intents(stack)
        arrived = first_arrivals(stack)
        sent = [intent for intent in intents if leg_a(intent) in arrived]
        held = [(arrived[leg_a(intent)] - _received_at(intent)) / 1000 for intent in sent]
        target = "p50 ≤ 20 ms, p99 ≤ 40 ms"
        unsent = {"intents": len(intents), "not_sent": len(intents) - len(sent)}
        emit("deciding frame to leg A, whole ingest", "ms", command, percentiles(held) | unsent, target)
        memory.run(stack, command, f"after {len(intents)} trades")


async def _intents(stack: Stack) -> tuple[Intent, ...]:
    async with open_ledger(stack) as ledger:
        return (await ledger.snapshot(stack.run_id)).intents


def _received_at(intent: Intent) -> int:
    """When the frame that decided was taken in: the later receive time of the two books."""
    return max(book.received_at for book in intent.evidence)
