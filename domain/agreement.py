"""A venue account and the ledger side by side: pure, and the same at a start, on schedule and on request.

One look may fall between two steps of a trade in flight; what it finds is not yet true. `lasting` keeps what every
look of a run has found alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations

from domain.books import DECLARED_FOR_US, DeclaredTransfer, VenueBooks, key_of, unrecorded
from domain.evidence import Fill, FillStatus, Resolution
from domain.money import plain, tidy
from domain.naming import shown
from domain.orders import Verdict
from domain.ownership import Owners, judge_fills
from domain.reconcile import Finding, Kind
from domain.snapshot import VenueSnapshot
from domain.trade import TradeState

_ZERO = Decimal(0)
_MOST_DECLARED = 12  # whose combinations are tried


@dataclass(frozen=True, slots=True)
class Look:
    """What one look found, what the ledger should record, and the cash the ledger expects at the venue."""

    findings: tuple[Finding, ...]
    fills: tuple[Fill, ...] = ()
    expected_cash: Decimal = _ZERO


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
        self.owners = Owners(books)
        self.found: list[Finding] = []
        self.to_record: list[Fill] = []

    def look(self) -> Look:
        self._working_orders()
        found, self.to_record = judge_fills(self.account, self.books, self.owners)
        self.found += found
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
                    client_id=order.client_order_id,
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
        self,
        kind: Kind,
        subject: str,
        text: str,
        do: str,
        *,
        market: str,
        owner: str = "",
        amount: Decimal = _ZERO,
        client_id: str = "",
    ) -> None:
        where = (f"{self.venue}/{market}",)
        self.found.append(Finding(kind, self.venue, subject, text, do, where, owner, amount, client_id))

    def _known(self, order_id: str) -> bool:
        return f"{self.venue}/{order_id}" in self.books.known


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


def _terms(fill: Fill) -> str:
    void = ", void" if fill.status is FillStatus.VOID else ""
    paid = "" if fill.paid is None else f" ({_n(fill.paid)} in all)"
    return f"{fill.side} {_n(fill.size)} {shown(fill.market)} at {_n(fill.told_price)}{paid}, fee {_n(fill.fee)}{void}"


def _n(value: Decimal) -> str:
    return plain(value.normalize()) if value else "0"
