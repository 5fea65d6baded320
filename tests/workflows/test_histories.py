"""Every recorded life of a trade replays on today's code; a change that breaks one says where, and what to do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory

from domain.errors import BadInput
from proof.histories import corpus
from proof.histories.paths import PATHS
from tests.places import ROOT
from workers.versions.replay import Divergence, replay
from workflows.lifecycle import Trade
from workflows.repair import Repairs
from workflows.tail import Tail

FOLDER = ROOT / "tests" / "histories"

WHAT_TO_DO = """
{count} recorded histories do not replay on this code, so open trades would fail after an upgrade. First: {first}
The replayer says: {words}

What to do (docs/versions.md):
  * if trades may be open anywhere: keep the old path beside the new one, `if workflow.patched("<what changed>"):`,
    until no trade is left that began before it;
  * or ship it as a new version: its start refuses to run while a trade is open that it cannot carry on, and says so;
  * only once one of the two is decided, record the corpus anew: `make histories`, and commit it with the change.
"""


async def divergences(wanted: Iterable[str]) -> list[Divergence]:
    async def histories() -> AsyncIterator[WorkflowHistory]:
        for name in wanted:
            yield corpus.load(FOLDER, name)

    return [found async for _, found in replay(histories()) if found is not None]


async def must_replay(wanted: Iterable[str]) -> None:
    broken = await divergences(wanted)
    if broken:
        pytest.fail(WHAT_TO_DO.format(count=len(broken), first=broken[0], words=broken[0].words), pytrace=False)


async def test_every_recorded_history_replays_on_todays_code() -> None:
    await must_replay(corpus.names(FOLDER))


def test_the_corpus_holds_exactly_the_paths_there_are() -> None:
    told = {name: path.told for name, path in PATHS.items()}
    assert list(corpus.names(FOLDER)) == sorted(told), "record the corpus anew: make histories"
    assert corpus.index(FOLDER) == told


def test_the_corpus_says_nothing_of_the_machine_it_was_made_on() -> None:
    for name in corpus.names(FOLDER):
        text = (FOLDER / f"{name}.json").read_text(encoding="utf-8")
        told = [
            word for word in ('"identity"', "stackTrace", "site-packages", "/home/", str(Path.home())) if word in text
        ]
        assert not told, f"{name}.json tells {told}; add it to what proof/histories/corpus.py drops"


def test_a_history_that_is_missing_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="make histories PATHS=hedged"):
        corpus.load(tmp_path, "hedged")
    with pytest.raises(BadInput, match="make histories"):
        corpus.index(tmp_path)


# ---------------------------------------------------------------------- the gate notices


async def test_an_activity_more_is_noticed_with_event_and_both_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    hedge = Trade._hedge

    async def asks_first(self: Trade) -> Any:
        leg = self.intent.legs[1]
        await self.desk.quote(leg.venue, leg.market)
        return await hedge(self)

    monkeypatch.setattr(Trade, "_hedge", asks_first)
    (found,) = await divergences(["hedged"])
    assert (found.recorded, found.produced) == ("a change of search attributes", "the activity take_quote")
    event = corpus.load(FOLDER, "hedged").events[found.event - 1]
    assert event.event_id == found.event
    assert event.HasField("upsert_workflow_search_attributes_event_attributes")
    with pytest.raises(pytest.fail.Exception, match=r"(?s)workflow\.patched.*make histories") as told:
        await must_replay(["missed", "hedged"])
    assert "at event" in str(told.value)


async def test_two_calls_in_another_order_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    park = Trade.park

    async def writes_first(self: Trade, why: str) -> None:
        await self.desk.pause(10)
        await park(self, why)

    monkeypatch.setattr(Trade, "park", writes_first)
    (found,) = await divergences(["stuck-unwind"])
    assert found.produced == "a timer"
    assert found.recorded in ("a change of search attributes", "the activity record_trade")


async def test_a_call_less_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(self: Tail) -> bool:
        return False

    monkeypatch.setattr(Tail, "_hand_back", never)
    (found,) = await divergences(["merged"])
    assert (found.recorded, found.produced) == ("the activity submit_order", "the activity read_resolution")


async def test_code_that_breaks_on_an_old_history_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def breaks(self: Repairs, last: object) -> None:
        raise KeyError("a field that old records do not have")

    monkeypatch.setattr(Repairs, "run", breaks)
    (found,) = await divergences(["hedged"])
    assert (found.recorded, found.produced) == ("a change of search attributes", "a continuation as new")


async def test_a_patched_change_replays_old_histories(monkeypatch: pytest.MonkeyPatch) -> None:
    hedge = Trade._hedge

    async def asks_first(self: Trade) -> Any:
        if workflow.patched("ask-before-hedge"):
            leg = self.intent.legs[1]
            await self.desk.quote(leg.venue, leg.market)
        return await hedge(self)

    monkeypatch.setattr(Trade, "_hedge", asks_first)
    await must_replay(corpus.names(FOLDER))


async def test_the_words_of_a_story_may_change(monkeypatch: pytest.MonkeyPatch) -> None:
    tell = Trade.tell
    monkeypatch.setattr(Trade, "tell", lambda self, text: tell(self, text.upper()))
    await must_replay(corpus.names(FOLDER))
