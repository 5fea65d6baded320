"""What came of every mutant: verdicts that are kept, and the survivors that somebody has explained.

A verdict is kept under the mutant's key (its function's code, before and after) with a digest of the tests it rests on.
It stands until one of them changes: for a mutant that was noticed the test that noticed it (and what that test's file
has besides tests), for one that survived all tests that reach its line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from domain.errors import BadInput
from proof.kept.results import FOLDER, Results
from proof.verify.mutants.changes import Mutant
from proof.verify.mutants.trial import Verdict

PROOF = "mutants"
EXPLAINED = FOLDER / "explained-mutants.yaml"
SURVIVED, PASSED = "survived", "passed"


class Verdicts:
    """All that is kept, by module."""

    def __init__(self, modules: Sequence[str], results: Results | None = None) -> None:
        self._results = results or Results()
        self._by_module = {module: self._results.of(PROOF, module) for module in modules}

    def of(self, mutant: Mutant) -> tuple[str, str] | None:
        """How it ended and the digest of the tests that this rests on; None if it was not tried."""
        kept = self._by_module[mutant.module].done.names.get(mutant.key)
        if kept is None:
            return None
        how, words = kept.split()
        return how, words

    def keep(self, mutant: Mutant, verdict: Verdict) -> None:
        self._by_module[mutant.module].add(names={mutant.key: f"{verdict.how} {verdict.words}"})

    def compact(self, current: Mapping[str, Iterable[Mutant]]) -> None:
        """Let go of mutants that are not there any more, since their function has changed."""
        names = {module: {mutant.key for mutant in found} for module, found in current.items()}
        self._results.compact(PROOF, keep=1_000, names=names)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a mutant need not be noticed: by its module, its function, and the lines before and after."""

    module: str
    function: str
    was: str
    now: str
    why: str

    def speaks_of(self, mutant: Mutant) -> bool:
        return (self.module, self.function, self.was, self.now) == (
            mutant.module, mutant.function, mutant.was, mutant.now,
        )  # fmt: skip


def explanations(file: Path = EXPLAINED) -> list[Explanation]:
    """Raises `BadInput` for a file that is no list of them."""
    if not file.exists():
        return []
    try:
        listed = yaml.safe_load(file.read_text(encoding="utf-8")) or []
        return [Explanation(**item) for item in listed]
    except (TypeError, yaml.YAMLError) as error:
        raise BadInput(f"{file}: {error}", "explained_mutants") from None


@dataclass(frozen=True, slots=True)
class Score:
    """How many mutants there are, and what came of them."""

    counts: Counter[str]
    unexplained: list[Mutant]
    left: list[Mutant]
    stale: list[Explanation]
    """Explanations of mutants that do not exist, or that are noticed by now."""

    @property
    def tried(self) -> int:
        return sum(self.counts.values())

    @property
    def noticed(self) -> int:
        return self.tried - self.counts["explained"] - self.counts[SURVIVED]

    def line(self, module: str) -> str:
        told = ", ".join(
            f"{self.counts[how]} {how}" for how in ("test", "types", "world", "time", "explained", SURVIVED)
        )
        percent = 100 * (self.noticed + self.counts["explained"]) / self.tried if self.tried else 0.0
        of = self.tried + len(self.left)
        return f"{module}: {self.tried} tried of {of}: {told}; {percent:.1f} % noticed or explained"


def score(mutants: Collection[Mutant], verdicts: Verdicts, explained: Sequence[Explanation]) -> Score:
    counts: Counter[str] = Counter()
    unexplained, left = [], []
    used: set[Explanation] = set()
    for mutant in mutants:
        kept = verdicts.of(mutant)
        if kept is None:
            left.append(mutant)
            continue
        why = next((one for one in explained if one.speaks_of(mutant)), None)
        how = kept[0]
        if how in (SURVIVED, PASSED) and why is not None:
            used.add(why)
            how = "explained"
        elif how in (SURVIVED, PASSED):
            unexplained.append(mutant)
            how = SURVIVED
        counts[how] += 1
    tried = {mutant.module for mutant in mutants if verdicts.of(mutant) is not None}
    whole = tried - {mutant.module for mutant in left}
    stale = [one for one in explained if one not in used and one.module in whole]
    return Score(counts, unexplained, left, stale)
