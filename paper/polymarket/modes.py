"""What the exchange as a whole takes at the moment, and what it answers to the rest.

| mode | orders | cancels | answer |
|---|---|---|---|
| normal | all | yes | |
| post_only | post-only ones | yes | 503 `post_only_mode` with `Retry-After`; in a batch 200 with `errorMsg` |
| cancel_only | none | yes | 503 |
| disabled | none | none | 503 |
| restarting | none | none | 425 with `Retry-After`; two minutes of post_only follow |

Source: docs.polymarket.com/trading/matching-engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from paper.polymarket import refusals

Mode = Literal["normal", "post_only", "cancel_only", "disabled", "restarting"]
MODES: tuple[Mode, ...] = ("normal", "post_only", "cancel_only", "disabled", "restarting")


@dataclass(slots=True)
class Modes:
    """`after_restart` is how long post-only lasts after a restart, in microseconds. Not kept over a restart of ours."""

    after_restart: int
    mode: Mode = "normal"
    until: int = 0

    def set(self, mode: Mode, until: int = 0) -> None:
        """`until` in microseconds since the epoch; 0 for as long as nobody says otherwise."""
        self.mode, self.until = mode, until

    def now(self, at: int) -> Mode:
        while self.until and at >= self.until:
            if self.mode == "restarting":
                self.set("post_only", self.until + self.after_restart)
            else:
                self.set("normal")
        return self.mode

    def admit_order(self, at: int, *, post_only: bool) -> None:
        """Raises the mode's refusal of an order."""
        mode, left = self.now(at), self._left(at)
        if mode == "restarting":
            raise refusals.restarting(left)
        if mode == "disabled":
            raise refusals.disabled_mode()
        if mode == "cancel_only":
            raise refusals.cancel_only_mode()
        if mode == "post_only" and not post_only:
            raise refusals.post_only_mode(left)

    def admit_cancel(self, at: int) -> None:
        """Raises the mode's refusal of a cancel."""
        mode = self.now(at)
        if mode == "restarting":
            raise refusals.restarting(self._left(at))
        if mode == "disabled":
            raise refusals.disabled_mode()

    def _left(self, at: int) -> int:
        return max(1, -(-(self.until - at) // 1_000_000)) if self.until else 60
