"""Two hundred open trades, spread over the worst moments of a pair, when everything dies at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from domain.intent import Intent
from proof.chaos import verdict
from proof.chaos.paths import PATHS, Path
from proof.chaos.plan import Point
from proof.chaos.rounds import Lane, Stage, Victim

MANY = 200
_PATH = "hedged"
_TTL_US = 40_000_000
_REACHED_S = 20.0  # an order activity may be held for fifteen seconds, so those with the longest way start first
_MOMENTS = (
    Point("trader", "submit_order.B1/report", "before"),
    Point("trader", "submit_order.B1/venue.submit", "after"),
    Point("trader", "submit_order.B1/venue.submit", "before"),
    Point("trader", "submit_order.B1/venue.quote", "before"),
    Point("trader", "submit_order.A1/report", "before"),
    Point("trader", "submit_order.A1/venue.submit", "after"),
    Point("trader", "submit_order.A1/venue.submit", "before"),
)


@dataclass(frozen=True, slots=True)
class Crowd:
    """`back_s` is how long the stack took to come back whole from its start, `resolved_s` how long after that the
    last trade was done; `from_start_s` both together."""

    held: int
    violations: tuple[str, ...]
    back_s: float
    resolved_s: float

    @property
    def from_start_s(self) -> float:
        return self.back_s + self.resolved_s


async def crowd(on: Stage, say: Callable[[str], None], many: int = MANY) -> Crowd:
    """Hold `many` trades, a seventh at each moment; kill supervisor, servers and processes; `surefoot up`; judge."""
    path = Path(_PATH, _patient)
    lanes = [Lane(f"{_PATH}.{n}", path, n, _MOMENTS[n * len(_MOMENTS) // many], _REACHED_S) for n in range(many)]
    say(f"bringing {many} trades to their worst moments")
    this = await on.play(lanes, Victim.EVERYTHING)
    wrong = await verdict.violations(on.system, this)
    resolved = max((lane.resolved_at for lane in this.lanes), default=this.back_at) - this.back_at
    result = Crowd(len(this.held), tuple(wrong), this.back_at - this.killed_at, max(0.0, resolved))
    say(
        f"{result.held} of {many} trades held as everything died; whole {result.back_s:.1f} s after `surefoot up`, "
        f"all resolved {result.resolved_s:.1f} s later"
    )
    for problem in wrong:
        say(f"  VIOLATION {problem}")
    return result


def _patient(number: int) -> Intent:
    """A pair that may still open while two hundred others do."""
    make = next(path.make for path in PATHS if path.name == _PATH)
    assert make is not None
    intent = make(number)
    return replace(intent, expires_at=intent.decided_at + _TTL_US)
