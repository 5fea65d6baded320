"""The bus: messages from any thread to handlers on one loop, with one wake-up for whatever waits.

`put` never blocks and never waits for a handler. A handler is a function, or a coroutine function whose coroutine
becomes a task; messages of one market reach it one at a time and in order, those of several markets side by side. One
that raises is called again with the same message after each pause of `backoff_s`; then the message goes to `on_dead`,
and its market goes on with the next. What the policies of topics are is in `ingest.bus`.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog

from domain.errors import BadInput
from ingest.bus import Counted, Message, Policy, Topic, TopicQueue
from workers import metrics

log = structlog.get_logger(__name__)

BACKOFF_S = (0.2, 1.0, 5.0)
"""Four attempts in all."""
_BATCH = 256  # messages before the loop may look at something else


@dataclass(frozen=True, slots=True)
class Consumer:
    """What becomes of a topic's messages. `name` is the handler's in logs and dead letters; `BadInput` is not tried
    again, since the same message will not be better then."""

    topic: Topic
    name: str
    handle: Callable[[Any], Awaitable[None] | None]
    backoff_s: tuple[float, ...] = BACKOFF_S


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A message that its handler could not take, after how many attempts, and the last error."""

    message: Message
    handler: str
    error: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Depth:
    """A topic now: what waits or is in work, the age of the oldest of it in seconds, and the counts so far."""

    topic: Topic
    waiting: int
    oldest_s: float
    counted: Counted


class Bus:
    """Carries the topics of `consumers` to the loop that calls `attach`; earlier ones in the list are handled first.

    `on_dead` gets what was given up, `on_handled` a dead letter's id when its message was handled after all; both on
    that loop. What is put before `attach` waits for it.
    """

    def __init__(
        self,
        consumers: Sequence[Consumer],
        *,
        on_dead: Callable[[GivenUp], None],
        on_handled: Callable[[str], None] = lambda letter: None,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._consumers = tuple(consumers)
        self._queues = {consumer.topic: TopicQueue(consumer.topic) for consumer in consumers}
        self._on_dead, self._on_handled = on_dead, on_handled
        self._clock = clock
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken = False
        self._closed = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._shown: dict[Topic, Counted] = {topic: Counted() for topic in self._queues}
        self.halting = ""
        """Why nothing may be opened: a `halt` topic overflows or fails. Empty while there is no reason."""

    def attach(self) -> None:
        """From now on the running loop handles what is put, and what waits."""
        with self._lock:
            self._loop, self._woken = asyncio.get_running_loop(), True
        self._loop.call_soon(self._wake)

    def put(self, topic: Topic, body: object, *, market: str = "", key: object = None, letter: str = "") -> None:
        """Hand a message over, from any thread."""
        message = Message(topic, market, body, self._clock(), key, letter=letter)
        with self._lock:
            self._queues[topic].put(message)
            if topic.policy is Policy.HALT:
                self._judge()
            loop = self._loop
            if self._woken or self._closed or loop is None:
                return
            self._woken = True
        with suppress(RuntimeError):  # the loop is over, and with it whoever would have listened
            loop.call_soon_threadsafe(self._wake)

    @property
    def pending(self) -> bool:
        """Whether something was put that the loop has not seen yet. Costs nothing to ask."""
        return self._woken

    def handle_now(self) -> None:
        """Begin with what is pending before the loop comes to it. On the loop."""
        self._wake()

    def depths(self) -> tuple[Depth, ...]:
        """Every topic now. From any thread."""
        now = self._clock()
        with self._lock:
            return tuple(
                Depth(
                    topic,
                    len(queue.unhandled()),
                    0.0 if (oldest := queue.oldest()) is None else max(now - oldest, 0) / 1e9,
                    Counted(**{name: getattr(queue.counted, name) for name in Counted.__slots__}),
                )
                for topic, queue in self._queues.items()
            )

    def measure(self) -> None:
        """Show every topic on the metrics page. From one thread, now and then."""
        for depth in self.depths():
            name, counted, shown = depth.topic.name, depth.counted, self._shown[depth.topic]
            metrics.BUS_DEPTH.labels(name).set(depth.waiting)
            metrics.BUS_AGE.labels(name).set(depth.oldest_s)
            for fate in ("handled", "dropped", "coalesced", "retried", "dead"):
                metrics.BUS_MESSAGES.labels(name, fate).inc(getattr(counted, fate) - getattr(shown, fate))
            self._shown[depth.topic] = counted

    async def close(self, patience_s: float = 2.0) -> None:
        """Handle what waits, for so long; then give up what is left of topics that lose nothing. On the loop."""
        with suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                while not self._idle():
                    self._go_on()
                    await (
                        asyncio.wait(self._tasks, return_when="FIRST_COMPLETED") if self._tasks else asyncio.sleep(0)
                    )
        with self._lock:
            self._closed = True
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for consumer in self._consumers:
            if consumer.topic.policy is Policy.NEVER_DROP:
                for message in self._queues[consumer.topic].unhandled():
                    why = "it was not handled before ingest stopped"
                    self._tell_dead(GivenUp(message, consumer.name, why, message.attempts))
        self.measure()

    # ------------------------------------------------------------------ on the loop

    def _idle(self) -> bool:
        with self._lock:
            return all(queue.idle for queue in self._queues.values())

    def _judge(self) -> None:
        self.halting = next((queue.halting for queue in self._queues.values() if queue.halting), "")

    def _wake(self) -> None:
        with self._lock:
            self._woken = False
        self._go_on()

    def _go_on(self) -> None:
        """Begin with everything that may be handled, the first topics first."""
        for _ in range(_BATCH):
            begun = self._next()
            if begun is None:
                return
            consumer, message = begun
            try:
                pending = consumer.handle(message.body)
            except Exception as error:
                self._spawn(self._carry(consumer, message, _raising(error)))
                continue
            if pending is None:
                self._done(consumer, message)
            else:
                self._spawn(self._carry(consumer, message, pending))
        asyncio.get_running_loop().call_soon(self._go_on)

    def _next(self) -> tuple[Consumer, Message] | None:
        with self._lock:
            if self._closed:
                return None
            for consumer in self._consumers:
                message = self._queues[consumer.topic].take()
                if message is not None:
                    return consumer, message
            return None

    async def _carry(self, consumer: Consumer, message: Message, pending: Awaitable[None]) -> None:
        """To the end of a handler's coroutine, and of those that try again."""
        while True:
            try:
                await pending
            except Exception as error:
                attempts = message.attempts + 1
                if isinstance(error, BadInput) or attempts > len(consumer.backoff_s):
                    self._give_up(consumer, message, error)
                    break
                with self._lock:
                    self._queues[consumer.topic].failed(message)
                    self._judge()
                log.warning(
                    "a handler failed and will try again",
                    topic=consumer.topic.name, handler=consumer.name, market=message.market, attempt=attempts,
                    error=told(error),
                )  # fmt: skip
                await asyncio.sleep(consumer.backoff_s[attempts - 1])
                pending = _called(consumer, message)
            else:
                self._done(consumer, message)
                break
        self._go_on()

    def _done(self, consumer: Consumer, message: Message) -> None:
        with self._lock:
            self._queues[consumer.topic].done(message)
            self._judge()
        if message.letter:
            self._on_handled(message.letter)

    def _give_up(self, consumer: Consumer, message: Message, error: Exception) -> None:
        with self._lock:
            self._queues[consumer.topic].give_up(message, told(error))
            self._judge()
        self._tell_dead(GivenUp(message, consumer.name, told(error), message.attempts + 1))

    def _tell_dead(self, given_up: GivenUp) -> None:
        message = given_up.message
        log.error(
            "a dead letter failed again" if message.letter else "a message was given up and is kept as a dead letter",
            topic=message.topic.name, handler=given_up.handler, market=message.market, attempts=given_up.attempts,
            error=given_up.error,
        )  # fmt: skip
        self._on_dead(given_up)

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _called(consumer: Consumer, message: Message) -> None:
    pending = consumer.handle(message.body)
    if pending is not None:
        await pending


async def _raising(error: Exception) -> None:
    raise error


def told(error: Exception) -> str:
    """What an error says, on one line."""
    return f"{type(error).__name__}: {error}"
