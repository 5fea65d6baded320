"""A token is shown by what it stands for: as a claim says it, else as its venue does, else by its last six digits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cli.names import claimed, names_of, told
from domain.market import MarketSpec, Venue
from testing.ledger.memory import MemoryLedger
from testing.venue import FakeVenue
from tests.ingest.test_cross import OTHER, TOKEN, claim
from tests.workers.test_accounts import BOTH, started
from venues.port import VenueClient

LONG, OTHER_LONG = "4" * 70 + "745240", "5" * 70 + "112233"
POLY = Venue.POLYMARKET


def claim_on(token: str) -> Any:
    record = claim()
    return replace(
        record,
        instruments=tuple(
            replace(one, market=token, meaning="Boston wins") if one.market == TOKEN.market else one
            for one in record.instruments
        ),
    )


def clients_of(*specs: MarketSpec) -> Any:
    @asynccontextmanager
    async def clients(stack: Any) -> AsyncIterator[Mapping[Venue, VenueClient]]:
        yield {POLY: FakeVenue(lambda: 0, {spec.market: spec for spec in specs}, venue=POLY)}

    return clients


async def test_claims_are_asked_first_then_the_venue_and_tickers_speak_for_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = MemoryLedger()
    await ledger.add_claim(claim_on(LONG))
    asked = replace(OTHER, market=OTHER_LONG, title="Will it rain?", outcome="No")
    monkeypatch.setattr("workers.accounts.venue_clients", clients_of(asked))
    keys = [(Venue.KALSHI, "KX-BOS"), (POLY, LONG), (POLY, OTHER_LONG)]
    found = await names_of(started(tmp_path, BOTH), ledger, keys)
    assert found == {LONG: "a game: Boston wins", OTHER_LONG: "Will it rain? (No)"}
    assert told(LONG, found) == f"…745240 is a game: Boston wins, token {LONG}"


async def test_a_venue_that_is_away_or_does_not_know_the_token_names_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = started(tmp_path, BOTH)  # nothing listens there
    assert await names_of(stack, MemoryLedger(), [(POLY, LONG)]) == {}
    monkeypatch.setattr("workers.accounts.venue_clients", clients_of())
    assert await names_of(stack, MemoryLedger(), [(POLY, LONG)]) == {}
    assert told(LONG, {}) == f"…745240 is token {LONG}"


def test_a_claim_names_every_instrument_of_it() -> None:
    assert claimed([claim_on(LONG)])[LONG] == "a game: Boston wins"
