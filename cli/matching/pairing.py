"""Which listings of two venues look like one claim: structured fields first, spelling second, and never a verdict.

What an id or a field states cannot be outvoted by a likeness: another league, another day, another type of market,
another map or set, another line, and the two are not the same claim however alike they read. What is left is scored by
`rapidfuzz` on the names of the outcomes, or, where nobody plays anybody, on the titles. Each listing is offered once:
where its best partner has a better one, or two partners are as good, it is offered nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import permutations

from rapidfuzz import fuzz

from cli.matching.listing import Listing, Outcome

LEAST = 70
_CLEAR = 5  # points by which the best partner must beat the next
_WORDS = re.compile(r"[a-z0-9]+")
_NUMBERS = re.compile(r"\d+(?:\.\d+)?")
LIKELY_TITLE = 85
"""How alike the titles of two questions must be, from 0 to 100."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """`pairs` are places in the two listings' outcomes that are the same result; `score` from 0 to 100; `doubts` is
    what a person should look at first."""

    polymarket: Listing
    kalshi: Listing
    score: int
    pairs: tuple[tuple[int, int], ...]
    doubts: tuple[str, ...] = ()


def candidates(polymarket: Sequence[Listing], kalshi: Sequence[Listing], least: int = LEAST) -> list[Candidate]:
    """The best partner of each listing, both ways, best first."""
    found = [one for here in polymarket for there in kalshi if (one := compared(here, there)) and one.score >= least]
    by_here, by_there = _best(found, "polymarket"), _best(found, "kalshi")
    chosen = [one for one in found if by_here.get(one.polymarket.id) is one and by_there.get(one.kalshi.id) is one]
    return sorted(chosen, key=lambda one: (-one.score, one.polymarket.id))


def _best(found: Iterable[Candidate], side: str) -> dict[str, Candidate | None]:
    """By listing its best candidate; None where the next is nearly as good."""
    ranked: dict[str, list[Candidate]] = {}
    for one in found:
        ranked.setdefault(getattr(one, side).id, []).append(one)
    best: dict[str, Candidate | None] = {}
    for name, ones in ranked.items():
        ones.sort(key=lambda one: -one.score)
        clear = len(ones) == 1 or ones[0].score - ones[1].score >= _CLEAR
        best[name] = ones[0] if clear else None
    return best


def compared(here: Listing, there: Listing) -> Candidate | None:
    """The two as a candidate; None where something they state says that they are not one claim."""
    if here.league and there.league:
        return _game(here, there)
    if here.league or there.league:
        return None  # one is a game, the other is not
    return _question(here, there)


def contradiction(here: Listing, there: Listing) -> str:
    """What two listings of games state differently; empty if nothing."""
    if here.league != there.league:
        return f"leagues {here.league} and {there.league}"
    if here.day != there.day:
        return f"days {here.day} and {there.day}"
    if here.kind != there.kind:
        return f"types {here.kind} and {there.kind}"
    if here.part != there.part:
        return f"parts {here.part or 'the whole'} and {there.part or 'the whole'}"
    if here.line != there.line:
        return f"lines {here.line} and {there.line}"
    return ""


def _game(here: Listing, there: Listing) -> Candidate | None:
    if contradiction(here, there) or len(here.outcomes) < len(there.outcomes):
        return None
    score, places, likes = likeness(here, there)
    doubts = tuple(
        f"{here.outcomes[n].label} and {outcome.label} do not look alike"
        for n, outcome, like in zip(places, there.outcomes, likes, strict=True)
        if like < LEAST
    )
    return Candidate(here, there, score, tuple((n, place) for place, n in enumerate(places)), doubts)


def likeness(here: Listing, there: Listing) -> tuple[int, tuple[int, ...], list[int]]:
    """How alike the outcomes of two games are called, from 0 to 100, at best; for each outcome of `there` the place of
    its partner in `here`, and how alike the two are. `here` has at least as many outcomes."""
    best: tuple[int, tuple[int, ...], list[int]] = (-1, (), [])
    for places in permutations(range(len(here.outcomes)), len(there.outcomes)):
        likes = [alike(here.outcomes[n], outcome) for n, outcome in zip(places, there.outcomes, strict=True)]
        # One name spelt beyond recognition is usual (a code of another surname); two are another game.
        score = round((3 * max(likes) + sum(likes) / len(likes) + min(likes)) / 5)
        if score > best[0]:
            best = (score, places, likes)
    return best


def alike(one: Outcome, other: Outcome) -> int:
    """How alike two outcomes are called, from 0 to 100, over all their names."""
    return max(_alike(a, b) for a in (one.label, *one.names) for b in (other.label, *other.names))


def _alike(one: str, other: str) -> int:
    """Codes of teams are cut from names: the beginning, the end (three letters of a surname), or letters in order."""
    a, b = ("".join(_WORDS.findall(text.lower())) for text in (one, other))
    short, long = sorted((a, b), key=len)
    if not short:
        return 0
    if short == long:
        return 100
    if len(short) >= 2 and (long.startswith(short) or (len(short) >= 3 and long.endswith(short))):
        return 95
    if len(short) >= 2 and short[0] == long[0] and _in_order(short, long):
        return 85
    return round(fuzz.ratio(a, b))


def _in_order(short: str, long: str) -> bool:
    letters = iter(long)
    return all(letter in letters for letter in short)


def _question(here: Listing, there: Listing) -> Candidate | None:
    """Two questions about one thing. The first outcome of both is taken to be the YES."""
    score = round(fuzz.token_sort_ratio(here.title.lower(), there.title.lower()))
    if score < LIKELY_TITLE:
        return None
    if numbers_of(here) != numbers_of(there):
        return None  # another year, another threshold
    doubts = () if here.title.lower() == there.title.lower() else ("the questions are worded differently",)
    return Candidate(here, there, score, ((0, 0),), doubts)


def numbers_of(listing: Listing) -> set[str]:
    """The numbers in a title: years, thresholds."""
    return set(_NUMBERS.findall(listing.title))
