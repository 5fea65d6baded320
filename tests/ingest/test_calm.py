"""A basket that waits for a calm spot, on raw frames of a spot feed and of the books; and the same from a recording."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from domain.decisions import Gate, Suppression
from domain.intent import Intent
from domain.limits import StrategySpec
from ingest.engine import Engine
from recording.recorded_engine import TapedEngine
from recording.recorder import Recorder
from recording.rerun import Verdict, rerun
from recording.session_reader import RecordedEvents
from recording.session_setup import Setup, engine_of
from tests.ingest.spot_world import DOWN, SECOND, T0, UP, Venues, setup_of

DECLARED = (
    StrategySpec("calm", "quiet", {"calmest": "0.005"}, pairs=("KXBTC15M",)),
    StrategySpec("basket", "wide", {"margin": "0.9"}),
)


class World(Venues):
    """A minute of books and of a spot that drifts by so many dollars a second; then the pair is cheap."""

    def __init__(self, make: Callable[..., Engine] = Engine, setup: Setup | None = None) -> None:
        self.intents: list[Intent] = []
        self.suppressed: list[Suppression] = []
        self.setup = setup or declared()
        super().__init__(engine_of(self.setup, self.intents.append, self.suppressed.append, make))

    def minute(self, drift: int, *, spot_until: int = 60) -> World:
        self.book(UP, T0)
        self.book(DOWN, T0, 44, 46)
        for second in range(1, 61):
            at = T0 + second * SECOND
            if second <= spot_until:
                self.spot(at, str(60_000 + drift * second))
            self.bid(UP, at + 1, 1)
            self.bid(DOWN, at + 2, 1, 44)
        self.book(UP, T0 + 60 * SECOND + 3, 40, 44)  # 0.44 and 0.46: ten cents, 3.5 of them fees
        self.engine.finish()
        return self


def declared() -> Setup:
    setup = setup_of()
    return msgspec.structs.replace(setup, rules=msgspec.structs.replace(setup.rules, strategies=DECLARED))


def test_a_spot_that_stands_still_lets_the_pair_be_taken() -> None:
    world = World().minute(0)
    (intent,) = world.intents
    assert (intent.strategy, [leg.market for leg in sorted(intent.legs, key=lambda leg: leg.limit)]) == (
        "quiet", [UP, DOWN],
    )  # fmt: skip
    assert world.suppressed == []


def test_a_spot_that_runs_keeps_the_pair_from_being_taken_and_says_so() -> None:
    world = World().minute(60)  # a tenth of a percent a second
    assert world.intents == []
    (refused,) = world.suppressed
    assert (refused.strategy, refused.gate) == ("quiet", Gate.FEATURES)
    assert refused.detail.endswith("% an hour; calm is up to 0.500 %")
    assert refused.edge > 0


def test_a_spot_that_fell_silent_is_no_calm_one() -> None:
    world = World().minute(0, spot_until=50)
    assert world.intents == []
    (refused,) = world.suppressed
    assert refused.gate is Gate.FEATURES
    assert refused.detail.startswith("sigma is stale")


def test_what_was_decided_on_features_is_decided_again_from_the_recording(tmp_path: Path) -> None:
    for folder, drift, intents, suppressed in (
        (tmp_path / "calm", 0, 1, {}),
        (tmp_path / "wild", 60, 0, {"features": 1}),
    ):
        recorder = Recorder(folder, declared())
        recorder.start()

        def make(*rules: Any, taping: Recorder = recorder, **more: Any) -> TapedEngine:
            return TapedEngine(taping, *rules, **more)

        World(make).minute(drift)
        assert recorder.close()
        again = rerun(RecordedEvents(folder))
        assert (again.verdict, len(again.intents), again.suppressed) == (Verdict.SAME, intents, suppressed)
