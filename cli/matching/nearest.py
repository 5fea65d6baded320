"""Why nothing was found: what was read, how many pairs were compared, and what excluded the nearest of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz, process

from cli.matching.listing import Listing
from cli.matching.pairing import LIKELY_TITLE, contradiction, likeness, numbers_of


@dataclass(frozen=True, slots=True)
class Near:
    """Two listings that read alike (`score` from 0 to 100), and what says that they are not offered as one claim."""

    polymarket: Listing
    kalshi: Listing
    score: int
    why: str


def summary(listings: Sequence[Listing]) -> str:
    """How many games and questions, and the days of the games."""
    games = [one for one in listings if one.league]
    days = sorted(one.day for one in games if one.day is not None)
    when = f" of {days[0]} to {days[-1]}" if days else ""
    return f"{len(games)} games{when}, {len(listings) - len(games)} questions"


def compared_pairs(polymarket: Sequence[Listing], kalshi: Sequence[Listing]) -> tuple[int, int]:
    """Pairs of games, and pairs of questions. A game and a question are never one claim."""
    here, there = sum(bool(one.league) for one in polymarket), sum(bool(one.league) for one in kalshi)
    return here * there, (len(polymarket) - here) * (len(kalshi) - there)


def nearest(polymarket: Sequence[Listing], kalshi: Sequence[Listing], least: int, count: int = 3) -> list[Near]:
    """The pairs that read most alike, each listing once, best first."""
    found = sorted([*_games(polymarket, kalshi, least), *_questions(polymarket, kalshi, least)], key=_rank)
    seen: set[str] = set()
    chosen: list[Near] = []
    for one in found:
        if len(chosen) < count and not seen & {one.polymarket.id, one.kalshi.id}:
            seen |= {one.polymarket.id, one.kalshi.id}
            chosen.append(one)
    return chosen


def _rank(one: Near) -> tuple[int, str, str]:
    return (-one.score, one.polymarket.id, one.kalshi.id)


def _games(polymarket: Sequence[Listing], kalshi: Sequence[Listing], least: int) -> list[Near]:
    found: list[Near] = []
    for here in polymarket:
        for there in kalshi:
            # Of other leagues the names are other people's; of another day and league nothing is near at all.
            if not here.league or here.league != there.league or len(here.outcomes) < len(there.outcomes):
                continue
            score = likeness(here, there)[0]
            found.append(Near(here, there, score, contradiction(here, there) or _not_chosen(score, least)))
    return found


def _questions(polymarket: Sequence[Listing], kalshi: Sequence[Listing], least: int) -> list[Near]:
    there = [one for one in kalshi if not one.league]
    titles = [one.title.lower() for one in there]
    found: list[Near] = []
    for here in polymarket:
        best = None if here.league else process.extractOne(here.title.lower(), titles, scorer=fuzz.token_sort_ratio)
        if best is None:
            continue
        score, other = round(best[1]), there[best[2]]
        mine, theirs = numbers_of(here), numbers_of(other)
        if mine != theirs:
            why = f"numbers {_listed(mine)} and {_listed(theirs)}"
        elif score < LIKELY_TITLE:
            why = f"titles alike to {score} of 100; {LIKELY_TITLE} makes a candidate"
        else:
            why = _not_chosen(score, least)
        found.append(Near(here, other, score, why))
    return found


def _not_chosen(score: int, least: int) -> str:
    return f"alike to {score} of 100; {least} asked for" if score < least else "another listing fits as well"


def _listed(numbers: set[str]) -> str:
    return ", ".join(sorted(numbers)) or "none"
