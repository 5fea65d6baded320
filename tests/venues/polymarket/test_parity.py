"""Our order bytes against the venue's own clients: the same id, the same signature, the same body, for thousands of
orders; and the same headers. The clients are asked for what they compute, never for what they send."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from itertools import product
from random import Random
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak
from polymarket._internal.actions.orders import limit as sdk_limit
from polymarket._internal.actions.orders import market as sdk_market
from polymarket._internal.actions.orders.orders import create_signed_order
from polymarket._internal.actions.orders.post import build_post_order_request
from polymarket._internal.actions.orders.typed_data import build_order_signature, build_order_typed_data
from polymarket._internal.actions.orders.types import BYTES32_ZERO, UnsignedOrder
from polymarket._internal.hmac import build_hmac_signature
from polymarket._internal.l1_auth import sign_api_key_auth
from polymarket._internal.protocol import is_v2_position_id
from py_clob_client_v2.clob_types import ApiCreds, RequestArgs
from py_clob_client_v2.headers.headers import create_level_1_headers, create_level_2_headers
from py_clob_client_v2.order_builder.builder import ROUNDING_CONFIG, OrderBuilder
from py_clob_client_v2.order_utils.exchange_order_builder_v2 import ExchangeOrderBuilderV2
from py_clob_client_v2.order_utils.model.order_data_v2 import OrderV2
from py_clob_client_v2.order_utils.model.side import Side as C2Side
from py_clob_client_v2.order_utils.model.signature_type_v2 import SignatureTypeV2
from py_clob_client_v2.signer import Signer

from domain.market import Venue
from domain.orders import OrderTicket, Purpose, Side, TimeInForce
from venues.polymarket.amounts import order_amounts, whole_cents
from venues.polymarket.auth import l1_headers, l2_headers, recover_l1, verify_l2
from venues.polymarket.contracts import Protocol, exchange_of, protocol_of_id
from venues.polymarket.orders import OrderRules, SignedOrder, order_body, signed_order
from venues.polymarket.proof import prove_order, read_posted
from venues.polymarket.wallet import Credentials, SignatureType, Wallet

OWNER = "6f2f8a53-0a77-4b1c-9d0e-3a1c5b8e7f10"
TICKS = tuple(Decimal(text) for text in ("0.1", "0.01", "0.005", "0.0025", "0.001", "0.0001"))
REPEATS = 3


@dataclass(frozen=True)
class Case:
    ticket: OrderTicket
    rules: OrderRules
    wallet: Wallet
    key: str


def _token(rng: Random, protocol: Protocol) -> str:
    if protocol is Protocol.V1:
        return str(rng.getrandbits(256) | 1 << 70)
    return str(rng.choice((1, 2)) << 248 | rng.getrandbits(140) << 104 | rng.randrange(2))


def _cases(protocol: Protocol, kind: SignatureType) -> list[Case]:
    rng = Random(f"{protocol}/{kind}")
    made = []
    for neg_risk, tick, side, tif in product((False, True), TICKS, Side, TimeInForce):
        for _ in range(REPEATS):
            key = rng.randbytes(32).hex()
            funder = None if kind is SignatureType.EOA else Account.from_key(rng.randbytes(32)).address
            token = _token(rng, protocol)
            decided = 1_790_000_000_000_000 + rng.randrange(10**13)
            ticket = OrderTicket(
                intent_id=rng.randbytes(16).hex(),
                leg=rng.choice("AB"),
                attempt=rng.randrange(1, 30),
                purpose=rng.choice((Purpose.OPEN, Purpose.HEDGE, Purpose.COMPLETE, Purpose.UNWIND)),
                venue=Venue.POLYMARKET,
                market=token,
                side=side,
                size=Decimal(rng.randrange(2_000, 10 ** rng.randrange(4, 9))) / 100,
                limit=tick * rng.randrange(1, int(1 / tick)),
                tif=tif,
                post_only=tif in (TimeInForce.GTC, TimeInForce.GTD) and rng.random() < 0.5,
                decided_at=decided,
                expires_at=decided + rng.randrange(180, 10**6) * 1_000_000 if tif is TimeInForce.GTD else 0,
            )
            if tif in (TimeInForce.IOC, TimeInForce.FOK) and side is Side.BUY and ticket.size * ticket.limit < 10:
                continue  # too few cents to keep a limit: refused, and tested with the amounts
            wallet = Wallet.from_hex(key, funder=funder, signature_type=kind)
            made.append(Case(ticket, OrderRules(token, protocol.value, neg_risk, tick), wallet, key))
    return made


def _sdk_body(case: Case, ours: SignedOrder, protocol: Protocol) -> tuple[str, dict[str, Any]]:
    """The id and the posted body as the venue's current client computes them."""
    order = ours.order
    unsigned = UnsignedOrder(
        chain_id=137,
        builder=BYTES32_ZERO,
        exchange_address=exchange_of(protocol, neg_risk=case.rules.neg_risk),  # type: ignore[arg-type]
        expiration=case.ticket.expires_at // 1_000_000,
        maker=case.wallet.maker,  # type: ignore[arg-type]
        maker_amount=order.maker_amount,
        metadata=BYTES32_ZERO,
        order_type={"IOC": "FAK"}.get(case.ticket.tif.name, case.ticket.tif.name),  # type: ignore[arg-type]
        salt=order.salt,
        side="BUY" if case.ticket.side is Side.BUY else "SELL",
        signature_type=int(case.wallet.signature_type),
        signer=case.wallet.order_signer,  # type: ignore[arg-type]
        taker_amount=order.taker_amount,
        timestamp=case.ticket.decided_at // 1_000,
        token_id=case.rules.token_id,  # type: ignore[arg-type]
        protocol_version="3" if is_v2_position_id(case.rules.token_id) else "2",
    )
    typed = build_order_typed_data(unsigned)
    inner = Account.from_key(case.key).sign_typed_data(full_message=typed).signature.hex()
    signature = build_order_signature(unsigned, "0x" + inner.removeprefix("0x"))  # type: ignore[arg-type]
    plain = build_order_typed_data(unsigned) if unsigned.signature_type != 3 else _plain(unsigned)
    message = encode_typed_data(full_message=plain)
    digest = keccak(b"\x19" + message.version + message.header + message.body)
    signed = create_signed_order(unsigned, signature, post_only=case.ticket.post_only)
    return "0x" + digest.hex(), build_post_order_request(signed, owner_api_key=OWNER)[1]


def _plain(unsigned: UnsignedOrder) -> dict[str, Any]:
    """The order inside a deposit wallet's typed data, as the typed data of its own that its id is the digest of."""
    wrapped = build_order_typed_data(unsigned)
    return {
        "types": {name: wrapped["types"][name] for name in ("EIP712Domain", "Order")},
        "primaryType": "Order",
        "domain": wrapped["domain"],
        "message": wrapped["message"]["contents"],
    }


def _c2_id_and_signature(case: Case, ours: SignedOrder, protocol: Protocol) -> tuple[str, str]:
    """The id and the signature as the client before that computes them."""
    order = ours.order
    builder = ExchangeOrderBuilderV2(
        exchange_of(protocol, neg_risk=case.rules.neg_risk),
        137,
        Signer(case.key, 137),
        domain_version="2" if protocol is Protocol.V1 else "3",
    )
    typed = builder.build_order_typed_data(
        OrderV2(
            salt=str(order.salt),
            maker=case.wallet.maker,
            tokenId=case.rules.token_id,
            makerAmount=str(order.maker_amount),
            takerAmount=str(order.taker_amount),
            side=C2Side.BUY if case.ticket.side is Side.BUY else C2Side.SELL,
            signer=case.wallet.order_signer,
            signatureType=SignatureTypeV2(int(case.wallet.signature_type)),
            timestamp=str(case.ticket.decided_at // 1_000),
            metadata=str(BYTES32_ZERO),
            builder=str(BYTES32_ZERO),
        )
    )
    return builder.build_order_hash(typed), builder.build_order_signature(typed)


@pytest.mark.parametrize("kind", SignatureType)
@pytest.mark.parametrize("protocol", Protocol)
def test_id_signature_and_body_of_hundreds_of_orders_are_the_official_clients_own(
    protocol: Protocol, kind: SignatureType
) -> None:
    cases = _cases(protocol, kind)
    assert len(cases) > 250
    for case in cases:
        ours = signed_order(case.ticket, case.rules, case.wallet)
        prepared = order_body(case.ticket, case.rules, case.wallet, OWNER)

        sdk_id, sdk_body = _sdk_body(case, ours, protocol)
        assert prepared.order_id == sdk_id
        assert prepared.body == json.dumps(sdk_body, separators=(",", ":")).encode()

        assert (ours.order_id, ours.signature) == _c2_id_and_signature(case, ours, protocol)

        proof = prove_order(read_posted(prepared.body).order, protocol, neg_risk=case.rules.neg_risk)
        assert (proof.order_id, proof.signed_by) == (prepared.order_id, case.wallet.address)


def test_which_protocol_a_token_id_belongs_to_is_read_as_the_official_client_reads_it() -> None:
    rng = Random(5)
    for protocol in Protocol:
        for _ in range(500):
            token = _token(rng, protocol)
            assert protocol_of_id(int(token)) is protocol
            assert is_v2_position_id(token) is (protocol is Protocol.V2)


# --- amounts ----------------------------------------------------------------------------------------------------------


def _sizes(count: int) -> list[tuple[Decimal, Decimal, Decimal]]:
    rng = Random(11)
    made = []
    for _ in range(count):
        tick = rng.choice(TICKS)
        size = Decimal(rng.randrange(2_000, 10 ** rng.randrange(4, 9))) / 100
        made.append((tick, tick * rng.randrange(1, int(1 / tick)), size))
    return made


@pytest.mark.parametrize("side", Side)
def test_amounts_of_resting_orders_and_of_all_sells_are_the_official_clients_own(side: Side) -> None:
    for tick, limit, size in _sizes(4_000):
        name = "BUY" if side is Side.BUY else "SELL"
        ours = order_amounts(side, size, limit, tick, TimeInForce.GTC)
        theirs = sdk_limit._compute_limit_order_amounts(price=limit, size=size, side=name, tick_size=tick)  # type: ignore[arg-type]
        assert (ours.maker, ours.taker) == theirs
        if side is Side.SELL:
            taking = sdk_market._compute_market_order_amounts(amount=size, price=limit, side="SELL", tick_size=tick)
            assert order_amounts(side, size, limit, tick, TimeInForce.IOC) == ours
            assert (ours.maker, ours.taker) == taking


def test_a_buy_that_takes_differs_from_the_official_client_only_beyond_the_fourth_decimal_of_its_shares() -> None:
    finer = 0
    for tick, limit, size in _sizes(8_000):
        if size * limit < 10:
            continue
        ours = order_amounts(Side.BUY, size, limit, tick, TimeInForce.FOK)
        maker, taker = sdk_market._compute_market_order_amounts(
            amount=size * limit, price=limit, side="BUY", tick_size=tick
        )
        assert ours.maker == maker
        assert ours.taker == taker if tick in TICKS[:2] else ours.taker == taker // 100 * 100
        finer += ours.taker != taker
    assert finer > 100


def test_a_buy_in_whole_cents_has_the_amounts_of_a_resting_one_at_every_tick() -> None:
    checked = 0
    for tick, limit, size in _sizes(8_000):
        exact = whole_cents(size, limit)
        if exact == 0:
            continue
        checked += 1
        ours = order_amounts(Side.BUY, exact, limit, tick, TimeInForce.IOC)
        assert ours == order_amounts(Side.BUY, exact, limit, tick, TimeInForce.GTC)
        theirs = sdk_market._compute_market_order_amounts(amount=exact * limit, price=limit, side="BUY", tick_size=tick)
        assert (ours.maker, ours.taker) == theirs
    assert checked > 2_000


def test_the_older_client_loses_a_lot_to_floats_where_we_do_not() -> None:
    """8.2 × 100 is 819.9999… in floats, and is floored: a sale of 8.2 shares offers 8.19. All differences are such."""
    builder = OrderBuilder(Signer("0x" + "11" * 32, 137))
    differing = 0
    for tick, limit, size in _sizes(4_000):
        config = ROUNDING_CONFIG[format(tick, "f")]
        _, maker, taker = builder.get_order_amounts("SELL", float(size), float(limit), config)
        ours = order_amounts(Side.SELL, size, limit, tick, TimeInForce.GTC)
        if (ours.maker, ours.taker) == (maker, taker):
            continue
        differing += 1
        assert 0 <= ours.maker - maker <= 10_000
        assert abs(ours.taker - taker) <= 10_000 + 10 ** (6 - config.amount)
    assert 0 < differing < 400


# --- headers ----------------------------------------------------------------------------------------------------------


def test_l1_headers_are_the_official_clients_own() -> None:
    rng = Random(3)
    for _ in range(40):
        key = rng.randbytes(32).hex()
        now, nonce = 1_790_000_000 + rng.randrange(10**7), rng.randrange(4)
        wallet = Wallet.from_hex(key)
        ours = l1_headers(wallet, now, nonce)
        theirs = sign_api_key_auth(Account.from_key(key), chain_id=137, timestamp=now, nonce=nonce)
        assert ours["POLY_SIGNATURE"] == theirs.signature
        assert ours["POLY_ADDRESS"] == theirs.address
        assert ours == create_level_1_headers(Signer("0x" + key, 137), nonce=nonce, timestamp=now)
        assert recover_l1(ours) == wallet.address


def test_l2_headers_are_the_official_clients_own() -> None:
    rng = Random(4)
    wallet = Wallet.from_hex("22" * 32)
    for secret in ("hXU-1_y2PnSDqCyyzWzy_9yIzcIuu1hv4_9MOtlz5WA=", "AAAA", "c2VjcmV0LXNlY3JldA=="):
        credentials = Credentials(OWNER, secret, "a passphrase")
        for method, path in product(("GET", "POST", "DELETE"), ("/order", "/data/orders")):
            body = json.dumps({"orderID": rng.randbytes(8).hex()}, separators=(",", ":")) if method != "GET" else ""
            now = 1_790_000_000 + rng.randrange(10**7)
            ours = l2_headers(wallet.address, credentials, method, path + "?x=1", body.encode(), now_s=now)
            assert ours["POLY_SIGNATURE"] == build_hmac_signature(
                secret=secret, timestamp=now, method=method, path=path, body=body or None
            )
            request = RequestArgs(method=method, request_path=path, body=body, serialized_body=body)
            creds = ApiCreds(api_key=OWNER, api_secret=secret, api_passphrase="a passphrase")
            assert ours == create_level_2_headers(Signer("22" * 32, 137), creds, request, timestamp=now)
            assert verify_l2(credentials, ours, method, path, body.encode())
