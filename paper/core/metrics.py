"""What the exchange counts, in a registry of its own."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest


class Metrics:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.orders = Counter(
            "surefoot_paper_orders", "Create requests by how they were answered", ["outcome"], registry=self.registry
        )
        self.fills = Counter("surefoot_paper_fills", "Fill rows by our role", ["role"], registry=self.registry)
        self.frames = Counter(
            "surefoot_paper_frames", "WebSocket frames sent by type", ["type"], registry=self.registry
        )
        self.clients = Gauge("surefoot_paper_clients", "Open WebSocket connections", registry=self.registry)
        self.lag = Gauge(
            "surefoot_paper_playback_lag_seconds",
            "How late the last recorded event was published",
            registry=self.registry,
        )
        self.events = Counter("surefoot_paper_events", "Recorded events played", registry=self.registry)
        self.faults = Counter("surefoot_paper_faults", "Scripted faults that happened", ["do"], registry=self.registry)

    def text(self) -> bytes:
        return generate_latest(self.registry)
