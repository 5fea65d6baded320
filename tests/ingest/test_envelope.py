"""One event is the same after writing and reading, and says what it is about."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.market import Venue
from recording.envelope import Envelope, EventType, decode, encode, envelope
from recording.frame_labels import label
from recording.sources import synth
from recording.wire import wire


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


def test_events_of_a_later_schema_are_refused(tmp_path: Path) -> None:
    event = msgspec.structs.replace(envelope(EventType.NOTE, "x"), schema=2)
    assert isinstance(event, Envelope)
    with pytest.raises(msgspec.ValidationError, match="schema 2"):
        decode(encode(event))
