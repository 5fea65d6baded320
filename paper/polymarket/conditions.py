"""The markets this side lists: one condition, two tokens, one book.

buy token 0 at p   =  bid at p             buy token 1 at q   =  ask at 1 − q
sell token 0 at p  =  ask at p             sell token 1 at q  =  bid at 1 − q
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from domain.errors import BadInput
from domain.market import MarketSpec
from domain.money import to_micros
from paper.core.book import ONE
from paper.core.records import BookSide
from paper.polymarket.records import Side
from recording.sources.session import Condition, Session
from venues.polymarket.contracts import CONDITIONAL_TOKENS, NEG_RISK_ADAPTER, Protocol, exchange_of, protocol_of_id
from venues.polymarket.keccak import keccak256


class Market(msgspec.Struct, frozen=True, kw_only=True):
    """One condition as it stands. `value` is what the first token pays (micro-dollars, −1: not decided); `settles_at`
    when it is paid (µs), `paid_at` when it was."""

    spec: MarketSpec
    about: Condition
    tick: int
    opened_at: int
    closed_at: int = 0
    value: int = -1
    settles_at: int = 0
    paid_at: int = 0
    last_price: int = 0
    last_side: str = ""

    @property
    def id(self) -> str:
        return self.about.condition_id

    @property
    def tokens(self) -> tuple[str, str]:
        return self.spec.market, self.spec.complement

    @property
    def trading(self) -> bool:
        return not self.closed_at

    @property
    def protocol(self) -> Protocol:
        return Protocol(self.about.version)

    @property
    def spender(self) -> str:
        """The contract an order of this market is settled by."""
        return exchange_of(self.protocol, neg_risk=self.about.neg_risk)

    @property
    def min_size(self) -> int:
        return to_micros(self.spec.min_size)

    @property
    def min_notional(self) -> int:
        return to_micros(self.spec.min_notional)

    @property
    def rate(self) -> int:
        """The taker's fee rate in micros."""
        return to_micros(self.spec.fees.taker)

    def index(self, token: str) -> int:
        return self.tokens.index(token)

    def outcome(self, token: str) -> str:
        return self.about.outcomes[self.index(token)]

    def book_side(self, token: str, side: Side) -> BookSide:
        """Where an order stands in the book of the first token."""
        return "bid" if (side == "BUY") == (self.index(token) == 0) else "ask"

    def in_book(self, token: str, price: int) -> int:
        """A price of this token as one of the first token, and the reverse."""
        return price if self.index(token) == 0 else ONE - price

    def pays(self, token: str) -> int:
        return self.value if self.index(token) == 0 else ONE - self.value


def listed(session: Session, at: int) -> list[Market]:
    """The Polymarket markets of a session. Raises `BadInput` (`bad_session`) for one whose description is no
    Polymarket market's."""
    about = {one.token: one for one in session.conditions}
    specs = [spec for spec in session.markets if spec.venue == "polymarket"]
    seconds = {spec.complement for spec in specs if spec.market in about} - about.keys()
    chosen: dict[str, MarketSpec] = {}
    for spec in specs:
        if spec.market in seconds or spec.complement in chosen:
            continue  # the second token of a condition that was named by its first
        chosen[spec.market] = spec
    return [_market(spec, about.get(spec.market) or _described(spec), at) for spec in chosen.values()]


def _market(spec: MarketSpec, about: Condition, at: int) -> Market:
    def refuse(found: str, expected: str) -> BadInput:
        return BadInput(
            f"Polymarket market {spec.market}: {found}; expected {expected}; write the recording again", "bad_session"
        )

    for token in (spec.market, spec.complement):
        if not (token.isascii() and token.isdecimal()):
            raise refuse(f"token {token!r}", "both token ids in decimal digits")
    if len(about.condition_id) != 66 or not about.condition_id.startswith("0x"):
        raise refuse(f"condition id {about.condition_id!r}", "0x and 64 hex digits")
    if about.version not in tuple(Protocol):
        raise refuse(f"version {about.version!r}", "v1 or v2")
    if any(protocol_of_id(int(token)).value != about.version for token in (spec.market, spec.complement)):
        raise refuse(f"a token numbered unlike version {about.version}", "ids that clients sign for under that version")
    return Market(spec=spec, about=about, tick=to_micros(spec.price_ranges[0].step), opened_at=at)


def _described(spec: MarketSpec) -> Condition:
    """A condition nobody described: its id made from its token, neg-risk where its event is a group of more."""
    plain = spec.event.startswith("0x") and len(spec.event) == 66 and spec.outcomes in (0, 2)
    made = spec.event if plain else "0x" + keccak256(spec.market.encode()).hex()
    labels = (spec.outcome, "Other") if spec.outcome not in ("", "Yes") else ("Yes", "No")
    return Condition(spec.market, made, labels, neg_risk=spec.outcomes > 2)


class Markets:
    """By condition id and by token. Mutable; durable through `changed`, which the exchange writes and clears."""

    def __init__(self, known: Iterable[Market]) -> None:
        self._by_id: dict[str, Market] = {}
        self._by_token: dict[str, str] = {}
        self.changed: set[str] = set()
        for market in known:
            self._index(market)

    def _index(self, market: Market) -> None:
        self._by_id[market.id] = market
        self._by_token |= dict.fromkeys(market.tokens, market.id)

    def put(self, market: Market) -> None:
        self._index(market)
        self.changed.add(market.id)

    def get(self, condition: str) -> Market | None:
        return self._by_id.get(condition)

    def of_token(self, token: str) -> Market | None:
        found = self._by_token.get(token)
        return None if found is None else self._by_id[found]

    def all(self) -> list[Market]:
        return [self._by_id[key] for key in sorted(self._by_id)]

    def of_event(self, event: str) -> list[Market]:
        return [market for market in self.all() if market.spec.event == event]


def spenders(market: Market) -> tuple[str, ...]:
    """The contracts whose allowance an order of this market needs."""
    if market.about.neg_risk and market.protocol is Protocol.V1:
        return market.spender, NEG_RISK_ADAPTER
    return (market.spender,)


TOKEN_CONTRACT = CONDITIONAL_TOKENS
