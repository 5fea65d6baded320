"""Markets for recordings that name only teams: tickers of the venue's own form, and the rules of its game markets."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from domain.errors import BadInput
from domain.fees import FeeSchedule
from domain.market import MarketSpec, Venue
from domain.money import MICRO

_GAME = re.compile(r"([A-Z]{2,4})-([A-Z]{2,4})")
_DATED = re.compile(r"_([A-Z]{3})(\d{2})_")
_STEP = Decimal("0.01")  # contracts: the venue announces a granularity and no other minimum
_EASTERN = timedelta(hours=5)
"""Kalshi dates a game by the day in New York; standard time will do: no game starts near midnight there."""


def teams(game: str) -> tuple[str, str]:
    """`TOR-CHA` as its two teams. Raises BadInput for anything else."""
    found = _GAME.fullmatch(game.upper())
    if found is None or found[1] == found[2]:
        raise BadInput(f"game {game!r} is not two teams; expected a form such as TOR-CHA", "bad_game")
    return found[1], found[2]


def game_markets(first: str, second: str, *, at: int, file: str) -> tuple[MarketSpec, MarketSpec]:
    """The two winner markets of one NBA game, which exclude each other: `KXNBAGAME-26JAN07TORCHA-TOR` and `-CHA`.

    The day is the one in the recording's file name (`…_JAN07_…`), else that of `at` (microseconds) in New York.
    """
    day = datetime.fromtimestamp(at // MICRO, tz=UTC) - _EASTERN
    dated = _DATED.search(file)
    text = f"{dated[1]}{dated[2]}" if dated else f"{day:%b%d}".upper()
    event = f"KXNBAGAME-{day:%y}{text}{first}{second}"
    return (
        market(f"{event}-{first}", event, f"{first} beats {second}"),
        market(f"{event}-{second}", event, f"{second} beats {first}"),
    )


def market(ticker: str, event: str, title: str, outcomes: int = 2) -> MarketSpec:
    """A market on the cent grid with the venue's usual fees: 7 % quadratic for takers, none for makers.

    `outcomes` as in MarketSpec; a game has two, and one of them pays."""
    return MarketSpec(Venue.KALSHI, ticker, event, title, FeeSchedule(), min_size=_STEP, outcomes=outcomes)
