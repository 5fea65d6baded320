"""Sees to it that what is due happens when it is due: settlement, expiry, payment, the dead man's switch."""

from __future__ import annotations

from paper.core.due import DueLoop
from paper.polymarket.exchange import Clob
from paper.polymarket.heartbeats import Heartbeats
from paper.polymarket.refusals import PolyRefusal


class Clock(DueLoop):
    """Everything due is on disk: what came due while the exchange was down happens as soon as it is up."""

    def __init__(self, clob: Clob, heartbeats: Heartbeats) -> None:
        super().__init__(self._settle_and_sweep, clob.now, failed=PolyRefusal)
        self._clob = clob
        self._heartbeats = heartbeats

    def _settle_and_sweep(self) -> int:
        while True:
            due = self._clob.settle_due()
            beat = self._heartbeats.next_due()
            if not beat or beat > self._clob.now():
                return min((at for at in (due, beat) if at), default=0)
            self._heartbeats.sweep()
