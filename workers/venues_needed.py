"""Open trades at a venue that these settings do not use: no start without it.

Refused rather than carried on with that venue closed for opening: without its keys and addresses nobody could hedge,
sell, be paid or compare its account, and a trade on one leg is never to be left to that. The settings of the start
before have all of it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

import structlog

from domain.errors import Denied
from domain.market import Venue
from domain.snapshot import TradeFacts

log = structlog.get_logger(__name__)

_SHOWN = 5


class OpenTrades(Protocol):
    """What is asked of the ledger."""

    async def open_trades(self) -> tuple[TradeFacts, ...]: ...


class VenueNeeded(Denied):
    """Open trades have a leg at a venue that is not in use; no worker was started, nothing was sent."""

    def __init__(self, venue: Venue, trades: Collection[TradeFacts], in_use: Collection[Venue]) -> None:
        shown = "; ".join(_plain(trade) for trade in list(trades)[:_SHOWN])
        more = f"; and {len(trades) - _SHOWN} more" if len(trades) > _SHOWN else ""
        wanted = ", ".join(f'"{one}"' for one in (*in_use, venue))
        super().__init__(
            f"{len(trades)} open trade(s) have a leg at {venue}, which these settings do not use "
            f"(venues: {', '.join(in_use)}): {shown}{more}. Start with venues: [{wanted}] until they have ended "
            "(`surefoot halt --venue` keeps new ones from opening there); with worker.leave_trades true this one "
            "starts without them, and nobody looks after them",
            "venue_needed",
        )


async def check_venues(ledger: OpenTrades, in_use: Collection[Venue], *, leave: bool) -> None:
    """To be asked before a worker starts. Raises `VenueNeeded`, unless such trades are to be left."""
    needing: dict[Venue, list[TradeFacts]] = {}
    for trade in await ledger.open_trades():
        for venue in {leg.venue for leg in trade.intent.legs} - set(in_use):
            needing.setdefault(venue, []).append(trade)
    for venue, trades in sorted(needing.items()):
        if not leave:
            raise VenueNeeded(venue, trades, in_use)
        for trade in trades:
            log.error("a trade needs a venue that is not in use", trade=trade.id, venue=venue, state=trade.state)


def _plain(trade: TradeFacts) -> str:
    alone = f", {trade.residual} shares alone" if trade.residual else ""
    return f"{trade.id} {trade.state}{alone}"
