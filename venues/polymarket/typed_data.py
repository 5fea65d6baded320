"""EIP-712 hashing of what Polymarket has signed: orders, deposit-wallet orders, and the proof that opens API access.

Everything that does not change from order to order (type hashes, domain separators) is hashed once. One order costs
two Keccaks, three from a deposit wallet.

An order's id at the venue is the digest of the plain `Order` for every kind of wallet. A deposit wallet (signature
type 3) signs another digest, in which the order is wrapped in Solady's `TypedDataSign`, and its signature carries what
the wallet's contract needs to check that: 65 bytes, the exchange's domain separator, the order's struct hash, the
order's type as text, and the length of that text in two bytes.

Sources: eips.ethereum.org/EIPS/eip-712, docs.polymarket.com/v2-migration, and the venue's published clients.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from venues.polymarket.abi import address_word, word
from venues.polymarket.contracts import POLYGON, Protocol, exchange_of
from venues.polymarket.keccak import keccak256

ORDER_TYPE = (
    "Order(uint256 salt,address maker,address signer,uint256 tokenId,uint256 makerAmount,uint256 takerAmount,"
    "uint8 side,uint8 signatureType,uint256 timestamp,bytes32 metadata,bytes32 builder)"
)
ZERO32 = bytes(32)
SIGNATURE_BYTES = 65

_DOMAIN_TYPE = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
_WRAPPED_TYPE = (
    "TypedDataSign(Order contents,string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)"
    + ORDER_TYPE
)
_AUTH_DOMAIN_TYPE = "EIP712Domain(string name,string version,uint256 chainId)"
_AUTH_TYPE = "ClobAuth(address address,string timestamp,uint256 nonce,string message)"
_AUTH_MESSAGE = "This message attests that I control the given wallet"

_DOMAIN_VERSION = {Protocol.V1: "2", Protocol.V2: "3"}


def _text_hash(text: str) -> bytes:
    return keccak256(text.encode())


_ORDER_HASH = _text_hash(ORDER_TYPE)
_WRAPPED_HASH = _text_hash(_WRAPPED_TYPE)
_WRAPPED_NAME = _text_hash("DepositWallet") + _text_hash("1")
_AUTH_HASH = _text_hash(_AUTH_TYPE)
_AUTH_MESSAGE_HASH = _text_hash(_AUTH_MESSAGE)
_TAIL = ORDER_TYPE.encode() + len(ORDER_TYPE).to_bytes(2, "big")


@dataclass(frozen=True, slots=True)
class Order:
    """The signed struct, field by field. Addresses are 0x-hex, amounts are in units of 1e-6, `timestamp` in ms.

    `side` is 0 to buy and 1 to sell. Expiration, order type, post-only and owner are not part of it: the venue takes
    them from the unsigned body.
    """

    salt: int
    maker: str
    signer: str
    token_id: int
    maker_amount: int
    taker_amount: int
    side: int
    signature_type: int
    timestamp: int
    metadata: bytes = ZERO32
    builder: bytes = ZERO32


@lru_cache(maxsize=16)
def order_domain(protocol: Protocol, *, neg_risk: bool, chain_id: int = POLYGON) -> bytes:
    """The domain separator under which a market's orders are signed, 32 bytes."""
    return keccak256(
        _text_hash(_DOMAIN_TYPE)
        + _text_hash("Polymarket CTF Exchange")
        + _text_hash(_DOMAIN_VERSION[protocol])
        + word(chain_id)
        + address_word(exchange_of(protocol, neg_risk=neg_risk))
    )


def order_hash(order: Order) -> bytes:
    """The struct hash of an order, 32 bytes; not yet tied to a domain."""
    return keccak256(
        _ORDER_HASH
        + word(order.salt)
        + address_word(order.maker)
        + address_word(order.signer)
        + word(order.token_id)
        + word(order.maker_amount)
        + word(order.taker_amount)
        + word(order.side)
        + word(order.signature_type)
        + word(order.timestamp)
        + order.metadata
        + order.builder
    )


def digest(domain: bytes, struct_hash: bytes) -> bytes:
    """What is signed: 32 bytes. Of a plain order under its exchange's domain this is the venue's order id."""
    return keccak256(b"\x19\x01" + domain + struct_hash)


def deposit_digest(domain: bytes, struct_hash: bytes, wallet: str, chain_id: int = POLYGON) -> bytes:
    """What the owner of the deposit wallet at address `wallet` signs for an order with that struct hash, 32 bytes."""
    return digest(
        domain,
        keccak256(_WRAPPED_HASH + struct_hash + _WRAPPED_NAME + word(chain_id) + address_word(wallet) + ZERO32),
    )


def deposit_signature(inner: bytes, domain: bytes, struct_hash: bytes) -> bytes:
    """The 317 bytes sent as a deposit wallet's signature; `inner` are the owner's 65."""
    return inner + domain + struct_hash + _TAIL


def inner_signature(signature: bytes, domain: bytes, struct_hash: bytes) -> bytes | None:
    """The owner's 65 bytes out of a deposit wallet's signature; None if it was not made for this very order."""
    inner = signature[:SIGNATURE_BYTES]
    return inner if signature == deposit_signature(inner, domain, struct_hash) else None


@lru_cache(maxsize=4)
def _auth_domain(chain_id: int) -> bytes:
    return keccak256(_text_hash(_AUTH_DOMAIN_TYPE) + _text_hash("ClobAuthDomain") + _text_hash("1") + word(chain_id))


def auth_digest(address: str, timestamp: str, nonce: int, chain_id: int = POLYGON) -> bytes:
    """What a key signs to prove that it controls `address` (L1 authentication), 32 bytes. `timestamp` is in seconds,
    as the very text that is sent."""
    struct = keccak256(_AUTH_HASH + address_word(address) + _text_hash(timestamp) + word(nonce) + _AUTH_MESSAGE_HASH)
    return digest(_auth_domain(chain_id), struct)
