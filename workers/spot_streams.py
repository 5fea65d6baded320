"""The spot feeds of the decision thread: run beside the venues' streams, and never in their way.

| seen | told as | why |
|---|---|---|
| a feed is connected and every symbol came | good | |
| its connection is gone | down, with the reason; it is opened again | prices may be missed |
| it is up and brought no new price for `stale_ms` | stale | sockets go on answering pings and carry nothing |
| it ends by what no reconnect can cure, or by a fault of ours | down until the next start | all others go on |
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from config.secrets import api_credentials
from config.settings import Settings
from config.spot import MADE_UP_PATH, SpotFeedSettings
from domain.errors import BadInput
from domain.spot import SpotFeed, SpotTick
from ingest.engine import Engine
from venues.binance.feed import STREAM_URL, binance_feed
from venues.coinbase.feed import ADVANCED_URL, EXCHANGE_URL, advanced_feed, exchange_feed
from venues.kept_socket import KeptSocket, OnFrame
from venues.polymarket.prices import PRICES_URL, prices_feed
from venues.polymarket.wallet import Credentials
from venues.wire import wall_clock_us
from workers import metrics
from workers.local.layout import Stack

log = structlog.get_logger(__name__)

OnSpotState = Callable[[SpotFeed, bool, str], None]
"""(feed, whether its prices may be relied on, why not)."""


@dataclass(slots=True)
class _Kept:
    """A feed and how it is. `since` is when (wall clock, µs) it came up or was begun, `good` what was told last."""

    settings: SpotFeedSettings
    socket: KeptSocket
    since: int
    up: bool = False
    why: str = "not connected yet"
    good: bool | None = None
    said: str = ""
    counted: int = 0


class SpotStreams:
    """Runs the feeds of `settings.spot` into `engine`; all of it belongs to the engine's loop.

    `on_state` hears when a feed becomes good or bad, and each new reason it is bad for; as `run` begins, that none is.
    `made_up_url` is the paper exchange's feed.
    Raises BadInput for Polymarket credentials that cannot be read, where its price topics are asked for.
    """

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        on_state: OnSpotState,
        *,
        made_up_url: str | None = None,
        clock: Callable[[], int] = wall_clock_us,
    ) -> None:
        self._engine = engine
        self._on_state = on_state
        self._clock = clock
        self._made_up_url = made_up_url
        now = clock()
        self._feeds = {each.source: _Kept(each, self._socket(each, settings), since=now) for each in settings.spot}

    @property
    def feeds(self) -> Sequence[SpotFeed]:
        return tuple(self._feeds)

    async def run(self) -> None:
        """Every feed, until cancelled. Raises nothing else: a feed that ends is down and the others go on."""
        for feed in self._feeds:
            self._judge(feed, self._clock())
        async with asyncio.TaskGroup() as tasks:
            for feed, kept in self._feeds.items():
                tasks.create_task(self._keep(feed, kept))

    async def _keep(self, feed: SpotFeed, kept: _Kept) -> None:
        try:
            await kept.socket.run()
        except BadInput as fatal:
            self._state(feed, False, f"given up until the next start: {fatal.message}")
        except Exception as failure:
            log.exception("a spot feed failed", feed=feed)
            self._state(feed, False, f"given up until the next start: {type(failure).__name__}: {failure}")

    def look(self) -> None:
        """Asked about once a second: metrics, and whether a feed that is up has fallen silent."""
        now = self._clock()
        for feed, kept in self._feeds.items():
            ticks = self._engine.spot.ticks[feed]
            metrics.SPOT_TICKS.labels(feed).inc(ticks - kept.counted)
            kept.counted = ticks
            metrics.SPOT_AGE.labels(feed).set(max(now - self._last(feed, kept), 0) / 1e6)
            self._judge(feed, now)

    def ended(self) -> None:
        """The thread ends: nothing is up any more."""
        for feed in self._feeds:
            metrics.SPOT_UP.labels(feed).set(0)

    def _last(self, feed: SpotFeed, kept: _Kept) -> int:
        """When a price came last; if none did since it is up or was begun, that time."""
        return max(self._engine.spot.heard.get(feed, 0), kept.since)

    def _judge(self, feed: SpotFeed, now: int) -> None:
        kept = self._feeds[feed]
        why = kept.why
        silent = now - self._last(feed, kept)
        if kept.up and silent > kept.settings.stale_ms * 1000:
            why = f"stale: no new price for more than {kept.settings.stale_ms / 1000:g} s"
        good = not why
        if (good, why) == (kept.good, kept.said):
            return
        kept.good, kept.said = good, why
        metrics.SPOT_UP.labels(feed).set(1 if good else 0)
        self._on_state(feed, good, why)

    def _state(self, feed: SpotFeed, up: bool, reason: str) -> None:
        kept = self._feeds[feed]
        now = self._clock()
        if up and not kept.up:
            kept.since = now
        kept.up, kept.why = up, "" if up else f"down: {reason}"
        self._judge(feed, now)

    def _socket(self, wanted: SpotFeedSettings, settings: Settings) -> KeptSocket:
        feed = wanted.source
        engine = self._engine

        # The engine decodes every frame itself, as a replay will, and keeps what it cannot read: the feed's own ticks
        # and dead letters would be the same once more.
        def frame(raw: bytes, received_at_us: int, received_ns: int, link: int, /) -> None:
            engine.on_spot(feed, raw, received_at_us, link)

        def state(up: bool, reason: str) -> None:
            self._state(feed, up, reason)

        match feed:
            case SpotFeed.COINBASE:
                return exchange_feed(
                    wanted.symbols, on_tick=_nothing, on_frame=frame, on_state=state, url=self._coinbase(wanted)
                )
            case SpotFeed.COINBASE_ADVANCED:
                return advanced_feed(
                    wanted.symbols, on_tick=_nothing, on_frame=frame, on_state=state, url=wanted.url or ADVANCED_URL
                )
            case SpotFeed.BINANCE:
                return binance_feed(
                    wanted.symbols, on_tick=_nothing, on_frame=frame, on_state=state, url=wanted.url or STREAM_URL
                )
            case SpotFeed.POLYMARKET_PRICES:
                return _prices(wanted, settings, frame, state)

    def _coinbase(self, wanted: SpotFeedSettings) -> str:
        if not wanted.made_up:
            return wanted.url or EXCHANGE_URL
        if self._made_up_url is None:
            raise BadInput("spot: url paper, and there is no paper exchange here; set url: null", "config")
        return self._made_up_url


def made_up_url(stack: Stack) -> str | None:
    """Where the paper exchange makes spot prices up; None where there is none."""
    admin = stack.paper_admin_url
    return None if admin is None else f"ws{admin.removeprefix('http')}{MADE_UP_PATH}"


def _prices(
    wanted: SpotFeedSettings, settings: Settings, frame: OnFrame, state: Callable[[bool, str], None]
) -> KeptSocket:
    path = settings.polymarket.credentials_file
    if path is None:
        raise BadInput("spot: polymarket_prices needs polymarket.credentials_file: set it", "credentials")
    found = api_credentials(path)
    return prices_feed(
        Credentials(found.key, found.secret, found.passphrase),
        wanted.symbols,
        on_tick=_nothing,
        on_frame=frame,
        on_state=state,
        provider=wanted.provider or "",
        url=wanted.url or PRICES_URL,
    )


def _nothing(tick: SpotTick) -> None:
    """A tick the engine has made already."""
