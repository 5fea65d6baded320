"""Before trading on Polymarket: clock, key, restrictions, versions, money and who may move it, each market's rules.

Every line stands for itself: one that cannot be looked at says so and the others go on. What is asked and why is in
docs/polymarket-wire.md. What hangs on each read:

| read | trading needs it | without it |
|---|---|---|
| clock (`/time`) | no | requests are stamped with our clock, and a stamp too far off is refused in words |
| geoblock (the site's) | no | an order from a blocked place is refused in words |
| version (`/version`) | no | orders are signed for what each market states of itself |
| wallet (nothing is asked) | yes | |
| merge (the relayer's nonce), where sets are merged | yes | no set can be handed back |
| key (`/auth/api-keys`) | yes | nobody knows whether orders would name the right owner |
| restrictions (`/auth/ban-status/closed-only`) | no | an account that may only close is refused in words |
| tier (`/v1/user/rate-limit-tier`) | no | the tier of the configuration is kept to, and answers correct it |
| collateral (`/balance-allowance`) | yes | nobody knows whether a purchase can be paid and settled |
| market (Gamma, `/clob-markets/…`, `/balance-allowance`) | yes | it cannot be signed for, or sold from |
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal

import msgspec

from domain.money import plain
from venues.checklist import Check, Finding, LookAt, Weight, look_at
from venues.polymarket.client import PolymarketClient
from venues.polymarket.contracts import (
    EXCHANGE,
    EXCHANGE_V3,
    NEG_RISK_ADAPTER,
    NEG_RISK_EXCHANGE,
    Protocol,
    exchange_of,
)
from venues.polymarket.derive import kind_of
from venues.polymarket.limits import Endpoint
from venues.polymarket.messages import (
    ApiKeys,
    BalanceAllowance,
    ClosedOnly,
    Figure,
    Geoblock,
    Message,
    RateLimitTier,
    amount,
)
from venues.polymarket.rest import understood
from venues.polymarket.translate import shares_of
from venues.polymarket.wallet import SignatureType

SPENDERS = {
    EXCHANGE: "exchange",
    NEG_RISK_EXCHANGE: "neg-risk exchange",
    NEG_RISK_ADAPTER: "neg-risk adapter",
    EXCHANGE_V3: "exchange of protocol v2",
}
"""Who takes collateral when a purchase settles. Orders of neg-risk markets need the adapter too."""

_OFF_BY_WARN, _OFF_BY_FAIL = 2_000_000, 30_000_000  # µs; what the venue accepts is documented nowhere
_VERSIONS = (2, 3)


class _Version(Message, frozen=True):
    version: int


async def checklist(
    client: PolymarketClient, markets: Mapping[str, Decimal | None] | None = None, *, tier: str = ""
) -> list[Check]:
    """`markets` are the tokens to be traded, each with the tick the configuration expects of it (None: any); `tier` is
    the rate-limit tier that is configured, empty for the lowest."""
    tokens = dict(markets or {})
    return await look_at(
        "polymarket",
        (
            LookAt("clock", Weight.INFORMS, lambda: _clock(client)),
            LookAt("geoblock", Weight.INFORMS, lambda: _geoblock(client)),
            LookAt("version", Weight.INFORMS, lambda: _version(client)),
            LookAt("wallet", Weight.NEEDED, lambda: _wallet(client)),
            LookAt("merge", Weight.NEEDED, lambda: _merge(client)),
            LookAt("key", Weight.NEEDED, lambda: _key(client)),
            LookAt("restrictions", Weight.INFORMS, lambda: _closed_only(client)),
            LookAt("tier", Weight.INFORMS, lambda: _tier(client, tier or "standard")),
            LookAt("collateral", Weight.NEEDED, lambda: _collateral(client, tokens)),
            *(
                LookAt(f"market …{token[-6:]}", Weight.NEEDED, _market_look(client, token, tick))
                for token, tick in tokens.items()
            ),
        ),
    )


async def _clock(client: PolymarketClient) -> list[Check]:
    skew = await client.clock_skew()
    seen = f"{skew.offset / 1e6:+.1f} s against the venue's, ± {skew.error / 1e6:.1f} s"
    surely = abs(skew.offset) - skew.error
    fix = "set this machine's clock (NTP): it stamps every request"
    verdict: Finding = "fail" if surely > _OFF_BY_FAIL else "warn" if surely > _OFF_BY_WARN else "ok"
    return [Check("polymarket clock", verdict, seen, "" if verdict == "ok" else fix)]


async def _geoblock(client: PolymarketClient) -> list[Check]:
    name = "polymarket geoblock"
    where = understood(Geoblock, "GET geoblock", await client.wire.geoblock())
    seen = f"asked from {where.country or 'an unnamed country'}{' ' + where.region if where.region else ''}"
    if where.blocked:
        return [Check(name, "fail", f"{seen}: blocked", "orders from here are refused; do not trade from this place")]
    return [Check(name, "ok", seen)]


async def _version(client: PolymarketClient) -> list[Check]:
    name = "polymarket version"
    version = (await client.wire.get(_Version, "/version", Endpoint.CLOB))[0].version
    if version not in _VERSIONS:
        known = " or ".join(map(str, _VERSIONS))
        return [Check(name, "fail", f"exchange version {version}; orders are signed for {known}", "update surefoot")]
    return [Check(name, "ok", f"exchange version {version}")]


async def _wallet(client: PolymarketClient) -> list[Check]:
    """Whether the wallet that holds the money is one that the key owns, and of the kind that is configured."""
    wallet, name = client.wallet, "polymarket wallet"
    kind = SignatureType(wallet.signature_type).name.lower()
    seen = f"{wallet.maker} holds the money, {wallet.address} signs ({kind})"
    derived = kind_of(wallet.address, wallet.maker)
    if derived is None:
        fix = "compare polymarket.funder with your profile page; a session key's owner is one of these, and is right"
        return [Check(name, "warn", f"{seen}; it is no wallet that this key owns", fix)]
    if derived is not wallet.signature_type:
        own = derived.name.lower()
        return [Check(name, "fail", f"{seen}; it is the key's {own} wallet", f"set polymarket.signature_type: {own}")]
    return [Check(name, "ok", seen)]


async def _merge(client: PolymarketClient) -> list[Check]:
    """Asked only where sets are to be handed back."""
    if client.chain is None:
        return []
    turn = await client.chain.relayer.turn(client.wallet)
    return [
        Check("polymarket merge", "ok", f"the relayer takes this wallet's requests, the next of nonce {turn.nonce}")
    ]


async def _key(client: PolymarketClient) -> list[Check]:
    name = "polymarket key"
    listed, _ = await client.wire.get(ApiKeys, "/auth/api-keys", Endpoint.AUTH, private=True)
    shown = f"{client.owner[:8]}…"
    if client.owner.lower() not in (key.lower() for key in listed.keys or ()):
        fix = "derive the API key again with the signing key: orders name it as their owner"
        return [Check(name, "fail", f"{shown} is not among the {len(listed.keys or ())} keys of this address", fix)]
    return [Check(name, "ok", f"{shown} belongs to the address that signs")]


async def _closed_only(client: PolymarketClient) -> list[Check]:
    name = "polymarket restrictions"
    said, _ = await client.wire.get(ClosedOnly, "/auth/ban-status/closed-only", Endpoint.AUTH, private=True)
    if said.closed_only:
        return [Check(name, "fail", "the account may only close positions", "open no trades; ask the venue why")]
    return [Check(name, "ok", "none")]


async def _tier(client: PolymarketClient, configured: str) -> list[Check]:
    name = "polymarket tier"
    said, _ = await client.wire.get(RateLimitTier, "/v1/user/rate-limit-tier", Endpoint.AUTH, private=True)
    tier = (said.tier or "").lower()
    if tier != configured.lower():
        fix = f"set polymarket.tier to {tier}" if tier else "look at the account's page"
        return [Check(name, "warn", f"the venue says {tier or 'nothing'}, configured is {configured}", fix)]
    return [Check(name, "ok", tier)]


async def _collateral(client: PolymarketClient, tokens: Mapping[str, Decimal | None]) -> list[Check]:
    needed: set[str] = set()
    for token in tokens:
        needed |= await _spenders_of(client, token)
    held = await client.holdings.collateral()
    if not _dollars(held) or any(_lacks(held, spender) for spender in needed):
        held = await client.holdings.collateral(fresh=True)  # what is missing may only not have been seen yet
    dollars = _dollars(held)
    empty = "deposit collateral (pUSD), then have the balance read again"
    found = [
        Check("polymarket collateral", "ok" if dollars else "warn", f"${plain(dollars)}", "" if dollars else empty)
    ]
    for spender, label in SPENDERS.items():
        allowed = _allowed(held, spender)
        name = f"polymarket allowance {label}"
        if allowed is None:
            found.append(Check(name, "warn", f"{spender}: the venue does not say", "look at the wallet's approvals"))
        elif not allowed or allowed < dollars.scaleb(6):
            missing: Finding = "fail" if spender in needed else "warn"
            seen = f"{spender} may take ${plain(Decimal(allowed).scaleb(-6))} of ${plain(dollars)}"
            fix = f"approve {spender} to take pUSD from {client.wallet.maker}"
            found.append(Check(name, missing, seen, fix))
        else:
            found.append(Check(name, "ok", spender))
    return found


def _allowed(held: BalanceAllowance, spender: str) -> int | None:
    """How many millionths the spender may take; None where the venue does not say."""
    said = {named.lower(): value for named, value in (held.allowances or {}).items()}
    value = said.get(spender.lower())
    return _whole(value) if value is not None else _whole(held.allowance) if not said else None


def _lacks(held: BalanceAllowance, spender: str) -> bool:
    allowed = _allowed(held, spender)
    return allowed is not None and (not allowed or allowed < _dollars(held).scaleb(6))


async def approvals(client: PolymarketClient, token: str) -> list[Check]:
    """Whether what `token` trades on may take the wallet's dollars and its shares: the part of the list without which
    no order there can settle. Raises as the client's reads do."""
    return [*await _collateral(client, {token: None}), await _approval(client, token)]


def _market_look(client: PolymarketClient, token: str, tick: Decimal | None) -> Callable[[], Awaitable[list[Check]]]:
    async def look() -> list[Check]:
        return [await _market(client, token, tick), await _approval(client, token)]

    return look


async def _market(client: PolymarketClient, token: str, tick: Decimal | None) -> Check:
    spec = await client.market(token)
    rules = await client.markets.rules(token)
    name = f"polymarket market …{token[-6:]}"
    seen = f"{spec.title} — {spec.outcome}: {rules.version}, tick {plain(rules.tick)}"
    if rules.version not in tuple(Protocol):
        return Check(name, "fail", seen, "its version is not known: it cannot be signed for; drop it")
    if not spec.open:
        return Check(name, "warn", f"{seen}, takes no orders", "wait for it or drop it")
    if tick is not None and tick != rules.tick:
        return Check(name, "warn", f"{seen}, configured {plain(tick)}", f"set its tick to {plain(rules.tick)}")
    return Check(name, "ok", seen)


async def _approval(client: PolymarketClient, token: str) -> Check:
    """Whether the market's exchange may move the token: without it nothing bought can be sold."""
    name = f"polymarket approval …{token[-6:]}"
    spenders = sorted(await _spenders_of(client, token))
    found = _movable(name, await client.holdings.conditional(token), spenders)
    if found.verdict == "fail":  # an approval that was given since may only not have been seen yet
        found = _movable(name, await client.holdings.conditional(token, fresh=True), spenders)
    return found


def _movable(name: str, held: BalanceAllowance, spenders: Sequence[str]) -> Check:
    said = {spender.lower(): value for spender, value in (held.allowances or {}).items()}
    for spender in spenders:
        value = said.get(spender.lower())
        if value is None:
            return Check(name, "warn", f"{spender}: the venue does not say", "look at the wallet's approvals")
        if not _whole(value):
            return Check(name, "fail", f"{spender} may not move this token", f"setApprovalForAll({spender}, true)")
    return Check(name, "ok", "may be sold")


async def _spenders_of(client: PolymarketClient, token: str) -> set[str]:
    rules = await client.markets.rules(token)
    if rules.version not in tuple(Protocol):
        return set()
    protocol = Protocol(rules.version)
    adapter = {NEG_RISK_ADAPTER} if rules.neg_risk and protocol is Protocol.V1 else set()
    return {exchange_of(protocol, neg_risk=rules.neg_risk)} | adapter


def _dollars(held: BalanceAllowance) -> Decimal:
    try:
        return shares_of(held.balance)
    except ValueError:
        return Decimal(0)


def _whole(figure: Figure | msgspec.Raw) -> int | None:
    try:
        value = amount(figure)
    except ValueError:
        return None
    return int(value) if value is not None else None
