"""A file of tops once a second becomes books of one level a side."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.errors import BadInput
from recording.sources.open import open_recording
from recording.sources.session import BookDelta, BookReset
from recording.sources.snapshots import HEADER


def write(folder: Path, *rows: str) -> str:
    path = folder / "orderbook_snapshots_20260301.csv"
    path.write_text("\n".join([HEADER, *rows]) + "\n")
    return str(path)


def row(  # noqa: PLR0917 - the columns in the file's order
    second: int, team: str, bid: str, bid_size: str, ask: str, ask_size: str
) -> str:
    return f"2026-03-01T10:00:{second:02d}.5,KXCUP-26-{team},{bid},{bid_size},{ask},{ask_size},1,1,0.01"


FIRST = [row(0, "AAA", "0.40", "10.0", "0.42", "20.0"), row(0, "BBB", "0.58", "5.0", "0.60", "6.0")]


def test_the_first_row_of_a_market_is_its_book_and_later_ones_only_what_changed(tmp_path: Path) -> None:
    source = write(tmp_path, *FIRST, row(1, "AAA", "0.40", "12.0", "0.43", "20.0"), row(1, "BBB", *["0.58", "5.0"] * 2))
    session = open_recording(source, game="AAA-BBB", whole=True)
    at = session.start
    assert session.log[:2] == (
        BookReset(at, "KXCUP-26-AAA", ((400_000, 10_000_000),), ((580_000, 20_000_000),)),
        BookReset(at, "KXCUP-26-BBB", ((580_000, 5_000_000),), ((400_000, 6_000_000),)),
    )
    assert BookDelta(at + 1_000_000, "KXCUP-26-AAA", "yes", 400_000, 2_000_000) in session.log


def test_within_one_instant_every_market_loses_its_old_top_before_any_gets_its_new_one(tmp_path: Path) -> None:
    moved = [row(1, "AAA", "0.30", "1.0", "0.32", "1.0"), row(1, "BBB", "0.68", "1.0", "0.70", "1.0")]
    session = open_recording(write(tmp_path, *FIRST, *moved), game="AAA-BBB", whole=True)
    signs = [event.delta > 0 for event in session.log if isinstance(event, BookDelta)]
    assert signs == sorted(signs)
    assert len(signs) == 8


def test_an_empty_price_is_an_empty_side(tmp_path: Path) -> None:
    session = open_recording(write(tmp_path, *FIRST, row(1, "AAA", "", "", "", "")), game="AAA-BBB", whole=True)
    assert [event.delta for event in session.log[2:] if isinstance(event, BookDelta)] == [-10_000_000, -20_000_000]


def test_a_bad_line_is_named_and_read_tolerantly_all_markets_start_over_after_it(tmp_path: Path) -> None:
    later = [row(2, "AAA", "0.40", "1.0", "0.42", "2.0"), row(2, "BBB", "0.58", "5.0", "0.60", "6.0")]
    source = write(tmp_path, *FIRST, "<<<<<<< ours", *later)
    with pytest.raises(BadInput, match=r"line 4: saw '<<<<<<< ours'; expected 9 columns"):
        open_recording(source, game="AAA-BBB")
    aside = tmp_path / "aside.jsonl"
    session = open_recording(source, game="AAA-BBB", whole=True, tolerate=True, quarantine=aside)
    assert sum(isinstance(event, BookReset) for event in session.log) == 4
    assert "<<<<<<< ours" in aside.read_text()
    assert "1 lines set aside" in session.notes[-1]


def test_a_missing_market_is_answered_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no market of CCC .*KXCUP-26-AAA, KXCUP-26-BBB"):
        open_recording(write(tmp_path, *FIRST), game="AAA-CCC")


def test_a_folder_is_enough_where_its_only_file_of_tops_holds_the_game(tmp_path: Path) -> None:
    source = write(tmp_path, *FIRST)
    by_file = open_recording(source, game="AAA-BBB", whole=True)
    assert open_recording(str(tmp_path), game="AAA-BBB", whole=True).log == by_file.log


def test_two_files_of_tops_in_a_folder_must_be_told_apart(tmp_path: Path) -> None:
    write(tmp_path, *FIRST)
    (tmp_path / "orderbook_snapshots_20260302.csv").write_text(HEADER + "\n")
    with pytest.raises(BadInput, match=r"orderbook_snapshots_20260301\.csv, orderbook_snapshots_20260302\.csv"):
        open_recording(str(tmp_path), game="AAA-BBB")
