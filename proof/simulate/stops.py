"""Halts as a world sets and lifts them, and whether every opening left outside of them, by the judge's own word."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from domain.halt import Halt, Rule, Scope
from domain.intent import Intent
from domain.orders import OrderTicket, Purpose
from proof.simulate.judge_halts import Stop, forbidding

_CLEARED_US = 1_500_000  # an opening leaves within a second of the record that let it pass, or not at all


class Stops:
    """`clock` is microseconds."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._stops: dict[str, Stop] = {}
        self._set = 0
        self._cleared: dict[str, int] = {}

    def set(self, scope: Scope, target: str) -> Halt:
        halt = Halt(f"h-{self._set}", scope, target, Rule.OPERATOR, "ada", "a storm", self._clock())
        self._set += 1
        self._stops[halt.id] = Stop(halt.id, str(scope), target)
        return halt

    def lifted(self, scope: Scope, target: str) -> Iterable[str]:
        """The ids of the halts there, which stand no more."""
        found = [stop.id for stop in self._stops.values() if (stop.scope, stop.target) == (str(scope), target)]
        for stop_id in found:
            del self._stops[stop_id]
        return found

    def recorded(self, ticket: OrderTicket, intent: Intent) -> None:
        """Its bytes are in the ledger: it may leave, if no halt stands over it now."""
        places = [(leg.venue, leg.market) for leg in intent.legs]
        if ticket.purpose is Purpose.OPEN and not forbidding(self._stops.values(), intent.strategy, places):
            self._cleared[ticket.client_order_id] = self._clock()

    def breach(self, ticket: OrderTicket) -> str:
        """Why an order may not leave now; empty if it may. An opening must have been recorded just before."""
        cleared = self._cleared.get(ticket.client_order_id)
        if ticket.purpose is not Purpose.OPEN or (cleared is not None and self._clock() - cleared <= _CLEARED_US):
            return ""
        return f"without a record outside every halt ({'; '.join(map(str, self._stops.values())) or 'none stands now'})"


def words(ticket: OrderTicket) -> str:
    """An order in a line of a trace."""
    return (
        f"{ticket.purpose} {ticket.leg}{ticket.attempt} {ticket.side} {ticket.size} {ticket.market} at {ticket.limit}"
    )
