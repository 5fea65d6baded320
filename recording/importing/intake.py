"""What an import read, kept and set aside: counted by file, and by reason, as it goes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from domain.errors import BadInput
from recording.envelope import Envelope
from recording.sources.numbers import Unreadable
from recording.sources.quarantine import BadLine
from recording.sources.text import numbered_lines


@dataclass(slots=True)
class Counts:
    """Rows of one file. `read` is all of them; `refused` those set aside, by reason."""

    read: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    @property
    def kept(self) -> int:
        return self.read - sum(self.refused.values())


class Intake:
    """Counts rows by file and writes those set aside to `quarantine`, one JSON object a line, at once.

    `passed_over` names files that hold no data.
    """

    def __init__(self, quarantine: Path | None = None) -> None:
        self.files: dict[str, Counts] = {}
        self.passed_over: list[str] = []
        self.quarantine = quarantine
        self._begun = False

    def counts(self, file: str) -> Counts:
        return self.files.setdefault(file, Counts())

    def refuse(self, bad: BadLine) -> None:
        self.counts(bad.file).refused[_reason(bad.expected)] += 1
        if self.quarantine is None:
            return
        self.quarantine.parent.mkdir(parents=True, exist_ok=True)
        with self.quarantine.open("a" if self._begun else "w", encoding="utf-8") as file:
            said = {"file": bad.file, "line": bad.line, "seen": bad.seen, "expected": bad.expected}
            file.write(json.dumps(said, ensure_ascii=False) + "\n")
        self._begun = True

    @property
    def read(self) -> int:
        return sum(counts.read for counts in self.files.values())

    @property
    def refused(self) -> Counter[str]:
        return sum((counts.refused for counts in self.files.values()), Counter[str]())


def _reason(expected: str) -> str:
    """What was expected, without what was seen instead: one reason however many different lines."""
    return expected.split(", not ", maxsplit=1)[0].split(" (", maxsplit=1)[0][:80]


Loader = Callable[[Path, Intake], Iterator[Envelope]]
"""Events of one file in its order, its rows counted and its bad ones refused at the intake."""


def lines(path: Path, intake: Intake, read: Callable[[str], Envelope | None]) -> Iterator[Envelope]:
    """Every line of a text file through `read`: an event, None for a line that says nothing, Unreadable for a bad one.

    A file that breaks off is good up to there; the rest counts as one bad row."""
    counts = intake.counts(path.name)
    number = 0
    try:
        for number, text in numbered_lines(path):
            counts.read += 1
            try:
                event = read(text)
            except Unreadable as wrong:
                intake.refuse(BadLine(path.name, number, text[:4096], str(wrong)))
                continue
            if event is not None:
                yield event
    except BadInput as broken:
        counts.read += 1
        intake.refuse(BadLine(path.name, number + 1, "", f"a whole file ({broken.message})"))
