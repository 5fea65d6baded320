"""claims: what a person reads, proposes, approves, suspends and withdraws, by name; and the watch over rule texts."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from activities.alerts import Alerts
from cli import claims, exits
from cli.main import main
from cli.options import Options
from domain.claims import ClaimStatus, InstrumentKey, declared, rules_hash
from domain.errors import Unavailable
from testing.ledger.memory import MemoryLedger
from workers.operator.claims import keep_proposal
from workers.rules_watch import AUTHOR, watch_rules

WHO = ["--reason", "read both texts", "--author", "Ada"]
DOCUMENT: dict[str, Any] = {
    "title": "Boston at New York",
    "instruments": [
        {"venue": "kalshi", "market": "KX-BOS", "meaning": "Boston wins", "rules": "Boston. Void: fair price."},
        {"venue": "polymarket", "market": "22", "meaning": "Knicks win", "rules": "Knicks. Canceled: 50-50."},
    ],
    "outcomes": [
        {"name": "Boston", "pays": ["1", "0"]},
        {"name": "New York", "pays": ["0", "1"]},
        {"name": "canceled", "pays": ["0..1", "0.5"]},
    ],
}


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch) -> MemoryLedger:
    """The commands' ledger, in memory."""
    kept = MemoryLedger()

    @asynccontextmanager
    async def opened(*_: Any) -> AsyncIterator[MemoryLedger]:
        yield kept

    monkeypatch.setattr(Options, "stack_with_ledger", lambda _: SimpleNamespace())
    monkeypatch.setattr(Options, "stack", lambda _: SimpleNamespace())
    monkeypatch.setattr("workers.local.books.open_ledger", opened)
    monkeypatch.setattr("workers.local.asleep.reading", opened)
    return kept


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "claim.json"
    path.write_text(json.dumps(DOCUMENT))
    return str(path)


def told(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    capsys.readouterr()
    assert main(["claims", *words, "--json"]) == exits.OK
    return json.loads(capsys.readouterr().out)


@pytest.mark.usefixtures("ledger")
def test_a_claim_is_proposed_shown_approved_by_name_suspended_and_withdrawn(
    file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["claims", "propose", file, *WHO]) == exits.OK
    (row,) = told(capsys, "ls")
    name = row["id"]
    assert (row["version"], row["status"], row["author"]) == (1, "proposed", "Ada")
    assert main(["claims", "show", name]) == exits.OK
    shown = capsys.readouterr().out
    assert "Canceled: 50-50." in shown
    assert "0–1" in shown
    assert "pays 0.5 at worst (canceled)" in shown
    assert main(["claims", "approve", name[2:], "--version", "1", *WHO]) == exits.OK
    assert main(["claims", "suspend", name, "--reason", "odd", "--author", "Bob"]) == exits.OK
    assert main(["claims", "withdraw", name, "--reason", "wrong", "--author", "Bob"]) == exits.OK
    story = told(capsys, "show", name)
    steps = [(one["version"], one["status"], one["author"]) for one in story["versions"]]
    assert steps == [(1, "proposed", "Ada"), (2, "approved", "Ada"), (3, "suspended", "Bob"), (4, "withdrawn", "Bob")]
    assert set(story["texts"].values()) == {one["rules"] for one in DOCUMENT["instruments"]}


@pytest.mark.usefixtures("ledger")
def test_what_was_not_read_is_not_approved(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["claims", "propose", file, *WHO]) == exits.OK
    assert main(["claims", "propose", file, "--reason", "another table", "--author", "Bob"]) == exits.OK
    (row,) = told(capsys, "ls")
    assert row["version"] == 2
    assert main(["claims", "approve", row["id"], "--version", "1", *WHO]) == exits.BAD_INPUT
    assert "read it again" in capsys.readouterr().err
    assert (
        main(["claims", "approve", row["id"], "--version", "2", "--reason", " ", "--author", "Ada"]) == exits.BAD_INPUT
    )
    assert told(capsys, "ls")[0]["status"] == "proposed"


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize("text", ["", " \n "])
def test_an_empty_rule_text_is_told_when_proposed_and_never_approved(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    legs = [DOCUMENT["instruments"][0], {**DOCUMENT["instruments"][1], "rules": text}]
    path = tmp_path / "unread.json"
    path.write_text(json.dumps({**DOCUMENT, "instruments": legs}))
    assert main(["claims", "propose", str(path), *WHO]) == exits.OK
    assert f"{legs[1]['market']} has no rule text" in capsys.readouterr().err
    (row,) = told(capsys, "ls")
    assert main(["claims", "approve", row["id"], "--version", "1", *WHO]) == exits.REFUSED
    assert legs[1]["market"] in capsys.readouterr().err
    assert told(capsys, "ls")[0]["status"] == "proposed"


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"outcomes": DOCUMENT["outcomes"][:1]}, "two or more"),
        ({"outcomes": [*DOCUMENT["outcomes"], {"name": "odd", "pays": ["much", "0"]}]}, "'much'"),
        ({"approved": True}, "unknown field"),
    ],
)
def test_a_file_that_says_too_little_or_too_much_is_refused(
    change: dict[str, Any], why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(DOCUMENT | change))
    assert main(["claims", "propose", str(path), *WHO]) == exits.BAD_INPUT
    assert why in capsys.readouterr().err


@pytest.mark.usefixtures("ledger")
def test_a_claim_nobody_knows_is_answered_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["claims", "show", "c-12"]) == exits.BAD_INPUT
    assert "there are: none" in capsys.readouterr().err
    assert main(["claims", "ls"]) == exits.OK


class Rules:
    """Rule texts as venues would give them."""

    def __init__(self) -> None:
        self.texts = {one["market"]: one["rules"] for one in DOCUMENT["instruments"]}
        self.asked: list[str] = []

    async def __call__(self, key: InstrumentKey) -> str:
        self.asked.append(key[1])
        if key[1] not in self.texts:
            raise Unavailable(f"{key[1]} is away")
        return self.texts[key[1]]


async def approved(ledger: MemoryLedger, file: str) -> str:
    record, texts = claims.read_proposal(Path(file), "Ada", "look", 1)
    kept = await keep_proposal(ledger, record, texts)
    return (await ledger.add_claim(kept.decided(ClaimStatus.APPROVED, "Ada", "read both", 2))).id


async def test_a_changed_rule_text_suspends_the_claim_and_tells_people(file: str) -> None:
    ledger, rules, alarms = MemoryLedger(), Rules(), list[str]()
    name = await approved(ledger, file)
    assert (await watch_rules(ledger, rules, Alerts(count=alarms.append), 5)).suspended == ()
    rules.texts["22"] += " Ties pay No."
    (suspended,) = (await watch_rules(ledger, rules, Alerts(count=alarms.append), 6)).suspended
    assert (suspended.id, suspended.version, suspended.author) == (name, 3, AUTHOR)
    assert "22 on polymarket" in suspended.reason
    assert alarms == ["claim_suspended"]
    assert rules.texts["22"] in (await ledger.rule_texts([rules_hash(rules.texts["22"])])).values()
    rules.asked.clear()
    assert (await watch_rules(ledger, rules, Alerts(count=alarms.append), 7)).suspended == ()
    assert rules.asked == []  # suspended: nothing more to watch


async def test_a_text_that_cannot_be_read_now_suspends_nothing_and_is_named(file: str) -> None:
    ledger, rules = MemoryLedger(), Rules()
    await approved(ledger, file)
    del rules.texts["22"]
    seen = await watch_rules(ledger, rules, Alerts(), 5)
    assert seen.suspended == ()
    assert [(key[1], why) for key, why in seen.unread] == [("22", "22 is away")]


async def test_what_a_recording_declares_is_not_watched(file: str, ledger: MemoryLedger) -> None:
    record, _ = claims.read_proposal(Path(file), "the recording", "so it says", 1)
    await ledger.add_claim(record)
    await ledger.add_claim(declared(record))
    rules = Rules()
    assert (await watch_rules(ledger, rules, Alerts(), 5)).suspended == ()
    assert rules.asked == []
