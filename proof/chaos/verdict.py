"""What must hold after every round, whoever died: the report's invariants, one body an order, nobody standing alone."""

from __future__ import annotations

import asyncio

from cli.ledger import current_report
from domain.trade import Outcome
from ledger.story import TradeStory
from proof.chaos.rounds import Round
from proof.chaos.system import System
from workers.local.books import open_ledger

_PATIENCE_S = 60
_ACCEPTED = Outcome.RESIDUAL


async def violations(system: System, this: Round) -> list[str]:
    """Everything that does not hold after `this` round, its own problems included; empty if all does."""
    found = list(this.problems)
    report = await asyncio.wait_for(current_report(system.stack, None, every_run=True), _PATIENCE_S)
    found += report.violations
    found += [f"invariant {name} was not judged" for name, holds in report.invariants.items() if holds is None]
    found += [
        f"order {client_id} arrived with {len(bodies)} bodies"
        for client_id, bodies in (await system.arrived()).items()
        if len(bodies) != 1
    ]
    async with open_ledger(system.stack) as ledger:
        for lane in this.lanes:
            if lane.trade and lane.ended_at:
                found += [f"{lane.step}: {wrong}" for wrong in _standing(await ledger.trade(lane.trade))]
    return found


def _standing(story: TradeStory) -> list[str]:
    """Whether a trade that trades no more stands alone without anybody's leave."""
    trade = story.trade
    if trade is None:
        return ["the ledger has no trade"]
    if trade.residual and trade.outcome is not _ACCEPTED:
        return [f"{trade.residual} shares stand alone, and the trade is {trade.state}, {trade.outcome}"]
    if trade.outcome is _ACCEPTED and not any("accept" in step.text.lower() for step in story.steps):
        return [f"{trade.residual} shares were kept and nobody said so"]
    return []
