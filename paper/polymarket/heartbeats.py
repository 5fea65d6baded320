"""The dead man's switch: once an API key has sent a heartbeat, silence cancels all its orders.

The first beat arms it, and nothing disarms it. Each beat carries the id the last answer gave; another id is refused
with the one expected. Ten seconds without an accepted beat, and everything the key has working is cancelled, and again
every five while the silence lasts. Source: docs.polymarket.com/trading/manage-orders. Armed switches are on disk: they
stay armed through a restart of the exchange.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import msgspec

from paper.polymarket import refusals
from paper.polymarket.exchange import Clob
from paper.polymarket.records import ApiKey, Pulse

_IDS = uuid.UUID("6a3d3d1c-2f0b-5a52-8f2e-5f1f4f0c7a3e")  # namespace of heartbeat ids


@dataclass(frozen=True, slots=True)
class Beat:
    """Microseconds of silence until orders go, and between sweeps."""

    timeout: int = 10_000_000
    sweep: int = 5_000_000


class Heartbeats:
    def __init__(self, clob: Clob, beat: Beat) -> None:
        self._clob = clob
        self._beat = beat
        self.pulses = clob.store.pulses()

    def receive(self, key: ApiKey, given: str) -> str:
        """Accept a beat and return the id of the next. Raises 400 with the expected id for another one."""
        pulse = self.pulses.get(key.key)
        if given != (pulse.expected if pulse else ""):
            raise refusals.stale_heartbeat(pulse.expected if pulse else "")
        beats = pulse.beats + 1 if pulse else 1
        expected = str(uuid.uuid5(_IDS, f"{key.key}/{beats}"))
        self._keep(Pulse(owner=key.key, expected=expected, last=self._clob.now(), beats=beats))
        return expected

    def next_due(self) -> int:
        """When the next sweep is due (µs); 0 if no switch is armed."""
        return min((self._due(pulse) for pulse in self.pulses.values()), default=0)

    def sweep(self) -> None:
        """Cancel what silent keys have working."""
        clob, now = self._clob, self._clob.now()
        for pulse in [p for p in self.pulses.values() if self._due(p) <= now]:
            orders = [o for o in clob.working.values() if o.owner == pulse.owner and o.status == "LIVE"]
            if orders:
                with clob.step():
                    for order in orders:
                        clob.end(order, "CANCELED")
            self._keep(msgspec.structs.replace(pulse, swept=now))

    def _due(self, pulse: Pulse) -> int:
        silent = pulse.last + self._beat.timeout
        return max(silent, pulse.swept + self._beat.sweep) if pulse.swept >= silent else silent

    def _keep(self, pulse: Pulse) -> None:
        with self._clob.step():
            self._clob.store.put_pulse(pulse)
        self.pulses[pulse.owner] = pulse
