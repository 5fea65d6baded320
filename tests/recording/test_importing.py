"""What an import makes of other people's files: every row an event or set aside, and the same decisions as a replay."""

from __future__ import annotations

import gzip
import resource
import sqlite3
import tracemalloc
from pathlib import Path
from typing import Any

import msgspec
import pyarrow
import pyarrow.parquet
import pytest

from domain.errors import BadInput
from domain.money import MICRO
from recording.envelope import Envelope, EventType
from recording.importing.clocks import clock, from_eastern
from recording.importing.documents import json_document
from recording.importing.intake import Intake
from recording.importing.record import write_session
from recording.importing.source import open_source, session_source
from recording.parquet import Export, columns
from recording.replay import replay
from recording.rerun import Verdict, rerun
from recording.session_reader import RecordedEvents
from recording.session_setup import Rules
from recording.sources import synth
from recording.sources.games import paired
from recording.sources.kalshi_csv import Change, Stretch

HEADER = "timestamp,event_type,price,side,size,best_bid,best_ask"


def imported(path: Path) -> tuple[list[Envelope], Intake]:
    intake = Intake(path.parent / "aside.jsonl")
    return list(open_source(path, Rules(), intake).events), intake


def refused(intake: Intake) -> list[dict[str, Any]]:
    assert intake.quarantine is not None
    return [msgspec.json.decode(line) for line in intake.quarantine.read_bytes().splitlines()]


def test_an_import_decides_what_a_replay_of_the_same_recording_decides(tmp_path: Path) -> None:
    game = synth.make(7)
    written = write_session(session_source(game, Rules(), Intake()), tmp_path)
    assert written.fingerprint == replay(game).fingerprint
    again = rerun(RecordedEvents(written.path))
    assert (again.verdict, again.events, len(again.intents)) == (Verdict.SAME, len(game.log), written.intents)


def test_equal_recordings_give_equal_files(tmp_path: Path) -> None:
    files = [write_session(session_source(synth.make(3), Rules(), Intake()), tmp_path / name).path for name in "ab"]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_failed_import_leaves_no_session_behind(tmp_path: Path) -> None:
    source = session_source(synth.make(3), Rules(), Intake())

    def broken() -> Any:
        for number, event in enumerate(source.events):
            if number == 100:
                raise BadInput("the source ended badly")
            yield event

    with pytest.raises(BadInput, match="ended badly"):
        write_session(type(source)(source.setup, broken(), source.intake), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_games_are_found_by_prices_that_add_up_to_a_dollar_and_the_rest_trades_with_nobody(tmp_path: Path) -> None:
    quotes = {"AAA": "0.40,0.41", "BBB": "0.59,0.60", "CCC": "0.70,0.71"}
    for team, best in quotes.items():
        bid = best.split(",")[0]
        rows = [f"2026-01-08T01:{minute:02}:00Z,price_change,{bid},BUY,5,{best}" for minute in range(5)]
        (tmp_path / f"Kalshi_{team}_JAN07_WIN.csv").write_text("\n".join((HEADER, *rows)) + "\n")
    with (tmp_path / "Kalshi_BBB_JAN07_WIN.csv").open("a") as file:
        file.write("<<<<<<< HEAD\n")
    source = open_source(tmp_path, Rules(), intake := Intake())
    assert source.setup.sets == (("KXNBAGAME-26JAN07AAABBB-AAA", "KXNBAGAME-26JAN07AAABBB-BBB"),)
    assert any("no other market is of its game" in note for note in source.setup.notes)
    assert {event.type for event in source.events} == {EventType.FRAME}
    assert intake.refused == {"7 columns": 1}
    counts = intake.files["Kalshi_BBB_JAN07_WIN.csv"]
    assert (counts.read, counts.kept) == (6, 5)


def test_two_markets_are_one_game_only_if_they_add_up_at_most_moments() -> None:
    def market(*middles: int) -> list[Stretch]:
        changes = [
            Change(2, minute * 60 * MICRO, "yes", middle, 1, middle - 5_000, MICRO - middle - 5_000)
            for minute, middle in enumerate(middles)
        ]
        return [Stretch(changes=changes)]

    files = {"A": market(400_000, 500_000, 600_000), "B": market(600_000, 500_000, 400_000), "C": market(610_000)}
    assert paired(files) == ([("A", "B")], ["C"])
    assert paired({"A": files["A"], "B": market(400_000, 500_000, 600_000)}) == ([], ["A", "B"])


def test_a_log_of_changes_keeps_changes_quotes_and_lines_each_as_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "kalshi_feed_2026-03-25.log.gz"
    lines = [
        "2026-03-25 22:21:29,187 | INFO | Connected!",
        "2026-03-25 22:21:29,243 | INFO | Loaded snapshot for Asset ID: KX-A | Best Bid: (0.16, 9.0) | Best Ask: None",
        "2026-03-25 22:21:59,036 | INFO | KX-A | side=no | price=0.35 | delta=-3 "
        "| timestamp=2026-03-26T02:21:29.326818Z",
        "2026-03-25 22:21:59,036 | INFO | KX-A | side=no | price=nan | delta=-3.00 | timestamp=2026-03-26T02:21:29Z",
        "half a line",
    ]
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    events, intake = imported(path)
    assert [event.type for event in events] == [EventType.NOTE, EventType.QUOTE, EventType.CHANGE]
    change = events[-1]
    assert (change.market, change.exchange_at) == ("KX-A", 1_774_491_689_326_818)
    assert change.received_at - change.exchange_at == 29_709_182  # New York's summer clock
    assert [(bad["file"], bad["line"]) for bad in refused(intake)] == [(path.name, 4), (path.name, 5)]
    assert refused(intake)[1]["seen"] == "half a line"


def zeros(path: Path, megabytes: int) -> None:
    with gzip.open(path, "wb", 1) as file:
        for _ in range(megabytes):
            file.write(bytes(1 << 20))


def test_a_line_without_an_end_is_not_read_to_its_end_and_costs_the_rest_of_its_file_only(tmp_path: Path) -> None:
    path = tmp_path / "bot.log.gz"
    path.write_bytes(gzip.compress(b"2026-01-25 22:21:00,187 | INFO | 1\n"))
    with path.open("ab") as file, gzip.open(file, "wb", 1) as packed:
        for _ in range(512):
            packed.write(bytes(1 << 20))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    events, intake = imported(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kilobytes
    assert len(events) == 1
    assert "line 2 is longer than 16 MiB" in refused(intake)[0]["expected"]


def test_a_document_that_unpacks_to_more_than_one_is_left_and_said_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recording.importing.documents._MOST_BYTES", 1 << 20)
    zeros(tmp_path / "markets.json.gz", 64)
    assert list(json_document(tmp_path / "markets.json.gz", intake := Intake(tmp_path / "set-aside.jsonl"))) == []
    assert "more than 1 MiB" in refused(intake)[0]["expected"]


def test_a_file_that_breaks_off_is_read_up_to_there_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "bot.log.gz"
    lines = "".join(f"2026-01-25 22:21:{second % 60:02},187 | INFO | {second * 977}\n" for second in range(5_000))
    path.write_bytes(gzip.compress(lines.encode())[:-2_000])
    events, intake = imported(path)
    assert 1_000 < len(events) < 5_000
    assert "breaks off" in refused(intake)[0]["expected"]


def test_spot_streams_are_kept_byte_for_byte(tmp_path: Path) -> None:
    path = tmp_path / "btcusdt_20240808.gz"
    messages = [
        '{"lastUpdateId":5,"bids":[],"asks":[]}',
        '{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":37,"p":"61837.63"}}',
        '{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161255308,"s":"BTCUSDT","U":1,"u":9}}',
    ]
    rows = [f"{1723161254036059768 + number} {message}" for number, message in enumerate(messages)]
    path.write_bytes(gzip.compress("\n".join((*rows, "17 {}", f"{10**18} {{")).encode()))
    events, intake = imported(path)
    assert [event.text for event in events] == messages
    assert [event.type for event in events] == [EventType.QUOTE, EventType.TICK, EventType.QUOTE]
    assert [event.seq for event in events] == [5, 37, 9]
    assert events[1].exchange_at == 1_723_161_255_343_000
    assert intake.refused.total() == 2


def test_tables_are_read_by_their_header_and_a_bad_cell_costs_its_row_only(tmp_path: Path) -> None:
    (tmp_path / "BTCUSD-prices-2026-06-08.csv").write_text(
        "feed_ts_ms,value,full_accuracy_value,server_ts_ms,recv_ms\n"
        "1780876800000,63304.2,63304200301195075000000,1780876800939,1780876801156\n"
        "1780876801000,63304.2,NaN,1780876800939,1780876801156\n"
        "1780876801000,63304.2,63304200301195075000000\n"
    )
    (tmp_path / "polymarket_data.csv").write_text(
        "timestamp,token_id_up,token_id_down,bid_up,ask_up,bid_down,ask_down,btc_price,time_remaining_s,market_end_ts\n"
        "2026-04-18T03:05:45.808766,1,2,0.49,0.5,0.5,0.51,77187.24,254.6,1776474600.0\n"
        "2026-04-18T03:05:47.808766,1,2,-0.49,0.5,0.5,0.51,77187.24,252.6,1776474600.0\n"
    )
    (tmp_path / "user_data_20251226.csv").write_text(
        "timestamp,trade_side,quantity,price,TargetTime,ExpirationTime\n"
        "2025-12-26 10:30:19,Down,84.0,0.67,2025-12-26 10:30:00,2025-12-26 10:45:00\n"
        "2025-12-26 10:30:19,Down,84.0,1.67,2025-12-26 10:30:00,2025-12-26 10:45:00\n"
    )
    (tmp_path / "README.md").write_text("what this is\n")
    events, intake = imported(tmp_path)
    assert [event.type for event in events] == [EventType.FILL, EventType.QUOTE, EventType.TICK]
    fill, quote, tick = events
    assert fill.market == "btc-updown-15m-1766745000"
    assert (quote.markets, quote.received_at) == (("1", "2"), 1_776_474_345_808_766)
    assert (tick.venue, tick.market, tick.exchange_at) == ("chainlink", "BTCUSD", 1_780_876_800_000_000)
    assert intake.refused.total() == 4
    assert intake.passed_over == ["README.md"]


def test_documents_are_one_event_an_entry_and_objectives_have_their_own_time(tmp_path: Path) -> None:
    (tmp_path / "1_output.json").write_text('{"match_id":1,"start_time":100,"objectives":[{"time":7},{"time":"x"}]}')
    (tmp_path / "live.json").write_bytes(b'\xef\xbb\xbf[{"ticker":"A"},{"ticker":"B"}]')
    (tmp_path / "broken.json").write_text('{"a":')
    (tmp_path / "BTC-5m-markets-2026-06-08.jsonl").write_text(
        '{"slug":"s","token_ids":["1","2"],"start_sec":5}\n{"slug":1}\n'
    )
    events, intake = imported(tmp_path)
    assert sorted((event.type.value, event.market, event.at) for event in events) == [
        ("document", "1,2", 5_000_000), ("document", "A", 0), ("document", "B", 0),
        ("match", "1", 100_000_000), ("match", "1", 107_000_000),
    ]  # fmt: skip
    assert intake.refused.total() == 2


def test_a_database_of_polls_is_a_quote_a_moment(tmp_path: Path) -> None:
    path = tmp_path / "polls.db"
    with sqlite3.connect(path) as database:
        database.execute(
            "create table pm_sports_orderbook_top5_1s (ts_utc text, market_id text, side text, level integer, "
            "price real, size real, ingest_ts_utc text)"
        )
        database.executemany(
            "insert into pm_sports_orderbook_top5_1s values ('', '0x1', ?, ?, ?, 5.0, ?)",
            [("bid", 1, 0.63, "2026-02-06 06:16:24.986192Z"), ("ask", 1, 0.7, "2026-02-06 06:16:24.986192Z"),
             ("bid", 1, 0.62, "2026-02-06 06:16:29Z"), ("odd", 1, 0.62, "2026-02-06 06:16:29Z")],
        )  # fmt: skip
    database.close()
    events, intake = imported(path)
    assert [event.text for event in events] == [
        '{"bid":[["0.63","5.0"]],"ask":[["0.7","5.0"]]}', '{"bid":[["0.62","5.0"]],"ask":[]}'
    ]  # fmt: skip
    assert intake.refused.total() == 1


def sweep(path: Path, rows: int) -> None:
    table = pyarrow.table(
        {
            "ts": pyarrow.array([1_786_492_845_000_000 + row for row in range(rows)], pyarrow.timestamp("us")),
            "slug": [f"market-{row % 7}" for row in range(rows)],
            "bid": [0.25 if row % 5 else None for row in range(rows)],
            "ask": [0.5 if row else float("nan") for row in range(rows)],
        }
    )
    pyarrow.parquet.write_table(table, path, row_group_size=1_000)


def test_a_sweep_is_a_quote_a_row_on_new_yorks_clock(tmp_path: Path) -> None:
    path = tmp_path / "quotes-2026-08-12.parquet"
    sweep(path, 10)
    (tmp_path / "quotes-broken.parquet").write_bytes(path.read_bytes()[:-20])
    events, intake = imported(tmp_path)
    assert len(events) == 9
    assert events[0].text == '{"bid":"0.25","ask":"0.5"}'
    assert events[0].received_at == 1_786_492_845_000_001 + 4 * 3_600 * MICRO
    assert events[4].text == '{"ask":"0.5"}'
    assert set(intake.refused) == {"a price from 0 to 1 dollar", "a whole table"}


@pytest.mark.parametrize(
    ("local", "hours"),
    [
        ("2026-03-08 01:59:59", 5), ("2026-03-08 02:00:00", 4), ("2026-11-01 01:59:59", 4), ("2026-11-01 02:00:00", 5),
        ("2026-02-21 15:39:43", 5), ("2025-03-09 02:00:00", 4),
    ],
)  # fmt: skip
def test_new_yorks_clock_changes_in_march_and_november(local: str, hours: int) -> None:
    assert from_eastern(clock(local)) - clock(local) == hours * 3_600 * MICRO


def test_what_holds_no_recording_is_refused_with_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "picture.png").write_bytes(b"x")
    with pytest.raises(BadInput, match=r"holds picture\.png: no recording"):
        open_source(tmp_path, Rules(), Intake())
    with pytest.raises(BadInput, match="does not exist"):
        open_source(tmp_path / "none", Rules(), Intake())


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    peaks = []
    for rows in (30_000, 120_000):
        folder = tmp_path / str(rows)
        folder.mkdir()
        log = "".join(f"2026-01-25 22:21:29,187 | INFO | line number {row} of a long log\n" for row in range(rows))
        (folder / "bot.log").write_text(log)
        del log
        tracemalloc.start()
        write_session(open_source(folder, Rules(), Intake()), folder)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.5


def test_an_export_has_every_event_once_an_instrument_in_order_under_its_day(tmp_path: Path) -> None:
    written = write_session(session_source(synth.make(7), Rules(), Intake()), tmp_path)
    recorded = RecordedEvents(written.path)
    export = Export(tmp_path / "out")
    export.write(recorded.events())
    session = list(recorded.events())
    assert export.rows.total() == len(session)
    rows: dict[int, tuple[str, str]] = {}
    for path in (tmp_path / "out").rglob("*.parquet"):
        assert path.parent.name in ("day=2026-01-08", "day=unknown")
        numbers = []
        for batch in columns(path):
            numbers += batch["number"]
            rows |= dict(zip(batch["number"], zip(batch["type"], batch["text"], strict=True), strict=True))
        assert numbers == sorted(numbers)
    assert [rows[number] for number in sorted(rows)] == [(event.type, event.text) for event in session]
    assert (tmp_path / "out/venue=kalshi/market=SYNGAME-7-RED/day=2026-01-08/part-00000.parquet").is_file()


def test_names_of_instruments_cannot_lead_out_of_the_export(tmp_path: Path) -> None:
    event = msgspec.structs.replace(next(session_source(synth.make(1), Rules(), Intake()).events), market="../../x,..")
    export = Export(tmp_path / "out")
    export.write([event])
    assert export.rows.total() == 2
    assert {path.name for path in tmp_path.iterdir()} == {"out"}
    with pytest.raises(BadInput, match="not empty"):
        Export(tmp_path / "out")
