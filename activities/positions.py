"""What became of positions, and orders that somebody else placed: what markets have paid, what an account lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from temporalio import activity

from activities.heartbeat import pulsed
from activities.orders import retryable
from domain.errors import Rejected, SurefootError, Unavailable
from domain.evidence import Resolution
from domain.market import Venue
from domain.plausible import IMPOSSIBLE, judged_resolution, odd_foreign
from domain.requests import LookUp, LookUpRequest, Position, PositionRequest, ResolutionRequest
from ledger.port import OrderLedger
from venues.port import VenueClient
from venues.wire import wall_clock_us

_PAUSED = "paused"


class PositionActivities:
    """Reads only; each may be repeated."""

    def __init__(
        self, venues: Mapping[Venue, VenueClient], ledger: OrderLedger, clock: Callable[[], int] = wall_clock_us
    ) -> None:
        self._venues = venues
        self._ledger = ledger
        self._clock = clock

    @activity.defn(name="read_resolution")
    @pulsed
    async def read_resolution(self, request: ResolutionRequest) -> Resolution:
        """What a market has paid; `payout` None until it has. Raises while the venue cannot be asked."""
        try:
            told = await self._venues[Venue(request.venue)].resolution(request.market)
            return judged_resolution(request.market, told)
        except SurefootError as failure:
            raise retryable(failure) from None

    @activity.defn(name="read_open")
    @pulsed
    async def read_open(self, request: ResolutionRequest) -> bool:
        """Whether a market takes orders now, by its venue's own word and read anew. Raises while it cannot be asked."""
        client = self._venues[Venue(request.venue)]
        try:
            client.forget_rules(request.market)
            return (await client.market(request.market)).open
        except Rejected:
            return False
        except SurefootError as failure:
            if failure.code == _PAUSED:
                return False
            raise retryable(failure) from None

    @activity.defn(name="read_position")
    @pulsed
    async def read_position(self, request: PositionRequest) -> Position:
        """What the account holds in a market, and what the ledger's trades hold of it. Raises while either cannot be
        asked. It reads the whole account: for a count that is in doubt, not for every order."""
        venue = Venue(request.venue)
        at = self._clock()
        try:
            account = await self._venues[venue].account()
            held = await self._ledger.held_in(venue, request.market)
        except SurefootError as failure:
            raise retryable(failure) from None
        shares = account.positions.get(request.market, Decimal(0))
        own = held.pop(request.intent_id, Decimal(0))
        if not shares.is_finite():
            raise retryable(Unavailable(f"the venue says the position in {request.market} is {shares}", IMPOSSIBLE))
        return Position(request.venue, request.market, shares, own, sum(held.values(), Decimal(0)), at)

    @activity.defn(name="look_up_order")
    @pulsed
    async def look_up_order(self, request: LookUpRequest) -> LookUp:
        """An order for `intent_id` to adopt, or why it may not: unknown to the venue, or another trade's own."""
        try:
            found = await self._venues[Venue(request.venue)].look_up(request.order_id)
            known = await self._ledger.order_at(found.venue, found.order_id)
            if known is None and found.client_order_id:
                known = await self._ledger.order_outcome(found.client_order_id)
        except Rejected as refused:
            return LookUp(None, refused.message)
        except SurefootError as failure:
            raise retryable(failure) from None
        if known is not None and known.ticket.intent_id != request.intent_id:
            return LookUp(None, f"it belongs to trade {known.ticket.intent_id}")
        if odd := odd_foreign(request.order_id, found):
            return LookUp(None, f"what the venue says of it cannot be true: {odd}")
        return LookUp(found)
