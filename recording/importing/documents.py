"""Documents: market descriptions, matches, and what a database of polls holds."""

from __future__ import annotations

import json
import sqlite3
import zlib
from codecs import BOM_UTF8
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from domain.errors import BadInput
from domain.market import Venue
from recording.envelope import Envelope, EventType, envelope
from recording.importing.clocks import clock
from recording.importing.intake import Intake, lines
from recording.sources.numbers import Unreadable
from recording.sources.quarantine import BadLine
from recording.sources.text import whole

_MOST_BYTES = 256 << 20
_NAMES = ("condition_id", "conditionId", "ticker", "event_ticker", "kalshi_ticker", "slug", "id", "match_id")


def oracle_markets(path: Path, intake: Intake) -> Iterator[Envelope]:
    """One JSON object a line: a market with its tokens, strike and outcome. Kept as it stands, timed at its start."""

    def read(text: str) -> Envelope:
        try:
            said = msgspec.json.decode(text, type=dict[str, Any])
        except msgspec.DecodeError as wrong:
            raise Unreadable(f"a JSON object a line ({wrong})") from None
        tokens, start = said.get("token_ids"), said.get("start_sec")
        if not isinstance(tokens, list) or not isinstance(start, int):
            raise Unreadable(f"a market with token_ids and start_sec, not {text[:60]!r}")
        return envelope(
            EventType.DOCUMENT, text, venue=Venue.POLYMARKET, market=",".join(map(str, tokens)),
            exchange_at=start * 1_000_000, source=path.name,
        )  # fmt: skip

    return lines(path, intake, read)


def json_document(path: Path, intake: Intake) -> Iterator[Envelope]:
    """A JSON file: one document for each entry of its list, or of the only list of entries it holds, else one."""
    return _entries(path, intake, EventType.DOCUMENT)


def match_document(path: Path, intake: Intake) -> Iterator[Envelope]:
    """A match, or the matches that are on, as a games' interface describes them: one event each, and one besides for
    every objective taken, at its own time where the match says when it began."""
    for event in _entries(path, intake, EventType.MATCH):
        yield event
        said = msgspec.json.decode(event.text)
        start, objectives = said.get("start_time"), said.get("objectives")
        if isinstance(start, int) and isinstance(objectives, list):
            for objective in objectives:
                if isinstance(objective, dict) and isinstance(objective.get("time"), int):
                    yield envelope(
                        EventType.MATCH, msgspec.json.encode(objective), market=event.market,
                        exchange_at=(start + objective["time"]) * 1_000_000, source=path.name,
                    )  # fmt: skip


def _entries(path: Path, intake: Intake, type: EventType) -> Iterator[Envelope]:
    counts = intake.counts(path.name)
    try:
        said = msgspec.json.decode(whole(path, _MOST_BYTES).removeprefix(BOM_UTF8))
    except (BadInput, OSError, EOFError, zlib.error, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        counts.read += 1
        intake.refuse(BadLine(path.name, 1, "", f"a whole JSON document ({wrong})"))
        return
    lists = [held for held in said.values() if _objects(held)] if isinstance(said, dict) else []
    named = isinstance(said, dict) and any(name in said for name in _NAMES)
    entries = said if _objects(said) else lists[0] if len(lists) == 1 and not named else [said]
    for entry in entries:
        counts.read += 1
        start = entry.get("start_time") if isinstance(entry, dict) else None
        yield envelope(
            type, json.dumps(entry, ensure_ascii=False, separators=(",", ":")), market=_name(entry),
            exchange_at=start * 1_000_000 if isinstance(start, int) else 0, source=path.name,
        )  # fmt: skip


def _objects(said: Any) -> bool:
    return isinstance(said, list) and bool(said) and all(isinstance(entry, dict) for entry in said)


def _name(entry: Any) -> str:
    if not isinstance(entry, dict):
        return ""
    return next((str(entry[name]).replace(",", ";") for name in _NAMES if entry.get(name)), "")


_LEVELS = (
    "select ts_utc, market_id, side, level, price, size, ingest_ts_utc from pm_sports_orderbook_top5_1s "
    "order by ingest_ts_utc, market_id, side, level"
)


def polled_books(path: Path, intake: Intake) -> Iterator[Envelope]:
    """A SQLite file of polls, five levels a side: a `quote` for each market and moment."""
    counts = intake.counts(path.name)
    levels: dict[str, list[list[str]]] = {}
    key: tuple[str, str] | None = None
    try:
        database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
        try:
            for number, row in enumerate(database.execute(_LEVELS), start=1):
                counts.read += 1
                _, market, side, _, price, size, at = (str(cell) for cell in row)
                if side not in ("bid", "ask"):
                    intake.refuse(BadLine(path.name, number, str(row), f"side bid or ask, not {side!r}"))
                    continue
                if key != (at, market):
                    if key is not None:
                        yield _polled(path, key, levels)
                    key, levels = (at, market), {"bid": [], "ask": []}
                levels[side].append([price, size])
        finally:
            database.close()
    except sqlite3.Error as wrong:
        counts.read += 1
        intake.refuse(BadLine(path.name, 1, "", f"a database of polls ({wrong})"))
    if key is not None:
        yield _polled(path, key, levels)


def _polled(path: Path, key: tuple[str, str], levels: dict[str, list[list[str]]]) -> Envelope:
    at, market = key
    return envelope(
        EventType.QUOTE, msgspec.json.encode(levels), venue=Venue.POLYMARKET, market=market,
        received_at=clock(at.removesuffix("Z")), source=path.name,
    )  # fmt: skip
