"""Connections change over without a gap: what the engine believes is in the new one, and nothing is missed."""

from __future__ import annotations

import asyncio

from domain.fees import FeeModel, FeeSchedule
from domain.intent import LegPolicy
from domain.limits import GateLimits, SetParams
from domain.market import MarketSpec, Venue
from ingest.engine import Engine
from ingest.sets import OutcomeSet
from ingest.strategies.basket import baskets
from tests.venues.polymarket.streaming import (
    CENT,
    CONDITION,
    NO,
    SHARE,
    T0,
    YES,
    Heard,
    Peer,
    change,
    good,
    image,
    pool,
    venue,
)
from venues.market_events import Doubt
from venues.polymarket import frames
from venues.polymarket.pool import MarketPool


class EngineSide:
    """A decision engine on the two tokens, told of frames as the ingest process tells it."""

    def __init__(self, heard: Heard) -> None:
        self.heard = heard
        self.gapped: list[tuple[tuple[str, ...], Doubt]] = []
        self.asks: MarketPool | None = None
        self._asking: set[asyncio.Task[bool]] = set()
        fees = FeeSchedule(model=FeeModel.POLYMARKET)
        specs = tuple(
            MarketSpec(Venue.POLYMARKET, token, CONDITION, token, fees, outcomes=2, complement=other)
            for token, other in ((YES, NO), (NO, YES))
        )
        self.engine = Engine(
            baskets([OutcomeSet(specs)], SetParams(), GateLimits(), LegPolicy()),
            GateLimits(),
            lambda intent: None,
            lambda suppression: None,
            on_gapped=self._gapped,
        )

    def _gapped(self, _: Venue, markets: tuple[str, ...], doubt: Doubt) -> None:
        self.gapped.append((markets, doubt))
        if self.asks is not None:
            self._asking.add(asyncio.get_running_loop().create_task(self.asks.request_snapshot(markets)))

    def frame(self, raw: bytes, received_at_us: int, received_ns: int, link: int) -> None:
        self.engine.on_frame(raw, received_at_us, Venue.POLYMARKET, link)
        self.heard.frame(raw, received_at_us, received_ns, link)

    def old_connection_repeats_itself(self) -> None:
        self.engine.on_frame(change(YES, 39, 9, T0 + 1_000), T0 + 7_000, Venue.POLYMARKET, 1)


async def test_a_rotation_has_the_new_books_before_the_old_connection_goes_and_misses_nothing() -> None:
    heard = Heard()
    book = EngineSide(heard)
    go_on = asyncio.Event()

    async def first(peer: Peer) -> None:
        await peer.images(await peer.subscription())
        await peer.say(change(YES, 39, 5, T0 + 1_000))
        go_on.set()
        await asyncio.Event().wait()

    async def second(peer: Peer) -> None:
        assets = await peer.subscription()
        newer = frames.book(
            CONDITION, YES, [(40 * CENT, 10 * SHARE), (39 * CENT, 5 * SHARE)], [(42 * CENT, 10 * SHARE)], T0 + 1_000
        )
        await peer.say(newer)
        await peer.say(change(YES, 38, 6, T0 + 2_000))
        assert assets == [YES, NO]
        await peer.say(image(NO, T0 + 2_000))
        await asyncio.Event().wait()

    async with venue(first, second) as (url, peers), pool(url, heard, on_frame=book.frame) as made:
        await go_on.wait()
        await heard.until(lambda story: "up" in story)
        made.renew()
        await heard.until(lambda story: ("lost", 1) in story)
        assert heard.downs == []
        assert made.status()[0].renewals == 1
        book.old_connection_repeats_itself()
        yes = book.engine.feed(Venue.POLYMARKET).books[YES]
        assert yes.bids == {40 * CENT: 10 * SHARE, 39 * CENT: 5 * SHARE, 38 * CENT: 6 * SHARE}
        assert book.gapped == []
        assert book.engine.unready() == ()
        assert len(peers) == 2


async def test_a_book_doubted_while_connections_change_is_asked_of_the_one_that_takes_over() -> None:
    heard = Heard()
    book = EngineSide(heard)

    async def second(peer: Peer) -> None:
        await peer.subscription()
        await peer.images([YES], T0 + 1_000)  # the other token's book is not there yet: it has not taken over
        await peer.say(change(YES, 39, 5, T0 + 2_000, best_bid=41))  # something was lost,
        await peer.say(change(YES, 39, 6, T0 + 3_000, best_bid=41))  # and its instant is over
        assert (await peer.told.get())["assets_ids"] == [YES]
        assert await peer.subscription() == [YES]
        await peer.images([YES, NO], T0 + 3_000)
        await asyncio.Event().wait()

    async with venue(good, second) as (url, _), pool(url, heard, on_frame=book.frame) as made:
        book.asks = made
        await heard.until(lambda story: "up" in story)
        made.renew()
        await heard.until(lambda story: ("lost", 1) in story)
        assert book.gapped == [((YES,), Doubt.BEST)]
        assert book.engine.unready() == ()


async def test_only_the_connection_that_carries_a_doubted_book_is_replaced() -> None:
    heard = Heard()
    async with venue(good) as (url, _), pool(url, heard, [(YES, NO), ("2001", "2002")], most_assets=2) as made:
        await heard.until(lambda story: "up" in story)
        before = [status.link for status in made.status()]
        made.renew(["2002"])
        await heard.until(lambda story: any(event[0] == "lost" for event in story if isinstance(event, tuple)))
        after = [status.link for status in made.status()]
    assert before == [1, 2]
    assert after == [1, 3]
