"""The long ladder: four proofs, what is done of each on today's code, and what is left."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from proof.chaos import kills
from proof.kept.digest import digest
from proof.kept.results import Results
from proof.simulate import kept_seeds as seeds

SEEDS = 1_000_000
FUZZ_MINUTES = 120.0
_ALL = 1e6
"""Minutes, for a run that nothing but its own end bounds."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How far one proof is on the code it has now: `done` of `wanted` in `unit`; `failed` is what did not hold.
    `wanted` is None where only a run can tell how much there is."""

    done: float
    wanted: float | None
    unit: str
    failed: Sequence[str] = ()

    @property
    def left(self) -> float | None:
        return None if self.wanted is None else max(self.wanted - self.done, 0)

    def __str__(self) -> str:
        of = f" of {_number(self.wanted)}" if self.wanted is not None else ""
        return f"{_number(self.done)}{of} {self.unit} done, {len(self.failed)} failed"


def _number(value: float) -> str:
    return f"{value:,.1f}".removesuffix(".0")


@dataclass(frozen=True, slots=True)
class Rung:
    """One proof: how it stands, and the command that goes on with it for some minutes."""

    name: str
    standing: Callable[[], Standing]
    command: Callable[[float], list[str]]


def _python(*arguments: str) -> list[str]:
    return [sys.executable, "-m", *arguments]


def _seeds() -> Standing:
    proof = Results().of(seeds.PROOF, digest(seeds.ENTRY))
    left = sum(map(len, proof.left(range(SEEDS))))
    return Standing(SEEDS - left, SEEDS, "seeds", tuple(proof.failed))


def _chaos() -> Standing:
    proof = Results().of(kills.PROOF, digest(*kills.ENTRIES, without=kills.NEVER_RUN))
    verdicts = Counter(proof.done.names.values())
    return Standing(verdicts["held"] + verdicts["violated"], None, "steps", tuple(proof.failed))


def _wire_fuzz() -> Standing:
    proof = Results().of("wire-fuzz", digest("proof.wire_fuzz.campaign"))
    return Standing(round(proof.minutes, 1), FUZZ_MINUTES, "minutes", tuple(proof.failed))


def _mutants() -> Standing:
    from proof.verify.mutants.changes import mutants  # noqa: PLC0415 - libcst takes its time
    from proof.verify.mutants.targets import TARGETS  # noqa: PLC0415
    from proof.verify.mutants.verdicts import Verdicts, explanations, score  # noqa: PLC0415

    found = [mutant for module in TARGETS for mutant in mutants(module)]
    total = score(found, Verdicts(TARGETS), explanations())
    return Standing(total.tried, len(found), "mutants", tuple(str(mutant) for mutant in total.unexplained))


_SIMULATE = ("proof.simulate", "--seeds", str(SEEDS), "--resume", "--minutes")

RUNGS = (
    Rung("seeds", _seeds, lambda minutes: _python(*_SIMULATE, str(minutes))),
    Rung("chaos", _chaos, lambda minutes: _python("proof.chaos", "--resume", "--minutes", str(minutes))),
    Rung("wire-fuzz", _wire_fuzz, lambda minutes: _python("proof.wire_fuzz", "--resume", "--minutes", str(minutes))),
    Rung("mutants", _mutants, lambda minutes: _python("proof.verify.mutants", "--jobs=0", "--minutes", str(minutes))),
)


def minutes_for(rung: Rung, bound: float | None) -> float:
    """How long to run it: what is left of a proof that is measured in minutes, and never beyond the bound."""
    standing = rung.standing()
    left = standing.left if standing.unit == "minutes" and standing.left is not None else _ALL
    return min(left, bound if bound is not None else _ALL)
