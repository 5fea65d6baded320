"""Approved claims are held against the rule texts that the venues give now."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from aiohttp import web

from activities.alerts import Alerts
from domain.claims import ClaimStatus, Instrument, JointOutcome, Pays, proposal, rules_hash
from domain.errors import SurefootError, Unavailable
from domain.market import Venue
from testing.ledger.memory import MemoryLedger
from tests.served import served
from venues.kalshi.client import KalshiClient
from venues.kalshi.signing import Signer, generate_rsa_key
from workers.rule_texts import reader
from workers.rules_watch import watch_rules

RULES = {"A": ("If A wins, YES.", "A tie pays half."), "B": ("If B wins, YES.", "")}
PRIVATE, _ = generate_rsa_key()


@pytest.fixture
async def kalshi() -> AsyncIterator[KalshiClient]:
    async def market(request: web.Request) -> web.Response:
        rules = RULES.get(request.match_info["ticker"], ("", ""))
        return web.json_response({"market": {"rules_primary": rules[0], "rules_secondary": rules[1]}})

    app = web.Application()
    app.router.add_get("/trade-api/v2/markets/{ticker}", market)
    async with (
        served(app) as origin,
        KalshiClient(f"{origin}/trade-api/v2", Signer.from_pem("key", PRIVATE)) as client,
    ):
        yield client


async def approved(ledger: MemoryLedger, first: str, second: str) -> str:
    """A claim on A and B whose texts were read as these; returns its id."""
    read = zip(("A", "B"), (first, second), strict=True)
    instruments = [Instrument(Venue.KALSHI, name, f"{name} wins", rules_hash(text)) for name, text in read]
    one, nothing = Pays.exactly(Decimal(1)), Pays.exactly(Decimal(0))
    outcomes = [JointOutcome("A wins", (one, nothing)), JointOutcome("B wins", (nothing, one))]
    record = proposal("A against B", instruments, outcomes, "ada", "read both", 1)
    await ledger.add_claim(record)
    await ledger.add_claim(record.decided(ClaimStatus.APPROVED, "ada", "read both", 2))
    return record.id


async def test_both_fields_of_a_market_are_its_rules(kalshi: KalshiClient) -> None:
    read = reader({Venue.KALSHI: kalshi})
    assert await read((Venue.KALSHI, "A")) == "If A wins, YES.\nA tie pays half."
    assert await read((Venue.KALSHI, "B")) == "If B wins, YES."


@pytest.mark.parametrize("key", [(Venue.KALSHI, "SILENT"), (Venue.POLYMARKET, "1")])
async def test_no_text_is_not_an_empty_text(kalshi: KalshiClient, key: tuple[Venue, str]) -> None:
    with pytest.raises(Unavailable, match="no rule text"):
        await reader({Venue.KALSHI: kalshi})(key)


async def test_a_text_that_changed_suspends_its_claim_and_one_that_did_not_leaves_it(kalshi: KalshiClient) -> None:
    ledger, read = MemoryLedger(), reader({Venue.KALSHI: kalshi})
    name = await approved(ledger, "If A wins, YES. A tie pays half.", "If B wins, YES.")
    assert (await watch_rules(ledger, read, Alerts(), 3)).suspended == ()
    other = MemoryLedger()
    assert await approved(other, "If A wins, YES. A tie pays nothing.", "If B wins, YES.") == name
    (suspended,) = (await watch_rules(other, read, Alerts(), 3)).suspended
    assert (suspended.id, suspended.status) == (name, ClaimStatus.SUSPENDED)


async def test_a_text_that_cannot_be_read_suspends_nothing() -> None:
    async def away(key: tuple[Venue, str]) -> str:
        raise SurefootError(f"{key[1]} is away")

    ledger = MemoryLedger()
    await approved(ledger, "one", "two")
    seen = await watch_rules(ledger, away, Alerts(), 3)
    assert seen.suspended == ()
    assert len(seen.unread) == 2
