"""What ingest watches: sets of outcomes, and claims that two venues trade; with the rules of every instrument."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from config.settings import FROM_SESSION, Settings
from domain.claims import EquivalenceRecord, InstrumentKey
from domain.errors import BadInput, Rejected
from domain.market import MarketSpec, Venue
from ingest.sets import OutcomeSet, sets_of
from ingest.strategies.registry import strategies_of
from ingest.strategy import Strategy
from venues.port import VenueClient
from venues.registry import ADAPTERS

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Watched:
    """All strategies to run, the sets and claims they were made of, and every instrument whose book they need."""

    sets: tuple[OutcomeSet, ...]
    strategies: tuple[Strategy, ...]
    claims: tuple[EquivalenceRecord, ...] = ()

    @property
    def specs(self) -> tuple[MarketSpec, ...]:
        """Each instrument once."""
        every = [spec for outcomes in self.sets for spec in outcomes.markets]
        every += [spec for strategy in self.strategies for spec in strategy.markets]
        return tuple({(spec.venue, spec.market): spec for spec in every}.values())

    def markets(self, venue: Venue) -> tuple[str, ...]:
        return tuple(spec.market for spec in self.specs if spec.venue is venue)

    def groups(self, venue: Venue) -> tuple[tuple[str, ...], ...]:
        """The venue's instruments, those of one condition together."""
        groups: dict[str, list[str]] = {}
        for spec in self.specs:
            if spec.venue is venue:
                pair = min(spec.market, spec.complement) if spec.complement else spec.market
                groups.setdefault(pair, []).append(spec.market)
        return tuple(tuple(group) for group in groups.values())


def venue_of(market: str) -> Venue:
    """Where an instrument named without its venue trades, by the form of its name."""
    return next(one.venue for one in ADAPTERS if one.names(market))


async def watch(
    settings: Settings,
    clients: Mapping[Venue, VenueClient],
    markets: Iterable[str],
    claims: Sequence[EquivalenceRecord],
) -> Watched:
    """What there is to decide on `markets` (a session's, or the configured sets') and on the claims that may be traded.

    From a session, events whose outcomes are not all there are passed over: they may be one side of a claim. Claims are
    watched if every venue of theirs is in use and, in a session, if it plays all their instruments. Raises `BadInput`
    for a configured set that is none and for strategies that `instances` refuses, `Unavailable` while rules cannot be
    read.
    """
    specs = await _rules(clients, ((venue_of(market), market) for market in markets))
    played = set(specs) | {(spec.venue, spec.complement) for spec in specs.values() if spec.complement}
    paper = settings.mode == "paper"
    usable = [record for record in claims if record.tradable and _watchable(record, clients, played if paper else None)]
    specs |= await _rules(clients, (one.key for record in usable for one in record.instruments if one.key not in specs))
    declared = settings.sets
    sets = _complete(specs.values()) if declared == FROM_SESSION else sets_of(specs.values(), declared)
    strategies = strategies_of(settings, sets, specs.values(), usable, paper=paper)
    finding = {strategy.name for strategy in strategies}
    for spec in settings.strategies:
        if spec.name not in finding:
            log.warning("a strategy has nothing to look at", strategy=spec.name, pairs=spec.pairs)
    return Watched(sets, strategies, tuple(usable))


async def _rules(
    clients: Mapping[Venue, VenueClient], instruments: Iterable[InstrumentKey]
) -> dict[InstrumentKey, MarketSpec]:
    found: dict[InstrumentKey, MarketSpec] = {}
    for venue, market in instruments:
        client = clients.get(venue)
        if client is None:
            log.warning("not watched: its venue is not in use", venue=venue, market=market)
            continue
        try:
            found[venue, market] = await client.market(market)
        except Rejected as unknown:
            raise BadInput(
                f"{market} is not a market of {venue} ({unknown.message}); check its name", "no_market"
            ) from None
    return found


def _watchable(
    record: EquivalenceRecord, clients: Mapping[Venue, VenueClient], played: set[InstrumentKey] | None
) -> bool:
    if any(venue not in clients for venue in record.venues):
        return False
    return played is None or all(one.key in played for one in record.instruments)


def _complete(specs: Iterable[MarketSpec]) -> tuple[OutcomeSet, ...]:
    events: dict[tuple[Venue, str], list[MarketSpec]] = {}
    for spec in specs:
        events.setdefault((spec.venue, spec.event), []).append(spec)
    found: list[OutcomeSet] = []
    for group in events.values():
        try:
            found += sets_of(group)
        except BadInput as incomplete:
            log.info("no set", why=incomplete.message)
    return tuple(found)
