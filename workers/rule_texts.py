"""The rule text of an instrument as its venue gives it now, and the task that holds approved claims against it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import structlog

from activities.alerts import Alerts
from domain.claims import InstrumentKey
from domain.errors import SurefootError, Unavailable
from domain.market import Venue
from ledger.port import ClaimLedger
from venues.port import VenueClient
from venues.registry import adapter_of
from venues.wire import wall_clock_us
from workers.rules_watch import ReadRules, watch_rules

log = structlog.get_logger(__name__)

_EVERY_S = 300.0


def reader(venues: Mapping[Venue, VenueClient]) -> ReadRules:
    """Reads texts through these clients, each as its venue's adapter does."""

    async def read(key: InstrumentKey) -> str:
        venue, market = key
        client = venues.get(venue)
        text = "" if client is None else await adapter_of(venue).rule_text(client, market)
        if not text:
            raise Unavailable(f"{venue} gives no rule text of {market}; look at its page", "no_rules")
        return text

    return read


async def watch_texts(ledger: ClaimLedger, venues: Mapping[Venue, VenueClient], alerts: Alerts) -> None:
    """Look at once and then every five minutes, until cancelled. A ledger that is away is asked again."""
    read = reader(venues)
    while True:
        try:
            await watch_rules(ledger, read, alerts, wall_clock_us())
        except SurefootError as away:
            log.warning("claims were not held against their rules", error=away.message)
        await asyncio.sleep(_EVERY_S)
