"""How many trades may be under way at once: opening one more must not make a hedge wait.

    admission = Admission(AdmissionLimits(most_trading=4, hedge_wait_ms=1_000))
    admission.busy(Load(trading=5))        # "5 trades are under way; limit 4"
    admission.busy(Load(trading=4))        # the like still: it opens again below 3

On a busy machine a second trade takes its time from the second leg of the first. So opening stops, of all that this
system does first, as soon as as many trades are under way as the machine was measured to carry, or one has stood with
shares alone for longer than a hedge takes; and it begins again only well below that, so that it does not flutter.
"""

from __future__ import annotations

from dataclasses import dataclass

_REOPENS_AT = (3, 4)
_STILL_AT_WORK_US = 600_000_000
_HEDGE_MATTERS_US = 120_000_000


@dataclass(frozen=True, slots=True)
class AdmissionLimits:
    """`most_trading` trades may be under way at once, over all processes; none of them may have stood with shares alone
    for `hedge_wait_ms` when another is opened. None: no limit."""

    most_trading: int | None = 4
    hedge_wait_ms: int | None = 1_000


@dataclass(frozen=True, slots=True)
class AtWork:
    """A trade that is under way: when it began (µs), and whether shares of it stand alone."""

    began_at: int
    alone: bool


@dataclass(frozen=True, slots=True)
class Load:
    """What is under way: how many trades, and for how long (µs) the longest of them has stood with shares alone."""

    trading: int = 0
    waited: int = 0


class Admission:
    """Decides by what it is told, each time anew; but what has shut opens again only at three quarters of a limit."""

    def __init__(self, limits: AdmissionLimits) -> None:
        self._limits = limits
        self._full = self._slow = False

    def busy(self, load: Load) -> str:
        """Why no trade may be opened now, what was seen and what the limit is; empty if one may."""
        most, wait = self._limits.most_trading, self._limits.hedge_wait_ms
        self._full = most is not None and load.trading >= _limit(most, shut=self._full)
        self._slow = wait is not None and load.waited >= _limit(wait * 1000, shut=self._slow)
        if self._slow:
            return f"a hedge has waited for {load.waited / 1e6:.1f} s; limit {(wait or 0) / 1000:g} s"
        return f"{load.trading} trades are under way; limit {most}" if self._full else ""


def load_of(trades: list[AtWork], now: int) -> Load:
    """What is under way at `now` (µs), by the trades that the ledger has neither at rest nor stuck.

    A trade that began ten minutes ago no longer takes the machine's time, whatever holds it up; and one that has stood
    alone for two minutes is a matter for its operator, not of load: neither may keep everything shut for ever.
    """
    ages = [now - trade.began_at for trade in trades if trade.alone]
    waited = max((age for age in ages if age < _HEDGE_MATTERS_US), default=0)
    return Load(sum(1 for trade in trades if now - trade.began_at < _STILL_AT_WORK_US), max(waited, 0))


def _limit(limit: int, *, shut: bool) -> int:
    """Where it is shut, or stays so; at least 1, or it could never open."""
    part, of = _REOPENS_AT
    return max(1, limit * part // of) if shut else limit
