"""What nobody understood is kept, bounded, and can be read again after a crash."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from domain.market import Venue
from ingest.dead_letters import LONGEST, DeadLetters, read


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
    path.write_bytes(path.read_bytes() + b'{"at":2,"ven\n')
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
