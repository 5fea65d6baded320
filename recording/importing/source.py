"""One door to everything that can be imported: a folder, a file or a generated session, as a stream of events."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import merge
from pathlib import Path

from domain.errors import BadInput
from recording.envelope import Envelope, EventType, envelope
from recording.importing.books import read_books
from recording.importing.documents import json_document, match_document, oracle_markets, polled_books
from recording.importing.intake import Intake, Loader
from recording.importing.logs import binance_log, kalshi_log, note_log
from recording.importing.sweeps import descriptions, quotes
from recording.importing.tables import chainlink_prices, fills, polled_with_spot
from recording.session_setup import Rules, Setup, whole_sets
from recording.sources.instruments import instruments
from recording.sources.session import RecordedSession
from recording.wire import wire

_GZ = r"(?:\.gz)?"
LOADERS: tuple[tuple[str, Loader], ...] = (
    (rf"BTCUSD-prices-.*\.csv{_GZ}", chainlink_prices),
    (rf".*-markets-\d{{4}}-\d{{2}}-\d{{2}}\.jsonl{_GZ}", oracle_markets),
    (rf"polymarket_data.*\.csv{_GZ}", polled_with_spot),
    (rf"user_data_\d{{8}}\.csv{_GZ}", fills),
    (rf"kalshi_feed_.*\.log{_GZ}", kalshi_log),
    (r"btcusdt_\d{8}\.gz", binance_log),
    (rf".*\.log{_GZ}", note_log),
    (r"quotes-.*\.parquet", quotes),
    (r".*\.parquet", descriptions),
    (rf"(?:\d+_\w+|toplivegames\w*)\.json{_GZ}", match_document),
    (rf".*\.json{_GZ}", json_document),
    (r".*\.db", polled_books),
)
"""What reads a file that holds no book, by its name; the first that fits."""

_NO_DATA = re.compile(r"LICEN[CS]E.*|README.*|\..*")


@dataclass(frozen=True, slots=True)
class Source:
    """Something to import. `events` is read once; `setup` says what the engine is to watch."""

    setup: Setup
    events: Iterator[Envelope]
    intake: Intake


def open_source(path: Path, rules: Rules, intake: Intake) -> Source:
    """Everything in the folder or file `path`: its books as frames, its other rows as events of their kind, in order of
    time as far as each file is.

    Files that hold no data are passed over and named by the intake. Raises BadInput (`missing`, `unknown_source`) for
    a path without anything that can be read, and as the readers of books do.
    """
    if not path.exists():
        raise BadInput(f"{path} does not exist; expected a folder or file of recordings", "missing")
    files = sorted(entry for entry in path.iterdir() if entry.is_file()) if path.is_dir() else [path]
    books, used = read_books(path, files, intake)
    streams: list[Iterator[Envelope]] = []
    for file in files:
        if file in used:
            continue
        loader = next((loader for pattern, loader in LOADERS if re.fullmatch(pattern, file.name)), None)
        if loader is None or _NO_DATA.fullmatch(file.name):
            intake.passed_over.append(file.name)
            continue
        streams.append(loader(file, intake))
    if books is None and not streams:
        held = ", ".join(file.name for file in files[:12]) or "nothing"
        raise BadInput(f"{path} holds {held}: no recording this program knows", "unknown_source")
    name = path.resolve().name.split(".")[0]
    if books is None:
        setup = Setup(name=name, origin=f"import of {path.name}", rules=rules)
        return Source(setup, _merged(streams), intake)
    source = session_source(books, rules, intake, name)
    return Source(source.setup, _merged([source.events, *streams]), intake)


def session_source(session: RecordedSession, rules: Rules, intake: Intake, name: str = "") -> Source:
    """A session's books as the frames its venues would send. Raises BadInput while read for what no frame can carry."""
    specs = instruments(session.markets, session.conditions)
    setup = Setup(
        name=name or re.sub(r"[^A-Za-z0-9_.-]", "-", session.name),
        origin=f"import of {session.name}",
        started_at=session.start,
        instruments=specs,
        sets=whole_sets(specs),
        claims=session.claims,
        paper=True,
        rules=rules,
        notes=session.notes,
    )
    frames = (
        envelope(
            EventType.FRAME, raw, venue=venue, market=event.market, exchange_at=at, received_at=at, source="import"
        )
        for event, (raw, at, venue) in zip(session.events(), wire(session), strict=True)
    )
    return Source(setup, frames, intake)


def _merged(streams: list[Iterator[Envelope]]) -> Iterator[Envelope]:
    return streams[0] if len(streams) == 1 else merge(*streams, key=lambda event: event.at)
