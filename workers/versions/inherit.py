"""What a start does about trades that began on other versions.

| an open trade of another build              | what happens                                                         |
|---------------------------------------------|----------------------------------------------------------------------|
| replays on this code, as far as its tasks   | is moved here once the worker runs                                   |
| went well: a failed one decided nothing     |                                                                      |
| does not, and a worker of its build answers | stays there until it has ended                                       |
| does not, and nobody answers for it         | no worker is started (`OtherVersionNeeded`), or it is left, if told  |

Trades of this very build are not looked at: a start after a crash costs one query. Replaying costs about 14 ms of
processor for a fresh trade, 0.2 ms an event for one that has waited long; so those still trading come first, and those
that only wait for payment and were not reached in ten seconds are looked at once the worker runs. Nothing happens to a
trade meanwhile: it is pinned to a build that nobody carries.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog
from temporalio.client import Client, WorkflowHistory, WorkflowQueryFailedError
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import Unavailable
from domain.trade import TradeState
from workers.versions.deployment import OpenTrade, become_current, move, open_trades
from workers.versions.errors import OtherVersionNeeded
from workers.versions.replay import Divergence, as_far_as_it_went, replay
from workflows import names

log = structlog.get_logger(__name__)

_ANSWER = timedelta(seconds=12)  # a question first waits for the worker that had the trade last
_AT_ONCE = 16
_BUDGET_S = 10.0


@dataclass(frozen=True, slots=True)
class Inheritance:
    """Open trades of other builds: `ours` to carry on from now on, `theirs` with what this code would do otherwise,
    `later` those not looked at yet, all of which wait for payment."""

    ours: tuple[OpenTrade, ...] = ()
    theirs: tuple[tuple[OpenTrade, Divergence], ...] = ()
    later: tuple[OpenTrade, ...] = ()


async def look(client: Client, build: str, *, budget_s: float = float("inf")) -> Inheritance:
    """Replay the open trades of other builds, those that wait for payment only within the budget. Changes nothing.

    Raises `Unavailable` if Temporal cannot be asked.
    """
    try:
        found = [trade async for trade in open_trades(client, but=build)]
    except RPCError as error:
        raise _unread(error) from None
    found.sort(key=lambda trade: trade.state == TradeState.SETTLING)
    return await _look_at(client, found, budget_s)


async def _look_at(client: Client, trades: Sequence[OpenTrade], budget_s: float) -> Inheritance:
    ours: list[OpenTrade] = []
    theirs: list[tuple[OpenTrade, Divergence]] = []
    later: list[OpenTrade] = []
    by_id = {trade.id: trade for trade in trades}
    deadline = time.monotonic() + budget_s
    try:
        if by_id:
            async for history, difference in replay(_histories(client, trades, deadline, later)):
                trade = by_id[history.workflow_id]
                if difference is None:
                    ours.append(trade)
                else:
                    theirs.append((trade, difference))
    except RPCError as error:
        raise _unread(error) from None
    return Inheritance(tuple(ours), tuple(theirs), tuple(later))


def _unread(error: RPCError) -> Unavailable:
    return Unavailable(
        f"the open trades of other versions could not be read: {error.message}; see `surefoot status`", "temporal"
    )


async def before_start(client: Client, build: str, *, leave: bool) -> Inheritance:
    """To be asked before a worker of `build` starts: the trades it is to take over.

    Raises `OtherVersionNeeded` for trades that nobody could carry on then, unless they are to be left.
    """
    began = time.monotonic()
    found = await look(client, build, budget_s=_BUDGET_S)
    if found.ours or found.theirs:
        took = f"{time.monotonic() - began:.1f}"
        counts = {"replay": len(found.ours), "differ": len(found.theirs), "later": len(found.later)}
        log.info("open trades of other versions", **counts, seconds=took)
    answered: dict[str, bool] = {}
    left: list[tuple[str, str]] = []
    for trade, difference in found.theirs:
        if trade.build not in answered:
            answered[trade.build] = await _answers(client, trade)
        if answered[trade.build]:
            log.info("a trade stays with the worker of its version", trade=trade.id, build=trade.build)
        else:
            left.append((trade.build, f"{trade.state} {difference}"))
            log.warning("a trade needs another version", trade=trade.id, build=trade.build, differs=str(difference))
    if left and not leave:
        raise OtherVersionNeeded(build, left)
    return found


async def after_start(client: Client, build: str, inherited: Inheritance) -> None:
    """Once a worker of `build` runs: new trades come here, and so do those that replay. Raises `Unavailable`."""
    if await become_current(client, build):
        log.info("new trades begin on this version", build=build)
    await _take_over(client, build, inherited.ours)


async def take_later(client: Client, build: str, inherited: Inheritance) -> None:
    """Beside the running worker: the trades that there was no time for before. One that differs is told and left."""
    for n in range(0, len(inherited.later), _AT_ONCE):
        try:
            found = await _look_at(client, inherited.later[n : n + _AT_ONCE], float("inf"))
            await _take_over(client, build, found.ours)
        except Unavailable as away:
            log.warning("trades of another version wait for the next start", error=away.message)
            return
        for trade, difference in found.theirs:
            log.error("a trade needs another version", trade=trade.id, build=trade.build, differs=str(difference))


async def _take_over(client: Client, build: str, trades: Sequence[OpenTrade]) -> None:
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(trade: OpenTrade) -> None:
        async with gate:
            if await move(client, trade, build):
                log.info("trade goes on here", trade=trade.id, began_on=trade.build, build=build)

    await asyncio.gather(*(one(trade) for trade in trades))


async def _histories(
    client: Client, trades: Sequence[OpenTrade], deadline: float, later: list[OpenTrade]
) -> AsyncIterator[WorkflowHistory]:
    """One history at a time, the next ones read ahead. Past the deadline what waits for payment goes to `later`."""
    ahead = [asyncio.ensure_future(_history(client, trade)) for trade in trades[:_AT_ONCE]]
    for n in range(len(trades)):
        if time.monotonic() > deadline and trades[n].state == TradeState.SETTLING:
            for reading in ahead[n:]:
                reading.cancel()
            later += trades[n:]
            return
        history = await ahead[n]
        if n + _AT_ONCE < len(trades):
            ahead.append(asyncio.ensure_future(_history(client, trades[n + _AT_ONCE])))
        if history is not None:
            yield history


async def _history(client: Client, trade: OpenTrade) -> WorkflowHistory | None:
    """None for a trade that is gone, or that no worker has touched: it will begin on whatever version runs."""
    try:
        history = await client.get_workflow_handle(trade.id, run_id=trade.run_id).fetch_history()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
    begun = any(event.HasField("workflow_task_completed_event_attributes") for event in history.events)
    return as_far_as_it_went(history) if begun else None


async def _answers(client: Client, trade: OpenTrade) -> bool:
    """Whether a worker of the trade's own build lives: only it could answer a question put to the trade."""
    try:
        await client.get_workflow_handle(trade.id).query(names.QUERY_RECORD, rpc_timeout=_ANSWER)
    except WorkflowQueryFailedError:
        return True
    except RPCError:
        return False
    return True
