"""A market's CSV is rebuilt into a book that agrees with what the recorder saw, and bad rows are named."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from domain.errors import BadInput
from recording.sources.kalshi_csv import HEADER, Rebuilt, read_stretches, rebuild
from recording.sources.quarantine import Quarantine
from recording.sources.session import BookDelta, BookReset

START = [",book,0.4000,BUY,50,0.4000,0.42", ",book,0.42,SELL,30,0.4000,0.42"]


def change(  # noqa: PLR0917 - the columns in the file's order
    second: float, price: str, side: str, size: str, bid: str = "0.4", ask: str = "0.4200"
) -> str:
    return f"2026-03-01T10:00:{second:09.6f}Z,price_change,{price},{side},{size},{bid},{ask}"


def write(folder: Path, *rows: str, header: str = HEADER) -> Path:
    path = folder / "Kalshi_AAA.csv.gz"
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write("\n".join([header, *rows]) + "\n")
    return path


def read(path: Path, quarantine: Quarantine | None = None) -> Rebuilt:
    return rebuild(read_stretches(path, quarantine or Quarantine()), "M")


def test_sell_rows_are_no_bids_at_one_minus_their_price_and_sizes_are_signed_changes(tmp_path: Path) -> None:
    book = read(write(tmp_path, *START, change(1, "0.43", "SELL", "7"), change(2, "0.4300", "SELL", "-2")))
    assert book.events[1:] == (
        BookDelta(1_772_359_201_000_000, "M", "no", 570_000, 7_000_000),
        BookDelta(1_772_359_202_000_000, "M", "no", 570_000, -2_000_000),
    )


def test_depth_before_the_first_row_is_what_keeps_every_level_from_falling_below_zero(tmp_path: Path) -> None:
    rows = [change(1, "0.38", "BUY", "-5"), change(2, "0.38", "BUY", "3"), change(3, "0.38", "BUY", "-9")]
    first = read(write(tmp_path, *START, *rows)).events[0]
    assert isinstance(first, BookReset)
    assert dict(first.yes) == {380_000: 11_000_000, 400_000: 50_000_000}
    assert dict(first.no) == {580_000: 30_000_000}


def test_levels_better_than_the_recorded_best_are_dropped_at_the_same_moment(tmp_path: Path) -> None:
    rows = [change(1, "0.35", "BUY", "1"), change(2, "0.35", "BUY", "1", bid="0.35")]
    events = read(write(tmp_path, *START, *rows)).events
    assert events[-1] == BookDelta(1_772_359_202_000_000, "M", "yes", 400_000, -50_000_000)


def test_a_recorded_best_without_a_level_gets_the_smallest_size_so_a_crossed_book_stays_crossed(tmp_path: Path) -> None:
    events = read(write(tmp_path, *START, change(1, "0.35", "BUY", "1", bid="0.45"))).events
    assert events[-1] == BookDelta(1_772_359_201_000_000, "M", "yes", 450_000, 10_000)


def test_book_rows_in_the_middle_start_the_book_over(tmp_path: Path) -> None:
    later = [",book,0.6000,BUY,8,0.6000,0.63", ",book,0.63,SELL,9,0.6000,0.63"]
    rows = [change(1, "0.38", "BUY", "-5"), *later, change(30, "0.59", "BUY", "4", "0.6", "0.63")]
    book = read(write(tmp_path, *START, *rows))
    resets = [event for event in book.events if isinstance(event, BookReset)]
    assert [reset.at for reset in resets] == [1_772_359_201_000_000, 1_772_359_230_000_000]
    assert resets[1].yes == ((600_000, 8_000_000),)
    assert book.restarts == 1


def test_trades_move_no_level(tmp_path: Path) -> None:
    trade = "1772359201,last_trade_price,0.42,BUY,14,0.4,0.4200"
    assert len(read(write(tmp_path, *START, change(1, "0.38", "BUY", "5"), trade)).events) == 2


def test_binary_noise_of_a_recorder_that_used_floats_is_read_as_the_price_it_meant(tmp_path: Path) -> None:
    events = read(write(tmp_path, *START, change(1, "0.43999999999999995", "SELL", "1"))).events
    assert events[1] == BookDelta(1_772_359_201_000_000, "M", "no", 560_000, 1_000_000)


def test_rows_a_little_early_are_put_in_order_and_counted(tmp_path: Path) -> None:
    rows = [change(1.05, "0.38", "BUY", "1"), change(1.0, "0.37", "BUY", "2"), change(1.05, "0.36", "BUY", "3")]
    book = read(write(tmp_path, *START, *rows))
    assert book.reordered == 1
    assert [event.price for event in book.events if isinstance(event, BookDelta)] == [370_000, 380_000, 360_000]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("<<<<<<< Updated upstream", "7 columns"),
        ("2026-03-01T10:00:02Z,price_change,0.38,BUY,5,0.4", "7 columns"),
        (change(2, "0.38", "HOLD", "5"), "side BUY or SELL"),
        (change(2, "1.38", "BUY", "5"), "price between 0 and 1"),
        (change(2, "-0.38", "BUY", "5"), "price between 0 and 1"),
        (change(2, "0.38", "BUY", "five"), "plain decimal"),
        (change(2, "0.38", "BUY", "99999999999"), "at most 1000000000"),
        (change(2, "0.1234567", "BUY", "5"), "six decimal places"),
        ("yesterday,price_change,0.38,BUY,5,0.4,0.42", "ISO time"),
        (change(2, "0.38", "BUY", "5").replace("price_change", "gossip"), "event_type"),
        (change(0.5, "0.38", "BUY", "5"), "order of time"),
    ],
)
def test_a_bad_row_is_refused_with_file_line_what_was_seen_and_what_to_do(
    tmp_path: Path, row: str, expected: str
) -> None:
    path = write(tmp_path, *START, change(1, "0.38", "BUY", "1"), row)
    with pytest.raises(BadInput) as refused:
        read(path)
    message = refused.value.message
    assert "Kalshi_AAA.csv.gz line 5" in message
    assert row in message
    assert expected in message
    assert "read it tolerantly" in message


def test_read_tolerantly_bad_rows_are_kept_word_for_word_and_the_book_starts_over_after_them(tmp_path: Path) -> None:
    kept = Quarantine(tmp_path / "aside" / "lines.jsonl")
    rows = [change(1, "0.38", "BUY", "-5"), "=======", ">>>>>>> x", change(2, "0.38", "BUY", "-6")]
    book = read(write(tmp_path, *START, *rows), kept)
    kept.write()
    lines = [json.loads(line) for line in (tmp_path / "aside" / "lines.jsonl").read_text().splitlines()]
    assert [(line["line"], line["seen"]) for line in lines] == [(5, "======="), (6, ">>>>>>> x")]
    assert sum(isinstance(event, BookReset) for event in book.events) == 2


def test_a_wrong_header_and_a_file_without_changes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="expected the header"):
        read(write(tmp_path, header="a,b,c"))
    with pytest.raises(BadInput, match="no price_change row"):
        read(write(tmp_path, *START))


def test_a_gzip_cut_short_names_the_last_line_it_could_read(tmp_path: Path) -> None:
    path = write(tmp_path, *START, *(change(s, f"0.{30 + s % 9}", "BUY", str(s * 7919 % 997)) for s in range(50)))
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(BadInput, match=r"Kalshi_AAA\.csv\.gz breaks off after line \d+"):
        read(path)
