"""What is read from a session file, whatever was done to it: a part of what was written, or a refusal."""

from __future__ import annotations

import contextlib
import resource
import struct
import tempfile
from pathlib import Path
from zlib import crc32

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BadInput
from recording.envelope import EventType, envelope
from recording.session_blocks import Kind
from recording.session_reader import RecordedEvents
from recording.session_setup import Setup
from recording.session_writer import SessionWriter
from tests.ingest.taping import record, setup_of


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


def test_a_block_that_would_unpack_to_more_than_its_label_says_is_refused_packed(tmp_path: Path) -> None:
    """Some kilobytes of file, a label of a hundred bytes, a gigabyte behind it."""
    path = tmp_path / "evening.session.zst"
    record(tmp_path)
    good = path.read_bytes()
    packer = zstandard.ZstdCompressor(level=3).compressobj(size=1 << 30)
    packed = b"".join(packer.compress(bytes(1 << 20)) for _ in range(1024)) + packer.flush()
    label = struct.pack("<4sIIIII", b"SFS1", Kind.HEADER, 0, 100, len(packed), crc32(packed))
    bomb = struct.pack("<II", 0x184D2A53, 28) + label + struct.pack("<I", crc32(label)) + packed
    path.write_bytes(bomb)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BadInput, match="labelled 100"):
        RecordedEvents(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kilobytes
    assert path.read_bytes() == bomb
    path.write_bytes(good)
    assert list(RecordedEvents(path).events())


def test_a_corrupt_block_is_named_with_what_was_read_before_it(tmp_path: Path) -> None:
    record(tmp_path)
    path = tmp_path / "evening.session.zst"
    good = path.read_bytes()
    place = good.index(b"SFS1", 4000) + 60  # within a later block
    path.write_bytes(good[:place] + b"\0\0\0\0" + good[place + 4 :])
    session = RecordedEvents(path)
    with pytest.raises(BadInput, match=r"block \d+ at byte \d+: .* \d+ events before it were read"):
        list(session.events())


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
