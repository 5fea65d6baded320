"""What a running system records: the session of one deciding engine, from what it was set up with."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from config.settings import Settings
from domain.market import Venue
from ingest.recorder import Recorder, name_at
from ingest.session_setup import Rules, Setup
from workers.watch import Watched


def rules_of(settings: Settings) -> Rules:
    """What decisions depend on besides their input, as a session keeps it."""
    return Rules(
        strategy=settings.strategy,
        cross=settings.cross,
        gates=settings.gates,
        venue_gates={Venue.POLYMARKET: settings.gates_polymarket},
        policy=settings.policy,
        strategies=tuple(replace(spec, source="") for spec in settings.strategies),
        features=settings.features,
    )


def recorder_of(
    folder: Path,
    settings: Settings,
    watched: Watched,
    *,
    on_trouble: Callable[[str], None] = lambda trouble: None,
) -> Recorder:
    """A recorder, not started, of an engine that decides on `watched` under `settings`; its files go to `folder`."""
    at = time.time_ns() // 1000
    setup = Setup(
        name=name_at(at),
        origin="ingest",
        started_at=at,
        instruments=watched.specs,
        sets=tuple(tuple(spec.market for spec in outcomes.markets) for outcomes in watched.sets),
        claims=watched.claims,
        paper=settings.mode == "paper",
        rules=rules_of(settings),
    )
    return Recorder(folder, setup, on_trouble=on_trouble)
