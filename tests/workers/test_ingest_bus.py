"""Ingest's trading side: what the deciding thread says reaches ledger and trades, or is kept and tried again."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from domain.decisions import Gate, Suppression
from domain.errors import Unavailable
from domain.evidence import Fill
from ingest.dead_letters import Kind, read
from testing.ledger.memory import MemoryLedger
from tests.ledger.samples import START, D, body
from tests.patience import PATIENCE_S
from tests.workers.test_accounts import started
from tests.workers.test_user_channel import ORDER, PLANNED, RUN, FakeTemporal, fill_frame
from workers.ingest_host import IngestHost


class MoodyLedger(MemoryLedger):
    """Away for as many writes of fills as it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.away = 0

    async def record_fills(self, fills: Iterable[Fill]) -> None:
        if self.away:
            self.away -= 1
            raise Unavailable("the ledger is away")
        await super().record_fills(fills)


class Desk:
    def __init__(self, folder: Path) -> None:
        self.temporal, self.ledger = FakeTemporal(), MoodyLedger()
        self.stack = started(folder, {})
        desk: Any = SimpleNamespace(client=self.temporal, ledger=self.ledger, venues={})
        self.host = IngestHost(self.stack, desk)

    def letters(self) -> list[Any]:
        return list(read(self.stack.layout.dead_letters))


@pytest.fixture
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    monkeypatch.setattr("workers.user_channel._ANSWER_TIME_S", 0)
    desk = Desk(tmp_path)
    await desk.ledger.begin_order(RUN, PLANNED, ORDER, body(ORDER), START)
    yield desk
    await desk.host._bus.close()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if condition():
                return
            await asyncio.sleep(0.005)


def elsewhere(work: Callable[[], None]) -> None:
    """As the thread of the decisions calls."""
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


async def test_a_fill_heard_on_the_other_thread_is_on_record_and_wakes_its_trade(desk: Desk) -> None:
    elsewhere(lambda: desk.host._user_news(fill_frame()))
    await until(lambda: desk.temporal.signals)
    assert [fill.trade_id for fill in (await desk.ledger.trade(PLANNED.id)).fills] == ["t-1"]
    assert desk.temporal.signals[0][0] == PLANNED.id


async def test_a_ledger_that_comes_back_has_every_fill_in_order(desk: Desk) -> None:
    desk.ledger.away = 1
    for number in range(3):
        desk.host._user_news(fill_frame(trade_id=f"t-{number}"))
    await until(lambda: desk.temporal.signals)
    await until(lambda: desk.host._bus.depths()[1].waiting == 0)
    assert [fill.trade_id for fill in (await desk.ledger.trade(PLANNED.id)).fills] == ["t-0", "t-1", "t-2"]
    assert desk.letters() == []


async def test_news_that_nobody_can_read_is_kept_with_its_handler_and_the_next_is_heard(desk: Desk) -> None:
    desk.host._user_news(fill_frame(yes_price_dollars="dear"))
    desk.host._user_news(fill_frame())
    await until(lambda: desk.temporal.signals)
    (letter,) = desk.letters()
    assert (letter.kind, letter.venue, letter.market, letter.handler, letter.attempts) == (
        Kind.EVENT, "user_news", ORDER.market, "user_channel", 1,
    )  # fmt: skip


async def test_a_suppression_reported_every_second_is_written_once(desk: Desk) -> None:
    def standing(detail: str) -> Suppression:
        return Suppression("pair", "A|B", Gate.STALE, detail, D("0.1"), D(1), START)

    for number in range(5):
        desk.host._report([standing(str(number))])
    await until(lambda: desk.host._suppressed.waiting)
    assert [one.detail for one in desk.host._suppressed.waiting] == ["4"]
    assert desk.host._bus.depths()[3].counted.coalesced == 4


async def test_what_no_decoder_knew_is_on_the_disk(desk: Desk) -> None:
    elsewhere(lambda: desk.host._dead("kalshi", b"?", "not a message", 7))
    await until(desk.letters)
    (letter,) = desk.letters()
    assert (letter.kind, letter.venue, letter.frame) == (Kind.FRAME, "kalshi", b"?")
