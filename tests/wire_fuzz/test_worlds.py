"""A short slice of the wire fuzzer, and that it repeats itself."""

from __future__ import annotations

from workers.wire_fuzz.plan import make
from workers.wire_fuzz.world import World


def test_a_seed_is_one_world_told_alike_every_time() -> None:
    first, again = World(make(7)), World(make(7))
    first.run()
    again.run()
    assert first.liar.told
    assert first.liar.told == again.liar.told
    assert first.record == again.record
