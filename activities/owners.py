"""Whose order is it, where the venue knows orders only by its own id and the ledger has no record of that id?

An order that closes a leg leaves even while the ledger is away. Where the venue is told no client order id, its record
alone leads from the venue's id to its trade, and that is made up for at the latest when the trade settles. Until then
the trade itself knows its orders: the id was answered, or it follows from the ticket (`VenueClient.prepare` is pure).
So open trades are asked, and only while something is listed that nothing else explains.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import structlog

from domain.books import VenueBooks, key_of, unrecorded
from domain.errors import SurefootError
from domain.snapshot import VenueSnapshot
from domain.trade import OrderRecord, TradeRecord, TradeState
from venues.port import VenueClient

log = structlog.get_logger(__name__)

AskTrade = Callable[[str], Awaitable[TradeRecord | None]]
"""A trade's own record by its intent id; None if no workflow of that id answers."""


async def named(account: VenueSnapshot, books: VenueBooks, client: VenueClient, ask: AskTrade) -> VenueSnapshot:
    """The account with our own names for orders and fills that an open trade knows to be its own. What stays without a
    name is nobody's: a trade that cannot be asked owns nothing here, and a halt is then the safe mistake."""
    nameless = _nameless(account, books)
    found: dict[str, str] = {}
    for trade in books.open_trades if nameless else ():
        markets = {f"{account.venue}/{market}" for market in nameless.values()}
        if trade.state is TradeState.SETTLING or not markets.intersection(trade.markets):
            continue
        record = await ask(trade.id)
        for order in record.orders if record is not None else ():
            if order.ticket.venue is account.venue and (its_id := await _id_of(order, client)) in nameless:
                found[its_id] = order.ticket.client_order_id
                del nameless[its_id]
        if not nameless:
            break
    if not found:
        return account
    log.info("orders whose record is missing belong to open trades", venue=account.venue, orders=len(found))
    return replace(
        account,
        working=tuple(
            replace(one, client_order_id=found.get(one.order_id, one.client_order_id)) for one in account.working
        ),
        fills=tuple(
            replace(one, client_order_id=found.get(one.order_id, one.client_order_id)) for one in account.fills
        ),
    )


def _nameless(account: VenueSnapshot, books: VenueBooks) -> dict[str, str]:
    """Markets by the venue's ids of orders, listed or on record, that have no name of ours and no record of their
    own."""
    listed = [(one.client_order_id, one.order_id, one.market) for one in account.working]
    listed += [(one.client_order_id, one.order_id, one.market) for one in unrecorded(account, books)]
    listed += [(one.client_order_id, one.order_id, one.market) for one in books.fills if key_of(one) in books.unowned]
    explained = {order.order_id for order in books.orders if order.order_id}
    return {
        order_id: market
        for client_id, order_id, market in listed
        if not client_id and order_id not in explained and f"{account.venue}/{order_id}" not in books.known
    }


async def _id_of(order: OrderRecord, client: VenueClient) -> str:
    """The venue's id of an order as answered, else as it follows from the ticket; empty where neither says one."""
    if order.result is not None and order.result.order_id:
        return order.result.order_id
    try:
        return (await client.prepare(order.ticket)).order_id
    except SurefootError as unsaid:
        log.warning("an order's id is not known", order=order.ticket.client_order_id, error=unsaid.message)
        return ""
