"""Whose fills are these? Those of orders that no trade sent, and those of trades that were closed without them.

A fill is found whether or not the ledger has it already: while the user channel is up, it has every fill in a second.

    | the order's fill | the ledger lacks it                 | the ledger has it              |
    |------------------|-------------------------------------|--------------------------------|
    | of no trade      | foreign_fill, until it is known     | foreign_fill, until it is known|
    | of an open trade | missing_fill: recorded, trade told  | –                              |
    | of a closed trade| recorded, and late_fill until known | late_fill if its order's fills |
    |                  |                                     | are not what the trade counted |
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from domain.books import VenueBooks, key_of, unrecorded
from domain.evidence import Fill, FillStatus
from domain.market import Venue
from domain.money import plain
from domain.naming import shown
from domain.orders import SETS, Side, client_order_id
from domain.reconcile import Finding, Kind
from domain.snapshot import OrderFacts, OrderNames, VenueSnapshot
from domain.trade import TradeState

_ZERO = Decimal(0)
_MOST_ATTEMPTS = 200
_SHOWN_IDS = 5
_MOST_ALONE = 20  # orders of one kind told one by one; more of them are one finding, acknowledged by one command
_UNTIL = "-until-"


class Owners:
    """Which trade an order belongs to: by the ledger's record, else by the id that an open trade would give it.

    An order that closes a leg leaves even while the ledger is away, so its record may come after its fills.
    """

    def __init__(self, books: VenueBooks) -> None:
        self._open = books.open_trades
        self._by_client = {order.client_order_id: order.ticket.intent_id for order in books.orders}
        self._by_order = {o.order_id: o.ticket.intent_id for o in books.orders if o.order_id}
        self._derived: dict[str, str] | None = None

    def of(self, client_id: str, order_id: str) -> str | None:
        owner = self._by_client.get(client_id) or self._by_order.get(order_id)
        if owner is None and client_id:
            if self._derived is None:
                self._derived = {
                    client_order_id(trade.id, leg, attempt): trade.id
                    for trade in self._open
                    if trade.state is not TradeState.SETTLING
                    for leg in (*trade.legs, SETS)
                    for attempt in range(1, _MOST_ATTEMPTS + 1)
                }
            owner = self._derived.get(client_id)
        return owner


def judge_fills(account: VenueSnapshot, books: VenueBooks, owners: Owners) -> tuple[list[Finding], list[Fill]]:
    """What fills say of their owners, and those of them that the ledger is to record."""
    judged = _Fills(account, books, owners)
    return judged.found, judged.to_record


@dataclass(frozen=True, slots=True)
class _Told:
    """A finding about one order, and the time of its last fill (µs)."""

    finding: Finding
    last_at: int


class _Fills:
    def __init__(self, account: VenueSnapshot, books: VenueBooks, owners: Owners) -> None:
        self.venue, self.books, self.owners = account.venue, books, owners
        self.found: list[Finding] = []
        self.to_record: list[Fill] = []
        self._listed = {key_of(fill): fill for fill in account.fills}
        nobodys, closed = list[_Told](), list[_Told]()
        settled = _closed_orders(self.venue, books, unrecorded(account, books))
        counted = {fill.order_id for _, _, news in settled for fill in news}
        for order_id, (known_to_us, news) in self._by_order(account).items():
            if order_id in counted:
                continue
            fills = [*known_to_us, *news]
            owner = owners.of(self._client_id(fills[0]), order_id)
            if owner is None:
                nobodys += self._foreign(order_id, known_to_us, news)
            elif news:
                self._missing(order_id, owner, news)
        for order, recorded, news in settled:
            closed += self._late(order, recorded, news)
        self.found += _folded(Kind.FOREIGN_FILL, self.venue, nobodys)
        self.found += _folded(Kind.LATE_FILL, self.venue, closed)

    def _by_order(self, account: VenueSnapshot) -> dict[str, tuple[list[Fill], list[Fill]]]:
        """By the venue's order id: fills on record that no order on record explains, and fills the ledger lacks."""
        found: dict[str, tuple[list[Fill], list[Fill]]] = {}
        for fill in self.books.fills:
            if key_of(fill) in self.books.unowned and fill.status is not FillStatus.VOID:
                found.setdefault(fill.order_id, ([], []))[0].append(fill)
        for fill in unrecorded(account, self.books):
            found.setdefault(fill.order_id, ([], []))[1].append(fill)
        return found

    def _client_id(self, fill: Fill) -> str:
        """Our name of its order: an open trade may have said it of a listed fill that is on record without one."""
        return fill.client_order_id or self._listed.get(key_of(fill), fill).client_order_id

    def _foreign(self, order_id: str, recorded: Sequence[Fill], news: Sequence[Fill]) -> Iterable[_Told]:
        fills = [*recorded, *news]
        last_at = max(fill.at for fill in fills)
        known = f"{self.venue}/{order_id}" in self.books.known or last_at <= self._known_until(Kind.FOREIGN_FILL)
        if known:
            self.to_record += news
            return
        yield _Told(
            Finding(
                Kind.FOREIGN_FILL,
                self.venue,
                order_id,
                f"{self.venue} lists {_fills_text(fills)} of order {order_id} (client id "
                f"{self._client_id(fills[0]) or 'none'}); no trade has sent it",
                "trade out of it at the venue, have a trade take it over with `surefoot adopt`, or declare it "
                "known with `surefoot acknowledge`, which takes its fills into the ledger",
                (f"{self.venue}/{fills[0].market}",),
                client_order_id=self._client_id(fills[0]),
            ),
            last_at,
        )

    def _missing(self, order_id: str, owner: str, news: Sequence[Fill]) -> None:
        self.to_record += news
        self.found.append(
            Finding(
                Kind.MISSING_FILL,
                self.venue,
                order_id,
                f"{self.venue} lists {_fills_text(news)} of order {order_id}; the ledger lacked it, trade {owner} is "
                "open",
                "nothing: recorded, and the trade is told",
                (f"{self.venue}/{news[0].market}",),
                owner,
            )
        )

    def _late(self, order: OrderFacts, recorded: Sequence[Fill], news: Sequence[Fill]) -> Iterable[_Told]:
        """A closed trade's order: what its fills make now against what the trade was closed with."""
        self.to_record += news
        standing = {key_of(fill): fill for fill in (*recorded, *news)}
        fills = [fill for fill in standing.values() if fill.status is not FillStatus.VOID]
        counted = sum((fill.size for fill in fills), _ZERO)
        if counted == order.filled and not news:
            return
        owner, order_id = order.ticket.intent_id, _venue_id(order, [*recorded, *news])
        if news:
            what = (
                f"{self.venue} lists {_fills_text(news)} of order {order_id}; its trade {owner} was closed without it"
            )
        else:
            has = _fills_text(fills) if fills else "no fill"
            what = (
                f"the ledger has {has} of order {order_id}; its trade {owner} was closed with {_n(order.filled)} shares"
                " of it filled"
            )
        finding = Finding(
            Kind.LATE_FILL,
            self.venue,
            order_id,
            what,
            "on record; look at `surefoot trade` and at what stands alone, trade out of it at the venue, then "
            "`surefoot acknowledge`",
            (f"{self.venue}/{order.ticket.market}",),
            owner,
            counted,
        )
        last_at = max((fill.at for fill in standing.values()), default=order.last_sent_at)
        if finding.known_as not in self.books.known and last_at > self._known_until(Kind.LATE_FILL):
            yield _Told(finding, last_at)

    def _known_until(self, kind: Kind) -> int:
        return known_until(kind, self.venue, self.books.known)


def known_until(kind: Kind, venue: str, known: Iterable[str]) -> int:
    """Until when (µs) a person has acknowledged all findings of this kind together; -1 if nobody has."""
    prefix = f"{venue}/{kind}{_UNTIL}"
    return max((int(name.removeprefix(prefix)) for name in known if name.startswith(prefix)), default=-1)


def _folded(kind: Kind, venue: Venue, told: Sequence[_Told]) -> Iterable[Finding]:
    """One by one while they are few; else one finding for all, which one acknowledgement excuses up to its time."""
    if len(told) <= _MOST_ALONE:
        return [one.finding for one in told]
    findings = [one.finding for one in told]
    until = max(one.last_at for one in told)
    whose = "orders that no trade has sent were filled"
    if kind is Kind.LATE_FILL:
        whose = "orders of closed trades have other fills than their trades were closed with"
    return [
        Finding(
            kind,
            venue,
            f"{kind}{_UNTIL}{until}",
            f"{venue}: {len(told)} {whose}, the last at {until} µs; the first: {findings[0].text}",
            findings[0].do,
            tuple(sorted({market for finding in findings for market in finding.markets})),
        )
    ]


def _closed_orders(
    venue: Venue, books: VenueBooks, news: Iterable[Fill]
) -> list[tuple[OrderFacts, list[Fill], list[Fill]]]:
    """Orders of closed trades with their fills on record, and with those that the ledger lacks."""
    mine = {
        order.client_order_id: (order, list[Fill](), list[Fill]())
        for order in books.orders
        if order.ticket.leg != SETS and books.states.get(order.ticket.intent_id) is TradeState.CLOSED
    }
    if not mine:
        return []
    names = OrderNames(books.orders)
    for place, fills in ((1, books.fills), (2, news)):
        for fill in fills:
            order = names.find(venue, fill.client_order_id, fill.order_id)
            if order is not None and order.client_order_id in mine:
                found = mine[order.client_order_id]
                (found[1] if place == 1 else found[2]).append(fill)
    return list(mine.values())


def _venue_id(order: OrderFacts, fills: Sequence[Fill]) -> str:
    return fills[0].order_id if fills else order.order_id or order.client_order_id


def _fills_text(fills: Sequence[Fill]) -> str:
    one = fills[0]
    size = sum((fill.size for fill in fills), _ZERO)
    ids = ", ".join(fill.trade_id for fill in fills[:_SHOWN_IDS]) + (", …" if len(fills) > _SHOWN_IDS else "")
    prices = sorted({fill.told_price for fill in fills})
    at = _n(prices[0]) if len(prices) == 1 else f"{_n(prices[0])} to {_n(prices[-1])}"
    verb = "bought" if one.side is Side.BUY else "sold"
    void = ", void" if one.status is FillStatus.VOID else ""
    return f"{_n(size)} shares of {shown(one.market)} {verb} at {at} (fill {ids}{void})"


def _n(value: Decimal) -> str:
    return plain(value.normalize()) if value else "0"
