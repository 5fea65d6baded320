"""What a recorder keeps of a running session: everything in order, through kills, full disks and slow ones."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.decisions import Gate, Suppression
from domain.errors import BadInput
from domain.halt import Halt, Rule, Scope
from domain.intent import Intent
from domain.market import Venue
from ingest.engine import Engine
from ingest.envelope import Envelope, EventType, decode, dedup_key, encode, envelope
from ingest.events import Doubt
from ingest.frame_labels import label
from ingest.gates import Halts
from ingest.recorder import Recorder
from ingest.replay import TimedTrades, replay
from ingest.rerun import Verdict, rerun
from ingest.session_reader import RecordedEvents
from ingest.session_setup import Rules, Setup, engine_of, whole_sets
from ingest.session_writer import SessionWriter
from ingest.sets import sets_of
from ingest.strategies.cross import cross_strategies
from ingest.taped import TapedEngine
from ingest.wire import wire
from venues.recording import synth, synth_cross
from venues.recording.instruments import instruments
from venues.recording.session import RecordedSession

ROOT = Path(__file__).resolve().parents[2]


def setup_of(seed: int, name: str = "evening") -> Setup:
    session = synth.make(seed)
    specs = instruments(session.markets, session.conditions)
    return Setup(name=name, origin="test", instruments=specs, sets=whole_sets(specs), rules=Rules())


def taped(setup: Setup, recorder: Recorder, trades: TimedTrades) -> Engine:
    def make(*rules: Any, **more: Any) -> TapedEngine:
        return TapedEngine(recorder, *rules, **more)

    return engine_of(setup, trades.started, lambda _: None, make)


def record(folder: Path, seed: int = 7, **how: object) -> Setup:
    """A whole generated evening through an engine with a recorder beside it, as a live session would be."""
    setup = setup_of(seed)
    recorder = Recorder(folder, setup, **how)  # type: ignore[arg-type]
    recorder.start()
    run(setup, recorder, seed)
    assert recorder.close()
    return setup


def run(setup: Setup, recorder: Recorder, seed: int = 7) -> None:
    trades = TimedTrades(500)
    engine = engine_of(
        setup, trades.started, lambda _: None, lambda *args, **more: TapedEngine(recorder, *args, **more)
    )
    engine.on_halts(Halts())
    engine.on_state(True, "connected")
    for number, (raw, at, venue) in enumerate(wire(synth.make(seed))):
        trades.close_due(engine, at)
        engine.on_frame(raw, at, venue)
        if number == 1_000:
            engine.on_halts(Halts((Halt("h-1", Scope.MARKET, "SYNGAME-7-RED", Rule.OPERATOR, "ann", "look", at),)))
        if number == 2_000:
            engine.on_halts(Halts())
            engine.on_frame(b"\xff\x00 no frame", at + 1, venue)
            engine.on_gap(["SYNGAME-7-RED"], Venue.KALSHI, Doubt.SILENT)
        if number == 3_000:
            engine.on_link_lost(3)
            engine.on_state(False, "closed by the venue")
            engine.on_state(True, "connected")
    engine.finish()


def test_a_recorded_session_replays_to_the_same_decisions(tmp_path: Path) -> None:
    record(tmp_path)
    again = rerun(RecordedEvents(tmp_path))
    assert (again.verdict, again.why) == (Verdict.SAME, "")
    assert again.fingerprint == again.recorded
    assert again.intents
    assert again.suppressed


def replayed_whole(game: RecordedSession) -> tuple[Intent, ...]:
    specs = instruments(game.markets, game.conditions)
    rules = Rules()
    strategies = cross_strategies(game.claims, specs, rules.cross, rules.gates, rules.policy, paper=True)
    return replay(game, sets=sets_of(specs), strategies=strategies).intents


def test_a_session_of_two_venues_and_a_declared_claim_replays_to_the_same_decisions(tmp_path: Path) -> None:
    game = synth_cross.make(3)
    specs = instruments(game.markets, game.conditions)
    setup = Setup(
        name="cross", origin="test", instruments=specs, sets=whole_sets(specs), claims=game.claims, paper=True
    )
    recorder = Recorder(tmp_path, setup)
    recorder.start()
    trades = TimedTrades(500)
    engine = taped(setup, recorder, trades)
    for number, (raw, at, venue) in enumerate(wire(game)):
        trades.close_due(engine, at)
        engine.on_frame(raw, at, venue, link=1)
        if number == 2_000:
            engine.on_link_lost(1)
    engine.finish()
    assert recorder.close()
    again = rerun(RecordedEvents(tmp_path))
    assert again.verdict is Verdict.SAME
    assert {intent.claim for intent in again.intents} == {game.claims[0].pin}
    assert 0 < len(again.intents) < len(replayed_whole(game))


def test_other_rules_are_shown_by_the_first_decision_that_differs(tmp_path: Path) -> None:
    record(tmp_path)
    session = RecordedEvents(tmp_path)
    rules = msgspec.structs.replace(session.setup.rules, gates=msgspec.structs.replace(Rules()).gates)
    session.setup = msgspec.structs.replace(session.setup, sets=session.setup.sets[:1], rules=rules)
    again = rerun(session)
    assert again.verdict is Verdict.DIFFERENT
    assert again.difference is not None
    assert again.difference.recorded != again.difference.replayed
    assert '"pair":"SYNCUP-7"' in again.difference.recorded


def test_parts_by_size_are_one_session_and_none_can_be_read_without_the_first(tmp_path: Path) -> None:
    setup = setup_of(7)
    writer = SessionWriter(tmp_path, setup)
    for number in range(30):
        writer.write(envelope(EventType.NOTE, f"line {number}", received_at=number))
        if number % 10 == 9:
            writer.rotate(number)
    writer.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "evening.0002.session.zst", "evening.0003.session.zst", "evening.0004.session.zst", "evening.session.zst",
    ]  # fmt: skip
    session = RecordedEvents(tmp_path)
    assert [event.text for event in session.events()] == [f"line {number}" for number in range(30)]
    assert session.torn == ""
    with pytest.raises(BadInput, match="part 2 of evening"):
        RecordedEvents(tmp_path / "evening.0002.session.zst")
    (tmp_path / "evening.0003.session.zst").unlink()
    assert len(list(session.events())) == 20
    assert "part 3 of evening is missing" in session.torn


def test_a_new_day_and_a_full_file_begin_a_new_part(tmp_path: Path) -> None:
    day = 86_400_000_000
    recorder = Recorder(tmp_path, msgspec.structs.replace(setup_of(7), started_at=day), most_bytes=1 << 30)
    recorder.start()
    recorder.frame(Venue.KALSHI, b"{}", 2 * day - 1)
    recorder.frame(Venue.KALSHI, b"{}", 2 * day)
    assert recorder.close()
    assert len(list(tmp_path.iterdir())) == 2
    other = tmp_path / "small"
    record(other, most_bytes=10_000)
    assert len(list(other.iterdir())) >= 2
    assert rerun(RecordedEvents(other)).verdict is Verdict.SAME


def test_a_recording_is_never_overwritten(tmp_path: Path) -> None:
    record(tmp_path)
    with pytest.raises(BadInput, match="never overwritten"):
        Recorder(tmp_path, setup_of(7)).start()


def test_a_file_cut_at_any_byte_is_read_up_to_its_last_whole_block_and_says_so(tmp_path: Path) -> None:
    writer = SessionWriter(tmp_path, Setup(name="small", origin="test"), sync=False)
    writer.flush()
    begins = writer.written
    ends: list[tuple[int, int]] = []
    for number in range(4):
        for line in range(3):
            writer.write(envelope(EventType.NOTE, f"{number} {line}", received_at=1))
        writer.flush()
        ends.append((writer.written, 3 * (number + 1)))
    writer.close()
    whole = (tmp_path / "small.session.zst").read_bytes()
    cut = tmp_path / "cut.session.zst"
    for size in range(len(whole)):
        cut.write_bytes(whole[:size])
        if size < begins:
            with pytest.raises(BadInput, match="no whole block"):
                RecordedEvents(cut)
            continue
        session = RecordedEvents(cut)
        read = len(list(session.events()))
        assert read == max((count for end, count in ends if end <= size), default=0)
        assert session.footer is None
        assert session.torn


def texts_of(path: Path) -> tuple[list[str], str]:
    """What could be read, and how it broke off: "" where it was refused."""
    read: list[str] = []
    try:
        session = RecordedEvents(path)
        read.extend(event.text for event in session.events())
    except BadInput:
        return read, ""
    assert session.torn  # a change of any byte is noticed
    return read, session.torn


def test_a_changed_byte_is_never_read_as_something_else(tmp_path: Path) -> None:
    writer = SessionWriter(tmp_path, Setup(name="small", origin="test"), sync=False)
    texts = [f"event {number} " + "x" * number for number in range(6)]
    for text in texts:
        writer.write(envelope(EventType.NOTE, text, received_at=1))
        writer.flush()
    writer.close()
    whole = (tmp_path / "small.session.zst").read_bytes()
    bent = tmp_path / "bent.session.zst"
    refused = 0
    for place in range(len(whole)):
        bent.write_bytes(whole[:place] + bytes([whole[place] ^ 0x20]) + whole[place + 1 :])
        read, torn = texts_of(bent)
        refused += not torn
        assert read == texts[: len(read)]
    assert refused > len(whole) // 2


def test_a_file_that_is_no_session_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.session.zst"
    path.write_bytes(b"timestamp,event_type,price,side,size,best_bid,best_ask\n" * 3)
    with pytest.raises(BadInput, match="expected a session file"):
        RecordedEvents(path)


def test_a_corrupt_block_is_named_with_what_was_read_before_it(tmp_path: Path) -> None:
    record(tmp_path)
    path = tmp_path / "evening.session.zst"
    good = path.read_bytes()
    place = good.index(b"SFS1", 4000) + 60  # within a later block
    path.write_bytes(good[:place] + b"\0\0\0\0" + good[place + 4 :])
    session = RecordedEvents(path)
    with pytest.raises(BadInput, match=r"block \d+ at byte \d+: .* \d+ events before it were read"):
        list(session.events())


class StalledDisk:
    """A file whose writes wait until the disk is let go; a real thread waits in it."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.waits = threading.Event()

    def open(self, path: Path) -> BinaryIO:
        disk, file = self, path.open("xb", buffering=0)
        begun = [False]

        class File:
            def write(self, block: bytes) -> int:
                if begun[0]:  # the header goes through, so that the recorder starts
                    disk.waits.set()
                    disk.go.wait()
                begun[0] = True
                return file.write(block)

            def __getattr__(self, name: str) -> object:
                return getattr(file, name)

        return File()  # type: ignore[return-value]


def test_a_stalled_disk_bounds_the_memory_drops_frames_with_a_mark_and_keeps_every_decision(tmp_path: Path) -> None:
    disk = StalledDisk()
    recorder = Recorder(tmp_path, setup_of(7), most_waiting=100_000, open_file=disk.open)
    recorder.start()
    recorder.frame(Venue.KALSHI, b"first", 1)
    assert disk.waits.wait(30)
    for at in range(2_000):
        recorder.frame(Venue.KALSHI, b"f" * 100, at)
        assert recorder.waiting <= 100_000
        if at % 10 == 0:
            recorder.decision(Suppression("pair", f"P{at}", Gate.STALE, "old", 1, 1, at))  # type: ignore[arg-type]
            recorder.user(Venue.KALSHI, b"fill %d" % at, at)
    dropped = recorder.dropped[Venue.KALSHI]
    assert 1_000 < dropped < 2_000
    assert recorder.behind > 0
    disk.go.set()
    assert recorder.close()
    session = RecordedEvents(tmp_path)
    events = list(session.events())
    assert session.footer is not None
    assert session.footer.dropped == dropped
    kinds = [event.type for event in events]
    assert kinds.count(EventType.SUPPRESSED) == kinds.count(EventType.USER) == 200
    assert kinds.count(EventType.FRAME) == 2_001 - dropped
    marks = [event for event in events if event.type is EventType.DROPPED]
    assert [mark.seq for mark in marks] == [0, dropped]
    assert msgspec.json.decode(marks[-1].text)["frames"] == dropped


def test_what_a_full_disk_did_not_take_is_written_when_there_is_room_again(tmp_path: Path) -> None:
    full, troubles = threading.Event(), []
    heard, well = threading.Event(), threading.Event()

    def open_file(path: Path) -> BinaryIO:
        file = path.open("xb", buffering=0)

        class File:
            def write(self, block: bytes) -> int:
                if full.is_set():
                    file.write(bytes(block[: len(block) // 2]))  # a disk takes half and then says no
                    raise OSError(28, "No space left on device")
                return file.write(block)

            def __getattr__(self, name: str) -> object:
                return getattr(file, name)

        return File()  # type: ignore[return-value]

    def on_trouble(trouble: str) -> None:
        troubles.append(trouble)
        (heard if trouble else well).set()

    recorder = Recorder(tmp_path, setup_of(7), on_trouble=on_trouble, open_file=open_file)
    recorder.start()
    full.set()
    run(setup_of(7), recorder)
    assert heard.wait(30)
    full.clear()
    assert well.wait(30)
    assert recorder.close()
    assert "No space left" in troubles[0]
    assert troubles[-1] == ""
    assert rerun(RecordedEvents(tmp_path)).verdict is Verdict.SAME


RUNNING = """
import sys, time
from pathlib import Path
from domain.intent import Intent
from domain.market import Venue
from ingest.recorder import Recorder
from ingest.session_setup import Setup
recorder = Recorder(Path(sys.argv[1]), Setup(name="killed", origin="test"))
recorder.start()
number = 0
while True:
    recorder.frame(Venue.KALSHI, b'{"n":%d}' % number, time.time_ns() // 1000, time.monotonic_ns())
    print(number, flush=True)
    number += 1
    time.sleep(0.002)
"""


@pytest.mark.stack
def test_a_killed_recording_has_lost_no_more_than_its_last_second(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", RUNNING, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        said = [int(process.stdout.readline()) for _ in range(900)]
        process.send_signal(signal.SIGKILL)
        said += [int(line) for line in process.stdout.read().splitlines() if line]
    session = RecordedEvents(tmp_path)
    events = list(session.events())
    assert session.torn
    assert [event.text for event in events] == [f'{{"n":{number}}}' for number in range(len(events))]
    lost = said[-1] - len(events)
    assert len(events) > 100
    assert lost < 500  # one in two milliseconds at most: a second's


def test_a_recording_that_broke_off_is_compared_as_far_as_it_goes(tmp_path: Path) -> None:
    record(tmp_path)
    path = tmp_path / "evening.session.zst"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) - 200])  # the footer and more
    again = rerun(RecordedEvents(path))
    assert again.verdict is Verdict.INCOMPLETE
    assert "breaks off" in again.why
    assert again.difference is None


@given(body=st.binary(), market=st.text(), numbers=st.lists(st.integers(0, 2**63 - 1), min_size=5, max_size=5))
@example(body=b"\xff\xfe\x00", market="M", numbers=[0] * 5)
@example(body=b'{"a":1}\n\r\x85', market="M", numbers=[1] * 5)
@example(body="\u2028…".encode(), market="1,2", numbers=[2] * 5)
def test_every_event_is_the_same_after_writing_and_reading_whatever_its_bytes(
    body: bytes, market: str, numbers: list[int]
) -> None:
    at, received, ns, seq, link = numbers
    event = envelope(
        EventType.FRAME, body, venue="kalshi", market=market, exchange_at=at, received_at=received, received_ns=ns,
        seq=seq, link=link,
    )  # fmt: skip
    line = encode(event)
    assert b"\n" not in line
    assert b"\r" not in line
    assert decode(line) == event
    assert event.body == body
    assert dedup_key(event) == dedup_key(decode(line))


@given(st.lists(st.binary(min_size=1, max_size=60)), st.data())
def test_whatever_is_done_to_a_file_it_is_read_or_refused(bodies: list[bytes], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        writer = SessionWriter(Path(folder), Setup(name="small", origin="test"), sync=False)
        for body in bodies:
            writer.write(envelope(EventType.FRAME, body, venue="kalshi", received_at=1))
            writer.flush()
        writer.close()
        path = Path(folder) / "small.session.zst"
        whole = path.read_bytes()
        begin = data.draw(st.integers(0, len(whole)))
        end = data.draw(st.integers(begin, len(whole)))
        path.write_bytes(whole[:begin] + data.draw(st.binary(max_size=80)) + whole[end:])
        read: list[bytes] = []
        with contextlib.suppress(BadInput):
            read.extend(event.body for event in RecordedEvents(path).events())
        assert read == bodies[: len(read)]


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ({"seq": 1}, {"seq": 1}, True),
        ({"seq": 1}, {"seq": 2}, False),
        ({"seq": 1, "link": 1}, {"seq": 1, "link": 2}, False),
        ({"exchange_at": 5, "received_at": 1, "link": 1}, {"exchange_at": 5, "received_at": 2, "link": 2}, True),
        ({"exchange_at": 5}, {"exchange_at": 6}, False),
    ],
)
def test_frames_that_came_twice_have_one_key(first: dict[str, int], second: dict[str, int], same: bool) -> None:
    one, other = (envelope(EventType.FRAME, b"{}", venue="kalshi", market="M", **said) for said in (first, second))
    assert (dedup_key(one) == dedup_key(other)) is same


def test_a_frame_is_labelled_with_its_instruments_time_and_number() -> None:
    frames = list(wire(synth.make(7)))
    labels = [label(venue, raw) for raw, _, venue in frames]
    assert [one.seq for one in labels] == list(range(1, len(frames) + 1))
    assert {one.market for one in labels} == {spec.market for spec in synth.make(7).markets}
    assert [one.at for one, (_, at, _) in zip(labels, frames, strict=True) if one.at] == [
        at for one, (_, at, _) in zip(labels, frames, strict=True) if one.at
    ]
    assert label(Venue.KALSHI, b"[[[").market == ""
    change = (
        b'{"event_type":"price_change","market":"0x1","timestamp":"1700000000123",'
        b'"price_changes":[{"asset_id":"1"},{"asset_id":"2"},{"asset_id":"1"}]}'
    )
    assert label(Venue.POLYMARKET, change).market == "1,2"
    assert label(Venue.POLYMARKET, b"[" + change + b"]").at == 1_700_000_000_123_000


def test_the_decisions_of_a_recording_are_the_same_under_every_hash_seed(tmp_path: Path) -> None:
    record(tmp_path)
    code = (
        "import sys; from pathlib import Path; from ingest.rerun import rerun;"
        "from ingest.session_reader import RecordedEvents;"
        "print(rerun(RecordedEvents(Path(sys.argv[1]))).fingerprint)"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)],
            cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }  # fmt: skip
    assert said == {rerun(RecordedEvents(tmp_path)).recorded}


def test_events_of_a_later_schema_are_refused(tmp_path: Path) -> None:
    event = msgspec.structs.replace(envelope(EventType.NOTE, "x"), schema=2)
    assert isinstance(event, Envelope)
    with pytest.raises(msgspec.ValidationError, match="schema 2"):
        decode(encode(event))
