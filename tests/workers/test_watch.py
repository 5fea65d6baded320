"""What ingest watches: complete sets, and claims whose every instrument can be traded here."""

from __future__ import annotations

from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from config.load import load
from config.settings import Settings
from domain.claims import ClaimStatus, EquivalenceRecord
from domain.errors import BadInput
from domain.limits import StrategySpec
from domain.market import Venue
from ingest.strategies.cross import NAME
from recording.sources.instruments import instruments
from recording.sources.synth_cross import make
from testing.venue import FakeVenue
from venues.port import VenueClient
from workers.watch import Watched, venue_of, watch

SESSION = make(7)
PLAYED = [spec.market for spec in SESSION.markets]
SPECS = instruments(SESSION.markets, SESSION.conditions)
TOKEN = next(spec for spec in SPECS if spec.venue is Venue.POLYMARKET)
(CLAIM,) = SESSION.claims


def clients(*venues: Venue) -> dict[Venue, VenueClient]:
    return {
        venue: FakeVenue(lambda: 0, {spec.market: spec for spec in SPECS if spec.venue is venue}, venue=venue)
        for venue in venues
    }


def settings(**environ: str) -> Settings:
    return load(environ={f"SUREFOOT_{key}": value for key, value in environ.items()}).settings


async def watched(*claims: EquivalenceRecord, markets: list[str] | None = None) -> Watched:
    both = clients(Venue.KALSHI, Venue.POLYMARKET)
    return await watch(settings(), both, PLAYED if markets is None else markets, claims)


def across(found: Watched) -> list[str]:
    """The claims that are decided on."""
    return [strategy.pair for strategy in found.strategies if strategy.name == NAME]


def test_an_instrument_says_by_its_name_where_it_trades() -> None:
    assert venue_of(TOKEN.market) is Venue.POLYMARKET
    assert venue_of("KXNBAGAME-26JAN07TORCHA-TOR") is Venue.KALSHI


async def test_a_claim_is_watched_on_every_instrument_of_both_venues() -> None:
    found = await watched(CLAIM)
    assert set(across(found)) == {CLAIM.id}
    assert {(spec.venue, spec.market) for spec in found.specs} == {(spec.venue, spec.market) for spec in SPECS}
    (pair,) = found.groups(Venue.POLYMARKET)
    assert set(pair) == {TOKEN.market, TOKEN.complement}


async def test_without_a_claim_only_complete_sets_are_watched() -> None:
    found = await watched()
    assert [(strategy.name, strategy.pair) for strategy in found.strategies] == [("pair", "SYNCROSS-7")]
    assert [outcomes.name for outcomes in found.sets] == ["SYNCROSS-7"]
    assert found.markets(Venue.POLYMARKET) == ()


@pytest.mark.parametrize("status", [ClaimStatus.PROPOSED, ClaimStatus.SUSPENDED, ClaimStatus.WITHDRAWN])
async def test_a_claim_that_is_not_approved_is_not_watched(status: ClaimStatus) -> None:
    assert across(await watched(replace(CLAIM, status=status))) == []


async def test_a_claim_of_another_session_is_not_watched() -> None:
    assert across(await watched(CLAIM, *make(8).claims))
    assert across(await watched(*make(8).claims)) == []


async def test_a_claim_on_a_venue_that_is_not_in_use_is_not_watched() -> None:
    found = await watch(settings(), clients(Venue.KALSHI), PLAYED[:2], [CLAIM])
    assert across(found) == []
    assert len(found.sets) == 1


async def test_a_claim_that_a_recording_declared_is_never_watched_live() -> None:
    live = settings().model_copy(update={"mode": "live", "sets": (tuple(PLAYED[:2]),)})
    both = clients(Venue.KALSHI, Venue.POLYMARKET)
    assert across(await watch(live, both, PLAYED[:2], [CLAIM])) == []
    approved = replace(CLAIM, paper=False)
    assert across(await watch(live, both, PLAYED[:2], [approved]))


async def test_declared_strategies_are_watched_by_their_names_and_what_finds_nothing_is_said() -> None:
    declared = (
        StrategySpec("basket", "tight", {"margin": "0.0005"}),
        StrategySpec("cross", "claims"),
        StrategySpec("calm", "quiet", pairs=("KXBTC-",)),
    )
    chosen = settings().model_copy(update={"strategies": declared})
    found = await watch(chosen, clients(Venue.KALSHI, Venue.POLYMARKET), PLAYED, [CLAIM])
    assert list(dict.fromkeys(one.name for one in found.strategies)) == ["tight", "claims"]
    with capture_logs() as logs:
        await watch(chosen, clients(Venue.KALSHI, Venue.POLYMARKET), PLAYED, [CLAIM])
    assert [line["strategy"] for line in logs if line["log_level"] == "warning"] == ["quiet"]


async def test_strategies_that_cannot_run_are_refused() -> None:
    chosen = settings().model_copy(update={"strategies": (StrategySpec("of tomorrow", "mine"),)})
    with pytest.raises(BadInput, match="there is no strategy"):
        await watch(chosen, clients(Venue.KALSHI), PLAYED[:2], [])


async def test_a_market_that_its_venue_does_not_know_is_named() -> None:
    with pytest.raises(BadInput, match="NOWHERE"):
        await watched(markets=["NOWHERE"])
