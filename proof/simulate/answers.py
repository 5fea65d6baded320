"""What an exchange answers to an order, where that is not what became of it; and what it believes of the account.

An order that is *nowhere* never reached the books. One that is there is told wrongly, or in words that say nothing.
What somebody has to mend at the venue (a market refused in unknown words, counts in another unit) stays until the calm.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from domain.evidence import OrderEvidence, OrderStatus
from domain.orders import OrderTicket, Purpose, Side, SubmitResult, Verdict
from proof.simulate.weather import Weather
from testing.venue import FakeVenue, Fault

_ZERO = Decimal(0)
_MILLION = Decimal(1_000_000)
_AVERAGE = Decimal("0.0001")
_IMPOSSIBLE = tuple(Decimal(text) for text in ("-1", "1e30", "NaN", "0.1234567"))
_LAGS_MS = (300, 3_000, 20_000, 45_000)
_HIDDEN_MS = (3_000, 45_000, 600_000, 3_600_000)
_WORDS = "maker address not allowed, please use the deposit wallet flow"

_NOWHERE = frozenset({"no_order_and_none", "no_order_landed_and_none", "unknown_words", "unknown_words_always"})
_OPEN = {
    "error_in_success": ("error_in_success", False),
    "no_order": ("no_order", False),
    "no_order_landed": ("no_order", True),
    "no_order_and_none": ("no_order", False),
    "no_order_landed_and_none": ("no_order", True),
    "unknown_words": ("undocumented_refusal_400", False),
    "unknown_words_always": ("undocumented_refusal_400", False),
}
"""Answers that leave the outcome open: the code, and whether they say that the order arrived."""


class Answers:
    """Of one exchange. `told_of` says whether the user channel has brought a fill of an order, by our id."""

    def __init__(self, venue: FakeVenue, weather: Weather, told_of: Callable[[str], bool]) -> None:
        self._venue = venue
        self._told_of = told_of
        self._hidden: dict[str, int] = {}
        self._weather = weather
        self._refusing: set[tuple[str, Side]] = set()
        self._in_millionths: set[str] = set()
        self._not_seen: dict[str, tuple[int, Decimal]] = {}
        self._cash: Decimal | None = None

    def turn_calm(self) -> None:
        """Somebody has mended it."""
        self._refusing.clear()
        self._in_millionths.clear()
        self._not_seen.clear()
        self._hidden.clear()

    # ------------------------------------------------------------------ orders

    def answer(self, ticket: OrderTicket, arrive: Callable[[OrderTicket], SubmitResult]) -> SubmitResult:
        """The answer to bytes that have come as far as the exchange's door; `arrive` lets them in."""
        if (ticket.market, ticket.side) in self._refusing:
            self._weather.strike("answer:unknown_words_always", ticket.market)
            return self._open("unknown_words_always")
        self._forget_what_was_bought(ticket)
        kind = self._weather.drawn("answer")
        if kind in _NOWHERE:
            self._weather.strike(f"answer:{kind}", ticket.market)
            if kind == "unknown_words_always":
                self._refusing.add((ticket.market, ticket.side))
            return self._open(kind)
        result = arrive(ticket)
        if result.verdict is not Verdict.ACCEPTED:
            return result
        self._bought(ticket, result)
        told = self._told(kind, ticket, result) if kind is not None else None
        if told is not None:
            self._weather.strike(f"answer:{kind}", ticket.market)
        return result if told is None else told

    def _open(self, kind: str) -> SubmitResult:
        code, landed = _OPEN[kind]
        detail = _WORDS if kind.startswith("unknown_words") else "an answer without an order"
        return SubmitResult(Verdict.UNKNOWN, code, detail, landed=landed, at=self._venue.clock())

    def _told(self, kind: str, ticket: OrderTicket, result: SubmitResult) -> SubmitResult | None:
        """The answer as it is told; None where the kind says nothing of this one."""
        if kind in _OPEN:
            return self._open(kind)
        price, fee = result.average_price, result.average_fee
        bare = replace(result, paid=None, fees_paid=None)
        if kind == "counts_only":
            return replace(bare, average_price=None, average_fee=None)
        if kind == "impossible":
            return replace(result, filled=self._weather.rng.choice(_IMPOSSIBLE))
        if price is None or ticket.purpose is Purpose.MERGE:
            return None
        if kind == "averages":
            return replace(bare, average_price=price.quantize(_AVERAGE), average_fee=fee and fee.quantize(_AVERAGE))
        if kind == "no_fee":
            return replace(bare, average_fee=None)
        if kind == "too_many":
            return replace(bare, filled=(ticket.size * Decimal("1.3")).quantize(Decimal("0.01")) + 1)
        paid = (price * result.filled).quantize(_AVERAGE) * _MILLION
        if kind == "other_unit_dollars":
            return replace(result, paid=paid, average_price=None, average_fee=None)
        if kind == "other_unit_listed":
            self._in_millionths.add(ticket.client_order_id)
        return replace(bare, paid=paid, filled=result.filled * _MILLION)

    # ------------------------------------------------------------------ lists

    def listed(self, ticket: OrderTicket, seen: OrderEvidence, *, by_name: bool) -> OrderEvidence:
        """The evidence of one read, as it is told; `by_name` if the reader knew no id of the venue's."""
        if ticket.client_order_id in self._in_millionths and seen.filled:
            return _inflated(seen)
        if by_name and self._is_hidden(ticket):
            now = self._venue.clock()
            return OrderEvidence(ticket.client_order_id, OrderStatus.ABSENT, fresh_at=now, at=now)
        kind = self._weather.drawn("listing")
        told = self._retold(kind, ticket, seen) if kind is not None else None
        if told is not None:
            self._weather.strike(f"listing:{kind}", ticket.market)
        return seen if told is None else told

    def _retold(self, kind: str, ticket: OrderTicket, seen: OrderEvidence) -> OrderEvidence | None:
        if seen.status is OrderStatus.ABSENT:
            return None
        if kind == "unseen":
            return OrderEvidence(ticket.client_order_id, OrderStatus.UNSEEN, fresh_at=seen.fresh_at, at=seen.at)
        if kind == "impossible":
            return replace(seen, filled=self._weather.rng.choice(_IMPOSSIBLE))
        if kind == "wrong_count" and seen.standing and ticket.purpose is not Purpose.MERGE:
            return replace(seen, filled=seen.filled - seen.standing[-1].size)
        if kind == "other_order":
            others = [one for one in self._venue.placed() if one.ticket.client_order_id != ticket.client_order_id]
            if others:
                other = self._weather.rng.choice(others)
                return other.as_listed(seen.fresh_at, seen.fresh_at, seen.at)
        return None

    def _is_hidden(self, ticket: OrderTicket) -> bool:
        """Whether the list lacks the order and is said to be of this moment. It begins at a look after the user channel
        has told of a fill, or not at all, and goes on for a while."""
        own, now = ticket.client_order_id, self._venue.clock()
        if own not in self._hidden and ticket.purpose is not Purpose.MERGE and self._told_of(own):
            lies = self._weather.drawn("freshness") is not None
            self._hidden[own] = now + self._weather.rng.choice(_HIDDEN_MS) * 1000 if lies else 0
        hidden = now < self._hidden.get(own, 0)
        if hidden:
            self._weather.strike("freshness:lies", ticket.market)
        return hidden

    # ------------------------------------------------------------------ balances

    def cash(self, now: Decimal) -> Decimal:
        """The account's free cash, or a cache of it from before the last fills."""
        before, self._cash = self._cash, now
        if before is None or before == now or self._weather.drawn("balance") != "stale_cash":
            return now
        self._weather.strike("balance:stale_cash", "cash")
        return before

    def _bought(self, ticket: OrderTicket, result: SubmitResult) -> None:
        if ticket.side is Side.BUY and result.filled and self._weather.drawn("balance") == "stale_shares":
            until = self._venue.clock() + self._weather.rng.choice(_LAGS_MS) * 1000
            self._not_seen[ticket.market] = (until, result.filled)

    def _forget_what_was_bought(self, ticket: OrderTicket) -> None:
        """Have the exchange refuse to sell what its cache of the account does not hold yet."""
        until, shares = self._not_seen.get(ticket.market, (0, _ZERO))
        if ticket.side is not Side.SELL or ticket.purpose is Purpose.MERGE or self._venue.clock() >= until:
            return
        held = self._venue.purse.held[ticket.market]
        if _ZERO < held < ticket.size + shares:
            self._weather.strike("balance:stale_shares", ticket.market)
            self._venue.script("submit", Fault.REJECT)


def _inflated(seen: OrderEvidence) -> OrderEvidence:
    fills = tuple(
        replace(fill, size=fill.size * _MILLION, paid=None if fill.paid is None else fill.paid * _MILLION)
        for fill in seen.fills
    )
    return replace(seen, filled=seen.filled * _MILLION, remaining=seen.remaining * _MILLION, fills=fills)
