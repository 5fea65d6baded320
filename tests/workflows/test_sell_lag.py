"""A venue says we lack what its own fills say we have: its balance lags, and a sale is tried until it has caught up."""

from __future__ import annotations

import pytest

from domain.orders import OrderTicket, Side, SubmitResult, Verdict
from domain.trade import Outcome
from tests.workflows.rehearsal import START, Rehearsal
from workflows.orders import MOST_REMEMBERED


def lagging(stage: Rehearsal, lag_s: int) -> list[float]:
    """Leg B is closed; what was bought cannot be sold for so long. The seconds at which a sale was tried."""
    honest, tried = stage.venue.submit, []

    async def submit(ticket: OrderTicket) -> SubmitResult:
        now = stage.desk.now()
        if ticket.leg == "B":
            return SubmitResult(Verdict.REJECTED, "market_closed", "closed", at=now)
        if ticket.side is Side.SELL:
            tried.append((now - START) / 1e6)
            if now - START < lag_s * 1_000_000:
                return SubmitResult(Verdict.REJECTED, "insufficient_balance", "not enough balance", at=now)
        return await honest(ticket)

    stage.venue.submit = submit  # type: ignore[method-assign]
    return tried


@pytest.mark.parametrize(("lag_s", "late_s"), [(2, 5), (45, 5), (500, 5), (3_000, 30), (9_000, 90)])
async def test_what_a_lagging_balance_refused_to_sell_is_sold_soon_after_it_has_caught_up(
    lag_s: int, late_s: int
) -> None:
    stage = Rehearsal()
    tried = lagging(stage, lag_s)
    record = await stage.run()
    assert record.outcome is Outcome.UNWOUND, stage.story()
    assert tried[-1] - lag_s <= late_s
    assert len(record.orders) <= MOST_REMEMBERED + 1
    assert await stage.broken() == []
