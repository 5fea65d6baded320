"""Surefoot's own session file, `*.session.jsonl.gz`: one JSON line for the markets, then one a event.

The first line is an object with the format's version, the session's name, its markets, how its events ended where that
is known, which of them are declared to be one claim, and how many events follow, so that a file cut short is noticed
even where it was cut between two lines. An event line is an array:
`["reset", at, market, [[price, size], …], [[price, size], …]]` (YES bids, NO bids) or
`["delta", at, market, "yes" | "no", price, delta]`; market is an index into the first line's list, all else as in
`session.py`: micros and exchange microseconds.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from domain.claims import EquivalenceRecord
from domain.errors import BadInput
from domain.market import MarketSpec
from recording.sources.session import BookDelta, BookReset, Condition, RecordedSession, Result, Session, SessionEvent
from recording.sources.text import numbered_lines

FORMAT = "surefoot-session"
VERSION = 1

_Index = Annotated[int, msgspec.Meta(ge=0)]
_Price = Annotated[int, msgspec.Meta(gt=0, lt=1_000_000)]
_Size = Annotated[int, msgspec.Meta(gt=0, le=10**15)]
_Change = Annotated[int, msgspec.Meta(ge=-(10**15), le=10**15)]


class _Header(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    format: str
    version: int
    name: str
    markets: tuple[MarketSpec, ...]
    notes: tuple[str, ...]
    events: int
    results: tuple[Result, ...] = ()
    conditions: tuple[Condition, ...] = ()
    claims: tuple[EquivalenceRecord, ...] = ()


class _Reset(msgspec.Struct, array_like=True, tag="reset", forbid_unknown_fields=True):
    at: int
    market: _Index
    yes: tuple[tuple[_Price, _Size], ...]
    no: tuple[tuple[_Price, _Size], ...]


class _Delta(msgspec.Struct, array_like=True, tag="delta", forbid_unknown_fields=True):
    at: int
    market: _Index
    side: Literal["yes", "no"]
    price: _Price
    delta: _Change


_header = msgspec.json.Decoder(_Header)
_event = msgspec.json.Decoder(_Reset | _Delta)


def lines(session: Session) -> Iterator[bytes]:
    """The file's lines with their ends: equal sessions give equal bytes on every machine."""
    events = list(session.events())
    notes, results = (session.notes, session.results) if isinstance(session, RecordedSession) else ((), ())
    claims = session.claims if isinstance(session, RecordedSession) else ()
    more = tuple(session.conditions)
    header = _Header(FORMAT, VERSION, session.name, tuple(session.markets), notes, len(events), results, more, claims)
    document = msgspec.to_builtins(header) | {"markets": [_said(spec) for spec in session.markets]}
    yield msgspec.json.encode(document) + b"\n"
    index = {spec.market: place for place, spec in enumerate(session.markets)}
    for event in events:
        line: _Reset | _Delta
        if isinstance(event, BookReset):
            line = _Reset(event.at, index[event.market], event.yes, event.no)
        else:
            line = _Delta(event.at, index[event.market], event.side, event.price, event.delta)
        yield msgspec.json.encode(line) + b"\n"


def _said(value: Any) -> Any:
    """A market's rules as JSON, without what holds its default: a rule that came later changes no older file."""
    if not is_dataclass(value):
        return [_said(one) for one in value] if isinstance(value, tuple) else msgspec.to_builtins(value)
    named = ((one, getattr(value, one.name)) for one in fields(value))
    return {one.name: _said(held) for one, held in named if one.default is MISSING or held != one.default}


def write(session: Session, path: Path) -> None:
    """Write `session` to `path` (gzip without name or time in it). The folder must exist."""
    with path.open("wb") as raw, gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed:
        for line in lines(session):
            packed.write(line)


def read(path: Path) -> RecordedSession:
    """The session in `path`. Raises BadInput naming the line that is missing, damaged or out of order."""
    header: _Header | None = None
    log: list[SessionEvent] = []
    for number, text in numbered_lines(path):
        if header is None:
            header = _read_header(path, text)
            continue
        event = _read_event(path, number, text, header.markets)
        if log and event.at < log[-1].at:
            raise BadInput(
                f"{path.name} line {number}: at {event.at} is before {log[-1].at} on the line above; expected events "
                "in order of time. Write the file again from its source",
                "disorder",
            )
        log.append(event)
    if header is None:
        raise BadInput(f"{path.name} is empty; expected a header line and events", "empty")
    if len(log) != header.events:
        raise BadInput(
            f"{path.name} ends at line {len(log) + 1} after {len(log)} events; its header promises {header.events}. "
            "The file was cut short: copy or write it again",
            "truncated",
        )
    return RecordedSession(
        header.name, header.markets, tuple(log), header.notes, header.results, header.conditions, header.claims
    )


def _read_header(path: Path, text: str) -> _Header:
    try:
        header = _header.decode(text)
    except (msgspec.DecodeError, RecursionError) as wrong:
        raise BadInput(f"{path.name} line 1: saw {text[:120]!r}; expected a session header ({wrong})") from None
    if header.format != FORMAT or header.version != VERSION:
        raise BadInput(
            f"{path.name} line 1: format {header.format!r} version {header.version}; this program reads "
            f"{FORMAT!r} version {VERSION}. Write the file again with this version",
            "bad_version",
        )
    # Of a condition one token is a market here, and the other, its complement, may be the one that won.
    events = {name: spec.event for spec in header.markets for name in (spec.market, spec.complement) if name}
    for result in header.results:
        if events.get(result.winner) != result.event:
            raise BadInput(
                f"{path.name} line 1: {result.winner} is said to win {result.event}; expected a market of that event, "
                "or the other token of one. Write the file again from its source",
                "bad_result",
            )
    return header


def _read_event(path: Path, number: int, text: str, markets: tuple[MarketSpec, ...]) -> SessionEvent:
    try:
        line = _event.decode(text)
        market = markets[line.market].market
    except (msgspec.DecodeError, IndexError, RecursionError) as wrong:
        raise BadInput(
            f"{path.name} line {number}: saw {text[:120]!r}; expected a reset or delta of one of {len(markets)} "
            f"markets ({wrong}). Write the file again from its source",
            "bad_line",
        ) from None
    if isinstance(line, _Reset):
        return BookReset(line.at, market, line.yes, line.no)
    return BookDelta(line.at, market, line.side, line.price, line.delta)
