"""Ingest as a process of the stack: `python -m workers.ingest_host --state-dir DIR`.

Two threads: the decision side (stream, books, engine), and the trading side, whose worker takes the trades this
process starts without a hop (eager start). The separate trade worker takes over whatever this process leaves behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress

import msgspec
import structlog

from config.settings import FROM_SESSION
from domain.admission import Load
from domain.decisions import Gate, Suppression
from domain.errors import SurefootError, Unavailable
from domain.intent import Intent
from domain.market import Venue
from ingest.gates import Halts
from ingest.readiness import Pauses
from ingest.strategies.registry import instances
from ingest.why import plain
from venues.pauses import Pause
from venues.registry import adapter_of
from venues.wire import HttpWire, WireFailure
from workers import metrics
from workers.alerting.watch import watching
from workers.bus import Bus, Consumer, GivenUp
from workers.dead_mans_switch import beating
from workers.decisions import DecisionThread
from workers.halt_flag import HaltFlag
from workers.halt_watch import NOT_READ_YET, HaltWatch
from workers.letters import Letters
from workers.load_watch import LoadWatch
from workers.local.layout import Stack
from workers.local.locks import only_ingest
from workers.local.seals import load_seal_keys
from workers.news import Look, News, market_of
from workers.process import child_main, until_told_to_stop
from workers.reconciler import StartGate
from workers.recording import prune
from workers.spool import Spool
from workers.starter import TradeStarter
from workers.supervised import unsupervised
from workers.suppression_log import SuppressionLog
from workers.temporal_watch import TemporalWatch
from workers.topics import INTENTS, LOOKS, SUPPRESSIONS, TELEMETRY, USER_NEWS, UnusableFrame
from workers.trading import Trading, trading, wall_clock_us
from workers.user_channel import UserChannel
from workers.warm_keeper import warm_keeper_of
from workers.watch import Watched, watch

log = structlog.get_logger(__name__)

_WATCH_S = 0.25
_FLUSH_S = 0.5
_CLAIMS_S = 5.0
_STATUS_S = 5.0


class _Status(msgspec.Struct):
    markets: list[str] | None = None


async def run(stack: Stack) -> None:
    """Runs until SIGTERM, or until the stream fails for good. Raises BadInput (`config`) before anything else for
    strategies that cannot run: wrong parameters, or code that this version does not have."""
    instances(stack.settings)
    with only_ingest(stack.layout):
        await _serve(stack)


async def _serve(stack: Stack) -> None:
    host: IngestHost | None = None
    gate = StartGate(stack.settings.in_use)
    runtime = metrics.temporal_runtime(stack.metrics_ports["ingest_sdk"])
    page = metrics.serve(
        stack.metrics_ports["ingest"],
        health=lambda: gate.trouble() if host is None else host.trouble(),
        pages={"/why": lambda: _said_by(host), "/readiness": lambda: _said_by(host, brief=True)},
    )
    try:
        with watching(stack, "ingest", log.warning, lambda kind: metrics.ALERTS.labels(kind).inc()):
            async with until_told_to_stop() as stop, trading(stack, runtime, takes_over=False) as desk:
                ending = asyncio.create_task(_end_unsupervised(stop))
                if await gate.opened(desk.client, stop):
                    host = IngestHost(stack, desk)
                    async with beating(stack) as beats:
                        await host.run(stop, beats)
                ending.cancel()
    finally:
        page.close()


def _said_by(host: IngestHost | None, *, brief: bool = False) -> bytes | None:
    return None if host is None else host.why(brief=brief)


async def _end_unsupervised(stop: asyncio.Event) -> None:
    await unsupervised()
    log.error("nobody supervises; no more trades are opened, the worker carries on those that are open")
    stop.set()


class IngestHost:
    """Keeps one decision thread on the pairs there are to watch, and carries what it says to trades and ledger."""

    def __init__(self, stack: Stack, desk: Trading) -> None:
        self._stack = stack
        self._desk = desk
        self._starter = TradeStarter(
            desk.client,
            desk.ledger,
            stack.run_id,
            task_timeout_ms=stack.settings.worker.task_timeout_ms,
            done=self._done,
            failed=self._not_started,
            seal=load_seal_keys(stack).intent,
        )
        self._letters = Letters(stack.layout.dead_letters, (USER_NEWS, LOOKS))
        self._users = UserChannel(desk.client, desk.ledger, self._rules_changed, self._look_later)
        spool = Spool(stack.layout.spool, stack.settings.readiness.spool_mib << 20)
        self._suppressed = SuppressionLog(
            desk.ledger, stack.run_id, spool, lambda held, why: self._say("spool", held, why)
        )
        self._bus = Bus(
            [
                Consumer(INTENTS, "starter", self._begin, backoff_s=()),
                Consumer(USER_NEWS, "user_channel", self._users.hear),
                Consumer(LOOKS, "user_channel.look", self._users.look),
                Consumer(SUPPRESSIONS, "suppressions", self._suppressed.add),
                Consumer(TELEMETRY, "letters", self._letters.frame, backoff_s=()),
            ],
            on_dead=self._given_up,
            on_handled=self._letters.handled,
        )
        self._bus.attach()
        limits = stack.settings.readiness
        self._halts = HaltWatch(
            desk.ledger,
            self._halts_changed,
            patience_s=limits.ledger_s,
            away=self._ledger_away,
            flagged=HaltFlag(stack.state_dir).standing,
        )
        self._load = LoadWatch(desk.ledger, stack.settings.admission.limits(), wall_clock_us, self._load_changed)
        self._warm = warm_keeper_of(stack.settings)
        self._temporal = TemporalWatch(desk.client, self._temporal_changed)
        self._said: dict[str, tuple[bool, str, Pauses]] = {
            "positions": (True, "", Pauses.ALL),  # a start waits until venues and ledger were compared
            "halts": (False, NOT_READ_YET.unread, Pauses.ALL),
            "temporal": (False, "not asked yet", Pauses.ALL),
        }
        self._open: list[str] = []
        self._thread: DecisionThread | None = None
        self._pins: frozenset[str] = frozenset()
        self._anew = asyncio.Event()  # rules changed: what is watched is built again
        self._failure: BaseException | None = None
        self._failed = asyncio.Event()

    def trouble(self) -> str | None:
        """For `/healthz`: waiting for a session is health; a feed that is down shows in `surefoot_feed_up`."""
        return str(self._failure) if self._failure is not None else None

    async def run(self, stop: asyncio.Event, beats: asyncio.Task[None] | None = None) -> None:
        """Until `stop`, or until a stream or `beats`, the dead man's switch, ends by what no retry can cure."""
        self._warm.start()
        self._open = await self._starter.find_open()
        await asyncio.gather(self._halts.look(), self._temporal.look())
        self._prune()
        halting = asyncio.create_task(self._halts.run())
        asking = asyncio.create_task(self._temporal.run())
        loading = asyncio.create_task(self._load.run())
        watching = asyncio.create_task(self._watch())
        flushing = asyncio.create_task(self._flush())
        again = asyncio.create_task(self._letters.run(self._bus))
        ends = [asyncio.create_task(stop.wait()), asyncio.create_task(self._failed.wait()), watching, halting]
        dying = [beats] if beats is not None else []
        try:
            await asyncio.wait([*ends, *dying], return_when=asyncio.FIRST_COMPLETED)
            for watch in (watching, halting, *dying):
                if watch.done():
                    await watch
        finally:
            for task in (*ends, asking, loading, flushing, again):
                task.cancel()
            await self._stop_thread()
            await asyncio.to_thread(self._warm.close)
            await self._bus.close()  # the thread's last words arrive
            await self._suppressed.flush()
            await self._starter.close()
        if self._failure is not None:
            raise self._failure

    # ------------------------------------------------------------------ what to watch

    async def _watch(self) -> None:
        """Follow the session the paper exchange plays, or the configured sets; and the claims that may be traded."""
        declared = self._stack.settings.sets
        configured = () if declared == FROM_SESSION else tuple(market for outcomes in declared for market in outcomes)
        watched: tuple[str, ...] = ()
        looked = 0.0
        url = self._stack.paper_admin_url
        async with AsyncExitStack() as ending:
            paper = HttpWire("Paper exchange", url, under=True) if url is not None else None
            if paper is not None:
                ending.push_async_callback(paper.close)
            while True:
                markets, pins = configured or await self._played(paper, watched), self._pins
                now = asyncio.get_running_loop().time()
                if markets != watched or now - looked > _CLAIMS_S:
                    pins, looked = await self._approved(pins), now
                if (markets, pins) != (watched, self._pins) or self._anew.is_set():
                    self._anew.clear()
                    watched, self._pins = markets, pins
                    await self._stop_thread()
                    if markets:
                        await self._start(markets)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._anew.wait(), _WATCH_S)

    async def _played(self, paper: HttpWire | None, last: tuple[str, ...]) -> tuple[str, ...]:
        """The markets of the session the paper exchange plays; `last` while it is away: streams reconnect."""
        if paper is None:
            return last
        try:
            answer = await paper.exchange("GET", "/paper/v1/status", timeout=_STATUS_S)
            return tuple(msgspec.json.decode(answer.body, type=_Status).markets or ())
        except (WireFailure, msgspec.DecodeError, ValueError):
            return last

    async def _approved(self, known: frozenset[str]) -> frozenset[str]:
        """The pins of all claims that may be traded, or `known` while nobody can say."""
        try:
            return frozenset(record.pin for record in await self._desk.ledger.claims() if record.tradable)
        except SurefootError:
            return known

    async def _start(self, markets: Sequence[str]) -> None:
        watched = await self._watched(markets)
        await self._look_at_approvals(watched)
        log.info(
            "watching",
            sets=[outcomes.name for outcomes in watched.sets],
            claims=[record.pin for record in watched.claims],
            strategies={strategy.name: strategy.version for strategy in watched.strategies},
        )
        self._thread = DecisionThread(
            self._stack,
            watched,
            self._open,
            self._halts.known,
            self._said,
            on_intent=self._intent,
            on_suppressed=self._report,
            on_user_news=self._user_news,
            on_dead=self._dead,
            on_given_up=self._letters.given_up,
            on_end=self._ended,
            home=self._bus,
            pause_at=self._pause_at,
            warm=self._warm,
        )
        self._thread.start()

    def _pause_at(self, venue: Venue, now: int) -> Pause | None:
        """Asked from the thread of the decisions: what the client knows already."""
        return adapter_of(venue).known_pause(self._desk.venues.get(venue), now)

    async def _watched(self, markets: Sequence[str]) -> Watched:
        while True:
            try:
                claims = await self._desk.ledger.claims()
                return await watch(self._stack.settings, self._desk.venues, markets, claims)
            except Unavailable as away:
                log.warning("market rules not read yet", error=away.message)
                await asyncio.sleep(_WATCH_S)

    async def _look_at_approvals(self, watched: Watched) -> None:
        """Before an opportunity depends on the answer: it takes two reads a token, once."""
        for spec in watched.specs:
            token = spec.market
            try:
                for obstacle in await self._desk.approvals.early(spec.venue, token):
                    log.warning("not approved; trades on it are denied", token=token, why=obstacle.text)
            except SurefootError as away:
                log.warning("approvals not read yet; the first trade asks", token=token, error=away.message)

    async def _stop_thread(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            await asyncio.to_thread(thread.stop)

    # ------------------------------------------------------------------ what is said

    # The first four on the thread of the decisions.

    def _intent(self, intent: Intent) -> None:
        self._bus.put(INTENTS, intent, market=intent.pair)

    def _report(self, suppressions: Sequence[Suppression]) -> None:
        for one in suppressions:
            self._bus.put(SUPPRESSIONS, one, market=one.pair, key=(one.strategy, one.gate, one.at))

    def _user_news(self, news: News) -> None:
        self._bus.put(USER_NEWS, news, market=market_of(news))

    def _dead(self, source: str, raw: bytes, why: str, at: int) -> None:
        self._bus.put(TELEMETRY, UnusableFrame(source, raw, why, at), market=source)

    def _look_later(self, look: Look) -> None:
        self._bus.put(LOOKS, look, market=look.order_id, key=look.key)

    def _begin(self, intent: Intent) -> None:
        self._open.append(intent.pair)
        self._starter.submit(intent)

    def _given_up(self, given_up: GivenUp) -> None:
        self._letters.given_up(given_up)
        if isinstance(given_up.message.body, Intent):
            self._not_started(given_up.message.body, given_up.error)

    def _done(self, pair: str) -> None:
        if pair in self._open:
            self._open.remove(pair)
        if self._thread is not None:
            self._thread.trade_closed(pair)

    def _halts_changed(self, halts: Halts) -> None:
        if self._thread is not None:
            self._thread.hear(halts)
        self._say("halts", not halts.unread, halts.unread)

    def _load_changed(self, load: Load) -> None:
        if self._thread is not None:
            self._thread.hear(load)

    def _ledger_away(self, why: str) -> None:
        """Trading goes on with the halts as last read, and what there is to say to the ledger waits on the disk."""
        self._say("ledger", not why, why, Pauses.NOTHING)

    def _temporal_changed(self, answers: bool, why: str) -> None:
        self._say("temporal", answers, why)

    def _say(self, name: str, ok: bool, why: str, pauses: Pauses = Pauses.ALL) -> None:
        self._said[name] = (ok, why, pauses)
        if self._thread is not None:
            self._thread.condition(name, ok, why, pauses)

    def why(self, *, brief: bool = False) -> bytes | None:
        """The answer to `surefoot why` as JSON, from any thread; `brief` spares the decisions what strategies say."""
        thread = self._thread
        answer = thread.answer(brief=brief) if thread is not None else None
        return None if answer is None else msgspec.json.encode(plain(answer))

    def _prune(self) -> None:
        """Old recordings make room for the next."""
        most = self._stack.settings.recording.most_mib << 20
        if not most:
            return
        try:
            for name in prune(self._stack.layout.recordings, most):
                log.info("an old recording was deleted", name=name, limit_mib=most >> 20)
        except OSError as wrong:
            log.warning("old recordings were not deleted", error=str(wrong))

    def _not_started(self, intent: Intent, reason: str) -> None:
        metrics.SUPPRESSED.labels(Gate.NO_DURABLE_START).inc()
        self._suppressed.add(
            Suppression(
                strategy=intent.strategy,
                pair=intent.pair,
                gate=Gate.NO_DURABLE_START,
                detail=f"Temporal took no workflow while the intent was fresh: {reason}",
                edge=intent.edge,
                size=intent.size,
                at=intent.decided_at,
            )
        )

    def _rules_changed(self, venue: Venue, market: str) -> None:
        """Nothing is decided on the old grid any more; orders already decided are held against the new one."""
        log.info("rules changed; what is watched is built again", venue=venue, market=market)
        client = self._desk.venues.get(venue)
        if client is not None:
            client.forget_rules(market)
            self._anew.set()

    def _ended(self, failure: BaseException | None) -> None:
        if failure is not None:
            self._failure = failure
            self._failed.set()

    async def _flush(self) -> None:
        while True:
            await asyncio.sleep(_FLUSH_S)
            self._bus.measure()
            await self._suppressed.flush()


if __name__ == "__main__":
    child_main("ingest", run, __doc__)
