"""One door to every recording: what it opens, how it refuses, and which two minutes it plays by default."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.errors import BadInput
from recording.sources import synth
from recording.sources.choose import default_window, takeable
from recording.sources.kalshi_csv import HEADER, read_stretches, rebuild
from recording.sources.open import open_recording
from recording.sources.quarantine import Quarantine
from recording.sources.session import BookReset, RecordedSession
from tests.places import SHARED_FOLDER

SHARED = SHARED_FOLDER / "data"
WINNERS = SHARED / "kalshi_nba_winners"

absent = pytest.mark.skipif(not WINNERS.is_dir(), reason="recordings are not in ../shared/data")


def folder(path: Path) -> str:
    for team, bid, ask in (("AAA", "0.40", "0.42"), ("BBB", "0.58", "0.60")):
        rows = [
            HEADER,
            f",book,{bid},BUY,50,{bid},{ask}",
            f",book,{ask},SELL,30,{bid},{ask}",
            f"2026-03-01T04:00:01.5Z,price_change,{bid},BUY,5,{bid},{ask}",
            f"2026-03-01T04:00:02.5Z,price_change,{bid},BUY,5,{bid},{ask}",
        ]
        (path / f"Kalshi_{team}_FEB28_WIN.csv").write_text("\n".join(rows) + "\n")
    return str(path)


def test_a_folder_and_a_game_make_two_markets_that_exclude_each_other(tmp_path: Path) -> None:
    session = open_recording(folder(tmp_path), game="aaa-bbb")
    assert [spec.market for spec in session.markets] == ["KXNBAGAME-26FEB28AAABBB-AAA", "KXNBAGAME-26FEB28AAABBB-BBB"]
    assert {spec.event for spec in session.markets} == {"KXNBAGAME-26FEB28AAABBB"}
    assert session.markets[0].payoff == 1
    assert len(session.log) == 6
    assert all(isinstance(event, BookReset) for event in (session.log[0], session.log[2]))


def test_a_seed_opens_the_generated_game() -> None:
    assert open_recording("synth:12") == synth.make(12)


@pytest.mark.parametrize(
    ("source", "game", "expected"),
    [
        ("{}", None, "holds AAA, BBB; name the game"),
        ("{}", "AAA-CCC", "no recording of CCC .* it holds AAA, BBB"),
        ("{}", "AAA", "not two teams"),
        ("{}/Kalshi_AAA_FEB28_WIN.csv", "AAA-BBB", "give its folder"),
        ("{}/nothing.csv", "AAA-BBB", "does not exist; .* holds Kalshi_AAA"),
        ("{}/notes.txt", None, "no recording this program knows"),
        ("synth:seven", None, "such as synth:7"),
        ("synth:7", "AAA-BBB", "leave out the game"),
    ],
)
def test_what_is_missing_or_unknown_is_refused_with_what_there_is(
    tmp_path: Path, source: str, game: str | None, expected: str
) -> None:
    folder(tmp_path)
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(BadInput, match=expected):
        open_recording(source.format(tmp_path), game=game)


def test_reading_tolerantly_without_a_place_for_bad_lines_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="quarantine file"):
        open_recording(folder(tmp_path), game="AAA-BBB", tolerate=True)


def test_the_default_window_of_a_long_recording_is_where_most_can_be_taken() -> None:
    quiet, busy = synth.make(1, seconds=8), synth.make(3)
    hour = 3_600_000_000

    log = list(quiet.log)
    names = {old.market: new.market for old, new in zip(busy.markets, quiet.markets, strict=True)}
    shift = quiet.start + hour - busy.start
    for event in busy.log:
        moved = {field: getattr(event, field) for field in event.__slots__}
        moved.update(at=event.at + shift, market=names[event.market])
        log.append(type(event)(**moved))
    session = RecordedSession("long", quiet.markets, tuple(log))
    first, last = default_window(session)
    assert last - first <= 120_000_000
    assert first >= quiet.start + hour - 8_000_000
    assert len([spell for spell in takeable(session) if first <= spell.start <= last]) == 5


@pytest.mark.parametrize("team", ["TOR", "CHA"])
@pytest.mark.shared
@absent
def test_the_rebuilt_best_ask_is_the_recorded_one_after_98_percent_of_changes(team: str) -> None:
    book = rebuild(read_stretches(WINNERS / f"Kalshi_{team}_JAN07_WIN.csv.gz", Quarantine()), team)
    assert book.changes > 29_000
    assert book.asks_agreed / book.changes >= 0.98


@pytest.mark.shared
@absent
def test_the_recorded_game_plays_at_most_two_minutes_by_default_and_they_hold_fresh_episodes() -> None:
    session = open_recording(str(WINNERS), game="TOR-CHA")
    assert session.end - session.start <= 120_000_000
    assert len(takeable(session)) >= 15
    assert session.notes[-1].startswith("playing 2026-01-08T02:2")
    assert [spec.market for spec in session.markets] == ["KXNBAGAME-26JAN07TORCHA-TOR", "KXNBAGAME-26JAN07TORCHA-CHA"]


@pytest.mark.shared
@absent
def test_the_file_with_conflict_markers_is_refused_at_line_118() -> None:
    source = str(SHARED / "kalshi_corrupt" / "orderbook_snapshots_20260208.csv.gz")
    with pytest.raises(BadInput, match=r"line 118: saw '<<<<<<< Updated upstream'"):
        open_recording(source, game="SEA-NE")
