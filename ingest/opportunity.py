"""One opportunity from the event that opens its edge to the event that closes it: taken once, or counted by gate."""

from __future__ import annotations

from dataclasses import dataclass, field

from domain.decisions import Gate, Suppression
from domain.money import from_micros, from_picos


@dataclass(slots=True)
class Refusal:
    """One gate's part in an episode: when it was first seen shut, why, and the best edge (picos) it kept from us."""

    at: int
    detail: str
    edge: int
    size: int


@dataclass(slots=True)
class Episode:
    """An opportunity while it stands. `taken` once an intent came of it; then what gates said does not count."""

    opened_at: int
    taken: bool = False
    refusals: dict[Gate, Refusal] = field(default_factory=dict)

    def suppressions(self, strategy: str, pair: str) -> tuple[Suppression, ...]:
        """One for each gate that was shut, in the order they were met; none if the opportunity was taken."""
        if self.taken:
            return ()
        return tuple(
            Suppression(strategy, pair, gate, r.detail, from_picos(r.edge), from_micros(r.size), r.at)
            for gate, r in self.refusals.items()
        )
