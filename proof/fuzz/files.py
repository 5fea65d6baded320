"""Recorded files: whatever they hold, they are read, refused with their place, or set aside line by line."""

from __future__ import annotations

import gzip
import re
import tempfile
from pathlib import Path

import msgspec

from domain.errors import BadInput
from domain.market import Venue
from domain.spot import SpotFeed
from ingest.dead_letters import read as read_letters
from proof.fuzz.feeds import Wrong
from recording.envelope import EventType, decode, encode, envelope
from recording.frame_labels import label
from recording.importing.intake import Intake
from recording.importing.record import decide
from recording.importing.source import open_source
from recording.session_reader import RecordedEvents
from recording.session_setup import Rules
from recording.sources.open import open_recording

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,80}")
_MOST_EVENTS = 2_000


def session(content: bytes) -> None:
    """A session file, and the same bytes as the lines of one block and as dead letters."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "seed.session.zst"
        path.write_bytes(content)
        try:
            for event in RecordedEvents(path).events():
                if decode(encode(event)) != event:
                    raise Wrong(f"{event} is another one once written")
        except BadInput as refused:
            _says_why(refused)
        (Path(folder) / "dead-letters.jsonl").write_bytes(content)
        list(read_letters(Path(folder)))
    for line in content.split(b"\n")[:50]:
        try:
            decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue


def labels(frame: bytes) -> None:
    """Every frame has a label, if an empty one."""
    for source in (Venue.KALSHI, Venue.POLYMARKET, *SpotFeed):
        said = label(source, frame)
        kept = envelope(EventType.FRAME, frame, venue=source, market=said.market, exchange_at=said.at, seq=said.seq)
        if decode(encode(kept)) != kept or said.at < 0:
            raise Wrong(f"{said} of {frame[:200]!r}")


def recording(content: bytes) -> None:
    """A folder of files, read strictly, tolerantly and as an import; see `seeds.recordings` for its form."""
    with tempfile.TemporaryDirectory() as folder:
        rec = Path(folder) / "rec"
        rec.mkdir()
        for part in content.split(b"\n=\n")[:4]:
            name, _, text = part.partition(b"\n")
            said = name.decode("ascii", "replace")
            if _NAME.fullmatch(said):
                (rec / said).write_bytes(gzip.compress(text, 1, mtime=0) if said.endswith(".gz") else text)
        aside = Path(folder) / "aside.jsonl"
        for tolerate in (False, True):
            try:
                found = open_recording(str(rec), whole=True, tolerate=tolerate, quarantine=aside if tolerate else None)
                _in_order([event.at for event in found.log])
            except BadInput as refused:
                _says_why(refused)
        intake = Intake(Path(folder) / "set-aside.jsonl")
        try:
            for number, _ in enumerate(decide(open_source(rec, Rules(), intake))):
                if number > _MOST_EVENTS:
                    break
        except BadInput as refused:
            _says_why(refused)
        kept = intake.refused.total()
        lines = (Path(folder) / "set-aside.jsonl").read_bytes().count(b"\n") if kept else 0
        if kept != lines:
            raise Wrong(f"{kept} rows refused, {lines} kept")


def _in_order(times: list[int]) -> None:
    if times != sorted(times):
        raise Wrong("a session goes back in time")


def _says_why(refused: BadInput) -> None:
    if not refused.message:
        raise Wrong("refused without a reason")
