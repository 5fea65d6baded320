"""Each obstacle on any leg is found before the first order exists, and says what to do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.intent import Intent
from domain.market import MarketSpec, Venue
from domain.orders import Side, TimeInForce
from domain.validation import obstacles
from tests.ledger.samples import START, A, B, D, intent

PLANNED = intent()
SPECS = {m: MarketSpec(Venue.KALSHI, m, "GAME", m, PLANNED.legs[0].fees) for m in (A, B)}


def found(
    of: Intent = PLANNED, specs: dict[str, MarketSpec] = SPECS, cash: str = "1000", now: int = START
) -> list[str]:
    known = {(spec.venue, market): spec for market, spec in specs.items()}
    return [f"{obstacle.code}: {obstacle.text}" for obstacle in obstacles(of, known, {Venue.KALSHI: D(cash)}, now)]


def leg_b(**changes: object) -> Intent:
    return replace(PLANNED, legs=(PLANNED.legs[0], replace(PLANNED.legs[1], **changes)))  # type: ignore[arg-type]


def test_a_sound_intent_meets_no_obstacle_until_the_last_moment_of_its_life() -> None:
    assert found(now=PLANNED.expires_at) == []


def test_an_expired_intent_says_how_late_it_is() -> None:
    (text,) = found(now=PLANNED.expires_at + 12_000)
    assert text == ("expired: the intent expired 12 ms ago; a decision is only sent while it is fresh: decide anew")


@pytest.mark.parametrize("market", [A, B])
def test_a_market_the_venue_does_not_know_is_named_on_either_leg(market: str) -> None:
    (text,) = found(specs={m: spec for m, spec in SPECS.items() if m != market})
    assert text.startswith("unknown_market: ")
    assert market in text


def test_a_closed_market_is_named() -> None:
    (text,) = found(specs=SPECS | {B: replace(SPECS[B], open=False)})
    assert text == f"market_closed: {B} is not open for trading; wait for it or drop the pair"


def test_a_size_below_the_minimum_says_which_and_how_much() -> None:
    (text,) = found(specs=SPECS | {B: replace(SPECS[B], min_size=D(25))})
    assert text.startswith("below_minimum: leg B: 10 shares")
    assert "minimum of 25" in text


def test_a_price_off_the_grid_names_the_nearest_on_it() -> None:
    (text,) = found(leg_b(limit=D("0.5551")))
    assert text == f"off_tick: leg B: price 0.5551 is off the 0.01 grid of {B}; nearest 0.56"


def test_a_size_that_is_no_multiple_of_the_lot_is_refused_together_with_unequal_legs() -> None:
    off_lot, unequal = found(leg_b(size=D("10.005")))
    assert off_lot.startswith("off_lot: leg B: 10.005 shares")
    assert unequal.startswith("unequal_legs: ")


def test_a_trade_that_may_need_more_than_the_account_has_is_refused() -> None:
    assert found(cash=str(PLANNED.worst_cost)) == []
    (text,) = found(cash="14.99")
    assert text.startswith(f"above_balance: the trade may need ${PLANNED.worst_cost}")
    assert "at kalshi has $14.99 free" in text


def test_a_trade_across_venues_needs_at_each_only_what_its_legs_there_may_cost() -> None:
    across = leg_b(venue=Venue.POLYMARKET)
    specs = {
        (Venue.KALSHI, A): SPECS[A],
        (Venue.POLYMARKET, B): replace(SPECS[B], venue=Venue.POLYMARKET),
    }
    enough = {venue: across.worst_cost_at(venue) for venue in across.venues}
    assert all(part < across.worst_cost for part in enough.values())
    assert obstacles(across, specs, enough, START) == []
    short = enough | {Venue.POLYMARKET: enough[Venue.POLYMARKET] - D("0.01")}
    (obstacle,) = obstacles(across, specs, short, START)
    assert obstacle.code == "above_balance"
    assert "at polymarket has" in obstacle.text


def test_a_venue_without_a_connected_account_is_named_once_and_its_markets_are_not() -> None:
    (obstacle,) = obstacles(leg_b(venue=Venue.POLYMARKET), {(Venue.KALSHI, A): SPECS[A]}, {Venue.KALSHI: D(100)}, START)
    assert (obstacle.code, "polymarket" in obstacle.text) == ("unknown_venue", True)


def test_a_sale_needs_the_collateral_of_the_shares_held_short() -> None:
    legs = tuple(replace(leg, side=Side.SELL, limit=D("0.10")) for leg in PLANNED.legs)
    short = replace(PLANNED, legs=legs, payoff=D(-1))
    assert short.worst_cost > D("18")  # 90 cents a share and leg are locked, twice
    (text,) = found(short, cash="18")
    assert "collateral of its sales included" in text


def pooled(held: dict[str, str]) -> list[str]:
    known = {(Venue.KALSHI, m): replace(spec, pool="0" if m == A else "2") for m, spec in SPECS.items()}
    pools = {Venue.KALSHI: {name: D(amount) for name, amount in held.items()}}
    cash = {Venue.KALSHI: sum(pools[Venue.KALSHI].values(), D(0))}
    return [f"{one.code}: {one.text}" for one in obstacles(PLANNED, known, cash, START, pools=pools)]


def test_collateral_on_another_shard_does_not_help_and_the_transfer_that_would_is_named() -> None:
    assert pooled({"0": "500", "2": "500"}) == []
    (text,) = pooled({"0": "990", "2": "1"})
    assert text.startswith(f"wrong_shard: {B}: orders at kalshi are paid from exchange shard 2, which has $1 free")
    assert "elsewhere: 0 $990" in text
    assert "to shard 2 first" in text


def test_an_account_too_poor_altogether_is_told_that_and_nothing_of_shards() -> None:
    (text,) = pooled({"0": "1", "2": "1"})
    assert text.startswith("above_balance: ")


def test_the_same_market_twice_is_no_hedge() -> None:
    (text,) = found(leg_b(market=A))
    assert text.startswith(f"same_market: 2 legs trade {A}")


def test_one_leg_is_no_trade() -> None:
    (text,) = found(replace(PLANNED, legs=PLANNED.legs[:1]))
    assert text.startswith("too_few_legs: ")


@pytest.mark.parametrize("name", ["A", "*"])
def test_legs_need_names_of_their_own(name: str) -> None:
    (text,) = found(leg_b(name=name))
    assert text.startswith("same_name: ")


def test_a_size_of_nothing_is_below_every_minimum() -> None:
    legs = tuple(replace(leg, size=D(0)) for leg in PLANNED.legs)
    assert [text.partition(":")[0] for text in found(replace(PLANNED, legs=legs))] == ["below_minimum"] * 2


@pytest.mark.parametrize(
    ("style", "words"),
    [
        ({"post_only": True}, "post-only never takes and immediate_or_cancel never rests"),
        ({"post_only": True, "tif": TimeInForce.FOK}, "post-only never takes"),
        ({"tif": TimeInForce.GTC}, "set rest_ms above 0"),
    ],
)
def test_an_order_style_that_could_not_end_well_is_refused_on_any_leg(style: dict[str, object], words: str) -> None:
    (text,) = found(leg_b(**style))
    assert text.startswith("order_style: leg B: ")
    assert words in text


@pytest.mark.parametrize(
    "style",
    [
        {"tif": TimeInForce.FOK},
        {"tif": TimeInForce.GTC, "rest_ms": 500},
        {"tif": TimeInForce.GTC, "rest_ms": 500, "post_only": True},
    ],
)
def test_every_style_the_lifecycle_carries_passes(style: dict[str, object]) -> None:
    assert found(leg_b(**style)) == []


def test_every_obstacle_is_named_at_once() -> None:
    specs = SPECS | {A: replace(SPECS[A], open=False), B: replace(SPECS[B], min_size=D(25))}
    codes = [text.partition(":")[0] for text in found(specs=specs, cash="1", now=PLANNED.expires_at + 1)]
    assert codes == ["expired", "market_closed", "below_minimum", "above_balance"]
