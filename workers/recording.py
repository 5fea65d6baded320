"""What a running system records: the session of one deciding engine, from what it was set up with."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from config.ingest import Firewall
from config.settings import Settings
from domain.money import to_micros
from ingest.firewall import QuoteLimits
from ingest.guard import FirewallRules
from recording.recorder import Recorder, name_at
from recording.session_blocks import SUFFIX
from recording.session_setup import Rules, Setup
from workers.watch import Watched


def rules_of(settings: Settings) -> Rules:
    """What decisions depend on besides their input, as a session keeps it."""
    return Rules(
        strategy=settings.strategy,
        cross=settings.cross,
        gates=settings.gates,
        venue_gates=settings.venue_gates,
        policy=settings.policy,
        settle_ms=settings.readiness.settle_ms,
        firewall=firewall_of(settings.firewall),
        admission=settings.admission.limits(),
        strategies=tuple(replace(spec, source="") for spec in settings.strategies),
        features=settings.features,
    )


def firewall_of(section: Firewall) -> FirewallRules:
    limits = QuoteLimits(
        void=to_micros(section.void),
        wide=to_micros(section.wide),
        still=section.still_ms * 1000,
        lean=float(section.lean),
        sigmas=float(section.sigmas),
        floor=float(section.floor),
        moment=section.moment_ms * 1000,
        stands=section.stands_ms * 1000,
        halflife=section.halflife_s * 1_000_000,
        prior=float(section.prior),
    )
    return FirewallRules(section.markets, limits)


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


def prune(folder: Path, most_bytes: int) -> list[str]:
    """Delete the oldest sessions under `folder`, whole, until what is left takes no more than `most_bytes`; the newest
    stays whatever it takes. Returns the names of those deleted. Raises OSError."""
    sessions: dict[str, list[Path]] = {}
    for part in sorted(folder.glob(f"*{SUFFIX}")):
        sessions.setdefault(part.name.split(".", 1)[0], []).append(part)
    taken = {name: sum(part.stat().st_size for part in parts) for name, parts in sessions.items()}
    gone: list[str] = []
    for name in sorted(sessions)[:-1]:  # named after their beginnings, so the oldest comes first
        if sum(taken.values()) <= most_bytes:
            break
        for part in sessions[name]:
            part.unlink()
        del taken[name]
        gone.append(name)
    return gone
