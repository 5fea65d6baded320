"""A Polymarket token that the exchanges may not move cannot settle."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from domain.validation import Obstacle
from venues.adapter import Permits
from venues.polymarket.checklist import approvals
from venues.polymarket.client import PolymarketClient


class Allowances(Permits):
    """What is approved is asked once a token and process; what is not, each time."""

    def __init__(self, client: PolymarketClient) -> None:
        self._client = client
        self._approved: set[str] = set()

    async def missing(self, markets: Iterable[str]) -> Sequence[Obstacle]:
        """What keeps these tokens from being traded. Raises as the client's reads do."""
        return [obstacle for token in markets for obstacle in await self.early(token)]

    async def early(self, market: str) -> Sequence[Obstacle]:
        """It takes two reads a token, once."""
        if market in self._approved:
            return ()
        wrong = [check for check in await approvals(self._client, market) if check.verdict == "fail"]
        if not wrong:
            self._approved.add(market)
        return tuple(Obstacle("no_allowance", f"{check.name}: {check.seen}; {check.fix}") for check in wrong)
