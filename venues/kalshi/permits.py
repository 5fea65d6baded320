"""A Kalshi key whose holder's location is no longer attested may not trade what needs that."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

import structlog

from domain.errors import SurefootError
from domain.validation import Obstacle
from venues.adapter import Permits
from venues.kalshi.client import KalshiClient

log = structlog.get_logger(__name__)

_ATTESTED_FOR_US = 600_000_000
_PATIENCE_S = 1.0


class Attestation(Permits):
    """Asked for every ten minutes; one that cannot be read forbids nothing: the venue has the last word."""

    def __init__(self, client: KalshiClient, clock: Callable[[], int]) -> None:
        self._client = client
        self._clock = clock
        self._attested: tuple[int, int | None] | None = None  # when it was read, and until when

    async def missing(self, markets: Iterable[str]) -> Sequence[Obstacle]:
        """Which of these markets the key may not trade, its attestation having lapsed."""
        if not (wanted := list(markets)):
            return ()
        now = self._clock()
        if self._attested is None or now - self._attested[0] >= _ATTESTED_FOR_US:
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    self._attested = (now, await self._client.attested_until())
            except (SurefootError, TimeoutError) as away:
                log.warning("whether the key's location is attested was not read", error=str(away))
                self._attested = (now, self._attested[1] if self._attested is not None else None)
        until = self._attested[1]
        if until is None or now < until:
            return ()
        lapsed = "the attestation of location of Kalshi's key has lapsed; attest it again"
        barred = [market for market in wanted if await self._client.needs_attestation(market)]
        return tuple(Obstacle("attestation", f"{market}: {lapsed}") for market in barred)
