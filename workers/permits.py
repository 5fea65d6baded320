"""What the accounts themselves may not do, found before the first leg; which that is, each venue's adapter knows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from domain.intent import Intent
from domain.market import Venue
from domain.validation import Obstacle
from venues.adapter import Permits
from venues.port import VenueClient
from venues.registry import adapter_of
from venues.wire import wall_clock_us


class Approvals:
    """`activities.orders.Permits`, over the venues of these clients."""

    def __init__(self, venues: Mapping[Venue, VenueClient], clock: Callable[[], int] = wall_clock_us) -> None:
        self._permits: dict[Venue, Permits] = {
            venue: adapter_of(venue).permits(client, clock) for venue, client in venues.items()
        }

    async def __call__(self, intent: Intent) -> Sequence[Obstacle]:
        found: list[Obstacle] = []
        for venue in dict.fromkeys(leg.venue for leg in intent.legs):
            found += await self.missing(venue, (leg.market for leg in intent.legs if leg.venue is venue))
        return found

    async def missing(self, venue: Venue, markets: Iterable[str]) -> Sequence[Obstacle]:
        """What keeps these markets from being traded; empty if nothing does. Raises as the client's reads do."""
        permits = self._permits.get(venue)
        return await permits.missing(markets) if permits is not None else ()

    async def early(self, venue: Venue, market: str) -> Sequence[Obstacle]:
        """As `missing`, where it is worth asking before an opportunity depends on the answer."""
        permits = self._permits.get(venue)
        return await permits.early(market) if permits is not None else ()
