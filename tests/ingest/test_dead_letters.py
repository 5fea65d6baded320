"""What nobody understood is kept, bounded, and can be read again after a crash."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from domain.market import Venue
from ingest.dead_letters import LONGEST, DeadLetter, DeadLetters, Kind, read
from ingest.letter_marks import Marks, State


def test_a_message_is_kept_as_it_came_with_its_reason_and_time(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path / "state")
    letters.keep(Venue.POLYMARKET, b"\x00\xff{", "not a message", 7)
    letters.keep(Venue.KALSHI, b"{}", "no type", 8)
    first, second = read(tmp_path / "state")
    assert (first.at, first.venue, first.why, first.frame, first.size) == (
        7,
        "polymarket",
        "not a message",
        b"\x00\xff{",
        3,
    )
    assert second.venue == "kalshi"
    assert letters.counts == {Venue.POLYMARKET: 1, Venue.KALSHI: 1}


def test_a_second_store_on_the_same_folder_adds_to_it(tmp_path: Path) -> None:
    DeadLetters(tmp_path).keep(Venue.KALSHI, b"a", "x", 1)
    DeadLetters(tmp_path).keep(Venue.KALSHI, b"b", "x", 2)
    assert [letter.frame for letter in read(tmp_path)] == [b"a", b"b"]


def test_the_store_fills_its_bound_and_no_more_and_keeps_the_youngest(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path, most_bytes=1_000, files=3)
    for number in range(200):
        letters.keep(Venue.KALSHI, b"x" * 50, "flood", number)
    assert letters.counts[Venue.KALSHI] == 200
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 3_000
    kept = [letter.at for letter in read(tmp_path)]
    assert kept == list(range(200 - len(kept), 200))
    assert len(kept) > 10


def test_a_message_that_is_too_long_is_cut_and_says_how_long_it_was(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path)
    letters.keep(Venue.KALSHI, b"x" * (LONGEST + 5), "long", 1)
    (letter,) = read(tmp_path)
    assert (len(letter.frame), letter.size) == (LONGEST, LONGEST + 5)


def test_a_line_cut_short_by_a_crash_is_left_out_and_the_next_one_is_read(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path)
    letters.keep(Venue.KALSHI, b"a", "x", 1)
    path = tmp_path / "dead-letters.jsonl"
    path.write_bytes(path.read_bytes() + b'{"at":2,"ven')
    letters.keep(Venue.KALSHI, b"b", "x", 3)
    assert [letter.at for letter in read(tmp_path)] == [1, 3]


def test_a_disk_that_takes_nothing_is_counted_and_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    letters = DeadLetters(tmp_path / "file")
    letters.keep(Venue.KALSHI, b"a", "x", 1)
    assert (letters.counts[Venue.KALSHI], letters.unkept) == (1, 1)
    assert "Error" in letters.trouble


@given(raw=st.binary(max_size=200), why=st.text(max_size=40))
def test_any_bytes_and_any_reason_come_back(tmp_path_factory: object, raw: bytes, why: str) -> None:
    folder = tmp_path_factory.mktemp("letters")  # type: ignore[attr-defined]
    DeadLetters(folder).keep(Venue.POLYMARKET, raw, why, 1)
    (letter,) = read(folder)
    assert (letter.frame, letter.why) == (raw, why)


def test_a_source_that_is_no_venue_has_letters_too(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path)
    letters.keep("coinbase", b"?", "no type", 1)
    (letter,) = read(tmp_path)
    assert (letter.venue, letter.kind, letters.counts["coinbase"]) == ("coinbase", Kind.FRAME, 1)


def test_an_event_is_kept_with_its_handler_its_error_and_its_attempts(tmp_path: Path) -> None:
    DeadLetters(tmp_path).keep_event("user_news", "KX-A", "kalshi", b"{}", "Unavailable: away", "user_channel", 4, 9)
    (letter,) = read(tmp_path)
    assert letter == DeadLetter(
        9, "user_news", "Unavailable: away", b"{}", 2, letter.id, Kind.EVENT, "KX-A", "kalshi", "user_channel", 4
    )
    assert letter.whole


def test_lines_of_before_events_were_kept_read_as_frames_and_have_ids(tmp_path: Path) -> None:
    old = b'{"at":1,"venue":"kalshi","why":"x","bytes":1,"frame":"YQ=="}\n'
    (tmp_path / "dead-letters.jsonl").write_bytes(old + old.replace(b"1", b"2"))
    first, second = read(tmp_path)
    assert (first.kind, first.frame, first.handler, first.attempts) == (Kind.FRAME, b"a", "", 0)
    assert first.id.startswith("d-")
    assert first.id != second.id
    assert [letter.id for letter in read(tmp_path)] == [first.id, second.id]


def test_a_letters_newest_mark_counts_and_marks_outlive_the_process(tmp_path: Path) -> None:
    marks = Marks(tmp_path)
    assert (marks.all(), marks.stamp) == ({}, (0, 0))
    marks.set("d-1", State.ASKED, "Ada", 1)
    before = marks.stamp
    marks.set("d-2", State.READABLE, "a snapshot", 2)
    marks.set("d-1", State.HANDLED, "by user_channel", 3)
    assert marks.stamp != before
    with (tmp_path / "marks.jsonl").open("ab") as file:
        file.write(b'{"at":4,"id":"d-1","sta')
    assert {mark.id: mark.state for mark in Marks(tmp_path).all().values()} == {
        "d-1": State.HANDLED,
        "d-2": State.READABLE,
    }


def test_marks_are_no_letters(tmp_path: Path) -> None:
    DeadLetters(tmp_path).keep(Venue.KALSHI, b"a", "x", 1)
    Marks(tmp_path).set("d-1", State.ASKED, "", 1)
    assert len(list(read(tmp_path))) == 1
