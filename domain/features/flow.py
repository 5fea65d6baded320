"""Order-flow imbalance: how much the touch gained on the buyers' side, from one state of the book to the next.

    e = 1{b ≥ b₋}·q_b − 1{b ≤ b₋}·q_b₋ − 1{a ≤ a₋}·q_a + 1{a ≥ a₋}·q_a₋

Cont, Kukanov, Stoikov (2014), Journal of Financial Econometrics 12:1. Summed over a window of exchange time. An empty
bid counts as a bid at 0, an empty ask as one at 1 dollar, both of size 0: a side that disappears is flow as well.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import pairwise

from domain.features.feature import Feature, Flaw, flawed
from domain.features.touch import Touch
from domain.money import MICRO


def flow(before: Touch, after: Touch) -> int:
    """e between two states, in micro-shares: positive when buyers gained."""
    bid, bid_was = _bid(after), _bid(before)
    ask, ask_was = _ask(after), _ask(before)
    moved = 0
    if bid >= bid_was:
        moved += after.bid_size
    if bid <= bid_was:
        moved -= before.bid_size
    if ask <= ask_was:
        moved -= after.ask_size
    if ask >= ask_was:
        moved += before.ask_size
    return moved


def _bid(touch: Touch) -> int:
    return 0 if touch.best_bid is None else touch.best_bid


def _ask(touch: Touch) -> int:
    return MICRO if touch.best_ask is None else touch.best_ask


def flows(touches: Iterable[Touch]) -> list[int]:
    """e of each state against the one before it; one fewer than `touches`."""
    states = list(touches)
    return [flow(before, after) for before, after in pairwise(states)]


class FlowImbalance:
    """The sum of e over the last `window` microseconds of exchange time, kept exactly in whole numbers.

    A state older than the one before it is left out and counted in `late`.
    """

    __slots__ = ("_began", "_last", "_moves", "_sum", "_window", "late")

    def __init__(self, window: int) -> None:
        if window <= 0:
            raise ValueError(f"window {window} µs; expected more than 0")
        self._window = window
        self._moves: deque[tuple[int, int]] = deque()
        self._sum = 0
        self._last: Touch | None = None
        self._began = 0
        self.late = 0

    def update(self, touch: Touch) -> None:
        last = self._last
        if last is None:
            self._began = touch.at
        elif touch.at < last.at:
            self.late += 1
            return
        elif moved := flow(last, touch):
            self._moves.append((touch.at, moved))
            self._sum += moved
        self._last = touch
        self._forget(touch.at)

    def reset(self) -> None:
        """The book was lost: its next state is a beginning, not a move."""
        self._moves.clear()
        self._sum = 0
        self._last = None

    def at(self, now: int) -> Feature:
        """Shares. Warming until a whole window was seen."""
        if self._last is None:
            return flawed(Flaw.MISSING)
        if now - self._began < self._window:
            return flawed(Flaw.WARMING, f"{(now - self._began) / 1e6:.1f} s of {self._window / 1e6:g} s seen")
        total = self._sum
        for at, moved in self._moves:
            if at > now - self._window:
                break
            total -= moved
        return Feature(total / MICRO)

    def _forget(self, now: int) -> None:
        moves = self._moves
        while moves and moves[0][0] <= now - self._window:
            self._sum -= moves.popleft()[1]
