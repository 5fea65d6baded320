"""What several commands read from both sides: the ledger, the exchange's account and its audit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.recorded import open_ledger
from domain.errors import BadInput, SurefootError, Unavailable
from domain.market import Venue

if TYPE_CHECKING:
    from domain.snapshot import Arrival, VenueSnapshot
    from ledger.report import Report
    from venues.port import Account, VenueClient
    from workers.local.layout import Stack

_TRIES = 3


async def venue_sides(stack: Stack) -> dict[Venue, VenueSnapshot | None]:
    """The account at each venue in use as the venue tells it; None for one that could not be asked, or refused."""
    from workers.accounts import venue_clients

    sides: dict[Venue, VenueSnapshot | None] = dict.fromkeys(stack.settings.in_use)
    async with venue_clients(stack) as clients:
        for venue, client in clients.items():
            sides[venue] = await _asked(venue, client)
    return sides


async def _asked(venue: Venue, client: VenueClient) -> VenueSnapshot | None:
    """A venue that is busy for a moment is asked again, a second later, twice at most: a report is no trade's path."""
    import asyncio

    for again in range(_TRIES):
        try:
            return _side(venue, await client.account())
        except Unavailable:
            if again + 1 < _TRIES:
                await asyncio.sleep(1)
        except SurefootError:
            return None
    return None


def _side(venue: Venue, account: Account) -> VenueSnapshot:
    from domain.snapshot import VenueSnapshot, WorkingOrder

    working = tuple(
        WorkingOrder(order.order_id, order.client_order_id, order.market, order.remaining)
        for order in account.open_orders
    )
    return VenueSnapshot(venue, account.cash, account.positions, working, account.fills)


def arrivals(stack: Stack) -> tuple[Arrival, ...] | None:
    """What the paper exchange received, byte for byte: Kalshi's by client order id, Polymarket's, which is told none,
    by order id. None on a real exchange, which tells nobody."""
    from cli import paper
    from domain.snapshot import Arrival

    if stack.paper_admin_url is None:
        return None
    audit = paper.audit(stack)
    named = [(client_id, "", receipt) for client_id, receipt in audit["orders"].items()]
    if Venue.POLYMARKET in stack.settings.in_use:
        named += [("", order_id, receipt) for order_id, receipt in audit["polymarket_orders"].items()]
    return tuple(
        Arrival(client_id, item["times"], tuple(item["sha256"]), item["first_received_at"], order_id)
        for client_id, order_id, item in named
    )


async def current_report(stack: Stack, run_id: str | None, *, every_run: bool = False) -> Report:
    """Ledger and exchange compared now, for one run (the latest if not named) or for all there ever were.

    The invariants always judge the whole ledger: an account outlives runs. An exchange that cannot be asked leaves
    its invariants unjudged. Raises `Unavailable` if the ledger cannot be read.
    """
    from ledger.report import build_report
    from workers.local.books import now

    async with open_ledger(stack) as ledger:
        if run_id is None and not every_run:
            latest = await ledger.latest_run()
            run_id = latest.run_id if latest else None
        snapshot = await ledger.snapshot(run_id)
        if run_id is not None and snapshot.run is None:
            raise BadInput(f"no run {run_id} in this ledger; `surefoot report --all` shows what there is", "no_run")
        try:
            sides, received = await venue_sides(stack), arrivals(stack)
        except SurefootError:
            sides, received = dict.fromkeys(stack.settings.in_use), None
    return build_report(snapshot, sides, received, now())
