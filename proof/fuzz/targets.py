"""Every decoder by name: what it is fed with at first, and what must hold whatever comes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from proof.fuzz import feeds, files, seeds, spot, users


@dataclass(frozen=True, slots=True)
class Target:
    """`run` raises `Wrong`, or whatever the decoder should not have raised."""

    run: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]


TARGETS: Mapping[str, Target] = {
    "kalshi": Target(feeds.kalshi, seeds.kalshi),
    "polymarket": Target(feeds.polymarket, seeds.polymarket),
    "kalshi-user": Target(users.kalshi, seeds.users),
    "polymarket-user": Target(users.polymarket, seeds.users),
    "coinbase-exchange": Target(spot.exchange, seeds.exchange),
    "coinbase-advanced": Target(spot.advanced, seeds.advanced),
    "binance": Target(spot.binance, seeds.binance),
    "prices": Target(spot.prices, seeds.prices),
    "session": Target(files.session, seeds.sessions),
    "labels": Target(files.labels, seeds.single_frames),
    "recording": Target(files.recording, seeds.recordings),
}
