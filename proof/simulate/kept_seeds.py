"""Seeds of the simulator that this code has run: what is left of a stretch, and what came of the rest.

keeper = Keeper(first=0, seeds=1_000_000)
campaign(keeper.left(), keep=keeper.keep)
keeper.close()
"""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from proof.kept.digest import digest
from proof.kept.results import Results

if TYPE_CHECKING:
    from proof.simulate.campaign import Tally

PROOF = "seeds"
ENTRY = "proof.simulate.campaign"
_WRITE_EVERY_S = 5.0


class Keeper:
    """Writes what was run every few seconds, so that a killed run loses no more than that."""

    def __init__(self, first: int, seeds: int, results: Results | None = None) -> None:
        self._wanted = range(first, first + seeds)
        self._proof = (results or Results()).of(PROOF, digest(ENTRY))
        self._chunks: list[range] = []
        self._counts: Counter[str] = Counter()
        self._failed: list[str] = []
        self._written = time.monotonic()

    @property
    def failed(self) -> list[str]:
        """Of these seeds and all others that this code ran."""
        return self._proof.failed

    def left(self) -> list[range]:
        return self._proof.left(self._wanted)

    def keep(self, chunk: range, tally: Tally) -> None:
        self._chunks.append(chunk)
        self._counts.update(trades=tally.trades, crashes=tally.crashes, violations=tally.violations)
        self._counts.update({f"fault {kind}": times for kind, times in tally.faults.items()})
        self._failed += [f"seed {seed}: {wrong[0]}" for seed, wrong in tally.failed.items()]
        if time.monotonic() - self._written > _WRITE_EVERY_S:
            self._write()

    def close(self) -> None:
        self._write()
        self._proof.compact()

    def sentence(self) -> str:
        wanted, left = len(self._wanted), sum(map(len, self.left()))
        return (
            f"code {self._proof.code}: {wanted - left} of {wanted} seeds are done, {left} are left; "
            f"{len(self.failed)} failed"
        )

    def summary(self) -> dict[str, Any]:
        left = sum(map(len, self.left()))
        return {
            "code": self._proof.code,
            "done": len(self._wanted) - left,
            "left": left,
            "failed": self.failed,
            "counts": dict(sorted(self._proof.done.counts.items())),
        }

    def _write(self) -> None:
        if self._chunks:
            self._proof.add(seeds=self._chunks, counts=self._counts, failed=self._failed)
        self._chunks, self._counts, self._failed = [], Counter(), []
        self._written = time.monotonic()
