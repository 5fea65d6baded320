"""The decision side as a thread: the exchange's stream and the engine on an event loop that shares nothing.

The order path (Temporal, ledger, signing) lives on another thread's loop; a long garbage collection or a burst there
delays no frame by more than the interpreter's switch interval. Everything crosses by `call_soon_threadsafe`.
"""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Callable, Iterable, Sequence

import structlog
import uvloop

from domain.decisions import Suppression
from domain.intent import Intent
from domain.market import MarketSpec, Venue
from ingest.engine import Engine
from ingest.events import Doubt
from ingest.gates import Halts
from ingest.sets import OutcomeSet
from venues.kalshi.signing import Signer
from venues.kalshi.stream import KalshiStream
from workers import metrics
from workers.stack.layout import Stack
from workers.user_channel import is_user_frame

log = structlog.get_logger(__name__)

_TICK_S = 1.0
_QUIET_S = 1.5  # without a frame for so long, opportunities that stand are reported as they stand

OnIntent = Callable[[Intent], None]
OnSuppressed = Callable[[Sequence[Suppression]], None]
OnUserFrame = Callable[[bytes], None]
OnEnd = Callable[[BaseException | None], None]


class DecisionThread:
    """Watches `sets` until `stop`. All callbacks are called on `home`, the loop that made this object.

    `on_end` is called once, with the exception if the stream ended by what no reconnect can cure (a wrong key).
    """

    def __init__(
        self,
        stack: Stack,
        signer: Signer,
        sets: Sequence[OutcomeSet],
        open_pairs: Iterable[str],
        halts: Halts,
        *,
        on_intent: OnIntent,
        on_suppressed: OnSuppressed,
        on_user_frame: OnUserFrame,
        on_end: OnEnd,
    ) -> None:
        settings = stack.settings
        self._home = asyncio.get_running_loop()
        self._on_intent, self._on_suppressed = on_intent, on_suppressed
        self._on_user_frame, self._on_end = on_user_frame, on_end
        self.engine = Engine(
            sets,
            settings.strategy,
            settings.gates,
            settings.policy,
            self._intent,
            self._suppressed,
            on_gapped=self._gapped,
        )
        for pair in open_pairs:
            self.engine.trade_opened(pair)
        self._halts = halts
        self._stream = KalshiStream(
            stack.venue_ws_url,
            signer,
            on_frame=self._frame,
            markets=[spec.market for spec in _markets(sets)],
            on_state=self._state,
            on_gap=self.engine.on_gap,
        )
        self.up = False
        self._last_frame = time.monotonic()
        self._counted = 0
        self._snapshots: set[asyncio.Task[bool]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name="decisions", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the stream, report what still stands, and wait for the thread."""
        loop, task = self._loop, self._task
        if loop is not None and task is not None and not loop.is_closed():
            loop.call_soon_threadsafe(task.cancel)
        if self._thread.is_alive():
            self._thread.join()

    def trade_closed(self, pair: str) -> None:
        """From the trading side: a trade of `pair` is over."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.engine.trade_closed, pair)

    def halts_changed(self, halts: Halts) -> None:
        """From the trading side: other halts are in force, or nobody can say which are."""
        self._halts = halts  # before the loop is looked at: a thread that only begins reads it as it does
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.engine.on_halts, halts)

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
        self.up = False
        if not self._home.is_closed():
            self._home.call_soon_threadsafe(self._on_end, failure)

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self.engine.on_halts(self._halts)
        ticking = asyncio.create_task(self._tick())
        try:
            await self._stream.run()
        finally:
            ticking.cancel()
            self.engine.finish()
            metrics.FEED_UP.set(0)

    def _frame(self, raw: bytes, received_at_us: int, received_ns: int) -> None:
        if is_user_frame(raw):
            self._home.call_soon_threadsafe(self._on_user_frame, raw)
            return
        self._last_frame = time.monotonic()
        self.engine.on_frame(raw, received_at_us)
        metrics.DECISION.observe((time.monotonic_ns() - received_ns) / 1e9)

    def _state(self, up: bool, reason: str) -> None:
        log.info("feed", up=up, reason=reason)
        self.up = up
        metrics.FEED_UP.set(1 if up else 0)
        self.engine.on_state(up, reason)
        if up:
            gc.collect()
            gc.freeze()  # what stands now stays: later collections need not walk it

    def _intent(self, intent: Intent) -> None:
        metrics.INTENTS.labels(intent.strategy).inc()
        self._home.call_soon_threadsafe(self._on_intent, intent)

    def _suppressed(self, suppression: Suppression) -> None:
        metrics.SUPPRESSED.labels(suppression.gate).inc()
        self._home.call_soon_threadsafe(self._on_suppressed, (suppression,))

    def _gapped(self, venue: Venue, markets: tuple[str, ...], doubt: Doubt) -> None:
        log.warning("books are not believed; asking for snapshots", venue=venue, markets=markets, doubt=doubt)
        assert self._loop is not None
        task = self._loop.create_task(self._stream.request_snapshot(markets))
        self._snapshots.add(task)
        task.add_done_callback(self._snapshots.discard)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            frames = self.engine.counters.frames
            metrics.FRAMES.labels("book").inc(frames - self._counted)
            self._counted = frames
            if time.monotonic() - self._last_frame > _QUIET_S:
                standing = self.engine.standing()
                if standing:
                    self._home.call_soon_threadsafe(self._on_suppressed, standing)


def _markets(sets: Sequence[OutcomeSet]) -> list[MarketSpec]:
    return [spec for outcomes in sets for spec in outcomes.markets]
