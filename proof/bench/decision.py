"""Frame to decision: the engine alone, on recorded and on synthetic input."""

from __future__ import annotations

from pathlib import Path

from proof.bench.figures import emit
from proof.bench.frames import measure
from recording.sources.open import open_recording

_SYNTHETIC = "synth:7"


def run(command: str, recording: str | None, game: str | None) -> None:
    """Always the synthetic session, and the recording where its folder exists."""
    sources: list[tuple[str, str | None]] = [(_SYNTHETIC, None)]
    if recording is not None and Path(recording).exists():
        sources.append((recording, game))
    for source, wanted in sources:
        session = open_recording(source, game=wanted)
        values = {"session": session.name, **measure(session)}
        emit("frame to decision", "µs", command, values, "p50 ≤ 10 µs")
