"""A trade whose workflow cannot go on: its task fails, or its code raised and the trade is parked.

Money may stand on one leg meanwhile, so a fault stops whatever would open on the trade's markets, by itself, until the
trade moves again. Nobody lifts it: mended code does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from domain.halt import Halt, Rule, Scope

MOST_TEXT = 2_000
"""Characters of a fault's text that are kept."""


class FaultKind(StrEnum):
    """What a person can still do about the trade."""

    FAILING = "failing"  # its workflow task fails or times out: none of its code runs, it hears nobody
    PARKED = "parked"  # its life raised: a small run of its own answers, and waits for mended code


class FaultSource(StrEnum):
    """Who saw it."""

    WORKER = "worker"  # the process that ran the task, at once
    SERVER = "server"  # Temporal, asked every few seconds: tasks that timed out or blocked their worker


@dataclass(frozen=True, slots=True)
class WorkflowFault:
    """`build` is the version it happened on, `attempt` how often the task was tried (0: not told), `markets` the
    venue's names of the trade's markets. Times are wall-clock microseconds; `cleared_at` None while it stands."""

    intent_id: str
    kind: FaultKind
    build: str
    source: FaultSource
    text: str
    attempt: int
    markets: tuple[str, ...]
    first_seen: int
    last_seen: int
    cleared_at: int | None = None

    @property
    def what(self) -> str:
        """What happened and since when, without what changes from look to look."""
        since = f"since {clock(self.first_seen)}"
        if self.kind is FaultKind.PARKED:
            return f"parked {since}: {self.text}"
        return f"its workflow task fails {since}: {self.text}"

    @property
    def words(self) -> str:
        """For people: what happened, and what that means for commands."""
        since = f"since {clock(self.first_seen)}"
        if self.kind is FaultKind.PARKED:
            return (
                f"parked {since} (version {self.build}): {self.text}; it watches its orders and takes commands, and "
                "goes on once `surefoot retry` or mended code resumes it"
            )
        tries = f" (attempt {self.attempt})" if self.attempt else ""
        return (
            f"workflow task fails {since}{tries}: {self.text}; the trade cannot hear commands until mended code runs; "
            "commands that are sent are kept"
        )

    def halts(self) -> tuple[Halt, ...]:
        """The stops that it is: one for each market, in force for as long as the fault stands."""
        short = self.intent_id.removeprefix("i-")[:6]
        return tuple(
            Halt(
                id=f"f-{short}-{n}",
                scope=Scope.MARKET,
                target=market,
                rule=Rule.WORKFLOW_FAULT,
                author="surefoot",
                reason=f"trade {self.intent_id}: {self.what}",
                at=self.first_seen,
            )
            for n, market in enumerate(self.markets, 1)
        )


def clock(at: int) -> str:
    return f"{datetime.fromtimestamp(at / 1_000_000, UTC):%Y-%m-%d %H:%M:%S} UTC"
