"""Nothing is opened at a venue whose private channel is not there to tell of the fills."""

from __future__ import annotations

from domain.decisions import Gate
from domain.intent import canonical
from domain.limits import GateLimits
from domain.market import Venue
from tests.ingest.test_halts import MS, Feed


def test_while_the_private_channel_is_gone_opportunities_are_counted_and_not_taken() -> None:
    feed = Feed()
    feed.engine.on_users(False, "connection closed", Venue.KALSHI)
    feed.offer(10 * MS)
    feed.withdraw(20 * MS)
    assert feed.intents == []
    assert feed.suppressed == [
        (Gate.USERS, "the private channel of kalshi is not acknowledged: connection closed"),
    ]
    feed.engine.on_users(True, "every subscription is acknowledged", Venue.KALSHI)
    feed.offer(30 * MS)
    assert len(feed.intents) == 1


def test_another_venues_private_channel_matters_only_to_its_own_legs() -> None:
    feed = Feed()
    feed.engine.on_users(False, "closed before its first answer", Venue.POLYMARKET)
    feed.offer(10 * MS)
    assert len(feed.intents) == 1


def test_the_switch_is_part_of_the_limits_only_where_it_is_off() -> None:
    assert "users" not in canonical(GateLimits())
    assert "users" in canonical(GateLimits(users=False))
