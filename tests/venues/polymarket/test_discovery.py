"""Gamma's listings as markets a trader can name, size and price."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from domain.claims import rules_hash
from domain.errors import Unavailable
from tests.venues.polymarket.scripted import CONDITION, NO, YES, DeadLetters, Scripted
from tests.venues.scripted import drops, says
from venues.polymarket.client import PolymarketClient
from venues.polymarket.discovery import Discovery, condition_word, found_market
from venues.polymarket.messages import GammaMarket, decode
from venues.polymarket.rest import GammaWire

POSITION, OTHER_POSITION = "663574927012476832975694178961957910328055987427402067619466963999000625152", "7"


def listed(**changes: Any) -> dict[str, Any]:
    return {
        "id": "5308512",
        "question": "Will it rain?",
        "conditionId": CONDITION,
        "slug": "will-it-rain",
        "description": "Resolves to Yes if it rains.",
        "resolutionSource": "https://weather.example",
        "outcomes": '["Yes", "No"]',
        "clobTokenIds": json.dumps([YES, NO]),
        "positionIds": [POSITION, OTHER_POSITION],
        "version": "v1",
        "active": True,
        "closed": False,
        "acceptingOrders": True,
        "orderPriceMinTickSize": 0.001,
        "orderMinSize": 5,
        "negRisk": False,
        "secondsDelay": 3,
        "feesEnabled": True,
        "feeSchedule": {"exponent": 1, "rate": 0.07, "takerOnly": True, "rebateRate": 0.2},
        "endDate": "2026-12-01T00:00:00Z",
    } | changes


def read(**changes: Any) -> Any:
    return found_market(decode(GammaMarket, json.dumps(listed(**changes)).encode()))


def test_a_market_is_read_with_everything_a_trade_needs() -> None:
    market = read()
    assert [(outcome.token_id, outcome.label) for outcome in market.outcomes] == [(YES, "Yes"), (NO, "No")]
    assert (market.condition, market.tick, market.min_size, market.delay_ms) == (CONDITION, Decimal("0.001"), 5, 3000)
    assert (market.fees.taker, market.open, market.closes_at) == (Decimal("0.07"), True, 1_796_083_200_000_000)
    yes, no = market.specs()
    assert (yes.market, yes.complement, yes.outcome, yes.event, yes.outcomes) == (YES, NO, "Yes", CONDITION, 2)
    assert (no.market, no.complement) == (NO, YES)


def test_the_version_alone_says_which_ids_a_market_trades_under() -> None:
    assert [outcome.token_id for outcome in read(version="v2").outcomes] == [POSITION, OTHER_POSITION]
    assert read(version="v2", clobTokenIds=None).outcomes[0].token_id == POSITION
    for version in ("v3", None):
        with pytest.raises(ValueError, match="expected v1 or v2"):
            read(version=version)


def test_the_rules_are_the_whole_text_and_a_changed_word_changes_their_hash() -> None:
    market = read()
    assert "rains" in market.rules
    assert market.source == "https://weather.example"
    assert market.rules_sha256 == rules_hash(market.rules)
    assert read(description="Resolves to Yes if it pours.").rules_sha256 != market.rules_sha256


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"clobTokenIds": None}, "token ids for 2 outcomes"),
        ({"clobTokenIds": "[]"}, "token ids for 2 outcomes"),
        ({"clobTokenIds": "nonsense"}, "expected a list"),
        ({"clobTokenIds": json.dumps(["0xab", NO])}, "decimal"),
        ({"outcomes": 5}, "expected a list"),
        ({"orderPriceMinTickSize": None}, "orderPriceMinTickSize"),
        ({"orderMinSize": ""}, "orderMinSize"),
        ({"conditionId": "0x12"}, "condition id"),
        ({"endDate": "soon"}, "expected seconds"),
    ],
)
def test_a_market_that_lacks_something_is_refused_with_what_it_lacks(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read(**changes)


def test_fees_come_from_the_schedule_and_are_dear_where_they_are_not_said() -> None:
    assert read(feesEnabled=False).fees.taker == 0
    assert read(feeSchedule=None).fees.taker == Decimal("0.07")
    assert read(feeSchedule={"rate": 0.04, "exponent": 2}).fees.exponent == 2


def test_a_condition_id_of_a_v2_market_is_padded_to_what_the_clob_wants() -> None:
    assert condition_word("0x" + "AB" * 31) == "0x" + "ab" * 31 + "00"
    assert condition_word("0x" + "ab" * 32) == "0x" + "ab" * 32


async def test_pages_are_followed_by_their_cursor_and_what_cannot_be_read_is_kept(
    venue: Scripted, client: PolymarketClient, dead: DeadLetters
) -> None:
    broken = listed(version="v9")
    venue.on(
        "GET",
        "/markets/keyset",
        says({"markets": [listed(), broken], "next_cursor": "c2"}),
        says({"markets": [listed(slug="second")]}),
    )
    found = [market.slug async for market in client.discovery.markets(closed="false")]
    assert found == ["will-it-rain", "second"]
    first, second = venue.asked("GET", "/markets/keyset")
    assert first.params == {"closed": "false", "limit": "100"}
    assert second.params == {"closed": "false", "limit": "100", "after_cursor": "c2"}
    assert [(kind, json.loads(raw)) for kind, raw, _ in dead] == [("gamma_market", broken)]
    assert not [seen for seen in venue.seen if "POLY_API_KEY" in seen.headers]


async def test_a_listing_whose_cursors_go_round_is_refused(venue: Scripted, client: PolymarketClient) -> None:
    venue.on("GET", "/events/keyset", says({"events": [], "next_cursor": "again"}))
    with pytest.raises(Unavailable, match="does not end"):
        [event async for event in client.discovery.events()]


GROUP = "0x" + "ee" * 32


def event(*markets: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "id": 77,
        "slug": "who-wins",
        "title": "Who wins?",
        "negRisk": True,
        "negRiskAugmented": False,
        "negRiskMarketID": GROUP,
        "markets": list(markets),
    } | changes


def outcome(number: int, **changes: Any) -> dict[str, Any]:
    tokens = [str(int(f"{number}a" * 32, 16)), str(int(f"{number}b" * 32, 16))]
    return listed(negRisk=True, clobTokenIds=tokens, slug=f"m{number}", conditionId="0x" + f"{number}c" * 32) | changes


async def found_events(venue: Scripted, client: PolymarketClient, told: dict[str, Any]) -> Any:
    venue.on("GET", "/events/keyset", says({"events": [told]}))
    [found] = [each async for each in client.discovery.events(slug="who-wins")]
    return found


async def test_the_yes_tokens_of_a_neg_risk_event_are_a_set_and_its_no_tokens_are_none(
    venue: Scripted, client: PolymarketClient
) -> None:
    found = await found_events(venue, client, event(*(outcome(number) for number in (1, 2, 3))))
    assert (found.id, found.group, found.outcomes, len(found.markets)) == ("77", GROUP, 3, 3)
    yes, no = found.markets[0].specs()
    assert (yes.event, yes.outcomes) == (GROUP, 3)
    assert (no.event, no.outcomes) == (found.markets[0].condition, 0)


@pytest.mark.parametrize(
    "changes",
    [{"negRiskAugmented": True}, {"negRiskAugmented": None}, {"negRisk": False}, {"negRiskMarketID": None}],
)
async def test_nobody_says_how_many_outcomes_an_event_has_that_may_grow_or_is_no_set(
    venue: Scripted, client: PolymarketClient, changes: dict[str, Any]
) -> None:
    found = await found_events(venue, client, event(outcome(1), outcome(2), **changes))
    assert found.outcomes == 0
    assert all(spec.outcomes == 0 for market in found.markets for spec in market.specs())


async def test_a_market_that_cannot_be_read_leaves_the_count_of_its_event_unsaid(
    venue: Scripted, client: PolymarketClient, dead: DeadLetters
) -> None:
    found = await found_events(venue, client, event(outcome(1), outcome(2, version="v9")))
    assert (found.outcomes, len(found.markets), len(dead)) == (0, 1, 1)


async def test_whoever_looks_for_markets_needs_no_account(venue: Scripted) -> None:
    venue.on("GET", "/gamma/markets/keyset", says({"markets": [listed()]}), says({}, 503), drops)
    async with GammaWire(f"{venue.base_url}/gamma") as wire:
        discovery = Discovery(wire)
        assert [market.condition async for market in discovery.markets()] == [CONDITION]
        for _ in range(2):
            with pytest.raises(Unavailable):
                [market async for market in discovery.markets()]


async def test_one_event_is_read_by_its_id(venue: Scripted, client: PolymarketClient) -> None:
    venue.on("GET", "/events/77", says(event(outcome(1))), says({"slug": 5}))
    assert (await client.discovery.event("77")).title == "Who wins?"
    with pytest.raises(Unavailable, match="dead letters"):
        await client.discovery.event("77")
