"""A person's word to a trade: taken with who and why, refused in the trade's words, or left where it will be read."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionResponse
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from cli import exits
from cli.main import main
from cli.person import person_of
from cli.trades import holder_of
from domain.errors import BadInput, Denied
from domain.market import Venue
from domain.operator import Action, CommandRecord, OperatorCommand, is_sealed, sealed
from domain.orders import Guard
from domain.seal import SealKeys
from tests.ledger.samples import D, ticket
from tests.workflows.rehearsal import Rehearsal
from workers.operator import trades
from workers.operator.port import Person
from workers.preview import outlooks
from workflows import names

WORD = OperatorCommand("Ada", "books are thin")
UPDATED = [action for action in Action if action not in (Action.FORCE_FLAT, Action.REVIVE)]


class Handle:
    """A workflow that answers updates with `answer`, raises it, or, for None, never answers."""

    id = "i-1"

    def __init__(self, answer: str | Exception | None, attempt: int = 0) -> None:
        self.answer = answer
        self.attempt = attempt  # of its pending workflow task; 0: none is pending
        self.updates: list[tuple[str, OperatorCommand]] = []
        self.signals: list[tuple[str, Any]] = []

    async def execute_update(self, name: str, command: OperatorCommand, *, result_type: type[str]) -> str:
        assert result_type is str
        self.updates.append((name, command))
        if self.answer is None:
            await asyncio.Event().wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return str(self.answer)

    async def signal(self, name: str, command: OperatorCommand | None = None, *, args: Any = ()) -> None:
        self.signals.append((name, tuple(args) if command is None else command))

    async def describe(self) -> Any:
        raw = DescribeWorkflowExecutionResponse()
        if self.attempt:
            raw.pending_workflow_task.attempt = self.attempt
        return SimpleNamespace(raw_description=raw)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trades, "UPDATE_SECONDS", 0.01)


@pytest.mark.parametrize("action", UPDATED)
async def test_a_command_is_the_update_of_its_name_and_the_answer_is_the_trades(action: Action) -> None:
    handle: Any = Handle("will do")
    told = await trades.tell(handle, action, WORD)
    assert (told.answer, told.stored) == ("will do", False)
    assert handle.updates == [(getattr(names, f"UPDATE_{action.name}"), WORD)]
    assert handle.signals == []


async def test_flat_is_a_signal_and_needs_no_worker() -> None:
    handle: Any = Handle(None)
    told = await trades.tell(handle, Action.FORCE_FLAT, WORD)
    assert told.stored
    assert handle.signals == [(names.SIGNAL_FORCE_FLAT, WORD)]
    assert handle.updates == []


@pytest.mark.parametrize("action", UPDATED)
async def test_a_refusal_is_told_in_the_validators_words(action: Action) -> None:
    refusal = WorkflowUpdateFailedError(ApplicationError("nothing stands alone", type="ValueError"))
    with pytest.raises(Denied, match="nothing stands alone") as refused:
        await trades.tell(Handle(refusal), action, WORD)  # type: ignore[arg-type]
    assert exits.code_of(refused.value) == exits.REFUSED


def left_as(action: Action) -> tuple[str, Any]:
    """The signal that keeps the command of an action."""
    if action is Action.UNWIND:
        return names.SIGNAL_FORCE_FLAT, WORD
    return names.SIGNAL_COMMAND, (action, WORD)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("action", UPDATED)
async def test_a_command_nobody_answers_is_left_as_a_signal(action: Action) -> None:
    handle: Any = Handle(None)
    told = await trades.tell(handle, action, WORD)
    assert told.stored
    assert "obeyed as soon as a worker is up" in told.answer
    assert handle.signals == [left_as(action)], "once"


@pytest.mark.parametrize("action", UPDATED)
@pytest.mark.parametrize(
    ("status", "words"),
    [
        (
            RPCStatusCode.FAILED_PRECONDITION,
            "Unable to perform workflow execution update due to Workflow Task in failed state.",
        ),
        (RPCStatusCode.RESOURCE_EXHAUSTED, "limit on number of concurrent in-flight updates has been reached"),
        (RPCStatusCode.UNAVAILABLE, "connection reset"),
        (RPCStatusCode.DEADLINE_EXCEEDED, "Timeout expired"),
    ],
)
async def test_a_command_that_temporal_cannot_bring_to_a_trade_is_left_as_a_signal(
    action: Action, status: RPCStatusCode, words: str
) -> None:
    handle: Any = Handle(RPCError(words, status, b""))
    told = await trades.tell(handle, action, WORD)
    assert told.stored
    assert words in told.answer
    assert handle.signals == [left_as(action)], "once"


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("action", UPDATED)
@pytest.mark.parametrize("answer", [None, RPCError("in failed state", RPCStatusCode.FAILED_PRECONDITION, b"")])
async def test_a_task_that_is_tried_again_and_again_is_named_and_the_command_is_kept(
    action: Action, answer: Exception | None
) -> None:
    handle: Any = Handle(answer, attempt=4)
    told = await trades.tell(handle, action, WORD)
    assert "its code fails" in told.answer
    assert handle.signals == [left_as(action)], "once"


async def test_a_trade_that_does_not_run_keeps_nothing() -> None:
    handle: Any = Handle(RPCError("no such workflow", RPCStatusCode.NOT_FOUND, b""))
    with pytest.raises(RPCError):
        await trades.tell(handle, Action.HOLD, WORD)
    assert handle.signals == []


def test_the_author_is_the_login_name_unless_another_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER", "grace")
    assert person_of("", "why") == Person("grace", "why")
    assert person_of("Ada", " why ") == Person("Ada", "why")


def test_nobody_is_no_author(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.person.login_name", lambda: "")
    with pytest.raises(BadInput, match="--author is empty"):
        person_of("", "why")


@pytest.mark.parametrize(
    "arguments",
    [
        ["unwind", "i-1"],
        ["hold", "i-1"],
        ["retry", "i-1"],
        ["accept", "i-1"],
        ["flat", "i-1"],
        ["adopt", "i-1", "--venue", "kalshi", "--order", "o-1"],
        ["halt", "--all"],
        ["resume", "h-1"],
    ],
)
def test_a_reason_is_asked_for_and_an_empty_one_is_no_reason(
    arguments: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Any
) -> None:
    arguments = ["--state-dir", str(tmp_path), *arguments]
    assert main(arguments) == exits.USAGE
    assert "--reason" in capsys.readouterr().err
    assert main([*arguments, "--reason", " ", "--author", "Ada"]) == exits.BAD_INPUT
    assert "--reason is empty" in capsys.readouterr().err
    assert main([*arguments, "--reason", "thin", "--author", "Ada"]) == exits.UNAVAILABLE
    assert "surefoot up" in capsys.readouterr().err


def test_an_order_to_adopt_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Any) -> None:
    words = ["--state-dir", str(tmp_path), "adopt", "i-1", "--reason", "mine", "--author", "Ada"]
    assert main([*words, "--venue", "kalshi", "--order", " "]) == exits.BAD_INPUT
    assert "--order is empty" in capsys.readouterr().err
    assert main([*words, "--venue", "mars", "--order", "o-1"]) == exits.USAGE


async def test_a_preview_counts_what_the_ledger_knows_at_the_books_of_now_and_sends_nothing() -> None:
    stage = Rehearsal()
    opening = ticket(stage.intent, "A")
    await stage.desk.submit(opening, Guard(not_after=stage.intent.expires_at), stage.intent)
    stage.book_a(asks=[("0.40", "10")], bids=[("0.32", "10")])
    stage.book_b()
    story = await stage.ledger.trade(stage.intent.id)
    sent = len(stage.venue.arrivals)
    back, on = await outlooks(story, {Venue.KALSHI: stage.venue})
    assert (
        back.words == "unwinding now: sell 10 of A down to 0.32 for $3.05, P&L then -$1.16"
    )  # its fills are not recorded yet: at their worst
    assert on.words == "completing now: buy 10 of B: no offers"
    (part,) = (await outlooks(story, {Venue.KALSHI: stage.venue}, D("0.35")))[0].parts
    assert part.size == 0
    assert len(stage.venue.arrivals) == sent


@pytest.mark.parametrize("price", ["0", "1.2", "cheap", "NaN"])
def test_a_lowest_price_that_is_none_is_bad_input(price: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["unwind", "i-1", "--reason", "why", "--min-price", price]) == exits.BAD_INPUT
    assert "expected dollars a share between 0 and 1" in capsys.readouterr().err


def test_a_seal_covers_the_lowest_price() -> None:
    keys = SealKeys({"k1": b"k" * 32}, run="r-1", mode="paper")
    bound = sealed(keys, "i-1", Action.UNWIND, replace(WORD, min_price=D("0.3")), "once")
    assert is_sealed(keys, "i-1", Action.UNWIND, bound)
    assert is_sealed(keys, "i-1", Action.FORCE_FLAT, bound)
    assert not is_sealed(keys, "i-1", Action.UNWIND, replace(bound, min_price=D("0.2")))
    assert not is_sealed(keys, "i-1", Action.UNWIND, replace(bound, min_price=None))


def test_who_holds_a_trade_is_told_apart_from_a_trade_that_is_stuck() -> None:
    def said(*actions: Action) -> list[CommandRecord]:
        return [CommandRecord(action, "ada", "why", "will do", n) for n, action in enumerate(actions)]

    assert holder_of(said()) == ""
    assert holder_of(said(Action.HOLD, Action.ADOPT)) == "ada"
    assert holder_of(said(Action.HOLD, Action.RETRY)) == ""
