"""Steps of chaos that were done on this code: what is left of the list, and what came of the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from proof.kept.digest import digest
from proof.kept.results import Results

if TYPE_CHECKING:
    from proof.chaos.crowd import Crowd
    from proof.chaos.steps import Step

PROOF = "chaos"
ENTRIES = ("proof.chaos.campaign", "proof.chaos.crowd")
NEVER_RUN = (
    "proof.bench",
    "proof.conformance",
    "proof.fuzz",
    "proof.histories",
    "proof.simulate",
    "testing.venue",
)
_CROWD = "crowd of open trades"
_DONE = ("held", "violated")


class Kills:
    """A step is done once its trade was held at its point and judged; one that no trade came to is tried again."""

    def __init__(self, results: Results | None = None) -> None:
        self._proof = (results or Results()).of(PROOF, digest(*ENTRIES, without=NEVER_RUN))

    @property
    def failed(self) -> list[str]:
        return self._proof.failed

    @property
    def crowd_done(self) -> bool:
        return _CROWD in self._proof.done.names

    def left(self, steps: Sequence[Step]) -> list[Step]:
        return [step for step in steps if self._proof.done.names.get(step.name) not in _DONE]

    def keep(self, verdicts: dict[str, str], wrong: Sequence[str]) -> None:
        """After a round. A step that was held before and is not reached this time was held all the same."""
        known = self._proof.done.names
        news = {name: said for name, said in verdicts.items() if said in _DONE or known.get(name) not in _DONE}
        self._proof.add(names=news, failed=wrong)

    def keep_crowd(self, crowd: Crowd) -> None:
        """Two hundred at once are one step of the list."""
        self._proof.add(names={_CROWD: "violated" if crowd.violations else "held"}, failed=crowd.violations)

    def close(self) -> None:
        self._proof.compact()

    def sentence(self, listed: int) -> str:
        verdicts = Counter(self._proof.done.names.values())
        return (
            f"code {self._proof.code}: of {listed} steps {verdicts['held'] + verdicts['violated']} are done, "
            f"{verdicts['violated']} violated; {len(self.failed)} violations"
        )

    def summary(self, steps: Sequence[Step]) -> dict[str, Any]:
        """Over all runs on this code; `left` of the list as it was watched this time."""
        verdicts = Counter(self._proof.done.names.values())
        return {
            "code": self._proof.code,
            **{said: verdicts[said] for said in (*_DONE, "unreached")},
            "left": len(self.left(steps)),
            "failed": self.failed,
        }
