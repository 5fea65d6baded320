"""From a ticket to the exact bytes of `POST /order`, and to the id the venue will know the order by.

Pure: the same ticket, rules, wallet and owner always give the same bytes. Nothing is drawn at random and no clock is
read: the salt comes from the order's own id (intent, leg, attempt), the timestamp from the intent's decision, and
signatures are deterministic. A repeated submit therefore sends what was sent before, and the venue answers *Duplicated*
instead of trading twice. A new attempt has another salt and is another order.

What is signed: salt, maker, signer, token, both amounts, side, signature type, timestamp, metadata, builder. What is
not: order type, expiration, post-only, owner. These have no part in the order's id either, so two orders that differ
in them alone are one order to the venue.

Source: docs.polymarket.com/trading/place-orders and docs.polymarket.com/concepts/order-lifecycle; the order of keys is
that of the venue's own client.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

import msgspec

from domain.errors import Denied
from domain.orders import OrderTicket, PreparedOrder, Purpose, Side, TimeInForce
from venues.polymarket.amounts import order_amounts
from venues.polymarket.contracts import Protocol, protocol_of_id
from venues.polymarket.typed_data import (
    ZERO32,
    Order,
    deposit_digest,
    deposit_signature,
    digest,
    order_domain,
    order_hash,
)
from venues.polymarket.wallet import SignatureType, Wallet

ORDER_PATH = "/order"
ORDERS_PATH = "/orders"
MOST_IN_BATCH = 15

SALT_BITS = 53  # the salt travels as a JSON number, which many readers hold as a double
LEAST_LIFE_S = 180
"""A GTD order must expire at least this long after it reaches the venue, which ends it one minute earlier than told."""

_UINT256_BITS = 256
_UINT256_DIGITS = 78
_MICROS_PER_MS = 1_000
_MICROS_PER_S = 1_000_000
_ORDER_TYPE = {
    TimeInForce.IOC: "FAK",
    TimeInForce.FOK: "FOK",
    TimeInForce.GTC: "GTC",
    TimeInForce.GTD: "GTD",
}


@dataclass(frozen=True, slots=True)
class OrderRules:
    """What an order's bytes need to know of its market.

    `token_id` is the token in decimal digits, `version` the market's ("v1" signs under domain 2, "v2" under domain 3),
    `tick` in dollars. All but the tick never change in a market's life; the tick gets finer as a price nears 0 or 1.
    """

    token_id: str
    version: str
    neg_risk: bool
    tick: Decimal


@dataclass(frozen=True, slots=True)
class SignedOrder:
    """An order ready to send. `order_id` is 0x and 64 hex digits, `expiration` seconds since the epoch or 0."""

    order_id: str
    order: Order
    order_type: str
    expiration: int
    post_only: bool
    signature: str


def signed_order(ticket: OrderTicket, rules: OrderRules, wallet: Wallet, *, builder: bytes = ZERO32) -> SignedOrder:
    """The order a ticket stands for, signed; amounts as `venues.polymarket.amounts` says. `builder` is 32 bytes.

    Raises `Denied`: `off_tick`, `bad_size`, `bad_tick` (amounts), `unknown_version` and `version_mismatch` (a market
    whose protocol is not known for certain), `bad_order` (a combination the venue refuses, or a ticket without its
    decision time), `not_supported` (a merge, which is a call on chain and no order).
    """
    token_id, protocol = _token(ticket, rules)
    _check(ticket)
    amounts = order_amounts(ticket.side, ticket.size, ticket.limit, rules.tick, ticket.tif)
    order = Order(
        salt=salt_of(ticket.client_order_id),
        maker=wallet.maker,
        signer=wallet.order_signer,
        token_id=token_id,
        maker_amount=amounts.maker,
        taker_amount=amounts.taker,
        side=0 if ticket.side is Side.BUY else 1,
        signature_type=wallet.signature_type.value,
        timestamp=ticket.decided_at // _MICROS_PER_MS,
        builder=builder,
    )
    domain = order_domain(protocol, neg_risk=rules.neg_risk, chain_id=wallet.chain_id)
    struct_hash = order_hash(order)
    order_id = digest(domain, struct_hash)
    if wallet.signature_type is SignatureType.DEPOSIT:
        inner = wallet.sign(deposit_digest(domain, struct_hash, order.signer, wallet.chain_id))
        signature = deposit_signature(inner, domain, struct_hash)
    else:
        signature = wallet.sign(order_id)
    return SignedOrder(
        order_id="0x" + order_id.hex(),
        order=order,
        order_type=_ORDER_TYPE[ticket.tif],
        expiration=ticket.expires_at // _MICROS_PER_S,
        post_only=ticket.post_only,
        signature="0x" + signature.hex(),
    )


def make_body(ticket: OrderTicket, rules: OrderRules, wallet: Wallet, owner: str) -> PreparedOrder:
    """The bytes of `POST /order` and the order's id, made afresh. `owner` is the API key's UUID. Raises as
    `signed_order`."""
    signed = signed_order(ticket, rules, wallet)
    return PreparedOrder(wire_body(signed, owner), signed.order_id)


@lru_cache(maxsize=8_192)  # a ticket's bytes are asked for again by each copy sent
def order_body(ticket: OrderTicket, rules: OrderRules, wallet: Wallet, owner: str) -> PreparedOrder:
    """As `make_body`, made once for a ticket."""
    return make_body(ticket, rules, wallet, owner)


def wire_body(signed: SignedOrder, owner: str) -> bytes:
    """Compact JSON of one signed order, keys in the order the venue's own client sends them."""
    order = signed.order
    body: dict[str, object] = {
        "deferExec": False,
        "order": {
            "builder": "0x" + order.builder.hex(),
            "expiration": str(signed.expiration),
            "maker": order.maker,
            "makerAmount": str(order.maker_amount),
            "metadata": "0x" + order.metadata.hex(),
            "salt": order.salt,
            "side": "BUY" if order.side == 0 else "SELL",
            "signature": signed.signature,
            "signatureType": order.signature_type,
            "signer": order.signer,
            "takerAmount": str(order.taker_amount),
            "timestamp": str(order.timestamp),
            "tokenId": str(order.token_id),
        },
        "orderType": signed.order_type,
        "owner": owner,
    }
    if signed.post_only:
        body["postOnly"] = True
    return msgspec.json.encode(body)


def batch_body(bodies: list[bytes]) -> bytes:
    """The bytes of `POST /orders` from 1 to 15 bodies of single orders, each unchanged inside it. Raises `Denied`
    (`bad_batch`) for none and for more."""
    if not 0 < len(bodies) <= MOST_IN_BATCH:
        raise Denied(f"a batch of {len(bodies)} orders; expected 1 to {MOST_IN_BATCH}: send several", "bad_batch")
    return b"[" + b",".join(bodies) + b"]"


def salt_of(client_order_id: str) -> int:
    """A number below 2^53 that is a pure function of intent, leg and attempt, and different for each."""
    head = hashlib.sha256(client_order_id.encode()).digest()[:8]
    return int.from_bytes(head, "big") & ((1 << SALT_BITS) - 1)


def _token(ticket: OrderTicket, rules: OrderRules) -> tuple[int, Protocol]:
    if ticket.purpose is Purpose.MERGE:
        raise Denied(
            f"a merge of set {ticket.market} is a call on chain, not an order; send it through a wallet configured "
            "for merging, or hold the tokens until the market pays",
            "not_supported",
        )
    text = rules.token_id
    if ticket.market != text:
        raise Denied(
            f"a ticket for token {ticket.market} with the rules of token {text}; expected one token", "bad_order"
        )
    if not (text.isascii() and text.isdecimal() and len(text) <= _UINT256_DIGITS) or int(text) >> _UINT256_BITS:
        raise Denied(f"{text!r} is no token id; expected a uint256 in decimal digits", "bad_order")
    try:
        protocol = Protocol(rules.version)
    except ValueError:
        raise Denied(
            f"market version {rules.version!r} of token {text} is unknown; expected v1 or v2: such a market cannot be "
            "signed for",
            "unknown_version",
        ) from None
    token_id = int(text)
    if protocol_of_id(token_id) is not protocol:
        raise Denied(
            f"token {text} is numbered as {protocol_of_id(token_id).value}, its market says {protocol.value}; the "
            "domain to sign under is uncertain: read the market again (v1 uses clobTokenIds, v2 positionIds)",
            "version_mismatch",
        )
    return token_id, protocol


def _check(ticket: OrderTicket) -> None:
    """What the venue refuses whatever the market. `Denied` with `bad_order`."""
    if ticket.foreign_id:
        raise Denied(f"order {ticket.foreign_id} was placed elsewhere; it is followed, never sent", "bad_order")
    if ticket.post_only and not ticket.rests:
        raise Denied(f"post-only with {ticket.tif.value} can never trade nor rest; expected GTC or GTD", "bad_order")
    if ticket.decided_at <= 0:
        raise Denied(
            "the ticket has no decision time, which the order carries as its timestamp; expected the intent's",
            "bad_order",
        )
    if ticket.tif is TimeInForce.GTD:
        life = (ticket.expires_at - ticket.decided_at) // _MICROS_PER_S
        if life < LEAST_LIFE_S:
            raise Denied(
                f"a GTD order that expires {life} s after its decision; expected {LEAST_LIFE_S} s or more, of which "
                "the venue takes off 60: expire later, or rest with GTC and cancel",
                "bad_order",
            )
    elif ticket.expires_at:
        raise Denied(f"an expiry with {ticket.tif.value}; expected GTD, the only kind that has one", "bad_order")
