"""Polymarket's market channel for many assets: several connections, each replaced by a fresh one before it goes.

The venue names no limit of assets a connection; 500 was the most that still brought snapshots, so 200 are used
(github.com/nautechsystems/nautilus_trader, docs/integrations/polymarket.md). Tokens of one condition stay together.

**Rotation.** A connection is replaced after `rotate_s`, and when assets on it are frozen while it answers pings. The
new one is opened and has its books before the old one is closed; meanwhile both hand on their frames, each with its
connection's number, and numbers rise. Whoever keeps the books follows, asset by asset, the highest number that has
brought a book, so nothing is missed and nothing is applied twice or out of order (see `venues.polymarket.book_feed`).

**Loss.** A connection lost before its replacement stands is told by `on_link_lost`: its assets' books are not to be
believed until another brings them. `on_state` speaks of the whole: up when every connection has its books, down when
none is left. Connections are opened one at a time: the venue answers many at once with 429.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import count

from domain.errors import BadInput
from venues.polymarket.market_stream import MARKET_PATH, MarketLink, OnFrame, StreamTiming, channel_url, dealt
from venues.reconnect import ConnectionLost, full_jitter
from venues.wire import wall_clock_us

MOST_ASSETS = 200


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """One place of the pool: the connection's number (0: none), how many assets it carries and lacks books of, how
    often it was replaced, and why the last one ended."""

    link: int
    assets: int
    waiting: int
    renewals: int
    last_reason: str


class MarketPool:
    """The books of `groups` (each the tokens of one condition) over as many connections as they need.

    `ws_url` as for `market_stream.channel_url`. `on_frame` is called synchronously with every frame that is not a pong;
    `on_link_lost` with a connection's number; `on_silent` with assets that have said nothing for `silence_s` and were
    asked for again; `on_state(up, reason)` at every change and after every failed attempt while nothing is up. What a
    callback raises ends `run`.
    """

    def __init__(
        self,
        ws_url: str,
        groups: Sequence[Sequence[str]],
        *,
        on_frame: OnFrame,
        on_link_lost: Callable[[int], None] = lambda link: None,
        on_silent: Callable[[tuple[str, ...]], None] = lambda assets: None,
        on_state: Callable[[bool, str], None] = lambda up, reason: None,
        most_assets: int = MOST_ASSETS,
        clock: Callable[[], int] = wall_clock_us,
        timing: StreamTiming | None = None,
        rng: random.Random | None = None,
    ) -> None:
        if not any(groups):
            raise BadInput("the pool has nothing to subscribe to; expected at least one asset")
        self._url = channel_url(ws_url, MARKET_PATH)
        self._on_frame = on_frame
        self._on_link_lost = on_link_lost
        self._on_silent = on_silent
        self._on_state = on_state
        self._clock = clock
        self._timing = timing or StreamTiming()
        self._rng = rng or random.Random()  # noqa: S311 - spreads reconnects, guards nothing
        self._numbers = count(1)
        self._opening = asyncio.Lock()
        self._places = [_Place(self, assets) for assets in dealt(groups, most_assets)]
        self._up = False

    async def run(self) -> None:
        """Stay connected until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for place in self._places:
                    tasks.create_task(place.keep())
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None

    async def request_snapshot(self, assets: Iterable[str]) -> bool:
        """Ask for fresh books of these assets, of every connection that has brought one: while one takes over from
        another, only the books of the younger count. False if nobody could be asked for some: the connection to come
        brings them by itself."""
        wanted = list(assets)
        asked = True
        for place in self._places:
            mine = [asset for asset in wanted if asset in place.assets]
            links = [link for link in (place.link, place.coming) if link is not None]
            for link in links:
                asked = await link.ask_again([asset for asset in mine if asset not in link.waiting]) and asked
            asked = asked and (bool(links) or not mine)
        return asked

    def vouch(self, assets: Iterable[str]) -> None:
        """Another source shows that these assets are quiet, not frozen: their silence is no reason to ask again."""
        quiet = list(assets)
        for place in self._places:
            if place.link is not None:
                place.link.vouch(quiet)

    def renew(self, assets: Iterable[str] | None = None) -> None:
        """Replace every connection, or those that carry one of `assets`, as in a rotation: without a gap."""
        chosen = None if assets is None else set(assets)
        for place in self._places:
            if chosen is None or not chosen.isdisjoint(place.assets):
                place.due.set()

    def status(self) -> tuple[LinkStatus, ...]:
        return tuple(place.status() for place in self._places)

    # ------------------------------------------------------------------ for the places

    def new_link(
        self, assets: Iterable[str], given_up: frozenset[str], on_end: Callable[[MarketLink], None]
    ) -> MarketLink:
        return MarketLink(
            self._url,
            next(self._numbers),
            assets,
            given_up=given_up,
            on_frame=self._on_frame,
            on_silent=self._on_silent,
            on_end=on_end,
            clock=self._clock,
            timing=self._timing,
        )

    def stands(self) -> None:
        if not self._up and all(place.link is not None for place in self._places):
            self._up = True
            self._on_state(True, "every connection has its books")

    def ended(self, link: MarketLink) -> None:
        """A connection is gone: lost, closed after its replacement stood, or never come to stand."""
        self._on_link_lost(link.number)

    def fell(self, reason: str) -> None:
        """A place has no connection, or could not get one."""
        if all(place.link is None for place in self._places):
            self._up = False
            self._on_state(False, reason)

    @property
    def timing(self) -> StreamTiming:
        return self._timing

    @property
    def opening(self) -> asyncio.Lock:
        return self._opening

    def rotation(self) -> float | None:
        """Seconds until a connection is due, a tenth more or less so that not all are at once; None for never."""
        return self._timing.rotate_s * self._rng.uniform(0.9, 1.1) or None

    def backoff(self, failures: int) -> float:
        timing = self._timing
        return full_jitter(failures, first_s=timing.backoff_s, most_s=timing.backoff_cap_s, rng=self._rng)


class _Place:
    """One connection's worth of assets: the connection that carries them now, and its replacement when due."""

    def __init__(self, pool: MarketPool, assets: Sequence[str]) -> None:
        self._pool = pool
        self.assets = dict.fromkeys(assets)
        self.link: MarketLink | None = None
        self.coming: MarketLink | None = None
        self.due = asyncio.Event()
        self._given_up: frozenset[str] = frozenset()
        self._renewals = 0
        self._reason = ""
        self._dead: list[MarketLink] = []

    def status(self) -> LinkStatus:
        link = self.link
        return LinkStatus(
            link.number if link else 0,
            len(self.assets),
            len(link.waiting if link else self.assets),
            self._renewals,
            self._reason,
        )

    async def keep(self) -> None:
        failures = 0
        try:
            while True:
                if await self._renewed():
                    began = time.monotonic()
                    await self._until_over()
                    failures = 0 if time.monotonic() - began >= self._pool.timing.settled_s else failures + 1
                else:
                    failures += 1
                await self._bury()
                if failures:
                    await asyncio.sleep(self._pool.backoff(failures))
        finally:
            link, self.link = self.link, None
            if link is not None:
                await link.close()
            await self._bury()

    async def _renewed(self) -> bool:
        """Open a connection; if it comes to stand, it takes the place of the old one."""
        new = self._pool.new_link(self.assets, self._given_up, self._ended)
        self.due.clear()
        self.coming = new
        try:
            async with self._pool.opening:
                await new.connect()
            await new.settle()
        except ConnectionLost as lost:
            self._reason = str(lost)
            if self.link is None:
                self._pool.fell(self._reason)
            return False
        except BaseException:
            await new.close()
            raise
        finally:
            self.coming = None
        old, self.link = self.link, new
        # What no connection gets a book of is asked for again, but is no reason to replace one after another.
        self._given_up = frozenset(new.waiting)
        if old is not None:
            self._renewals += 1
            await old.close()
        self._pool.stands()
        return True

    async def _until_over(self) -> None:
        """Until the connection is lost, frozen or due."""
        link, rotate = self.link, self._pool.rotation()
        if link is None:
            return
        over = asyncio.ensure_future(link.until_over())
        due = asyncio.ensure_future(self.due.wait())
        try:
            await asyncio.wait((over, due), timeout=rotate, return_when=asyncio.FIRST_COMPLETED)
            if over.done():
                await over
        finally:
            over.cancel()
            due.cancel()
            await asyncio.gather(over, due, return_exceptions=True)
        if link.frozen:
            self._reason = f"{len(link.frozen)} assets are frozen, the first {link.frozen[0]}; replacing the connection"

    def _ended(self, link: MarketLink) -> None:
        """At once, not when somebody looks: until then its books would be believed."""
        self._dead.append(link)
        self._pool.ended(link)
        if link is self.link:
            self.link = None
            self._reason = link.lost
            self._pool.fell(link.lost)

    async def _bury(self) -> None:
        """Close what has ended by itself."""
        dead, self._dead = self._dead, []
        for link in dead:
            await link.close()
        for link in dead:
            link.raise_failure()
