"""What an account itself may not do, found before the first leg: a token that may not be moved cannot settle, and a key
whose holder's location is no longer attested may not trade what needs that."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence

import structlog

from domain.errors import SurefootError
from domain.intent import Intent
from domain.market import Venue
from domain.validation import Obstacle
from venues.kalshi.client import KalshiClient
from venues.polymarket.checklist import approvals
from venues.polymarket.client import PolymarketClient
from venues.port import VenueClient
from venues.wire import wall_clock_us

log = structlog.get_logger(__name__)

_ATTESTED_FOR_US = 600_000_000
_PATIENCE_S = 1.0


class Approvals:
    """`activities.orders.Permits`. What is approved is asked once a token and process; what is not, each time. An
    attestation is asked for every ten minutes; one that cannot be read forbids nothing: the venue has the last word."""

    def __init__(self, venues: Mapping[Venue, VenueClient], clock: Callable[[], int] = wall_clock_us) -> None:
        kalshi = venues.get(Venue.KALSHI)
        self._kalshi = kalshi if isinstance(kalshi, KalshiClient) else None
        self._clock = clock
        self._attested: tuple[int, int | None] | None = None  # when it was read, and until when
        client = venues.get(Venue.POLYMARKET)
        self._client = client if isinstance(client, PolymarketClient) else None
        self._approved: set[str] = set()

    async def __call__(self, intent: Intent) -> Sequence[Obstacle]:
        tokens = [leg.market for leg in intent.legs if leg.venue is Venue.POLYMARKET]
        found = [obstacle for token in tokens for obstacle in await self.missing(token)]
        return [*found, *await self.unattested(leg.market for leg in intent.legs if leg.venue is Venue.KALSHI)]

    async def unattested(self, markets: Iterable[str]) -> Sequence[Obstacle]:
        """Which of these markets of Kalshi the key may not trade, its attestation having lapsed."""
        if self._kalshi is None or not (wanted := list(markets)):
            return ()
        now = self._clock()
        if self._attested is None or now - self._attested[0] >= _ATTESTED_FOR_US:
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    self._attested = (now, await self._kalshi.attested_until())
            except (SurefootError, TimeoutError) as away:
                log.warning("whether the key's location is attested was not read", error=str(away))
                self._attested = (now, self._attested[1] if self._attested is not None else None)
        until = self._attested[1]
        if until is None or now < until:
            return ()
        lapsed = "the attestation of location of Kalshi's key has lapsed; attest it again"
        barred = [market for market in wanted if await self._kalshi.needs_attestation(market)]
        return tuple(Obstacle("attestation", f"{market}: {lapsed}") for market in barred)

    async def missing(self, token: str) -> Sequence[Obstacle]:
        """What keeps `token` from being traded; empty if nothing does. Raises as the client's reads do."""
        if self._client is None or token in self._approved:
            return ()
        wrong = [check for check in await approvals(self._client, token) if check.verdict == "fail"]
        if not wrong:
            self._approved.add(token)
        return tuple(Obstacle("no_allowance", f"{check.name}: {check.seen}; {check.fix}") for check in wrong)
