"""Results of proofs, kept by the digest of the code they are about, so that runs go on where they stopped and add up.

    mine = Results().of("wire-fuzz", digest("proof.wire_fuzz.campaign"))
    while mine.minutes < 120:
        mine.add(minutes=1.0, failed=fuzz_for_a_minute())       # failed: ["seed 7: the trade is frozen", …]
    # mine.failed: everything that ever failed on this code

A folder with one file a proof, JSON Lines: each line is something that was done on one code. A line is appended whole
or not at all (one write under a lock; half a line after a power cut is passed over), so several processes may add to
the same proof. Lines may come twice, after a merge of two branches: seeds are ranges, steps are names, minutes belong
to a run, so nothing counts double. `compact` folds the lines of a code into one and lets go of old codes.
"""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from proof.kept.digest import TREE

FOLDER = TREE / "proof-results"
"""In the repository, so that what one machine has shown need not be shown again by the next."""


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


@dataclass(slots=True)
class Done:
    """What has been done of one proof on one code, folded from its lines."""

    seeds: list[tuple[int, int]] = field(default_factory=list)
    """First and one past the last of each stretch, in order, none touching the next."""
    names: dict[str, str] = field(default_factory=dict)
    """Name of a step or a mutant → its last verdict."""
    minutes: dict[str, float] = field(default_factory=dict)
    """Run → how long it has searched."""
    counts: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    at: str = ""

    def take_in(self, line: Mapping[str, Any]) -> None:
        stretches = [(int(first), int(end)) for first, end in line.get("seeds", ())]
        known = bool(stretches) and all(_covers(self.seeds, stretch) for stretch in stretches)
        self.seeds = _joined([*self.seeds, *stretches])
        self.names.update(line.get("names", {}))
        for run, minutes in line.get("minutes", {}).items():
            self.minutes[run] = max(minutes, self.minutes.get(run, 0.0))
        if not known:
            self.counts.update(line.get("counts", {}))
        self.failed += [text for text in line.get("failed", ()) if text not in self.failed]
        self.at = max(self.at, line["at"])

    def as_line(self) -> dict[str, Any]:
        line: dict[str, Any] = {"seeds": [list(stretch) for stretch in self.seeds]} if self.seeds else {}
        for key in ("names", "minutes", "counts"):
            if getattr(self, key):
                line[key] = dict(sorted(getattr(self, key).items()))
        if self.failed:
            line["failed"] = self.failed
        return line


class Results:
    """All results in a folder."""

    def __init__(self, folder: Path | None = None, today: Callable[[], str] = _today) -> None:
        self._folder, self._today = folder or FOLDER, today

    def of(self, proof: str, code: str) -> Proof:
        """What is known of `proof` on `code`, and where to add to it."""
        return Proof(self, proof, code)

    def codes(self, proof: str) -> dict[str, Done]:
        """Code → what was done on it, the code of the last line last."""
        found: dict[str, Done] = {}
        for line in self._lines(proof):
            done = found.pop(line["code"], None) or Done()
            done.take_in(line)
            found[line["code"]] = done
        return found

    def append(self, proof: str, code: str, line: Mapping[str, Any]) -> None:
        """One line more, on disk when this returns."""
        text = json.dumps({"code": code, "at": self._today(), **line}, ensure_ascii=False) + "\n"
        with self._locked():
            descriptor = os.open(self._file(proof), os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            try:
                size = os.fstat(descriptor).st_size
                torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
                os.write(descriptor, (b"\n" if torn else b"") + text.encode())
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def compact(self, proof: str, keep: int = 3, names: Mapping[str, Collection[str]] | None = None) -> None:
        """One line for each of the last `keep` codes; what was done on older ones is let go of. Of the codes in `names`
        only verdicts by these names are kept."""
        with self._locked():
            codes = list(self.codes(proof).items())[-keep:]
            if not codes:
                return
            for code, done in codes:
                if names is not None and code in names:
                    done.names = {name: done.names[name] for name in names[code] if name in done.names}
            handle, name = tempfile.mkstemp(dir=self._folder, prefix=f".{proof}.")
            with os.fdopen(handle, "w", encoding="utf-8") as out:
                for code, done in codes:
                    out.write(json.dumps({"code": code, "at": done.at, **done.as_line()}, ensure_ascii=False) + "\n")
                out.flush()
                os.fsync(out.fileno())
            Path(name).chmod(0o644)
            Path(name).replace(self._file(proof))

    def _file(self, proof: str) -> Path:
        return self._folder / f"{proof}.jsonl"

    def _lines(self, proof: str) -> Iterator[dict[str, Any]]:
        try:
            text = self._file(proof).read_text(encoding="utf-8")
        except FileNotFoundError:
            return
        for line in text.split("\n"):
            try:
                parsed = json.loads(line)
            except ValueError:
                continue  # half a line: its writer was cut off, and what it did is done again
            if isinstance(parsed, dict):
                yield parsed

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


class Proof:
    """What has been done of one proof on one code. Reads the folder once, then follows what is added here."""

    def __init__(self, results: Results, proof: str, code: str) -> None:
        self._results, self.proof, self.code = results, proof, code
        self._run = uuid.uuid4().hex[:8]
        self._this_run = 0.0
        self.done = results.codes(proof).get(code, Done())

    @property
    def minutes(self) -> float:
        """Of all runs together."""
        return sum(self.done.minutes.values())

    @property
    def seeds(self) -> int:
        """How many different ones were run."""
        return sum(end - first for first, end in self.done.seeds)

    @property
    def failed(self) -> list[str]:
        return self.done.failed

    def left(self, seeds: range) -> list[range]:
        """The stretches of `seeds` that were not run yet, in order."""
        left, first = [], seeds.start
        for begun, end in self.done.seeds:
            if begun >= seeds.stop:
                break
            if first < begun:
                left.append(range(first, begun))
            first = max(first, end)
        if first < seeds.stop:
            left.append(range(first, seeds.stop))
        return left

    def add(
        self,
        *,
        seeds: Iterable[range] = (),
        names: Mapping[str, str] | None = None,
        minutes: float = 0.0,
        counts: Mapping[str, int] | None = None,
        failed: Sequence[str] = (),
    ) -> None:
        """Keep what was just done: stretches of seeds, verdicts by name, minutes of searching, and what failed in it,
        each in a sentence that says how to see it again. `counts` are for statistics."""
        self._this_run += minutes
        added = Done(
            seeds=_joined([(one.start, one.stop) for one in seeds]),
            names=dict(names or {}),
            minutes={self._run: round(self._this_run, 3)} if minutes else {},
            counts=Counter(counts or {}),
            failed=list(failed),
        )
        line = added.as_line()
        if line:
            self._results.append(self.proof, self.code, line)
            self.done.take_in({"at": "", **line})

    def compact(self) -> None:
        """When a run is over: its lines become one."""
        self._results.compact(self.proof)


def _joined(stretches: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for first, end in sorted(stretches):
        if joined and first <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        elif first < end:
            joined.append((first, end))
    return joined


def _covers(joined: Sequence[tuple[int, int]], stretch: tuple[int, int]) -> bool:
    return any(first <= stretch[0] and stretch[1] <= end for first, end in joined)
