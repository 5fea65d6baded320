"""What an account's own approvals forbid, found before the first leg: a token that may not be moved cannot settle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from domain.intent import Intent
from domain.market import Venue
from domain.validation import Obstacle
from venues.polymarket.checklist import approvals
from venues.polymarket.client import PolymarketClient
from venues.port import VenueClient


class Approvals:
    """`activities.orders.Permits`. What is approved is asked once a token and process; what is not, each time."""

    def __init__(self, venues: Mapping[Venue, VenueClient]) -> None:
        client = venues.get(Venue.POLYMARKET)
        self._client = client if isinstance(client, PolymarketClient) else None
        self._approved: set[str] = set()

    async def __call__(self, intent: Intent) -> Sequence[Obstacle]:
        tokens = [leg.market for leg in intent.legs if leg.venue is Venue.POLYMARKET]
        return [found for token in tokens for found in await self.missing(token)]

    async def missing(self, token: str) -> Sequence[Obstacle]:
        """What keeps `token` from being traded; empty if nothing does. Raises as the client's reads do."""
        if self._client is None or token in self._approved:
            return ()
        wrong = [check for check in await approvals(self._client, token) if check.verdict == "fail"]
        if not wrong:
            self._approved.add(token)
        return tuple(Obstacle("no_allowance", f"{check.name}: {check.seen}; {check.fix}") for check in wrong)
