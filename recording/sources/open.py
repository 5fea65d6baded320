"""One door to every recording: a folder of CSVs, a file of tops, a session file, or a seeded synthetic session."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from domain.errors import BadInput
from domain.market import MarketSpec
from recording.sources import session_file, synth, synth_cross
from recording.sources.choose import default_window
from recording.sources.cross_venue import is_cross_venue, read_cross_venue
from recording.sources.kalshi_csv import read_stretches, rebuild
from recording.sources.numbers import iso
from recording.sources.polymarket_csv import TOKENS_FILE, read_tokens
from recording.sources.quarantine import Quarantine
from recording.sources.session import RecordedSession, SessionEvent
from recording.sources.snapshots import events_of, read_tops
from recording.sources.tickers import game_markets, market, teams
from recording.sources.updown import POLL_FILE, read_polls
from recording.sources.window import between, cut, played

MARKET_FILE = re.compile(r"Kalshi_([A-Z]{2,4})(?:_[A-Z0-9_]+)?\.csv(?:\.gz)?")
TOPS_FILE = re.compile(r"orderbook_snapshots_\d{8}\.csv(?:\.gz)?")


def open_recording(
    source: str,
    *,
    game: str | None = None,
    start: str | None = None,
    end: str | None = None,
    whole: bool = False,
    tolerate: bool = False,
    quarantine: Path | None = None,
) -> RecordedSession:
    """The session in `source`, whole or between two moments.

    `source` is a folder of Kalshi CSVs (`game` "TOR-CHA" names its two files), a CSV of tops
    (`orderbook_snapshots_….csv.gz`, `game` "SEA-NE"), a folder of two venues' quotes with its `derived_pairs.csv`
    (`game` a day "2026-02-22" or two teams; without one, all of it), a folder of Polymarket's market channel
    (`Polymarket_<NAME>_YES.csv.gz`, `game` a name) or of polls (`market_data_….csv.gz`, `game` a day), a session file
    (`….session.jsonl.gz`), `synth:SEED` or, at two venues, `synth-cross:SEED`.
    `start` and `end` are ISO times or HH:MM[:SS] UTC of the recording's day; the books at `start` are what everything
    before built. With neither, a recording longer than two minutes is cut to `default_window`, unless `whole`.

    A line that cannot be read raises BadInput with its place. With `tolerate` such lines are written to the file
    `quarantine` instead, counted in the session's notes, and the market's book starts over after each.
    Raises BadInput also for anything missing, naming what exists.
    """
    if tolerate and quarantine is None:
        raise BadInput("reading tolerantly needs a quarantine file, so that no line is lost; name one", "no_quarantine")
    kept = Quarantine(quarantine if tolerate else None)
    session = _read(source, game, kept)
    kept.write()
    if kept.lines:
        note = f"{len(kept.lines)} lines set aside in {kept.path}; the first: {kept.lines[0]}"
        session = replace(session, notes=(*session.notes, note))
    if start is not None or end is not None or whole:
        return played(cut(session, start, end))
    first, last = default_window(session)
    if (first, last) == (session.start, session.end):
        return session
    note = f"playing {iso(first)} to {iso(last)}, the stretch of at most two minutes with most to take"
    chosen = played(between(session, first, last))
    return replace(chosen, notes=(*chosen.notes, note))


def _read(source: str, game: str | None, quarantine: Quarantine) -> RecordedSession:
    path = Path(source)
    if source.startswith("synth:"):
        _no_game(source, game)
        return synth.make(_seed(source))
    if source.startswith("synth-cross:"):
        _no_game(source, game)
        return synth_cross.make(_seed(source))
    if path.is_dir():
        return _folder(path, game, quarantine)
    if not path.exists():
        raise BadInput(f"{source} does not exist; expected {_ACCEPTED}{_beside(path)}", "missing")
    if path.name.endswith((".session.jsonl.gz", ".session.jsonl")):
        _no_game(source, game)
        if quarantine.path is not None:
            raise BadInput(f"{source} is read whole or not at all; make it anew, no line is set aside", "whole")
        return session_file.read(path)
    if TOPS_FILE.fullmatch(path.name):
        return _tops(path, game, quarantine)
    if MARKET_FILE.fullmatch(path.name):
        raise BadInput(f"{source} is one market's file; give its folder {path.parent} and the game", "one_market")
    raise BadInput(f"{source} is no recording this program knows; expected {_ACCEPTED}", "unknown_source")


_ACCEPTED = (
    "a folder of Kalshi_<TEAM>….csv.gz, Polymarket_<NAME>_YES.csv.gz or market_data_<date>.csv.gz files or with a "
    "derived_pairs.csv, an orderbook_snapshots_<date>.csv.gz, a *.session.jsonl.gz, synth:SEED or synth-cross:SEED"
)


def _seed(source: str) -> int:
    kind, _, text = source.partition(":")
    if not text.isdecimal():
        raise BadInput(f"{source!r} has no seed; expected {kind}: and a whole number, such as {kind}:7", "bad_seed")
    return int(text)


def _no_game(source: str, game: str | None) -> None:
    if game is not None:
        raise BadInput(f"{source} holds one game; leave out the game ({game})", "bad_game")


def _beside(path: Path) -> str:
    """What the nearest existing folder offers instead."""
    if not path.parent.is_dir():
        return ""
    names = sorted(entry.name for entry in path.parent.iterdir())[:12]
    return f". {path.parent} holds {', '.join(names)}" if names else f". {path.parent} is empty"


def _folder(folder: Path, game: str | None, quarantine: Quarantine) -> RecordedSession:
    if is_cross_venue(folder):
        return read_cross_venue(folder, game, quarantine)
    held = [path.name for path in folder.iterdir()]
    if any(TOKENS_FILE.fullmatch(name) for name in held):
        return read_tokens(folder, game, quarantine)
    if any(POLL_FILE.fullmatch(name) for name in held):
        return read_polls(folder, game, quarantine)
    files = {found[1]: path for path in sorted(folder.iterdir()) if (found := MARKET_FILE.fullmatch(path.name))}
    known = ", ".join(files) or "no Kalshi_<TEAM>….csv.gz"
    if game is None:
        raise BadInput(f"{folder} holds {known}; name the game as two of them, such as TOR-CHA", "no_game")
    pair = teams(game)
    tops = [path for path in sorted(folder.iterdir()) if TOPS_FILE.fullmatch(path.name)]
    if tops and not any(team in files for team in pair):
        if len(tops) > 1:
            names = ", ".join(path.name for path in tops)
            raise BadInput(f"{folder} has {names}; give the one you mean as the recording, not its folder", "which")
        return _tops(tops[0], game, quarantine)
    for team in pair:
        if team not in files:
            raise BadInput(f"{folder} has no recording of {team} (game {game}); it holds {known}", "no_market")
    stretches = {team: read_stretches(files[team], quarantine) for team in pair}
    at = min(rows[0].changes[0].at for rows in stretches.values())
    markets = game_markets(*pair, at=at, file=files[pair[0]].name)
    log: list[SessionEvent] = []
    notes: list[str] = []
    for spec, rows in zip(markets, stretches.values(), strict=True):
        book = rebuild(rows, spec.market)
        log.extend(book.events)
        met = book.asks_agreed / book.changes
        notes.append(
            f"{spec.market}: {book.changes} changes, recorded best ask met after {met:.2%} of them, "
            f"{book.reordered} rows put in order, recorder restarted {book.restarts} times"
        )
    log.sort(key=lambda event: event.at)
    return RecordedSession(f"{pair[0]}-{pair[1]}", markets, tuple(log), tuple(notes))


def _tops(path: Path, game: str | None, quarantine: Quarantine) -> RecordedSession:
    if game is None:
        raise BadInput(f"{path.name}: name the game as two teams, such as SEA-NE", "no_game")
    pair = teams(game)
    tops = read_tops(path, quarantine)
    known = sorted({top.ticker for top in tops})
    markets: list[MarketSpec] = []
    for team, other in (pair, pair[::-1]):
        ticker = next((ticker for ticker in known if ticker.endswith(f"-{team}")), None)
        if ticker is None:
            raise BadInput(
                f"{path.name} has no market of {team} (game {game}); it holds {', '.join(known)}", "no_market"
            )
        markets.append(market(ticker, ticker.removesuffix(f"-{team}"), f"{team} beats {other}"))
    log = events_of(tops, tuple(spec.market for spec in markets))
    return RecordedSession(f"{pair[0]}-{pair[1]}", tuple(markets), log)
