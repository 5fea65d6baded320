"""Bad lines of a recording: refused with their place by default, or set aside where nothing of them is lost."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from domain.errors import BadInput

_SHOWN = 120


@dataclass(frozen=True, slots=True)
class BadLine:
    """One line that could not be read: its number counts from 1 in the unpacked file."""

    file: str
    line: int
    seen: str
    expected: str

    def __str__(self) -> str:
        shown = self.seen if len(self.seen) <= _SHOWN else self.seen[:_SHOWN] + "…"
        return f"{self.file} line {self.line}: saw {shown!r}; expected {self.expected}"


@dataclass(slots=True)
class Quarantine:
    """What to do with bad lines. Without a `path`, `refuse` raises BadInput; with one it keeps the line."""

    path: Path | None = None
    lines: list[BadLine] = field(default_factory=list)

    def refuse(self, bad: BadLine) -> None:
        if self.path is None:
            raise BadInput(
                f"{bad}. Repair the file, or read it tolerantly: bad lines are then set aside and the books "
                "restart after each",
                "bad_line",
            )
        self.lines.append(bad)

    def write(self) -> None:
        """Write all kept lines, one JSON object each (file, line, seen, expected); nothing when there are none."""
        if self.path is None or not self.lines:
            return
        rows = (
            json.dumps({"file": b.file, "line": b.line, "seen": b.seen, "expected": b.expected}, ensure_ascii=False)
            for b in self.lines
        )
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text("".join(row + "\n" for row in rows), encoding="utf-8")
