"""What a person's word to a trade would do at the live books: read from ledger and venues, nothing is sent."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from domain import residual
from domain.errors import SurefootError
from domain.evidence import FillStatus
from domain.fee_bounds import worst_fee
from domain.intent import Intent, Way
from domain.market import Venue
from domain.orders import Quote, Side
from domain.outlook import Outlook, outlook
from ledger.story import TradeStory
from venues.port import VenueClient

_NONE = Decimal(0)


async def outlooks(
    story: TradeStory, venues: Mapping[Venue, VenueClient], least: Decimal | None = None
) -> tuple[Outlook, Outlook]:
    """Unwinding (with no share given back for less than `least`), and completing. A book that cannot be read counts as
    empty."""
    quotes: dict[str, Quote] = {}
    for leg in story.intent.legs:
        client = venues.get(leg.venue)
        if client is None:
            continue
        try:
            quotes[leg.name] = await client.quote(leg.market)
        except SurefootError:
            continue
    standing = residual_of(story, quotes)
    return outlook(standing, Way.UNWIND, least), outlook(standing, Way.COMPLETE)


def residual_of(story: TradeStory, quotes: Mapping[str, Quote]) -> residual.Residual:
    """The trade's legs as the ledger counts them, with these books by leg."""
    intent = story.intent
    stands = []
    for leg in intent.legs:
        quote = quotes.get(leg.name)
        stands.append(
            residual.Stand(
                name=leg.name,
                side=leg.side,
                shares=_shares(story, leg.name, leg.side),
                take=residual.levels_of(quote, leg.side),
                give=residual.levels_of(quote, leg.side.opposite),
                fees=leg.fees,
                tick=leg.tick,
                min_size=leg.min_size,
                lot=leg.lot,
                bands=leg.bands,
            )
        )
    return residual.Residual(
        legs=tuple(stands),
        cash=_cash(story),
        payoff=intent.payoff,
        floor=None,
        ways=frozenset({Way.UNWIND, Way.COMPLETE}),
    )


def _shares(story: TradeStory, leg: str, side: Side) -> Decimal:
    of_leg = [order for order in story.orders if order.ticket.leg == leg]
    return sum((order.filled if order.ticket.side is side else -order.filled for order in of_leg), _NONE)


def _cash(story: TradeStory) -> Decimal:
    """Of every order: what its fills cost, or, where they are not all known, its limit and the worst fees."""
    total = _NONE
    for order in story.orders:
        ticket = order.ticket
        fills = [
            fill
            for fill in story.fills
            if fill.status is not FillStatus.VOID
            and (fill.client_order_id == order.client_order_id or (order.order_id and fill.order_id == order.order_id))
        ]
        explained = sum((fill.size for fill in fills), _NONE)
        total += sum((fill.cash for fill in fills), _NONE)
        left = order.filled - explained
        if left > 0:
            gross = ticket.limit * left
            fees = _fees(story.intent, ticket.leg, ticket.side, ticket.limit, left)
            total += (gross if ticket.side is Side.SELL else -gross) - fees
    return total


def _fees(intent: Intent, leg: str, side: Side, price: Decimal, shares: Decimal) -> Decimal:
    fees = next((one.fees for one in intent.legs if one.name == leg), None)
    return _NONE if fees is None else worst_fee(fees, side, price, shares)
