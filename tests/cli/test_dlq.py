"""dlq ls, show, retry: what is dead, why, what came of another try, and the exit codes."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cli import dlq, exits
from cli.main import main
from domain.errors import Unavailable
from ingest.dead_letters import DeadLetters, read
from ingest.letter_marks import Marks, State
from tests.ingest.test_read_again import DELTA
from tests.workers.test_user_channel import fill_frame
from workers import letters as letters_module
from workers.bus import Bus, Consumer
from workers.letters import Letters
from workers.local.layout import Layout
from workers.topics import USER_NEWS

FRAME = fill_frame(market_ticker="KX-A")
SECOND = 1_000_000


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SUREFOOT_STATE_DIR", str(tmp_path))
    monkeypatch.setattr(letters_module, "_LOOK_S", 0.01)
    return Layout(tmp_path).dead_letters


def keep_event(folder: Path, at: int = 3 * SECOND, topic: str = "user_news", form: str = "kalshi") -> None:
    DeadLetters(folder).keep_event(topic, "KX-A", form, FRAME, "Unavailable: away", "user_channel", 4, at)


def told(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = exits.OK) -> Any:
    capsys.readouterr()
    assert main(["dlq", *arguments, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_a_folder_without_letters_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dlq", "ls"]) == exits.OK
    assert "no dead letter" in capsys.readouterr().err
    assert told(capsys, "ls") == []
    assert main(["dlq", "retry", "--all"]) == exits.OK


def test_letters_are_listed_oldest_first_since_a_time_and_for_machines(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    DeadLetters(folder).keep("kalshi", b"\xff", "not [a] message", 1 * SECOND)
    keep_event(folder)
    frame, event = told(capsys, "ls")
    assert (frame["source"], frame["kind"], frame["state"], frame["why"]) == (
        "kalshi", "frame", "new", "not [a] message",
    )  # fmt: skip
    assert (event["handler"], event["attempts"], event["market"], event["at"]) == (
        "user_channel", 4, "KX-A", 3 * SECOND,
    )  # fmt: skip
    assert [row["id"] for row in told(capsys, "ls", "--since", "1970-01-01T00:00:02")] == [event["id"]]
    assert [row["id"] for row in told(capsys, "ls", "--limit", "1")] == [event["id"]]
    assert main(["dlq", "ls"]) == exits.OK
    printed = capsys.readouterr().out
    assert frame["id"] in printed
    assert "not [a] message" in printed
    assert main(["dlq", "ls", "--since", "yesterday"]) == exits.BAD_INPUT


def test_one_letter_is_shown_whole_by_any_beginning_of_its_id(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep_event(folder)
    (letter,) = read(folder)
    shown = told(capsys, "show", letter.id.removeprefix("d-")[:6])
    assert shown["text"] == FRAME.decode()
    assert main(["dlq", "show", letter.id]) == exits.OK
    printed = capsys.readouterr().out
    assert "handler: user_channel, 4 attempts" in printed
    assert '"trade_id"' in printed
    assert main(["dlq", "show", "d-nothing"]) == exits.BAD_INPUT


def test_a_frame_is_read_by_todays_decoder_and_marked(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    letters = DeadLetters(folder)
    letters.keep("kalshi", DELTA, "an old decoder did not know it", 1_800_000_000 * SECOND)
    letters.keep("kalshi", b"{", "not a message", 1_800_000_001 * SECOND)
    good, bad = read(folder)
    assert told(capsys, "retry", good.id)[0]["said"] == "1 Delta"
    (row,) = told(capsys, "retry", "--all", code=exits.BAD_INPUT)
    assert (row["id"], row["state"]) == (bad.id, "unreadable")
    assert [row["state"] for row in told(capsys, "ls")] == ["readable", "unreadable"]


def test_an_event_asked_for_while_ingest_is_down_waits_for_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep_event(folder)
    (row,) = told(capsys, "retry", "--all", "--author", "Ada")
    assert (row["state"], row["said"]) == ("asked", "asked for by Ada")
    assert main(["dlq", "retry", "--all"]) == exits.OK
    assert "as soon as ingest runs" in capsys.readouterr().err
    assert len((folder / "marks.jsonl").read_bytes().splitlines()) == 1, "asked for twice is asked for once"


@pytest.mark.parametrize("arguments", [(), ("d-1", "--all")])
def test_a_letter_or_all_must_be_named(
    folder: Path, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dlq", "retry", *arguments]) == exits.BAD_INPUT
    assert "--all" in capsys.readouterr().err


@dataclass(frozen=True, slots=True)
class Try:
    """What the handler does, what the letter is of, what came of it and what the command ends with."""

    failure: Exception | None
    topic: str
    form: str
    state: State
    code: int


@pytest.mark.parametrize(
    "tried",
    [
        Try(None, "user_news", "kalshi", State.HANDLED, exits.OK),
        Try(Unavailable("away"), "user_news", "kalshi", State.FAILED, exits.REFUSED),
        Try(None, "intents", "intent", State.REFUSED, exits.REFUSED),
    ],
    ids=lambda tried: tried.state,
)
async def test_an_event_goes_to_its_handler_in_the_running_ingest_and_the_command_says_what_came_of_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tried: Try
) -> None:
    monkeypatch.setattr(dlq, "_runs", lambda layout: True)
    keep_event(folder, topic=tried.topic, form=tried.form)
    heard: list[object] = []

    def hear(body: object) -> None:
        if tried.failure is not None:
            raise tried.failure
        heard.append(body)

    letters = Letters(folder, (USER_NEWS,))
    bus = Bus([Consumer(USER_NEWS, "user_channel", hear, ())], on_dead=letters.given_up, on_handled=letters.handled)
    bus.attach()
    running = asyncio.create_task(letters.run(bus))
    assert await asyncio.to_thread(main, ["dlq", "retry", "--all"]) == tried.code
    (mark,) = Marks(folder).all().values()
    assert mark.state is tried.state
    assert heard == ([FRAME] if tried.state is State.HANDLED else [])
    assert len(list(read(folder))) == 1
    running.cancel()
    await bus.close()
