"""What became of positions, and orders that somebody else placed: what markets have paid, what an account lists."""

from __future__ import annotations

from collections.abc import Mapping

from temporalio import activity

from activities.heartbeat import pulsed
from activities.orders import retryable
from domain.errors import Rejected, SurefootError
from domain.evidence import Resolution
from domain.market import Venue
from domain.plausible import judged_resolution, odd_foreign
from domain.requests import LookUp, LookUpRequest, ResolutionRequest
from ledger.port import OrderLedger
from venues.port import VenueClient


class PositionActivities:
    """Reads only; each may be repeated."""

    def __init__(self, venues: Mapping[Venue, VenueClient], ledger: OrderLedger) -> None:
        self._venues = venues
        self._ledger = ledger

    @activity.defn(name="read_resolution")
    @pulsed
    async def read_resolution(self, request: ResolutionRequest) -> Resolution:
        """What a market has paid; `payout` None until it has. Raises while the venue cannot be asked."""
        try:
            told = await self._venues[Venue(request.venue)].resolution(request.market)
            return judged_resolution(request.market, told)
        except SurefootError as failure:
            raise retryable(failure) from None

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
