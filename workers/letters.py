"""The dead letters of a running ingest: what is kept, and what a person wants handled again.

`surefoot dlq retry` marks an event as asked for (`ingest.letter_marks`); the marks are looked at once a second, and the
event goes back on the bus, behind whatever waits for its market. A crash between that and the mark of its outcome hands
it over twice, which its handlers bear.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import structlog

from domain.errors import BadInput
from ingest.bus import Topic
from ingest.dead_letters import DeadLetter, DeadLetters, Kind, read
from ingest.letter_marks import Marks, State
from venues.wire import wall_clock_us
from workers.bus import Bus, GivenUp
from workers.news import pack, unpack
from workers.topics import UnusableFrame

log = structlog.get_logger(__name__)

_LOOK_S = 1.0


class Letters:
    """Keeps letters under `folder` and hands events of `topics` over again. All on the loop of the bus."""

    def __init__(self, folder: Path, topics: Sequence[Topic]) -> None:
        self._folder = folder
        self._store = DeadLetters(folder)
        self._marks = Marks(folder)
        self._topics = {topic.name: topic for topic in topics}
        self._out: set[str] = set()

    def frame(self, unusable: UnusableFrame) -> None:
        """Keep a message of a feed that could not be used."""
        log.warning(
            "a message could not be used and is kept",
            source=unusable.source,
            why=unusable.why,
            bytes=len(unusable.raw),
        )
        self._store.keep(unusable.source, unusable.raw, unusable.why, unusable.at)

    def given_up(self, given_up: GivenUp) -> None:
        """An event whose handler kept failing: a letter, or what became of one."""
        message = given_up.message
        if message.letter:
            self._mark(message.letter, State.FAILED, f"{given_up.error} ({given_up.attempts} attempts)")
            return
        form, content = pack(message.body)
        self._store.keep_event(
            message.topic.name, message.market, form, content, given_up.error, given_up.handler, given_up.attempts,
            wall_clock_us(),
        )  # fmt: skip

    def handled(self, letter: str) -> None:
        self._mark(letter, State.HANDLED, "its handler took it")

    async def run(self, bus: Bus) -> None:
        """Until cancelled."""
        seen: tuple[int, int] | None = None
        while True:
            stamp = self._marks.stamp
            if stamp != seen:
                seen = stamp
                try:
                    asked = await asyncio.to_thread(self._asked)
                except OSError as wrong:
                    log.warning("dead letters cannot be read", error=str(wrong))
                    seen = None
                else:
                    for letter in asked:
                        self._again(letter, bus)
            await asyncio.sleep(_LOOK_S)

    def _asked(self) -> list[DeadLetter]:
        wanted = {mark.id for mark in self._marks.all().values() if mark.state is State.ASKED}
        return [letter for letter in read(self._folder) if letter.id in wanted] if wanted else []

    def _again(self, letter: DeadLetter, bus: Bus) -> None:
        if letter.id in self._out:
            return
        try:
            topic, body = self._meant(letter)
        except BadInput as wrong:
            self._mark(letter.id, State.REFUSED, wrong.message)
            return
        self._out.add(letter.id)
        log.info("a dead letter goes to its handler again", letter=letter.id, topic=topic.name, market=letter.market)
        bus.put(topic, body, market=letter.market, letter=letter.id)

    def _meant(self, letter: DeadLetter) -> tuple[Topic, object]:
        """Raises BadInput for what is not handed over again."""
        topic = self._topics.get(letter.venue) if letter.kind is Kind.EVENT else None
        if topic is None:
            raise BadInput(f"{letter.kind}s of {letter.venue} are not handed over again", "topic")
        if not letter.whole:
            raise BadInput(f"only {len(letter.frame)} of {letter.size} bytes were kept", "cut")
        return topic, unpack(letter.form, letter.frame)

    def _mark(self, letter: str, state: State, said: str) -> None:
        self._out.discard(letter)
        try:
            self._marks.set(letter, state, said, wall_clock_us())
        except OSError as wrong:
            log.warning("a dead letter could not be marked", letter=letter, state=state, error=str(wrong))
