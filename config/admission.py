"""How many trades may be under way at once."""

from __future__ import annotations

from pydantic import Field

from config.section import Section
from domain.admission import AdmissionLimits


class Admission(Section):
    """Opening stops before hedging does (`domain.admission`): at `most_trading` trades under way over all processes, or
    once one has stood with shares alone for `hedge_wait_ms`. It begins again at three quarters of that. null: no limit.
    """

    most_trading: int | None = Field(default=4, gt=0)
    hedge_wait_ms: int | None = Field(default=1_000, gt=0)

    def limits(self) -> AdmissionLimits:
        return AdmissionLimits(self.most_trading, self.hedge_wait_ms)
