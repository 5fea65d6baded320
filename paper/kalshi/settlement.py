"""The clerk: sees to it that what is due happens. Markets are determined and paid, orders end at their time."""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from paper.core.due import DueLoop
from paper.kalshi import refusals
from paper.kalshi.exchange import Exchange
from paper.kalshi.listing import Outcome

_LOG = structlog.get_logger("paper.settlement")


class Clerk(DueLoop):
    """`timer` is the settlement timer in microseconds. Due steps are on disk with the market, so that one that came
    due while the exchange was down is taken as soon as it is up."""

    def __init__(self, exchange: Exchange, timer: int) -> None:
        super().__init__(self._settle_and_expire, exchange.now, failed=refusals.Refusal)
        self._exchange = exchange
        self._timer = timer

    def resolve(self, outcomes: Mapping[str, Outcome]) -> None:
        """Close these markets (known tickers) and start their settlement timers. Raises `BadInput`, changing nothing,
        if one was already paid otherwise."""
        self._exchange.resolve(outcomes, self._timer)
        self.wake()
        _LOG.info("markets decided", outcomes={ticker: outcome.result for ticker, outcome in outcomes.items()})

    def _settle_and_expire(self) -> int:
        dues = (self._exchange.settle_due(), self._exchange.expire_due())
        return min((at for at in dues if at), default=0)
