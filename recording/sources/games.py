"""Which two of a folder's markets are one game, where nobody has said: those whose prices add up to a dollar.

Two markets of one game exclude each other, so their middles add up to a dollar at every moment, and those of two games
do so only by chance. Each market's middle is taken once a minute; two markets are one game if they share at least three
minutes, differ from a dollar by less than 3 cents on average, and by less than either does with any other market.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

from domain.money import MICRO
from recording.sources.kalshi_csv import Stretch

_MINUTE = 60 * MICRO
_LEAST_SHARED = 3
_MOST_APART = 30_000


def paired(files: Mapping[str, list[Stretch]]) -> tuple[list[tuple[str, str]], list[str]]:
    """The games among `files` (by team), each in the order of `files`, and the teams left over."""
    middles = {team: _middles(stretches) for team, stretches in files.items()}
    apart: dict[tuple[str, str], int] = {}
    for one, other in combinations(files, 2):
        shared = middles[one].keys() & middles[other].keys()
        if len(shared) >= _LEAST_SHARED:
            total = sum(abs(middles[one][minute] + middles[other][minute] - MICRO) for minute in shared)
            apart[one, other] = total // len(shared)
    games: list[tuple[str, str]] = []
    left = list(files)
    for pair, distance in sorted(apart.items(), key=lambda found: (found[1], found[0])):
        if distance < _MOST_APART and all(team in left for team in pair):
            games.append(pair)
            left = [team for team in left if team not in pair]
    return sorted(games, key=lambda game: list(files).index(game[0])), left


def _middles(stretches: list[Stretch]) -> dict[int, int]:
    """The recorded middle after the last change of every minute, in micros."""
    found: dict[int, int] = {}
    for stretch in stretches:
        for change in stretch.changes:
            if change.best_yes is not None and change.best_no is not None:
                found[change.at // _MINUTE] = (change.best_yes + MICRO - change.best_no) // 2
    return found
