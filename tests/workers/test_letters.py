"""Events that nobody could handle are kept, handed over again when asked for, and never lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from domain.errors import BadInput, Unavailable
from domain.market import Venue
from ingest.bus import Policy, Topic
from ingest.dead_letters import DeadLetter, DeadLetters, Kind, read
from ingest.letter_marks import Mark, Marks, State
from tests.ledger.samples import intent
from tests.patience import PATIENCE_S
from tests.workers.test_user_channel import fill_frame
from workers import letters as letters_module
from workers.bus import Bus, Consumer
from workers.letters import Letters
from workers.topics import TELEMETRY, USER_NEWS, UnusableFrame

FRAME = fill_frame(market_ticker="KX-A")


class Desk:
    """A bus with one handler of user news that fails while it is told to, and its letters."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.letters = Letters(folder, (USER_NEWS,))
        self.failure: Exception | None = None
        self.heard: list[object] = []
        self.bus = Bus(
            [
                Consumer(USER_NEWS, "user_channel", self._hear, (0.0,)),
                Consumer(TELEMETRY, "letters", self.letters.frame, ()),
            ],
            on_dead=self.letters.given_up,
            on_handled=self.letters.handled,
        )
        self.bus.attach()

    async def _hear(self, body: object) -> None:
        if self.failure is not None:
            raise self.failure
        self.heard.append(body)

    async def kept(self) -> DeadLetter:
        await until(lambda: list(read(self.folder)))
        (letter,) = read(self.folder)
        return letter

    def mark(self) -> Mark | None:
        return next(iter(Marks(self.folder).all().values()), None)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if condition():
                return
            await asyncio.sleep(0.005)


@pytest.fixture(autouse=True)
def looking_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letters_module, "_LOOK_S", 0.005)


async def test_an_event_that_failed_is_handled_once_it_is_asked_for_and_its_letter_stays(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.failure = Unavailable("the ledger is away")
    desk.bus.put(USER_NEWS, FRAME, market="KX-A")
    letter = await desk.kept()
    assert (letter.kind, letter.venue, letter.market, letter.handler, letter.attempts, letter.why) == (
        Kind.EVENT, "user_news", "KX-A", "user_channel", 2, "Unavailable: the ledger is away",
    )  # fmt: skip
    running = asyncio.create_task(desk.letters.run(desk.bus))
    Marks(tmp_path).set(letter.id, State.ASKED, "Ada", 1)
    await until(lambda: (mark := desk.mark()) and mark.state is State.FAILED)
    assert "the ledger is away (2 attempts)" in str(desk.mark())
    assert len(list(read(tmp_path))) == 1, "failing again is a mark, not another letter"
    desk.failure = None
    Marks(tmp_path).set(letter.id, State.ASKED, "Ada", 2)
    await until(lambda: (mark := desk.mark()) and mark.state is State.HANDLED)
    assert desk.heard == [FRAME]
    assert next(read(tmp_path)) == letter
    running.cancel()
    await desk.bus.close()


async def test_what_was_asked_for_while_ingest_was_down_is_handed_over_as_it_starts(tmp_path: Path) -> None:
    DeadLetters(tmp_path).keep_event("user_news", "KX-A", "kalshi", FRAME, "Unavailable: away", "user_channel", 4, 1)
    (letter,) = read(tmp_path)
    Marks(tmp_path).set(letter.id, State.ASKED, "Ada", 2)
    desk = Desk(tmp_path)
    running = asyncio.create_task(desk.letters.run(desk.bus))
    await until(lambda: (mark := desk.mark()) and mark.state is State.HANDLED)
    assert desk.heard == [FRAME]
    running.cancel()
    await desk.bus.close()


@pytest.mark.parametrize(
    ("topic", "form", "said"), [("intents", "intent", "events of intents"), ("user_news", "intent", "of its moment")]
)
async def test_a_decision_is_not_handed_over_again(tmp_path: Path, topic: str, form: str, said: str) -> None:
    DeadLetters(tmp_path).keep_event(topic, "A|B", form, b"{}", "no", "starter", 1, 1)
    (letter,) = read(tmp_path)
    Marks(tmp_path).set(letter.id, State.ASKED, "Ada", 2)
    desk = Desk(tmp_path)
    running = asyncio.create_task(desk.letters.run(desk.bus))
    await until(lambda: (mark := desk.mark()) and mark.state is State.REFUSED)
    assert said in str(desk.mark())
    assert desk.heard == []
    running.cancel()
    await desk.bus.close()


async def test_messages_of_feeds_are_kept_off_the_thread_that_decides(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.bus.put(TELEMETRY, UnusableFrame("coinbase", b"\xff", "no JSON", 7), market="coinbase")
    letter = await desk.kept()
    assert (letter.at, letter.venue, letter.frame, letter.kind) == (7, "coinbase", b"\xff", Kind.FRAME)
    await desk.bus.close()


async def test_what_waits_as_ingest_stops_is_kept(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.failure = Unavailable("away")
    patient = Bus([Consumer(USER_NEWS, "user_channel", desk._hear, (3600.0,))], on_dead=desk.letters.given_up)
    patient.attach()
    for _ in range(2):
        patient.put(USER_NEWS, FRAME, market="KX-A")
    await patient.close(0.05)
    assert [letter.attempts for letter in read(tmp_path)] == [1, 0]
    await desk.bus.close()


async def test_an_intent_that_could_not_be_begun_can_be_read_by_a_person(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    intents = Topic("intents", Policy.HALT, 8)

    def begin(body: object) -> None:
        raise BadInput("no")

    bus = Bus([Consumer(intents, "starter", begin, ())], on_dead=desk.letters.given_up)
    bus.attach()
    bus.put(intents, intent(), market="A|B")
    letter = await desk.kept()
    assert (letter.form, letter.venue) == ("intent", "intents")
    assert Venue.KALSHI.encode() in letter.frame
    await bus.close()
    await desk.bus.close()
