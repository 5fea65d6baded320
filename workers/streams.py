"""The market data of each venue in use, as the decision thread runs it: one `run`, one way to ask for snapshots."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

import msgspec

from domain.errors import BadInput, Unavailable
from domain.market import Venue
from ingest.engine import Engine
from venues.kalshi.stream import KalshiStream
from venues.market_events import Doubt
from venues.pauses import Pause
from venues.polymarket.book_feed import PolymarketFeed
from venues.polymarket.comparison import BookComparison
from venues.polymarket.pool import MarketPool
from venues.polymarket.user_stream import UserEvent, UserStream
from venues.registry import adapter_of
from venues.wire import HttpWire, WireFailure
from workers.accounts import credentials_of, polymarket_ends, signer_of
from workers.local.layout import Stack
from workers.watch import Watched

_BOOKS_S = 5.0

_LET_IN: set[tuple[str, str]] = set()
"""(address, key) of private channels that let this process in. Streams are made anew whenever what is watched changes;
an address that was right for the one before is right for the next, however it refuses it at first."""

PauseAt = Callable[[Venue, int], Pause | None]
"""The pause of a venue that holds at a time (µs), as far as it is known."""


def without_asking(venue: Venue, now: int) -> Pause | None:
    """A `PauseAt` of what is known of a venue without a client of it."""
    return adapter_of(venue).known_pause(None, now)


class Hooks(Protocol):
    """What the decision thread does with what streams bring. All called on its loop."""

    def frame(self, venue: Venue, raw: bytes, received_at_us: int, received_ns: int, link: int = 0) -> None: ...

    def state(self, venue: Venue, up: bool, reason: str) -> None: ...

    def users(self, venue: Venue, up: bool, reason: str) -> None: ...

    def user_event(self, event: UserEvent, raw: bytes) -> None: ...

    def dead(self, venue: Venue, raw: bytes, why: str) -> None: ...


class Stream(Protocol):
    async def run(self) -> None:
        """Stay connected until cancelled. Raises what no reconnect can cure."""
        ...

    async def request_snapshot(self, markets: Sequence[str]) -> bool: ...

    async def resubscribe(self, markets: Sequence[str]) -> bool:
        """Subscribe anew, at least to these markets, on the connection that there is."""
        ...

    def reconnect(self, markets: Sequence[str], why: str) -> None:
        """Open another connection for these markets."""
        ...


def streams_of(
    stack: Stack, watched: Watched, engine: Engine, hooks: Hooks, pause_at: PauseAt = without_asking
) -> dict[Venue, Stream]:
    """A stream for each venue in use that has something to watch. Raises `BadInput` for keys that are none.

    `pause_at` explains what a stream is lost to; it is called on the loop of the streams."""
    made: dict[Venue, Stream] = {}
    for venue in stack.settings.in_use:
        if not watched.markets(venue):
            continue
        if venue is Venue.KALSHI:
            made[venue] = _kalshi(stack, watched, engine, hooks, pause_at)
        elif venue is Venue.POLYMARKET:
            made[venue] = _Polymarket(stack, watched, engine, hooks)
        else:
            raise BadInput(f"nothing here streams the books of {venue} yet; leave it out of the settings", "venue")
    return made


def _kalshi(stack: Stack, watched: Watched, engine: Engine, hooks: Hooks, pause_at: PauseAt) -> Stream:
    def frame(raw: bytes, received_at_us: int, received_ns: int) -> None:
        hooks.frame(Venue.KALSHI, raw, received_at_us, received_ns)

    signer = signer_of(stack)
    place = (stack.venue_ws_url, signer.key_id)

    def state(up: bool, reason: str) -> None:
        if up:
            _LET_IN.add(place)
        hooks.users(Venue.KALSHI, up, reason)  # one socket: up means that every subscription is acknowledged
        hooks.state(Venue.KALSHI, up, reason)

    return KalshiStream(
        stack.venue_ws_url,
        signer,
        on_frame=frame,
        markets=list(watched.markets(Venue.KALSHI)),
        on_state=state,
        pause_at=partial(pause_at, Venue.KALSHI),
        on_gap=lambda markets: engine.on_gap(markets, Venue.KALSHI),
        on_dead=lambda raw, why: hooks.dead(Venue.KALSHI, raw, why),
        let_in=place in _LET_IN,
    )


class _Polymarket:
    """Books over several connections, compared with the REST books now and then, and the account's own channel."""

    def __init__(self, stack: Stack, watched: Watched, engine: Engine, hooks: Hooks) -> None:
        ends = polymarket_ends(stack)

        def frame(raw: bytes, received_at_us: int, received_ns: int, link: int, /) -> None:
            hooks.frame(Venue.POLYMARKET, raw, received_at_us, received_ns, link)

        def silent(assets: tuple[str, ...]) -> None:
            engine.on_gap(assets, Venue.POLYMARKET, Doubt.SILENT)

        self._pool = MarketPool(
            ends.ws_url,
            watched.groups(Venue.POLYMARKET),
            on_frame=frame,
            on_link_lost=lambda link: engine.on_link_lost(link, Venue.POLYMARKET),
            on_silent=silent,
            on_state=lambda up, reason: hooks.state(Venue.POLYMARKET, up, reason),
        )
        credentials = credentials_of(stack)
        place = (ends.ws_url, credentials.key)

        def users(up: bool, reason: str) -> None:
            if up:
                _LET_IN.add(place)
            hooks.users(Venue.POLYMARKET, up, reason)

        self._users = UserStream(
            ends.ws_url,
            credentials,
            on_event=hooks.user_event,
            on_state=users,
            let_in=place in _LET_IN,
            on_dead=lambda raw, why: hooks.dead(Venue.POLYMARKET, raw, why),
        )
        self._rest = HttpWire("Polymarket CLOB", ends.clob_url)
        feed = engine.feed(Venue.POLYMARKET)
        assert isinstance(feed, PolymarketFeed)
        self._comparison = BookComparison(
            feed,
            self._books,
            on_doubt=lambda markets, doubt: engine.on_gap(markets, Venue.POLYMARKET, doubt),
            on_quiet=self._pool.vouch,
            on_dead=lambda raw, why: hooks.dead(Venue.POLYMARKET, raw, why),
        )

    async def run(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                for each in (self._pool.run, self._users.run, self._comparison.run):
                    tasks.create_task(each())
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None
        finally:
            await self._rest.close()

    async def request_snapshot(self, markets: Sequence[str]) -> bool:
        return await self._pool.request_snapshot(markets)

    async def resubscribe(self, markets: Sequence[str]) -> bool:
        """A snapshot comes by a new subscription only, so asking for one is this."""
        return await self._pool.request_snapshot(markets)

    def reconnect(self, markets: Sequence[str], why: str) -> None:
        self._pool.renew(markets)

    async def _books(self, tokens: Sequence[str]) -> bytes:
        body = msgspec.json.encode([{"token_id": token} for token in tokens])
        try:
            answer = await self._rest.exchange(
                "POST", "/books", timeout=_BOOKS_S, content=body, headers={"Content-Type": "application/json"}
            )
        except WireFailure as failure:
            raise Unavailable(f"Polymarket's books were not read: {failure}", "unavailable") from None
        return answer.body
