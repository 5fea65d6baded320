"""What waits between two threads: one queue a topic, partitioned by market, bounded by a stated policy.

Pure and without a lock: whoever shares one between threads guards it (`workers.bus`). Times are monotonic nanoseconds.

Messages of one market are handed out one at a time, in the order they came, the next once the one before is done.
Markets that have something waiting take turns, so one whose handler is slow or failing holds up no other.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from typing import Any


class Policy(StrEnum):
    """What happens when more waits than may.

    | policy | a message whose key waits already | from the bound on |
    |---|---|---|
    | `drop_oldest` | waits as well | the market's oldest waiting message is dropped |
    | `coalesce` | takes the place of the one that waits | the market's oldest waiting message is dropped |
    | `never_drop` | waits as well | nothing is dropped; `overflowed` until nothing waits |
    | `halt` | waits as well | the same, and `halting` says that nothing may be opened meanwhile |

    The bound counts the waiting messages of one market where messages are dropped, so that a noisy market loses only
    its own; it counts those of the whole topic where none are.
    """

    DROP_OLDEST = "drop_oldest"
    COALESCE = "coalesce"
    NEVER_DROP = "never_drop"
    HALT = "halt"


@dataclass(frozen=True, slots=True)
class Topic:
    """One kind of message; `most` is the bound of its policy, at least 1."""

    name: str
    policy: Policy
    most: int


@dataclass(slots=True)
class Message:
    """Something on its way. `market` is its partition, `key` what it is about where newer replaces older, `put_at` when
    it (or the one it replaced) began to wait, `attempts` how often its handler failed. `letter` is the dead letter it
    comes from, where it is one that is tried again."""

    topic: Topic
    market: str
    body: Any
    put_at: int
    key: object = None
    attempts: int = 0
    letter: str = ""


@dataclass(slots=True)
class Counted:
    """Messages since the start: put, handled, dropped at the bound, replaced by a newer one, tried again, given up."""

    put: int = 0
    handled: int = 0
    dropped: int = 0
    coalesced: int = 0
    retried: int = 0
    dead: int = 0


@dataclass(slots=True)
class _Partition:
    waiting: OrderedDict[object, Message] = field(default_factory=OrderedDict)
    in_work: Message | None = None


class TopicQueue:
    """The messages of `topic` that wait or are in work.

    Of a `halt` topic, `halting` says in words why nothing may be opened: more than `most` wait (until nothing does), a
    message is being tried again, or one was given up (then for good: what it would have said is not known here).
    """

    def __init__(self, topic: Topic) -> None:
        self.topic = topic
        self.counted = Counted()
        self.depth = 0
        """Messages that wait; those in work not counted."""
        self.overflowed = False
        self.halting = ""
        self._partitions: dict[str, _Partition] = {}
        self._ready: deque[str] = deque()
        self._numbers = count()
        self._given_up = ""
        self._trying = 0  # messages in work whose handler failed at least once

    def put(self, message: Message) -> None:
        """A message begins to wait."""
        topic, counted = self.topic, self.counted
        counted.put += 1
        partition = self._partitions.get(message.market)
        if partition is None:
            partition = self._partitions[message.market] = _Partition()
        waiting = partition.waiting
        idle = not waiting and partition.in_work is None
        if topic.policy is Policy.COALESCE and message.key is not None:
            replaced = waiting.get(message.key)
            if replaced is not None:
                replaced.body = message.body
                counted.coalesced += 1
                return
            key = message.key
        else:
            key = next(self._numbers)
        if topic.policy in (Policy.DROP_OLDEST, Policy.COALESCE):
            if len(waiting) >= topic.most:
                waiting.popitem(last=False)
                self.depth -= 1
                counted.dropped += 1
        elif self.depth >= topic.most and not self.overflowed:
            self.overflowed = True
            self._judge()
        waiting[key] = message
        self.depth += 1
        if idle:
            self._ready.append(message.market)

    def take(self) -> Message | None:
        """The next message that may be handled, in work from now on; None if every market that has one is busy."""
        while self._ready:
            partition = self._partitions[self._ready.popleft()]
            _, message = partition.waiting.popitem(last=False)
            partition.in_work = message
            self.depth -= 1
            return message
        return None

    def failed(self, message: Message) -> None:
        """Its handler failed and will try again; its market waits."""
        self._trying += not message.attempts
        message.attempts += 1
        self.counted.retried += 1
        self._judge()

    def done(self, message: Message) -> None:
        """It is handled: its market goes on."""
        self.counted.handled += 1
        self._release(message)

    def give_up(self, message: Message, why: str) -> None:
        """Nobody will try again: its market goes on without it."""
        self.counted.dead += 1
        self._given_up = self._given_up or why
        self._release(message)

    def oldest(self) -> int | None:
        """When the message that waits or works longest was put; None if there is none."""
        times = [
            message.put_at
            for partition in self._partitions.values()
            for message in (partition.in_work, next(iter(partition.waiting.values()), None))
            if message is not None
        ]
        return min(times, default=None)

    @property
    def idle(self) -> bool:
        return not self._partitions

    def unhandled(self) -> list[Message]:
        """Everything that is in work or waits, each market's in its order."""
        return [
            message
            for partition in self._partitions.values()
            for message in (*([partition.in_work] if partition.in_work else ()), *partition.waiting.values())
        ]

    def _release(self, message: Message) -> None:
        partition = self._partitions[message.market]
        partition.in_work = None
        self._trying -= message.attempts > 0
        if partition.waiting:
            self._ready.append(message.market)
        else:
            del self._partitions[message.market]
        if self.idle:
            self.overflowed = False
        self._judge()

    def _judge(self) -> None:
        if self.topic.policy is not Policy.HALT:
            return
        if self._given_up:
            self.halting = f"a message of {self.topic.name} could not be handled: {self._given_up}; restart ingest"
        elif self._trying:
            self.halting = f"a message of {self.topic.name} is being tried again"
        elif self.overflowed:
            self.halting = f"more than {self.topic.most} messages of {self.topic.name} wait"
        else:
            self.halting = ""
