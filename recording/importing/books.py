"""The books a folder holds, of all its games together, as one session."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from heapq import merge
from pathlib import Path

from domain.errors import BadInput
from domain.market import MarketSpec
from recording.importing.intake import Intake
from recording.sources import session_file
from recording.sources.cross_venue import FEED_FILE, PAIRS, is_cross_venue, read_cross_venue
from recording.sources.games import paired
from recording.sources.kalshi_csv import Stretch, read_stretches, rebuild
from recording.sources.open import MARKET_FILE, TOPS_FILE
from recording.sources.polymarket_csv import TOKENS_FILE, read_tokens
from recording.sources.quarantine import Quarantine
from recording.sources.session import RecordedSession, SessionEvent
from recording.sources.snapshots import events_of, read_tops
from recording.sources.text import numbered_lines
from recording.sources.tickers import game_markets, market
from recording.sources.updown import POLL_FILE, read_polls


def read_books(source: Path, files: Iterable[Path], intake: Intake) -> tuple[RecordedSession | None, set[Path]]:
    """The books among `files`, which are `source` or what it holds, and the files they were read from.

    Bad lines go to the intake; the market's book starts over after each. Raises BadInput for a file without any book.
    """
    files = list(files)
    sessions: list[RecordedSession] = []
    used: set[Path] = set()

    def take(found: list[Path], read: Callable[[Quarantine], RecordedSession]) -> None:
        for path in found:
            header = ".csv" in path.suffixes or ".jsonl" in path.suffixes
            intake.counts(path.name).read += sum(1 for _ in numbered_lines(path)) - header
        kept = Quarantine(Path("set-aside"))  # only gathered here: the intake writes them
        sessions.append(read(kept))
        used.update(found)
        for line in kept.lines:
            intake.refuse(line)

    if markets := [path for path in files if MARKET_FILE.fullmatch(path.name)]:
        take(markets, partial(_games, markets))
    for path in files:
        if TOPS_FILE.fullmatch(path.name):
            take([path], partial(_tops, path))
        elif path.name.endswith((".session.jsonl", ".session.jsonl.gz")):
            take([path], partial(_whole, path))
    for pattern, read in ((TOKENS_FILE, read_tokens), (POLL_FILE, read_polls)):
        if source.is_dir() and (found := [path for path in files if pattern.fullmatch(path.name)]):
            take(found, partial(read, source, None))
    if source.is_dir() and is_cross_venue(source):
        found = [path for path in files if FEED_FILE.fullmatch(path.name) or path.name == PAIRS]
        take(found, partial(read_cross_venue, source, None))
    return (_together(source.name, sessions) if sessions else None), used


def _together(name: str, sessions: list[RecordedSession]) -> RecordedSession:
    """One session of several, their events in order of time; of one moment, in order of the sessions."""
    if len(sessions) == 1:
        return sessions[0]
    return RecordedSession(
        name,
        tuple(spec for session in sessions for spec in session.markets),
        tuple(merge(*(session.log for session in sessions), key=lambda event: event.at)),
        tuple(note for session in sessions for note in session.notes),
        tuple(result for session in sessions for result in session.results),
        tuple(condition for session in sessions for condition in session.conditions),
        tuple(claim for session in sessions for claim in session.claims),
    )


def _games(files: list[Path], kept: Quarantine) -> RecordedSession:
    """Every game of a folder of Kalshi's markets, and the markets that are no game's: those make no set."""
    stretches: dict[str, list[Stretch]] = {}
    names: dict[str, str] = {}
    for path in files:
        found = MARKET_FILE.fullmatch(path.name)
        assert found is not None
        if found[1] in stretches:
            raise BadInput(f"{path.name} and {names[found[1]]} are both of {found[1]}; import them one by one", "twice")
        stretches[found[1]], names[found[1]] = read_stretches(path, kept), path.name
    games, alone = paired(stretches)
    specs: list[MarketSpec] = []
    notes = [f"games, by prices that add up to a dollar: {', '.join('-'.join(game) for game in games) or 'none'}"]
    log: list[SessionEvent] = []
    for teams in (*games, *((team,) for team in alone)):
        at = min(stretches[team][0].changes[0].at for team in teams)
        first, second = game_markets(teams[0], teams[-1], at=at, file=names[teams[0]])
        if len(teams) == 1:
            ticker = first.event.removesuffix(teams[0])
            first = market(f"{ticker}-{teams[0]}", ticker, teams[0], outcomes=0)
            notes.append(f"{first.market}: no other market is of its game, so nothing can be decided on it")
        for spec, team in zip((first, second), teams, strict=False):
            book = rebuild(stretches[team], spec.market)
            specs.append(spec)
            log.extend(book.events)
            notes.append(
                f"{spec.market}: {book.changes} changes, recorded best ask met after "
                f"{book.asks_agreed / book.changes:.2%} of them, {book.reordered} rows put in order, recorder "
                f"restarted {book.restarts} times"
            )
    log.sort(key=lambda event: event.at)
    return RecordedSession("games", tuple(specs), tuple(log), tuple(notes))


def _whole(path: Path, kept: Quarantine) -> RecordedSession:
    """Surefoot wrote it: nothing of it is set aside."""
    return session_file.read(path)


def _tops(path: Path, kept: Quarantine) -> RecordedSession:
    tops = read_tops(path, kept)
    tickers = sorted({top.ticker for top in tops})
    events: dict[str, int] = {}
    for ticker in tickers:
        events[ticker.rpartition("-")[0]] = events.get(ticker.rpartition("-")[0], 0) + 1
    specs = tuple(
        market(ticker, event, ticker, outcomes=2 if events[event] == 2 else 0)
        for ticker in tickers
        for event in (ticker.rpartition("-")[0],)
    )
    return RecordedSession(path.name, specs, events_of(tops, tuple(tickers)))
