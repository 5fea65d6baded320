"""The decision side as a thread: the venues' streams and the engine on an event loop that shares nothing.

The order path (Temporal, ledger, signing) lives on another thread's loop; a long garbage collection or a burst there
delays no frame by more than the interpreter's switch interval. What is said crosses on a bus (`workers.bus`): what the
caller is told is put on its own by its callbacks; what it tells waits on the `control` topic here. While one of the two
cannot keep up with what must not be lost, the condition `bus` does not hold and nothing is taken.
"""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import TimeoutError as TookTooLong
from functools import partial
from itertools import count
from typing import Protocol, assert_never

import structlog
import uvloop

from domain.admission import Load
from domain.decisions import Suppression
from domain.intent import Intent
from domain.market import Venue
from domain.spot import SpotFeed
from ingest.engine import Engine
from ingest.gates import Halts
from ingest.readiness import Change, Pauses, Phase
from ingest.why import Answer
from recording.recorded_engine import TapedEngine
from venues.book_feed import Feed
from venues.market_events import Doubt, Resolved, TickChange
from venues.market_events import News as FeedNews
from venues.polymarket.user_stream import UserEvent
from venues.registry import ADAPTERS
from venues.wire import wall_clock_us
from workers import conditions, metrics
from workers.book_repairs import BookRepairs, Step
from workers.bus import Bus, Consumer, GivenUp
from workers.conditions import Conditions, Said
from workers.local.layout import Stack
from workers.news import News
from workers.recording import firewall_of, recorder_of
from workers.spot_streams import SpotStreams, made_up_url
from workers.streams import PauseAt, Stream, streams_of, without_asking
from workers.topics import CONTROL, ConditionChanged, TradeOver
from workers.warm_keeper import WarmKeeper
from workers.watch import Watched

log = structlog.get_logger(__name__)

_TICK_S = 1.0
_QUIET_S = 1.5  # without a frame for so long, opportunities that stand are reported as they stand

OnIntent = Callable[[Intent], None]
OnSuppressed = Callable[[Sequence[Suppression]], None]
OnUserNews = Callable[[News], None]
OnDead = Callable[[str, bytes, str, int], None]
"""Takes what could not be used: whose it is, the message, why, our wall clock in µs."""
OnEnd = Callable[[BaseException | None], None]


class Halting(Protocol):
    """A bus as far as deciding is concerned: why nothing may be opened, "" if it may."""

    halting: str


class _Lag:
    """The least that a frame of a venue's feed was late since this was last reset, in µs; -1 before any. A snapshot
    may carry an old time and be no late frame, hence the least."""

    __slots__ = ("feed", "least")

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.least = -1


class DecisionThread:
    """Watches what it is given until `stop`. Callbacks are called on the thread: they put what they are told on a bus
    and return. `home` is that bus, asked before every frame whether it keeps up.

    `said` is what the trading side says of itself, read when the thread begins; `condition` brings what changes.
    `on_end` is called once, on the loop that made this object, with the exception if a stream ended by what no
    reconnect can cure (a wrong key); `on_given_up` with what the engine could not be told. `warm` keeps what features
    have learned for the thread after this one. Raises `BadInput` or OSError where the session cannot be recorded.
    """

    def __init__(
        self,
        stack: Stack,
        watched: Watched,
        open_pairs: Iterable[str],
        halts: Halts,
        said: Said,
        *,
        on_intent: OnIntent,
        on_suppressed: OnSuppressed,
        on_user_news: OnUserNews,
        on_dead: OnDead,
        on_given_up: Callable[[GivenUp], None],
        on_end: OnEnd,
        home: Halting,
        pause_at: PauseAt = without_asking,
        warm: WarmKeeper | None = None,
    ) -> None:
        settings = stack.settings
        self._home = asyncio.get_running_loop()
        self._on_intent, self._on_suppressed = on_intent, on_suppressed
        self._on_user_news, self._on_dead, self._on_end = on_user_news, on_dead, on_end
        self._bus, self._halting = home, ""
        self._control = Bus([Consumer(CONTROL, "engine", self._obey)], on_dead=on_given_up)
        self._recorder = (
            recorder_of(stack.layout.recordings, settings, watched, on_trouble=self._disk)
            if settings.recording.enabled
            else None
        )
        make = Engine if self._recorder is None else partial(TapedEngine, self._recorder)
        self.engine: Engine = make(
            watched.strategies,
            settings.gates,
            self._intent,
            self._suppressed,
            venue_limits=settings.venue_gates,
            on_gapped=self._gapped,
            on_news=self._news,
            on_dead=self._dead,
            settle=settings.readiness.settle_ms * 1000,
            firewall=firewall_of(settings.firewall),
            admission=settings.admission.limits(),
            on_phase=self._phase,
            features=settings.features,
        )
        for pair in open_pairs:
            self.engine.trade_opened(pair)
        self._halts = halts
        self._warm = warm if warm is not None and settings.spot else None
        self._conditions = Conditions(self.engine, settings, self._recorder, self._warm)
        self._streams = streams_of(stack, watched, self.engine, self, pause_at)
        self._spot = SpotStreams(settings, self.engine, self.spot_state, made_up_url=made_up_url(stack))
        self._save_ticks = settings.warm_cache.save_ms // round(_TICK_S * 1000)
        self._hearing = {venue for venue in self._streams if settings.venue_gates.get(venue, settings.gates).users}
        self._said = said
        self._conditions.expect(self._streams, self._hearing, self._spot.feeds, said)
        for venue in self._streams:
            self.users(venue, False, "not connected yet")
        self.up: dict[Venue, bool] = dict.fromkeys(self._streams, False)
        self._last_frame = time.monotonic()
        self._counted = 0
        self._lags = {one.venue: _Lag(self.engine.feed(one.venue)) for one in ADAPTERS}
        self._is_own = {one.venue: one.is_own for one in ADAPTERS}
        self._snapshots: set[asyncio.Task[bool]] = set()
        self._repairs = {venue: BookRepairs() for venue in self._streams}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name="decisions", daemon=True)

    def start(self) -> None:
        if self._recorder is not None:
            self._recorder.start()
        self._thread.start()

    def stop(self) -> None:
        """End the stream, report what still stands, and wait for the thread."""
        loop, task = self._loop, self._task
        if loop is not None and task is not None and not loop.is_closed():
            loop.call_soon_threadsafe(task.cancel)
        if self._thread.is_alive():
            self._thread.join()
        if self._recorder is not None and not self._recorder.close():
            log.warning("the recording has no end", file=self._recorder.path.name, why=self._recorder.trouble)

    def condition(self, name: str, ok: bool, why: str, pauses: Pauses) -> None:
        """From the trading side: a condition of its own holds or does not."""
        self._control.put(CONTROL, ConditionChanged(name, ok, why, pauses))

    def answer(self, patience_s: float = 2.0, *, brief: bool = False) -> Answer | None:
        """From any other thread: why what is not traded is not. None while the decisions do not answer."""
        loop = self._loop
        if loop is None or loop.is_closed():
            return None
        asked = asyncio.run_coroutine_threadsafe(self._answer(brief), loop)
        try:
            return asked.result(patience_s)
        except (TookTooLong, asyncio.CancelledError):
            asked.cancel()
            return None

    async def _answer(self, brief: bool) -> Answer:
        return self.engine.answer(wall_clock_us(), brief=brief)

    def trade_closed(self, pair: str) -> None:
        """From the trading side: a trade of `pair` is over."""
        self._control.put(CONTROL, TradeOver(pair))

    def hear(self, changed: Halts | Load) -> None:
        """From the trading side: other halts are in force, or nobody can say which are; or other trades under way."""
        self._control.put(CONTROL, changed)

    # ------------------------------------------------------------------ on the thread

    def _run(self) -> None:
        failure: BaseException | None = None
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._main())
        except asyncio.CancelledError:
            pass
        except BaseException as error:
            failure = error
        self.up = dict.fromkeys(self.up, False)
        if not self._home.is_closed():
            self._home.call_soon_threadsafe(self._on_end, failure)

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self.engine.on_halts(self._halts)
        await self._warm_up()
        for name, (ok, why, pauses) in dict(self._said).items():  # what changed before this loop could be told
            self._conditions.say_news(name, ok, why, pauses)
        self._control.attach()
        beside = [asyncio.create_task(self._tick()), asyncio.create_task(self._spot.run())]
        try:
            await self._stay()
        finally:
            for task in beside:
                task.cancel()
            await asyncio.wait(beside)  # sockets that are still open when the loop closes would keep it from closing
            self._spot.ended()
            self._keep_warm()
            await self._control.close(0)
            self.engine.on_stop(wall_clock_us())
            self.engine.finish()
            for venue in self._streams:
                metrics.FEED_UP.labels(venue).set(0)
                metrics.USERS_UP.labels(venue).set(0)

    async def _warm_up(self) -> None:
        """Features go on where the engine before left them, if that is not long ago."""
        state = await asyncio.to_thread(self._warm.latest) if self._warm is not None else None
        if state is None:
            return
        log.info("features go on", spots=self.engine.on_warm(state), saved_at=state.saved_at)

    def _keep_warm(self) -> None:
        if self._warm is not None:
            self._warm.keep(self.engine.warm_state(wall_clock_us()))

    async def _stay(self) -> None:
        """Every stream, until one ends by what no reconnect can cure."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for stream in self._streams.values():
                    tasks.create_task(stream.run())
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None
        await asyncio.Event().wait()  # nothing to watch, and nothing to do but to be stopped

    # ------------------------------------------------------------------ what the streams bring

    def frame(self, venue: Venue, raw: bytes, received_at_us: int, received_ns: int, link: int = 0) -> None:
        if self._is_own[venue](raw):
            if self._recorder is not None:
                self._recorder.user(venue, raw, received_at_us, received_ns)
            self._on_user_news(raw)
            return
        self._last_frame = time.monotonic()
        if self._control.pending:
            self._control.handle_now()  # a halt does not wait behind a backlog of frames
        if self._halting or self._control.halting or self._bus.halting:
            self._mind_the_bus()
        lag = self._lags[venue]
        before = lag.feed.at
        self.engine.on_frame(raw, received_at_us, venue, link)
        at = lag.feed.at
        if at != before and (lag.least < 0 or received_at_us - at < lag.least):
            lag.least = max(received_at_us - at, 0)
        metrics.DECISION.observe((time.monotonic_ns() - received_ns) / 1e9)

    def state(self, venue: Venue, up: bool, reason: str) -> None:
        log.info("feed", venue=venue, up=up, reason=reason)
        self.up[venue] = up
        metrics.FEED_UP.labels(venue).set(1 if up else 0)
        self.engine.on_state(up, reason, venue)
        self._conditions.say(conditions.feed(venue), up, reason, Pauses.VENUE)
        if up:
            gc.collect()
            gc.freeze()  # what stands now stays: later collections need not walk it

    def users(self, venue: Venue, up: bool, reason: str) -> None:
        metrics.USERS_UP.labels(venue).set(1 if up else 0)
        if venue in self._hearing:
            self.engine.on_users(up, reason, venue)
            self._conditions.say(conditions.users(venue), up, reason, Pauses.VENUE)

    def spot_state(self, feed: SpotFeed, good: bool, why: str) -> None:
        """A spot feed's prices may be relied on, or may not: it is down or stale."""
        log.info("spot feed", feed=feed, good=good, why=why)
        self._conditions.say(conditions.spot(feed), good, why, Pauses.FEATURES)

    def user_event(self, event: UserEvent, raw: bytes) -> None:
        if self._recorder is not None:
            self._recorder.user(Venue.POLYMARKET, raw, wall_clock_us(), time.monotonic_ns())
        self._on_user_news(event)

    def dead(self, venue: Venue, raw: bytes, why: str) -> None:
        self._dead(venue, raw, why, wall_clock_us())

    # ------------------------------------------------------------------ what the trading side says

    def _obey(self, told: Halts | Load | TradeOver | ConditionChanged) -> None:
        match told:
            case Halts():
                self.engine.on_halts(told)
            case Load():
                self.engine.on_load(told)
            case TradeOver(pair):
                self.engine.trade_closed(pair)
            case ConditionChanged(name, ok, why, pauses):
                self._conditions.say(name, ok, why, pauses)
            case _:
                assert_never(told)

    def _mind_the_bus(self) -> None:
        halting = self._control.halting or self._bus.halting
        if halting == self._halting:
            return
        self._halting = halting
        log.warning("nothing is opened: the bus does not keep up" if halting else "the bus keeps up", why=halting)
        self._conditions.say("bus", not halting, halting)

    # ------------------------------------------------------------------ what the engine says

    def _news(self, news: FeedNews) -> None:
        if isinstance(news, (Resolved, TickChange)):
            self._on_user_news(news)

    def _dead(self, venue: str, raw: bytes, why: str, at: int) -> None:
        metrics.DEAD_LETTERS.labels(venue).inc()
        self._on_dead(venue, raw, why, at)

    def _intent(self, intent: Intent) -> None:
        metrics.INTENTS.labels(intent.strategy).inc()
        self._on_intent(intent)

    def _suppressed(self, suppression: Suppression) -> None:
        metrics.SUPPRESSED.labels(suppression.gate).inc()
        self._on_suppressed((suppression,))

    def _phase(self, change: Change) -> None:
        log.info("phase", before=change.before, after=change.after, why=change.why)
        for phase in Phase:
            metrics.PHASE.labels(phase).set(1 if phase is change.after else 0)

    def _disk(self, trouble: str) -> None:
        """On the recorder's thread."""
        log.warning("the recording is not written" if trouble else "the recording is written again", why=trouble)

    def _gapped(self, venue: Venue, markets: tuple[str, ...], doubt: Doubt) -> None:
        log.warning("books are not believed; asking for snapshots", venue=venue, markets=markets, doubt=doubt)
        self._ask(venue, markets)

    def _repair(self, venue: Venue, step: Step, markets: Sequence[str]) -> None:
        """The next step for books that stay doubted."""
        if step is Step.ASK:
            self._ask(venue, markets)
        elif step is Step.RESUBSCRIBE:
            log.warning("books stay doubted; subscribing anew", venue=venue, markets=markets)
            self._ask(venue, markets, anew=True)
        elif step is Step.RECONNECT:
            log.warning("books stay doubted; connecting anew", venue=venue, markets=markets)
            self._streams[venue].reconnect(list(markets), f"{len(markets)} books stay doubted, the first {markets[0]}")

    def _ask(self, venue: Venue, markets: Sequence[str], *, anew: bool = False) -> None:
        stream: Stream | None = self._streams.get(venue)
        if stream is None or self._loop is None:
            return
        asking = stream.resubscribe if anew else stream.request_snapshot
        task = self._loop.create_task(asking(list(markets)))
        self._snapshots.add(task)
        task.add_done_callback(self._snapshots.discard)

    async def _tick(self) -> None:
        for tick in count(1):
            await asyncio.sleep(_TICK_S)
            for venue, repairs in self._repairs.items():
                self._repair(venue, *repairs.due(self.engine.doubted(venue)))
            self._conditions.look(wall_clock_us())
            frames = self.engine.counters.frames
            metrics.FRAMES.labels("book").inc(frames - self._counted)
            self._counted = frames
            self._mind_the_bus()
            self._control.measure()
            for lag in self._lags.values():
                metrics.FRAME_LAG.labels(lag.feed.venue).set(max(lag.least, 0) / 1e6)
                lag.least = -1
            self._spot.look()
            if tick % self._save_ticks == 0:
                self._keep_warm()
            if time.monotonic() - self._last_frame > _QUIET_S:
                standing = self.engine.standing()
                if standing:
                    self._on_suppressed(standing)
