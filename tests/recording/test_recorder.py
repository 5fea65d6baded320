"""What a recorder keeps of a running session: everything in order, through kills, full disks and slow ones."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import BinaryIO

import msgspec
import pytest

from domain.decisions import Gate, Suppression
from domain.errors import BadInput
from domain.market import Venue
from recording.envelope import EventType
from recording.recorder import Recorder
from recording.rerun import Verdict, rerun
from recording.session_reader import RecordedEvents
from tests.ingest.taping import record, run, setup_of
from tests.places import ROOT


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
from recording.recorder import Recorder
from recording.session_setup import Setup
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
