"""What may be wrong with a recorded file: a bad line costs itself and a new start of its book, and is kept."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from domain.errors import BadInput
from recording.importing.intake import Intake
from recording.importing.record import decide
from recording.importing.source import open_source
from recording.replay import replay
from recording.session_setup import Rules
from recording.sources.kalshi_csv import HEADER
from recording.sources.open import open_recording
from recording.sources.session import BookReset
from tests.places import SHARED_FOLDER

CORRUPT = SHARED_FOLDER / "data" / "kalshi_corrupt"
GAME = "AAA-BBB"


def rows(team: str) -> list[bytes]:
    bid, ask = ("0.40", "0.42") if team == "AAA" else ("0.57", "0.59")
    head = [HEADER, f",book,{bid},BUY,50,{bid},{ask}", f",book,{ask},SELL,30,{bid},{ask}"]
    said = [f"2026-03-01T10:00:0{n}.500000Z,price_change,{bid},BUY,{n},{bid},{ask}" for n in range(1, 7)]
    return [line.encode() for line in (*head, *said)]


def write(folder: Path, line: bytes | None = None) -> Path:
    """Two teams' files; `line` is put in the middle of the first, as its line 7."""
    for team in ("AAA", "BBB"):
        lines = rows(team)
        if line is not None and team == "AAA":
            lines.insert(6, line)
        (folder / f"Kalshi_{team}.csv").write_bytes(b"\n".join(lines) + b"\n")
    return folder


BAD = {
    "a merge conflict": b"<<<<<<< HEAD",
    "its middle": b"=======",
    "its end": b">>>>>>> 1f2e3d",
    "nothing": b"",
    "Latin-1": b"2026-03-01T10:00:03.700000Z,price_change,0.40,BUY,5,0.40,0.4\xb2",
    "UTF-16": "2026-03-01T10:00:03.700000Z,price_change,0.40,BUY,5,0.40,0.42".encode("utf-16-le"),
    "zeros": b"\0" * 512,
    "half a line": b"2026-03-01T10:00:03.700000Z,price_cha",
    "a price of NaN": b"2026-03-01T10:00:03.700000Z,price_change,NaN,BUY,5,0.40,0.42",
    "a price of 1.4": b"2026-03-01T10:00:03.700000Z,price_change,1.40,BUY,5,0.40,0.42",
    "a size of NaN": b"2026-03-01T10:00:03.700000Z,price_change,0.40,BUY,nan,0.40,0.42",
    "a size without end": b"2026-03-01T10:00:03.700000Z,price_change,0.40,BUY," + b"9" * 5_000 + b",0.40,0.42",
    "a side of both": b"2026-03-01T10:00:03.700000Z,price_change,0.40,BOTH,5,0.40,0.42",
    "an event nobody knows": b"2026-03-01T10:00:03.700000Z,weather,0.40,BUY,5,0.40,0.42",
    "a book of a negative size": b",book,0.40,BUY,-50,0.40,0.42",
    "a time that goes back": b"2026-03-01T09:00:00.000000Z,price_change,0.40,BUY,5,0.40,0.42",
    "a day that is none": b"2026-02-31T10:00:03.700000Z,price_change,0.40,BUY,5,0.40,0.42",
    "a line of a megabyte": b"x" * (1 << 20),
}


@pytest.mark.parametrize("line", BAD.values(), ids=BAD)
def test_a_bad_line_is_refused_by_its_number_or_set_aside_and_its_book_starts_over(tmp_path: Path, line: bytes) -> None:
    source = tmp_path / "rec"
    source.mkdir()
    write(source, line)
    with pytest.raises(BadInput, match=r"Kalshi_AAA\.csv line 7: "):
        open_recording(str(source), game=GAME, whole=True)
    aside = tmp_path / "aside.jsonl"
    session = open_recording(str(source), game=GAME, whole=True, tolerate=True, quarantine=aside)
    (kept,) = [json.loads(said) for said in aside.read_text(encoding="utf-8").splitlines()]
    assert (kept["file"], kept["line"]) == ("Kalshi_AAA.csv", 7)
    assert bool(kept["seen"]) == bool(line)
    starts = [event for event in session.log if isinstance(event, BookReset) and event.market.endswith("AAA")]
    assert len(starts) == 2
    assert replay(session).intents == ()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "Kalshi_AAA"),
        (b"\n", "line 1"),
        (HEADER.encode() + b"\n", "Kalshi_AAA"),
        ("\n".join(line.decode() for line in rows("AAA")).encode("utf-16"), "line 1"),
        (b"\xef\xbb\xbf" + b"\n".join(rows("AAA")), "line 1"),
        (b"<<<<<<< HEAD\n" + b"\n".join(rows("AAA")), "line 1"),
    ],
    ids=["empty", "blank", "a header alone", "UTF-16", "a mark of byte order", "a conflict in the header"],
)
def test_a_file_that_is_none_is_refused_by_name(tmp_path: Path, content: bytes, words: str) -> None:
    source = write(tmp_path)
    (source / "Kalshi_AAA.csv").write_bytes(content)
    for tolerate in (False, True):
        with pytest.raises(BadInput, match=words):
            open_recording(
                str(source), game=GAME, whole=True, tolerate=tolerate, quarantine=source / "x" if tolerate else None
            )


def test_bytes_that_are_no_text_cost_an_import_their_line_only(tmp_path: Path) -> None:
    log = tmp_path / "kalshi_feed_2026-03-25.log.gz"
    good = (
        "2026-03-25 22:21:29,243 | INFO | Loaded snapshot for Asset ID: KX-A | Best Bid: (0.16, 9.0) | Best Ask: None"
    )
    bad = good.replace("0.16", "0.1\xb2").encode("latin-1")
    log.write_bytes(gzip.compress(b"\n".join([good.encode(), bad, good.encode()])))
    intake = Intake(tmp_path / "aside.jsonl")
    assert len(list(open_source(log, Rules(), intake).events)) + intake.refused.total() == 3
    assert intake.counts(log.name).read == 3


@pytest.mark.shared
@pytest.mark.skipif(not CORRUPT.is_dir(), reason="recordings are not in ../shared/data")
def test_every_row_of_the_corrupt_recordings_is_decided_on_or_set_aside_and_none_is_traded_on(tmp_path: Path) -> None:
    intake = Intake(tmp_path / "aside.jsonl")
    intents: list[object] = []
    suppressed: list[object] = []
    events = sum(
        1
        for _ in decide(
            open_source(CORRUPT, Rules(), intake), on_intent=intents.append, on_suppressed=suppressed.append
        )
    )
    assert set(intake.files) == {path.name for path in CORRUPT.iterdir()}
    assert intents == []
    assert len(suppressed) > 10
    assert events > 10_000
    aside = (tmp_path / "aside.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(aside) == intake.refused.total() > 0
    assert any("<<<<<<<" in line for line in aside)
