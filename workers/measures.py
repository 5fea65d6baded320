"""What trades leave on the metrics page as they happen: orders answered, unknowns resolved, trades at rest.

A record may be shown more than once (an activity is repeated when its answer was lost). Whatever was counted is
remembered here, so a repetition adds nothing; a process that dies in that very step may leave one to its successor.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from domain.evidence import OrderEvidence, OrderStatus
from domain.intent import Intent
from domain.orders import OrderTicket, Purpose, SubmitResult
from domain.requests import EvidenceRequest
from domain.trade import TradeRecord, TradeState
from workers import metrics

_REMEMBERED = 20_000
_JUST_BEGUN_US = 5_000_000  # the record of a rest that begins is made in the moment it begins


@dataclass(frozen=True, slots=True)
class Visit:
    """One stay in a state, in microseconds."""

    state: TradeState
    began: int
    lasted: int


def visits(record: TradeRecord) -> list[Visit]:
    """The stays that have ended, in order."""
    return [Visit(here.state, here.at, there.at - here.at) for here, there in pairwise(record.entered)]


class Measures:
    """One a process; its methods are the hooks of the activities."""

    def __init__(self) -> None:
        self._counted: OrderedDict[Hashable, None] = OrderedDict()

    def submitted(self, ticket: OrderTicket, result: SubmitResult, opening: Intent | None, sent: int) -> None:
        """See `activities.orders.Observe`."""
        metrics.SUBMIT.labels(result.verdict).observe(max(result.at - sent, 0) / 1e6)
        if opening is not None and ticket.purpose is Purpose.OPEN:
            metrics.FIRST_BYTE.observe(max(sent - opening.decided_at, 0) / 1e6)

    def answered(self, request: EvidenceRequest, evidence: OrderEvidence, at: int) -> None:
        """See `activities.orders.Answered`. An order the venue gave no id for was unknown until this said otherwise."""
        if request.order_id is not None or not request.sent_at or evidence.status is OrderStatus.UNSEEN:
            return
        if self._first((evidence.client_order_id, request.sent_at)):
            metrics.UNKNOWN.observe(max(at - request.sent_at, 0) / 1e6)

    def rested(self, record: TradeRecord, unhedged_dollar_seconds: Decimal) -> None:
        """See `activities.settlement.Rested`. What came before a rest is counted as the rest begins, the rest itself as
        it ends; so the page does not wait days for a market to pay."""
        stays = visits(record)
        rests = [n for n, visit in enumerate(stays) if visit.state is TradeState.SETTLING]
        began = record.entered[-1].at
        closed = record.state is TradeState.CLOSED
        if not closed and record.at - began > _JUST_BEGUN_US:
            return  # still the rest that was counted when it began, here or in another process
        if not self._first((record.intent_id, record.state, began)):
            return
        for visit in stays[rests[-1] :] if rests else stays:
            metrics.STATE.labels(visit.state).observe(visit.lasted / 1e6)
        if not rests:
            metrics.UNHEDGED_NOTIONAL_SECONDS.inc(float(unhedged_dollar_seconds))  # for watching only
        if closed:
            metrics.CLOSED.labels(record.outcome or "").inc()

    def _first(self, what: Hashable) -> bool:
        """Whether this was not counted before; remembers the latest tens of thousands."""
        if what in self._counted:
            return False
        self._counted[what] = None
        if len(self._counted) > _REMEMBERED:
            self._counted.popitem(last=False)
        return True
