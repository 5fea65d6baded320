"""One number and whether it may be used: a feature that is not valid says why, and its value is not looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Flaw(StrEnum):
    """Why a feature may not be used now. The value is the stable word in reports and metrics."""

    MISSING = "missing"  # nothing it needs was ever seen
    WARMING = "warming"  # too few observations, or too short a time, since it began
    ONE_SIDED = "one_sided"  # a side of the book is empty
    CROSSED = "crossed"  # the best bid is not below the best ask
    STALE = "stale"  # what it rests on is older than its tolerance
    AHEAD = "ahead"  # what it rests on is from after the moment asked for
    GAP = "gap"  # observations were missing for too long; it warms up anew
    ILL_POSED = "ill_posed"  # the window holds no movement to measure against


@dataclass(frozen=True, slots=True)
class Feature:
    """`value` in the unit its maker promises; `flaw` is None when it may be used. `detail` is for people."""

    value: float = 0.0
    flaw: Flaw | None = None
    detail: str = ""

    @property
    def valid(self) -> bool:
        return self.flaw is None


def flawed(flaw: Flaw, detail: str = "") -> Feature:
    return Feature(0.0, flaw, detail)


@dataclass(frozen=True, slots=True)
class FeatureVector:
    """Named features of one instrument at one exchange time (µs). A strategy asks for the names it stands on."""

    market: str
    at: int
    features: Mapping[str, Feature]

    def __getitem__(self, name: str) -> Feature:
        """The feature of that name; one that nobody computed is missing, not an error."""
        return self.features.get(name) or flawed(Flaw.MISSING, f"nobody computes {name}")

    def first_flaw(self, *names: str) -> tuple[str, Feature] | None:
        """The first of `names` (of all, if none is given) that may not be used; None when every one may."""
        for name in names or tuple(self.features):
            feature = self[name]
            if feature.flaw is not None:
                return name, feature
        return None
