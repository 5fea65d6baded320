"""What is known of a market: the condition a token belongs to, the rules its orders keep to, who won.

Three CLOB documents make one market: `/markets-by-token` (which condition), `/clob-markets` (tick, minimum, fees,
delay, version) and `/markets` (names, groups, winners); Gamma only says how many outcomes a neg-risk event has. What
never changes about a market (condition, version, neg-risk) is kept for good, the rest for `ttl_s` while it is open.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from urllib.parse import quote as quoted

import structlog

from domain.errors import Rejected, SurefootError, Unavailable
from domain.evidence import Resolution
from domain.fees import FeeSchedule
from domain.market import MarketSpec, Venue
from venues.polymarket.calls import Condition
from venues.polymarket.contracts import Protocol
from venues.polymarket.discovery import condition_word, neg_risk_outcomes
from venues.polymarket.limits import Endpoint
from venues.polymarket.merge import FullSet
from venues.polymarket.messages import ClobInfo, ClobMarket, ClobToken, Message, TokenCondition, amount, demanded
from venues.polymarket.orders import OrderRules
from venues.polymarket.rest import PolymarketWire
from venues.polymarket.translate import MIN_NOTIONAL, SIZE_STEP, TAKER_DELAY_MS, fee_schedule, grid_of

log = structlog.get_logger(__name__)

VERSIONS = ("v1", "v2")

_HALF = Decimal("0.5")
_MOST_DELAY_S = 3_600
_GROUP_TTL_US = 3_600_000_000


class _NegRisk(Message, frozen=True):
    neg_risk: bool


@dataclass(frozen=True, slots=True)
class _Listed:
    """One condition as read: `at` is wall-clock microseconds."""

    at: int
    info: ClobInfo
    market: ClobMarket


class Markets:
    """Markets by token id. `mergeable` says that a wallet which can hand back full sets is configured."""

    def __init__(
        self, wire: PolymarketWire, *, clock: Callable[[], int], ttl_s: float = 60.0, mergeable: bool = False
    ) -> None:
        self._wire, self._clock = wire, clock
        self._ttl = int(ttl_s * 1_000_000)
        self._mergeable = mergeable
        self._conditions: dict[str, str] = {}
        self._listed: dict[str, _Listed] = {}
        self._rules: dict[str, OrderRules] = {}
        self._fees: dict[str, FeeSchedule] = {}
        self._groups: dict[str, tuple[int, int]] = {}
        self._paid: dict[str, Resolution] = {}

    async def condition(self, token: str) -> str:
        """The condition of a token, 0x and 64 hex digits. Raises `Rejected` for a token nobody knows."""
        known = self._conditions.get(token)
        if known is None:
            path = f"/markets-by-token/{quoted(token, safe='')}"
            found, _ = await self._wire.get(TokenCondition, path, Endpoint.CLOB)
            try:
                known = self._conditions[token] = condition_word(found.condition_id)
            except ValueError as wrong:
                raise Unavailable(f"GET {path}: {wrong}", "unparseable") from None
        return known

    async def rules(self, token: str, *, anew: bool = False) -> OrderRules:
        """What an order's bytes rest on. Read once; `anew` where the tick may have changed."""
        known = self._rules.get(token)
        if known is None or anew:
            await self._read(token, anew=anew)
            known = self._rules[token]
        return known

    def forget(self, token: str) -> None:
        """The rules of a token's condition changed, for both its tokens: no spec and no order goes by what is kept."""
        condition = self._conditions.get(token)
        if condition is None:
            return
        self._listed.pop(condition, None)
        for each in [each for each, of in self._conditions.items() if of == condition]:
            self._rules.pop(each, None)

    async def fees(self, token: str) -> FeeSchedule:
        """The market's fee curve, read once."""
        known = self._fees.get(token)
        if known is None:
            await self._read(token)
            known = self._fees[token]
        return known

    def pair(self, token: str) -> frozenset[str] | None:
        """The tokens of a token's condition; None where they were not read yet, or do not hold this one."""
        listed = self._listed.get(self._conditions.get(token, ""))
        tokens = frozenset(each.token_id for each in listed.info.tokens) if listed is not None else frozenset()
        return tokens if token in tokens else None

    async def spec(self, token: str) -> MarketSpec:
        """The rules of one outcome token; see `domain.market.MarketSpec`. Raises `Unavailable` for what cannot be read
        and `Rejected` for a token the venue does not know."""
        listed = await self._read(token)
        info, market, condition = listed.info, listed.market, await self.condition(token)
        own, others = _split(token, market, info)
        rules = self._rules[token]
        event, outcomes = await self._group(token, condition, market, rules)
        seconds = _delay(market)
        return MarketSpec(
            venue=Venue.POLYMARKET,
            market=token,
            event=event,
            title=market.question,
            fees=self._fees[token],
            price_ranges=grid_of(rules.tick),
            size_step=SIZE_STEP,
            min_size=demanded(info.min_size, "mos"),
            open=info.accepting and not market.closed and market.accepting_orders is not False
            and rules.version in VERSIONS,
            set_id=condition if self._mergeable else "",
            outcomes=outcomes,
            delay_ms=max(int(seconds * 1000), TAKER_DELAY_MS if info.delayed else 0),
            min_notional=MIN_NOTIONAL,
            outcome=own.outcome,
            complement=others[0].token_id if len(others) == 1 else "",
        )  # fmt: skip

    async def resolution(self, token: str) -> Resolution:
        """What a share of the token pays: 1 or 0 once the market is closed and a winner is named, 0.5 where it is said
        to have ended even. A closed market without either is not resolved: its payout is still disputed or unsaid."""
        paid = self._paid.get(token)
        if paid is not None:
            return paid
        condition = await self.condition(token)
        market, answer = await self._wire.get(ClobMarket, f"/markets/{condition}", Endpoint.CLOB)
        own, _ = _split(token, market, None)
        winners = sum(bool(each.winner) for each in market.tokens)
        if winners > 1:
            raise Unavailable(
                f"market {condition} names {winners} winners; expected one: look at its page", "unparseable"
            )
        if not market.closed or (not winners and not market.is_50_50_outcome):
            return Resolution(token)
        payout = _HALF if not winners else Decimal(1) if own.winner else Decimal(0)
        resolved = self._paid[token] = Resolution(token, payout, answer.server_at or answer.answered_at)
        return resolved

    async def full_set(self, condition: str) -> FullSet:
        """The two tokens of a condition that together give a dollar. Raises `Rejected` for one that has not two."""
        info, _ = await self._wire.get(ClobInfo, f"/clob-markets/{condition}", Endpoint.CLOB)
        if len(info.tokens) != 2:
            raise Rejected(f"condition {condition} has {len(info.tokens)} tokens; expected two to merge", "no_set")
        first, second = (each.token_id for each in info.tokens)
        for token in (first, second):
            self._conditions.setdefault(token, condition)
        rules = await self.rules(first)
        try:
            protocol = Protocol(rules.version)
        except ValueError:
            raise Rejected(
                f"condition {condition} is of version {rules.version!r}; expected v1 or v2", "no_set"
            ) from None
        return FullSet(Condition(condition, protocol, rules.neg_risk), (first, second))

    async def _read(self, token: str, *, anew: bool = False) -> _Listed:
        condition = await self.condition(token)
        kept = self._listed.get(condition)
        now = self._clock()
        fresh = kept is not None and not anew and 0 <= now - kept.at < self._ttl and kept.info.accepting
        if kept is None or not fresh:
            info, _ = await self._wire.get(ClobInfo, f"/clob-markets/{condition}", Endpoint.CLOB)
            market, _ = await self._wire.get(ClobMarket, f"/markets/{condition}", Endpoint.CLOB)
            _refuse_another(condition, info, market)
            kept = self._listed[condition] = _Listed(now, info, market)
            await self._keep(condition, kept, [each.token_id for each in info.tokens])
        if token not in self._rules:
            await self._keep(condition, kept, [token])
        return kept

    async def _keep(self, condition: str, listed: _Listed, tokens: list[str]) -> None:
        """Take rules and fees of a condition's tokens out of what was read."""
        info, market = listed.info, listed.market
        try:
            tick = demanded(info.tick, "mts")
            grid_of(tick)
            demanded(info.min_size, "mos")
            _delay(market)
            fees = fee_schedule(info.fees, info.taker_base_fee)
        except ValueError as wrong:
            raise Unavailable(
                f"market {condition}: {wrong}; it cannot be traded until that is said", "unparseable"
            ) from None
        for token in tokens:
            self._conditions.setdefault(token, condition)
            self._fees[token] = fees
            known = self._rules.get(token)
            if known is not None:
                self._rules[token] = replace(known, tick=tick)
                continue
            said = dict.fromkeys(filter(None, (info.version, market.version)))
            version = "/".join(said)  # none, or two that differ, is no version: nothing is signed for a guess
            self._rules[token] = OrderRules(token, version, await self._neg_risk(token, listed), tick)

    async def _neg_risk(self, token: str, listed: _Listed) -> bool:
        """Which exchange verifies the order: asked for by name if neither document says."""
        for said in (listed.info.neg_risk, listed.market.neg_risk):
            if said is not None:
                return said
        return (await self._wire.get(_NegRisk, "/neg-risk", Endpoint.CLOB, {"token_id": token}))[0].neg_risk

    async def _group(self, token: str, condition: str, market: ClobMarket, rules: OrderRules) -> tuple[str, int]:
        """The group that exactly one instrument pays of, and how many there are; 0 if nobody says.

        Of a neg-risk event that are the first (Yes) tokens of its markets; its No tokens only pair with their Yes."""
        if not rules.neg_risk:
            return condition, len(market.tokens)
        group = market.neg_risk_market_id or ""
        if not group or not market.tokens or market.tokens[0].token_id != token:
            return condition, 0
        kept = self._groups.get(group)
        now = self._clock()
        if kept is None or not 0 <= now - kept[0] < _GROUP_TTL_US:
            try:
                kept = (now, await neg_risk_outcomes(self._wire, condition))
            except (SurefootError, ValueError) as unsaid:
                log.warning("how many outcomes a neg-risk event has is not said", group=group, error=str(unsaid))
                return group, 0
            self._groups[group] = kept
        return group, kept[1]


def _delay(market: ClobMarket) -> Decimal:
    """Seconds an order that takes is held; none where none are said. Raises `ValueError` for no number of seconds."""
    said = amount(market.seconds_delay)
    if said is not None and not 0 <= said <= _MOST_DELAY_S:
        raise ValueError(f"seconds_delay {said}; expected 0 to {_MOST_DELAY_S}")
    return said or Decimal(0)


def _refuse_another(condition: str, info: ClobInfo, market: ClobMarket) -> None:
    """Raise `Unavailable` unless both documents are about one condition, its tokens and their outcomes: what is shown
    to a person and what an order buys must be the same instrument."""
    for name, said in (("/clob-markets", info.condition_id), ("/markets", market.condition_id)):
        if said and said.lower() != condition.lower():
            raise Unavailable(f"GET {name}/{condition} is about {said}; expected the condition asked for", "not_ours")
    labels = {each.token_id: each.outcome for each in market.tokens}
    for token in info.tokens:
        other = labels.get(token.token_id)
        if labels and (other is None or (other and token.outcome and other != token.outcome)):
            raise Unavailable(
                f"market {condition} calls token {token.token_id} {token.outcome!r} in one document and {other!r} in "
                "another; expected the same token and outcome in both: nothing is traded on it until they agree",
                "not_ours",
            )


def _split(token: str, market: ClobMarket, info: ClobInfo | None) -> tuple[ClobToken, list[ClobToken]]:
    """The token as its market lists it, and the others. Raises `Rejected` if it is not among them."""
    tokens = market.tokens or [ClobToken(each.token_id, each.outcome) for each in (info.tokens if info else ())]
    own = [each for each in tokens if each.token_id == token]
    if not own:
        raise Rejected(f"token {token} is not listed by its market {market.condition_id}", "not_found")
    return own[0], [each for each in tokens if each.token_id != token]
