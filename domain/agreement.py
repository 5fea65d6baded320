"""A venue account and the ledger side by side: pure, and the same at a start, on schedule and on request.

One look may fall between two steps of a trade in flight; what it finds is not yet true. `lasting` keeps what every
look of a run has found alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import combinations

from domain.custody import OpenTrade
from domain.evidence import Fill, FillStatus, Resolution
from domain.market import Venue
from domain.money import plain, tidy
from domain.naming import shown
from domain.orders import SETS, Side, Verdict, client_order_id
from domain.reconcile import Finding, Kind
from domain.snapshot import OrderFacts, VenueSnapshot
from domain.trade import TradeState

_ZERO = Decimal(0)
_MOST_ATTEMPTS = 200
_SHOWN_IDS = 5
_MOST_DECLARED = 12  # whose combinations are tried

FillKey = tuple[str, str]
"""The venue's trade id and order id: with the venue, what names a fill."""


@dataclass(frozen=True, slots=True)
class DeclaredTransfer:
    """Dollars that a person says were moved to (negative: from) a venue. `ref` names the movement; `at` (µs) is when
    it was said. `seen`: what was declared known is a difference that a run had found, so the balance has shown it."""

    ref: str
    amount: Decimal
    author: str
    reason: str
    at: int
    seen: bool = False

    def __str__(self) -> str:
        return f"${tidy(self.amount)} by {self.author} ({self.reason})"


DECLARED_FOR_US = 3_600_000_000
"""How long a declared transfer may take to show in the balance: it is declared when it leaves, or is about to come."""


@dataclass(frozen=True, slots=True)
class VenueBooks:
    """The ledger's side of one venue account.

    `cash` adds up every entry; `opened_at` is when the opening balance among them was read, None without one: fills
    from before are part of it. `orders` are at least those that are open and those that own something the venue
    lists; `states` of the trades that own them (CLOSED ones included). `known` is what a person has acknowledged, as
    `Finding.known_as`, and `known_shares` the shares by market that a person has declared to be nobody's. `declared`
    are the transfers that a person has declared and the ledger has not booked: none was seen in the balance yet.
    """

    opened_at: int | None
    cash: Decimal
    positions: Mapping[str, Decimal]
    fills: tuple[Fill, ...]
    orders: tuple[OrderFacts, ...]
    states: Mapping[str, TradeState]
    open_trades: tuple[OpenTrade, ...]
    known: frozenset[str] = frozenset()
    known_shares: Mapping[str, Decimal] = field(default_factory=dict)
    declared: tuple[DeclaredTransfer, ...] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """What one look found, what the ledger should record, and the cash the ledger expects at the venue."""

    findings: tuple[Finding, ...]
    fills: tuple[Fill, ...] = ()
    expected_cash: Decimal = _ZERO


def key_of(fill: Fill) -> FillKey:
    return (fill.trade_id, fill.order_id)


def unrecorded(account: VenueSnapshot, books: VenueBooks) -> tuple[Fill, ...]:
    """Fills since the opening that the venue lists and the ledger lacks, and those the venue has voided since."""
    ours = {key_of(fill): fill for fill in books.fills}
    news = []
    for fill in account.fills:
        mine = ours.get(key_of(fill))
        if mine is None and books.opened_at is not None and fill.at < books.opened_at:
            continue
        void = fill.status is FillStatus.VOID
        if (mine is None and not void) or (mine is not None and void and mine.status is not FillStatus.VOID):
            news.append(fill)
    return tuple(news)


def unpaid_markets(account: VenueSnapshot, books: VenueBooks) -> list[str]:
    """Markets in which the ledger expects shares and the venue holds none: they may have been paid out."""
    expected = _expected_positions(account, books)
    return sorted(m for m, shares in expected.items() if shares and not account.positions.get(m, _ZERO))


def compare_account(
    account: VenueSnapshot,
    books: VenueBooks,
    resolutions: Mapping[str, Resolution],
    *,
    unknown_after_us: int,
    now: int,
) -> Look:
    """One venue account against the ledger. `resolutions` of `unpaid_markets`; `now` wall-clock microseconds."""
    return _Account(account, books, resolutions, unknown_after_us, now).look()


class _Account:
    """The comparison of one account, finding by finding."""

    def __init__(
        self,
        account: VenueSnapshot,
        books: VenueBooks,
        resolutions: Mapping[str, Resolution],
        unknown_after_us: int,
        now: int,
    ) -> None:
        self.account, self.books, self.venue = account, books, account.venue
        self.resolutions, self.unknown_after_us, self.now = resolutions, unknown_after_us, now
        self.news = unrecorded(account, books)
        self.owners = _Owners(books, account.venue)
        self.found: list[Finding] = []
        self.to_record: list[Fill] = []

    def look(self) -> Look:
        self._working_orders()
        self._unrecorded_fills()
        self._recorded_fills()
        pending = self._positions()
        expected = self._cash(pending)
        self._unknown_orders()
        return Look(tuple(self.found), tuple(self.to_record), expected)

    # ------------------------------------------------------------------ orders

    def _working_orders(self) -> None:
        for order in self.account.working:
            if self._known(order.order_id):
                continue
            owner = self.owners.of(order.client_order_id, order.order_id)
            what = (
                f"{self.venue} works order {order.order_id} (client id {order.client_order_id or 'none'}), "
                f"{_n(order.remaining)} shares left in {shown(order.market)}"
            )
            if owner is None:
                self._find(
                    Kind.FOREIGN_ORDER,
                    order.order_id,
                    f"{what}; no trade has sent it",
                    "cancel it at the venue, have a trade take it over with `surefoot adopt`, or declare it known with "
                    "`surefoot acknowledge`",
                    market=order.market,
                )
            elif self.books.states.get(owner) is TradeState.CLOSED:
                self._find(
                    Kind.STRAY_ORDER,
                    order.order_id,
                    f"{what}; its trade {owner} is closed",
                    "cancel it at the venue, then look at the trade with `surefoot trade`",
                    market=order.market,
                    owner=owner,
                )

    def _unknown_orders(self) -> None:
        for order in self.books.orders:
            unproven = order.verdict in (None, Verdict.UNKNOWN)
            if not order.open or not unproven or self.now - order.first_sent_at <= self.unknown_after_us:
                continue
            ticket = order.ticket
            self._find(
                Kind.UNKNOWN_ORDER,
                order.client_order_id,
                f"order {order.client_order_id} ({ticket.purpose} {ticket.side} {_n(ticket.size)} "
                f"{shown(ticket.market)} at {_n(ticket.limit)}) of trade {ticket.intent_id} was sent at "
                f"{order.first_sent_at} µs and nothing has shown what became of it for over "
                f"{self.unknown_after_us // 1_000_000} s",
                "look for it at the venue; then `surefoot retry` the trade, or `surefoot unwind` it",
                market=ticket.market,
                owner=ticket.intent_id,
            )

    # ------------------------------------------------------------------ fills

    def _unrecorded_fills(self) -> None:
        by_order: dict[str, list[Fill]] = {}
        for fill in self.news:
            by_order.setdefault(fill.order_id, []).append(fill)
        for order_id, fills in by_order.items():
            market = fills[0].market
            owner = self.owners.of(fills[0].client_order_id, order_id)
            what = f"{self.venue} lists {_fills_text(fills)} of order {order_id}"
            if owner is None:
                if self._known(order_id):
                    self.to_record += fills
                    continue
                self._find(
                    Kind.FOREIGN_FILL,
                    order_id,
                    f"{what} (client id {fills[0].client_order_id or 'none'}); no trade has sent it",
                    "trade out of it at the venue, have a trade take it over with `surefoot adopt`, or declare it "
                    "known with `surefoot acknowledge`, which takes its fills into the ledger",
                    market=market,
                )
                continue
            self.to_record += fills
            if self.books.states.get(owner) is TradeState.CLOSED:
                self._find(
                    Kind.LATE_FILL,
                    order_id,
                    f"{what}; its trade {owner} was closed without it",
                    "recorded; look at `surefoot trade` and at what stands alone, then `surefoot resume` the market",
                    market=market,
                    owner=owner,
                )
            else:
                self._find(
                    Kind.MISSING_FILL,
                    order_id,
                    f"{what}; the ledger lacked it, trade {owner} is open",
                    "nothing: recorded, and the trade is told",
                    market=market,
                    owner=owner,
                )

    def _recorded_fills(self) -> None:
        theirs = {key_of(fill): fill for fill in self.account.fills}
        horizon = min((fill.at for fill in self.account.fills), default=0)
        for fill in self.books.fills:
            name = f"fill {fill.trade_id} of order {fill.order_id}"
            listed = theirs.get(key_of(fill))
            if listed is None:
                # A venue lists fills for some months only; what is older than its oldest proves nothing.
                if fill.status is FillStatus.VOID or fill.at < horizon:
                    continue
                self._find(
                    Kind.UNLISTED_FILL,
                    f"{fill.trade_id}/{fill.order_id}",
                    f"the ledger has {name} ({_terms(fill)}); {self.venue} does not list it",
                    "compare with the venue's own pages: either its listing is incomplete, or the ledger counts shares "
                    "that are not there",
                    market=fill.market,
                    owner=self.owners.of(fill.client_order_id, fill.order_id) or "",
                )
            elif listed.status is not FillStatus.VOID and _terms(listed) != _terms(fill):
                self._find(
                    Kind.FILL_DIFFERS,
                    f"{fill.trade_id}/{fill.order_id}",
                    f"{name}: {self.venue} says {_terms(listed)}, the ledger {_terms(fill)}",
                    "compare with the venue's own pages; the ledger never changes a fill's numbers",
                    market=fill.market,
                    owner=self.owners.of(fill.client_order_id, fill.order_id) or "",
                )

    # ------------------------------------------------------------------ shares and cash

    def _positions(self) -> Decimal:
        """Compare shares; returns the cash of markets that have paid and whose payout the ledger has yet to book."""
        pending = _ZERO
        expected = _expected_positions(self.account, self.books)
        for market in sorted(set(expected) | set(self.account.positions)):
            theirs, mine = self.account.positions.get(market, _ZERO), expected.get(market, _ZERO)
            if theirs == mine:
                continue
            paid = self.resolutions.get(market)
            if not theirs and paid is not None and paid.payout is not None:
                pending += mine * paid.payout
                continue
            self._find(
                Kind.POSITION,
                market,
                f"{self.venue} holds {_n(theirs)} shares of {shown(market)}; the fills of both sides make {_n(mine)}",
                "look for shares held since before the first start, moved by hand, or paid out; declare them known "
                "with `surefoot acknowledge`",
                market=market,
                amount=theirs - mine,
            )
        return pending

    def _cash(self, pending: Decimal) -> Decimal:
        """Compare dollars. A share held short locks one, which is in no entry of the ledger."""
        unbooked = sum((-fill.cash if fill.status is FillStatus.VOID else fill.cash for fill in self.news), _ZERO)
        short, known = self.account.positions.values(), self.books.known_shares.values()
        collateral = sum((max(-n, _ZERO) for n in short), _ZERO) - sum((max(-n, _ZERO) for n in known), _ZERO)
        expected = self.books.cash + unbooked + pending - collateral
        difference = self.account.cash - expected
        if self.books.opened_at is None:
            return expected
        seen = tuple(transfer for transfer in self.books.declared if transfer.seen)
        rest = tuple(transfer for transfer in self.books.declared if not transfer.seen)
        shown_now = seen + moved_by(rest, difference - sum((transfer.amount for transfer in seen), _ZERO))
        for transfer in shown_now:
            text = f"{self.venue}'s cash differs by what was declared: {transfer}"
            self.found.append(
                Finding(Kind.TRANSFER, self.venue, transfer.ref, text, "nothing: booked", amount=transfer.amount)
            )
        difference -= sum((transfer.amount for transfer in shown_now), _ZERO)
        self._not_seen([transfer for transfer in rest if transfer not in shown_now])
        if not difference:
            return expected
        text = (
            f"{self.venue} holds ${tidy(self.account.cash)}; the ledger makes it ${tidy(expected)} "
            f"({tidy(self.books.cash)} booked, {tidy(unbooked)} of fills and {tidy(pending)} of payouts not booked "
            f"yet, {tidy(collateral)} locked by shares held short): ${tidy(difference)} unexplained"
        )
        doubtful = any(f.kind in (Kind.POSITION, Kind.UNLISTED_FILL, Kind.FILL_DIFFERS) for f in self.found)
        if doubtful:
            do = "find what else differs first (above); then `surefoot resume` the venue"
            self.found.append(Finding(Kind.CASH, self.venue, "cash", text, do, amount=difference))
        else:
            text += "; every fill and position agrees, and nobody has declared a transfer of it"
            do = (
                f"if it was moved, or credited by the venue, say so: `{command_for(self.venue, difference)}`, or "
                "`surefoot acknowledge`, which lifts what was halted for it too; if nobody moved it, ask the venue"
            )
            self.found.append(Finding(Kind.UNEXPLAINED_CASH, self.venue, "cash", text, do, amount=difference))
        return expected

    def _not_seen(self, declared: Sequence[DeclaredTransfer]) -> None:
        """Declared, and not in the balance after all that time: what was declared is not what happened."""
        for transfer in declared:
            if self.now - transfer.at <= DECLARED_FOR_US:
                continue
            self.found.append(
                Finding(
                    Kind.DECLARED_TRANSFER,
                    self.venue,
                    transfer.ref,
                    f"a transfer of {transfer} was declared over {DECLARED_FOR_US // 60_000_000} minutes ago, and the "
                    f"balance of {self.venue} does not show it",
                    "look for it at the venue; if it will not come, take the word back: "
                    f"`{command_for(self.venue, -transfer.amount)}`; then `surefoot resume` the venue",
                    amount=transfer.amount,
                )
            )

    # ------------------------------------------------------------------ parts

    def _find(
        self, kind: Kind, subject: str, text: str, do: str, *, market: str, owner: str = "", amount: Decimal = _ZERO
    ) -> None:
        where = (f"{self.venue}/{market}",)
        self.found.append(Finding(kind, self.venue, subject, text, do, where, owner, amount))

    def _known(self, order_id: str) -> bool:
        return f"{self.venue}/{order_id}" in self.books.known


class _Owners:
    """Which trade an order belongs to: by the ledger's record, else by the id that an open trade would give it.

    An order that closes a leg leaves even while the ledger is away, so its record may come after its fills.
    """

    def __init__(self, books: VenueBooks, venue: Venue) -> None:
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


def command_for(venue: str, amount: Decimal) -> str:
    """What a person types to declare a transfer of so much."""
    return f"surefoot transfer {venue} --{'in' if amount > 0 else 'out'} {tidy(abs(amount))} --reason …"


def moved_by(declared: Sequence[DeclaredTransfer], difference: Decimal) -> tuple[DeclaredTransfer, ...]:
    """The declared transfers that together make a difference of cash: all of them, else as few as do; none if none do.

    A word that was taken back and its counterpart make nothing together, and are done with."""
    if declared and sum((one.amount for one in declared), _ZERO) == difference:
        return tuple(declared)
    if not difference:
        return ()
    oldest = declared[:_MOST_DECLARED]
    for size in range(1, len(oldest)):
        for some in combinations(oldest, size):
            if sum((one.amount for one in some), _ZERO) == difference:
                return some
    return ()


def lasting(looks: Sequence[Sequence[Finding]]) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """What every look found alike, and what every look found with other numbers; as the last look words it."""
    if not looks:
        return (), ()
    alike = set(looks[0]).intersection(*map(set, looks[1:]))
    keys = {f.key for f in looks[0]}.intersection(*({f.key for f in look} for look in looks[1:]))
    last = looks[-1]
    return (
        tuple(f for f in last if f in alike),
        tuple(f for f in last if f.key in keys and f not in alike),
    )


def _expected_positions(account: VenueSnapshot, books: VenueBooks) -> dict[str, Decimal]:
    expected = dict(books.positions)
    for market, shares in books.known_shares.items():
        expected[market] = expected.get(market, _ZERO) + shares
    for fill in unrecorded(account, books):
        shares = -fill.shares if fill.status is FillStatus.VOID else fill.shares
        expected[fill.market] = expected.get(fill.market, _ZERO) + shares
    return expected


def _fills_text(fills: Sequence[Fill]) -> str:
    one = fills[0]
    size = sum((fill.size for fill in fills), _ZERO)
    ids = ", ".join(fill.trade_id for fill in fills[:_SHOWN_IDS]) + (", …" if len(fills) > _SHOWN_IDS else "")
    prices = sorted({fill.told_price for fill in fills})
    at = _n(prices[0]) if len(prices) == 1 else f"{_n(prices[0])} to {_n(prices[-1])}"
    verb = "bought" if one.side is Side.BUY else "sold"
    void = ", void" if one.status is FillStatus.VOID else ""
    return f"{_n(size)} shares of {shown(one.market)} {verb} at {at} (fill {ids}{void})"


def _terms(fill: Fill) -> str:
    void = ", void" if fill.status is FillStatus.VOID else ""
    paid = "" if fill.paid is None else f" ({_n(fill.paid)} in all)"
    return f"{fill.side} {_n(fill.size)} {shown(fill.market)} at {_n(fill.told_price)}{paid}, fee {_n(fill.fee)}{void}"


def _n(value: Decimal) -> str:
    return plain(value.normalize()) if value else "0"
