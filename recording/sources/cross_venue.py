"""Reads two venues' best quotes of the same games, as one recorder logged them side by side.

A folder holds `kalshi_feed_<date>….log.gz`, `polymarket_us_feed_<date>….log.gz` and `derived_pairs.csv`, which says
which outcome here is which ticker there (`poly_id,kalshi_ticker`; a game's other team is `<id>-inverse`). A quote line:

    2026-02-21 15:39:43,089 | INFO | Loaded snapshot for Asset ID: <id> | Best Bid: (…, …) | Best Ask: (…, …)

Prices and sizes are the recorder's, an empty side is `None`. Its clock is New York's, in winter time. Only the touch is
known, so a book has one level a side, of the size it was quoted at. Every quote is a whole book, as both venues meant
it: a BookReset, also where the touch is the same as before, since it says that the book was seen at that moment. Were
it taken apart into a level that goes and one that comes, a crossed book would be seen uncrossed in between. The
recorder's lines about its connection and about single levels name no market and say nothing.

Polymarket-US is a sister exchange: its quotes stand in here for a Polymarket condition, whose two tokens are the game's
two outcomes (the recorder made the `-inverse` quotes out of the others, so they are not read again). Token ids are
made from the recorded ids. Fees are those of the time: Kalshi 7 % quadratic, Polymarket none on basketball games (its
market documents of that month say `feesEnabled: false`; the rate of today is 5 %).

The recording holds no rule texts. Which instruments are one claim is what `derived_pairs.csv` says, and every game was
played to its end: declared so, good for paper and replay, and for nothing else.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from domain.claims import EquivalenceRecord, Instrument, JointOutcome, Pays, declared, proposal, rules_hash
from domain.errors import BadInput
from domain.fees import FeeModel, FeeSchedule
from domain.market import MarketSpec, PriceRange, Venue
from domain.money import MICRO
from recording.sources import numbers
from recording.sources.numbers import Unreadable
from recording.sources.quarantine import BadLine, Quarantine
from recording.sources.session import BookReset, Condition, RecordedSession
from recording.sources.text import numbered_lines
from recording.sources.tickers import market, teams

PAIRS = "derived_pairs.csv"

FEED_FILE = re.compile(r"(kalshi|polymarket_us)_feed_(\d{4}-\d{2}-\d{2})(?:\.v\d+)?\.log(?:\.gz)?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_LINE = re.compile(r"(\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}),(\d{3}) \| [A-Z]+ \| (.*)")
_QUOTE = re.compile(
    r"(?:Updated order book|Loaded snapshot) for Asset ID: (\S+) \| Best Bid: \((.*?)\) \| Best Ask: \((.*)\)"
)
_INVERSE = "-inverse"
_EASTERN_WINTER = 5 * 3_600 * MICRO
_DISORDER_TOLERATED = MICRO
_THOUSANDTHS = (PriceRange(Decimal("0.001"), Decimal("0.999"), Decimal("0.001")),)
_FREE = FeeSchedule(taker=Decimal(0), unit=Decimal("0.000001"), model=FeeModel.POLYMARKET)


@dataclass(frozen=True, slots=True)
class Game:
    """One game at both venues: `home` and `away` in the order of the Polymarket id, as Kalshi tickers."""

    poly_id: str
    tickers: tuple[str, str]

    @property
    def event(self) -> str:
        return self.tickers[0].rpartition("-")[0]

    @property
    def names(self) -> tuple[str, str]:
        first, second = (ticker.rpartition("-")[2] for ticker in self.tickers)
        return first, second

    @property
    def day(self) -> str:
        return self.poly_id[-10:]

    def token(self, place: int) -> str:
        """A token id made from the recorded id: decimal digits, as the venue writes them."""
        name = self.poly_id if place == 0 else self.poly_id + _INVERSE
        return str(int.from_bytes(hashlib.sha256(name.encode()).digest()[:31]))

    @property
    def condition_id(self) -> str:
        return f"0x{hashlib.sha256(f'condition {self.poly_id}'.encode()).hexdigest()}"


def is_cross_venue(folder: Path) -> bool:
    return (folder / PAIRS).is_file()


def read_cross_venue(folder: Path, game: str | None, quarantine: Quarantine) -> RecordedSession:
    """All games of the folder, those of one day (`game` "2026-02-22") or one game ("DEN-GSW").

    Raises BadInput for what the folder does not hold, and for lines that cannot be read, unless `quarantine` keeps
    them.
    """
    games = _chosen(folder, game)
    files = _files(folder, {one.day for one in games} if game is not None else None)
    if not files:
        raise BadInput(
            f"{folder} has no kalshi_feed or polymarket_us_feed of {', '.join(sorted({g.day for g in games}))}; "
            "expected logs of the day of the game",
            "no_market",
        )
    ids = {ticker: ticker for one in games for ticker in one.tickers} | {one.poly_id: one.token(0) for one in games}
    quotes = [quote for path in files for quote in _quotes(path, ids, quarantine)]
    quoted = {quote.market for quote in quotes}
    games = [one for one in games if quoted >= {*one.tickers, one.token(0)}]
    if not games:
        raise BadInput(f"{folder}: no game of {game or 'these logs'} is quoted at both venues", "no_market")
    markets = tuple(spec for one in games for spec in _markets(one))
    played = {spec.market for spec in markets}
    # Of several quotes of a market in one millisecond the last stands: every line is logged twice.
    last = {(quote.at, quote.market): quote for quote in quotes if quote.market in played}
    log = tuple(sorted(last.values(), key=lambda quote: quote.at))
    claims = tuple(_claim(one, log[0].at) for one in games)
    note = (
        f"games quoted at both venues: {len(games)}, quotes: {len(log)}; Polymarket-US stands in for "
        "Polymarket. Which outcomes are one claim is declared by the recording: for paper and replay only"
    )
    name = f"{folder.name}{'' if game is None else f' {game}'}"
    return RecordedSession(name, markets, log, (note,), conditions=tuple(map(_condition, games)), claims=claims)


def _chosen(folder: Path, game: str | None) -> list[Game]:
    games = list(_games(folder / PAIRS))
    if game is None:
        return games
    if _DATE.fullmatch(game):
        found = [one for one in games if one.day == game]
        known = ", ".join(sorted({one.day for one in games}))
    else:
        wanted = set(teams(game))
        found = [one for one in games if set(one.names) == wanted]
        known = ", ".join(sorted("-".join(one.names) for one in games))
    if not found:
        raise BadInput(f"{folder} has no {game}; it holds {known}", "no_market")
    return found


def _games(path: Path) -> Iterator[Game]:
    """The games whose two outcomes are both mapped, to two tickers of one event."""
    with path.open(encoding="utf-8", newline="") as file:
        pairs = {row["poly_id"]: row["kalshi_ticker"] for row in csv.DictReader(file) if row.get("kalshi_ticker")}
    for poly_id, ticker in pairs.items():
        other = pairs.get(poly_id + _INVERSE)
        if other is not None and other.rpartition("-")[0] == ticker.rpartition("-")[0]:
            yield Game(poly_id, (ticker, other))


def _files(folder: Path, days: set[str] | None) -> list[Path]:
    found = [path for path in sorted(folder.iterdir()) if FEED_FILE.fullmatch(path.name)]
    return [path for path in found if days is None or any(day in path.name for day in days)]


def _quotes(path: Path, ids: dict[str, str], quarantine: Quarantine) -> Iterator[BookReset]:
    """The quotes of one file for the wanted ids."""
    latest = 0
    for line, text in numbered_lines(path):
        try:
            at, said = _logged(text)
            numbers.not_before(at, latest - _DISORDER_TOLERATED)
            latest = max(latest, at)
            quote = _QUOTE.fullmatch(said)
            if quote is None:
                continue
            market_id = ids.get(quote[1])
            bids, asks = _touch(quote[2]), _touch(quote[3])
            if market_id is not None:
                yield BookReset(latest, market_id, bids, tuple((MICRO - price, size) for price, size in asks))
        except Unreadable as wrong:
            quarantine.refuse(BadLine(path.name, line, text, str(wrong)))


def _logged(text: str) -> tuple[int, str]:
    """When a line was logged (µs), and what it says."""
    found = _LINE.fullmatch(text)
    if found is None:
        raise Unreadable("a log line such as 2026-02-21 15:39:43,089 | INFO | …")
    return numbers.moment(f"{found[1]}.{found[2]}") + _EASTERN_WINTER, found[3]


def _touch(text: str) -> tuple[tuple[int, int], ...]:
    """`Decimal('0.4300'), 479.0` as one level (price, size) in micros; none for an empty side."""
    price, _, size = (part.strip().removeprefix("Decimal('").removesuffix("')") for part in text.partition(","))
    if price == "None":
        return ()
    standing = numbers.size(size)
    return ((numbers.price(price), standing),) if standing else ()


def _markets(game: Game) -> tuple[MarketSpec, ...]:
    first, second = game.names
    title = f"{first} against {second} on {game.day}"
    return (
        market(game.tickers[0], game.event, f"{first} beats {second}"),
        market(game.tickers[1], game.event, f"{second} beats {first}"),
        MarketSpec(
            venue=Venue.POLYMARKET,
            market=game.token(0),
            event=game.condition_id,
            title=title,
            fees=_FREE,
            price_ranges=_THOUSANDTHS,
            min_size=Decimal(5),
            min_notional=Decimal(1),
            outcomes=2,
            outcome=first,
            complement=game.token(1),
        ),
    )


def _rules(game: Game, venue: Venue) -> str:
    return f"{game.poly_id} at {venue}: pays the team that wins the game. The recording holds no rule text."


def _condition(game: Game) -> Condition:
    return Condition(
        game.token(0),
        game.condition_id,
        game.names,
        slug=game.poly_id,
        rules=_rules(game, Venue.POLYMARKET),
    )


def _claim(game: Game, at: int) -> EquivalenceRecord:
    instruments = [
        Instrument(venue, name, f"{team} wins", rules_hash(_rules(game, venue)))
        for venue, names in ((Venue.KALSHI, game.tickers), (Venue.POLYMARKET, (game.token(0), game.token(1))))
        for name, team in zip(names, game.names, strict=True)
    ]
    one, nothing = Pays.exactly(Decimal(1)), Pays.exactly(Decimal(0))
    first, second = game.names
    outcomes = [
        JointOutcome(f"{first} wins", (one, nothing, one, nothing)),
        JointOutcome(f"{second} wins", (nothing, one, nothing, one)),
    ]
    reason = f"{PAIRS} maps both outcomes, and the game was played to its end"
    title = f"{first} against {second} on {game.day}"
    return declared(proposal(title, instruments, outcomes, "the recording", reason, at))
