"""The venue's side of an order: read a posted body, compute its id, and find out whose key signed it.

What the exchange does before an order may enter a book. It shares the hashing with the side that signs and nothing
else, and is checked against the venue's own clients.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from domain.errors import Rejected
from venues.polymarket.contracts import POLYGON, Protocol
from venues.polymarket.typed_data import Order, deposit_digest, digest, inner_signature, order_domain, order_hash
from venues.polymarket.wallet import SignatureType, recover

_SIDES = {"BUY": 0, "SELL": 1}
_UINT256 = 1 << 256


class PostedOrder(msgspec.Struct, frozen=True, rename="camel"):
    """The `order` of a posted body, as it came. Numbers that the venue sends and takes as text are text."""

    salt: int
    maker: str
    signer: str
    token_id: str
    maker_amount: str
    taker_amount: str
    side: str
    signature_type: int
    timestamp: str
    signature: str
    expiration: str = "0"
    metadata: str = "0x" + "00" * 32
    builder: str = "0x" + "00" * 32


class Posted(msgspec.Struct, frozen=True, rename="camel"):
    """One body of `POST /order`, or one entry of `POST /orders`. The order type is GTC where none is given."""

    order: PostedOrder
    owner: str
    order_type: str = "GTC"
    post_only: bool = False
    defer_exec: bool = False


@dataclass(frozen=True, slots=True)
class OrderProof:
    """What a body proves: the order's id, its struct, and the address whose key signed it."""

    order_id: str
    order: Order
    signed_by: str


_ONE = msgspec.json.Decoder(Posted)
_MANY = msgspec.json.Decoder(list[Posted])


def read_posted(body: bytes) -> Posted:
    """A posted body. Raises `Rejected` (`bad_order`) with the venue's words for one that is none."""
    try:
        return _ONE.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _invalid(str(error)) from None


def read_posted_batch(body: bytes) -> list[Posted]:
    """The entries of a posted batch, in order. Raises as `read_posted`."""
    try:
        return _MANY.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _invalid(str(error)) from None


def prove_order(posted: PostedOrder, protocol: Protocol, *, neg_risk: bool, chain_id: int = POLYGON) -> OrderProof:
    """Who signed this order for a market of that protocol. Raises `Rejected` (`bad_order`) for fields that are no
    order's and for a signature that nobody made over it.

    Whether `signed_by` may sign for `order.maker` is the caller's to decide: for an EOA they are the same address, for
    a proxy, a safe and a deposit wallet they are not, and only the account knows its key.
    """
    order = _order_of(posted)
    domain = order_domain(protocol, neg_risk=neg_risk, chain_id=chain_id)
    struct_hash = order_hash(order)
    order_id = digest(domain, struct_hash)
    signature: bytes | None = _hex(posted.signature, "signature")
    signed = order_id
    if order.signature_type == SignatureType.DEPOSIT:
        signature = inner_signature(signature or b"", domain, struct_hash)
        signed = deposit_digest(domain, struct_hash, order.signer, chain_id)
    signer = recover(signed, signature) if signature is not None else None
    if signer is None:
        raise _invalid("the signature was not made over this order under this market's domain")
    return OrderProof("0x" + order_id.hex(), order, signer)


def _order_of(posted: PostedOrder) -> Order:
    if posted.side not in _SIDES:
        raise _invalid(f"side {posted.side!r}; expected BUY or SELL")
    if posted.signature_type not in tuple(SignatureType):
        raise _invalid(f"signatureType {posted.signature_type}; expected 0 to 3")
    return Order(
        salt=_uint(posted.salt, "salt"),
        maker=_address(posted.maker, "maker"),
        signer=_address(posted.signer, "signer"),
        token_id=_uint(posted.token_id, "tokenId"),
        maker_amount=_uint(posted.maker_amount, "makerAmount"),
        taker_amount=_uint(posted.taker_amount, "takerAmount"),
        side=_SIDES[posted.side],
        signature_type=posted.signature_type,
        timestamp=_uint(posted.timestamp, "timestamp"),
        metadata=_word(posted.metadata, "metadata"),
        builder=_word(posted.builder, "builder"),
    )


def _uint(value: str | int, field: str) -> int:
    if isinstance(value, str):
        value = int(value) if value.isascii() and value.isdecimal() and len(value) <= 78 else -1
    if not 0 <= value < _UINT256:
        raise _invalid(f"{field} is no uint256")
    return value


def _address(text: str, field: str) -> str:
    if len(_hex(text, field)) != 20:
        raise _invalid(f"{field} is no address")
    return text.lower()  # the bytes count; how capitals were set is the sender's matter


def _word(text: str, field: str) -> bytes:
    raw = _hex(text, field)
    if len(raw) != 32:
        raise _invalid(f"{field} is no bytes32")
    return raw


def _hex(text: str, field: str) -> bytes:
    try:
        return bytes.fromhex(text[2:]) if text[:2] == "0x" else bytes.fromhex(text)
    except ValueError:
        raise _invalid(f"{field} is no hex") from None


def _invalid(why: str) -> Rejected:
    return Rejected(f"Invalid order payload: {why}", "bad_order")
