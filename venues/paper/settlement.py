"""The clerk: sees to it that what is due happens. Markets are determined and paid, orders end at their time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping

import structlog

from venues.paper import refusals
from venues.paper.exchange import Exchange
from venues.paper.listing import Outcome

_LOG = structlog.get_logger("paper.settlement")


class Clerk:
    """`timer` is the settlement timer in microseconds. Due steps are on disk with the market, so that one that came
    due while the exchange was down is taken as soon as it is up."""

    def __init__(self, exchange: Exchange, timer: int) -> None:
        self._exchange = exchange
        self._timer = timer
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    def resolve(self, outcomes: Mapping[str, Outcome]) -> None:
        """Close these markets (known tickers) and start their settlement timers. Raises `BadInput`, changing nothing,
        if one was already paid otherwise."""
        self._exchange.resolve(outcomes, self._timer)
        self._woken.set()
        _LOG.info("markets decided", outcomes={ticker: outcome.result for ticker, outcome in outcomes.items()})

    def look(self) -> None:
        """Something may be due earlier than before: an order that ends by itself was placed."""
        self._woken.set()

    async def _run(self) -> None:
        while True:
            self._woken.clear()
            try:
                dues = (self._exchange.settle_due(), self._exchange.expire_due())
                due = min((at for at in dues if at), default=0)
            except refusals.Refusal:
                return  # the exchange has failed and says so to everybody; a restart takes this up
            wait = max(0, due - self._exchange.now()) / 1_000_000 if due else None
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), wait)
