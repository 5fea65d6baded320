"""Sequence numbers of one connection: what was missed, and in which subscription.

The venue counts messages per subscription (`sid`), over all its markets; acknowledgements that carry a number count
too. Channels without numbers (fills, own orders) cannot show a gap and are reconciled over REST instead.
"""

from __future__ import annotations

from enum import Enum, auto


class Arrival(Enum):
    """How a frame's number relates to the one before it."""

    NEXT = auto()  # in order, the first of its subscription, or not numbered
    GAP = auto()  # something before it is missing, or it came twice
    ASIDE = auto()  # outside the count: the answer to a request of ours


class Sequence:
    """Last number seen by sid. A new connection starts with a new one: sids do not survive it."""

    __slots__ = ("_highest", "_last")

    def __init__(self) -> None:
        self._last: dict[int, int] = {}
        self._highest: dict[int, int] = {}

    def renumbered(self, sid: int | None, seq: int | None) -> bool:
        """Whether a snapshot of this number, asked for as a repair, would be refused by whoever keeps the books: its
        number came before, and an old snapshot looks just the same. Only a new subscription counts anew."""
        return sid is not None and seq is not None and seq < self._highest.get(sid, 0)

    def arrive(self, sid: int | None, seq: int | None, *, solicited: bool = False) -> Arrival:
        """Account for one frame.

        `solicited` marks answers to our own requests (acks, a snapshot asked for). Whether the venue counts those in
        the subscription's sequence is not documented, so an answer out of order is set aside instead of taken for
        the new count: a real gap still shows at the next frame, and no repair can cause the next one."""
        if sid is None or seq is None:
            return Arrival.NEXT
        last = self._last.get(sid)
        if not solicited or last is None or seq == last + 1:
            self._highest[sid] = max(self._highest.get(sid, 0), seq)
        if last is None or seq == last + 1:
            self._last[sid] = seq
            return Arrival.NEXT
        if solicited:
            return Arrival.ASIDE
        self._last[sid] = seq
        return Arrival.GAP
