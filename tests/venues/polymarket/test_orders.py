"""An order's bytes and id are a pure function of its ticket; what the venue would refuse never leaves."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from domain.errors import Denied, Rejected
from domain.market import Venue
from domain.orders import SETS, OrderTicket, Purpose, Side, TimeInForce
from venues.polymarket.contracts import Protocol
from venues.polymarket.orders import OrderRules, batch_body, make_body, order_body, salt_of, signed_order
from venues.polymarket.proof import prove_order, read_posted, read_posted_batch
from venues.polymarket.wallet import SignatureType, Wallet

OWNER = "6f2f8a53-0a77-4b1c-9d0e-3a1c5b8e7f10"
KEY = "0x" + "4c" * 32
VAULT = "0x8ba1f109551bD432803012645Ac136ddd64DBA72"
TOKEN = "71321045679252212594626385532706912750332728571942532289631379312455583992563"
POSITION = str(1 << 248 | 0xABCDEF << 104 | 1)
DECIDED = 1_790_000_000_123_456

RULES = OrderRules(TOKEN, "v1", False, Decimal("0.01"))
EOA = Wallet.from_hex(KEY)
DEPOSIT = Wallet.from_hex(KEY, funder=VAULT, signature_type=SignatureType.DEPOSIT)
TICKET = OrderTicket(
    intent_id="intent-1",
    leg="A",
    attempt=1,
    purpose=Purpose.OPEN,
    venue=Venue.POLYMARKET,
    market=TOKEN,
    side=Side.BUY,
    size=Decimal("20"),
    limit=Decimal("0.47"),
    decided_at=DECIDED,
)
DATED = replace(TICKET, tif=TimeInForce.GTD, expires_at=DECIDED + 600_000_000)


def _sent(ticket: OrderTicket, wallet: Wallet = EOA) -> dict[str, Any]:
    sent: dict[str, Any] = msgspec.json.decode(make_body(ticket, RULES, wallet, OWNER).body)
    return sent


def test_the_same_ticket_gives_the_same_bytes_and_id_from_any_process() -> None:
    again = Wallet.from_hex(KEY, funder=VAULT, signature_type=SignatureType.DEPOSIT)
    assert make_body(TICKET, RULES, DEPOSIT, OWNER) == make_body(replace(TICKET), replace(RULES), again, OWNER)
    assert order_body(TICKET, RULES, DEPOSIT, OWNER) == make_body(TICKET, RULES, DEPOSIT, OWNER)


def test_bytes_and_id_of_a_known_order_never_change() -> None:
    """A resumed trade must produce what it already sent, after an upgrade too."""
    prepared = make_body(TICKET, RULES, EOA, OWNER)
    assert prepared.order_id == ("0x1bbb04bfcd4b9fa1a8db3eb3564cab60b7e7dd7c4856c53861f503d231413d61")
    assert prepared.body == (
        b'{"deferExec":false,"order":{"builder":"0x00000000000000000000000000000000000000000000000000000000000'
        b'00000","expiration":"0","maker":"0xdB00079cad3e665853Bf766eFe26F4C38cdbdCDA","makerAmount":"9400000"'
        b',"metadata":"0x0000000000000000000000000000000000000000000000000000000000000000","salt":518276367602'
        b'5575,"side":"BUY","signature":"0x793fbb0deb82f4f11b3b7c7c015991e2d035337c8a19764e5708c458ccddf0af4bc'
        b'b57c56f36d6470cfdf3c639765a3ecc8d6ffae6dd324b56314f304bc9f5731c","signatureType":0,"signer":"0xdB000'
        b'79cad3e665853Bf766eFe26F4C38cdbdCDA","takerAmount":"20000000","timestamp":"1790000000123","tokenId":'
        b'"71321045679252212594626385532706912750332728571942532289631379312455583992563"},"orderType":"FAK","'
        b'owner":"6f2f8a53-0a77-4b1c-9d0e-3a1c5b8e7f10"}'
    )


def test_each_attempt_and_leg_is_another_order() -> None:
    tickets = [TICKET, replace(TICKET, attempt=2), replace(TICKET, leg="B"), replace(TICKET, intent_id="intent-2")]
    assert len({make_body(ticket, RULES, EOA, OWNER).order_id for ticket in tickets}) == len(tickets)
    assert all(0 < salt_of(ticket.client_order_id) < 2**53 for ticket in tickets)


def test_the_body_carries_the_decision_in_milliseconds_and_numbers_as_text_except_the_salt() -> None:
    order = _sent(TICKET)["order"]
    assert order["timestamp"] == "1790000000123"
    assert order["salt"] == salt_of(TICKET.client_order_id)
    assert (order["makerAmount"], order["takerAmount"], order["tokenId"]) == ("9400000", "20000000", TOKEN)
    assert (order["side"], order["signatureType"], order["expiration"]) == ("BUY", 0, "0")


@pytest.mark.parametrize(
    ("ticket", "kind", "expiration"),
    [
        (TICKET, "FAK", "0"),
        (replace(TICKET, tif=TimeInForce.FOK), "FOK", "0"),
        (replace(TICKET, tif=TimeInForce.GTC), "GTC", "0"),
        (DATED, "GTD", "1790000600"),
    ],
)
def test_the_order_type_is_the_venues_word_and_only_a_dated_order_expires(
    ticket: OrderTicket, kind: str, expiration: str
) -> None:
    sent = _sent(ticket)
    assert (sent["orderType"], sent["order"]["expiration"]) == (kind, expiration)
    assert "postOnly" not in sent


def test_post_only_is_said_only_where_it_holds() -> None:
    for ticket in (replace(TICKET, tif=TimeInForce.GTC), DATED):
        assert _sent(replace(ticket, post_only=True))["postOnly"] is True
    for tif in (TimeInForce.IOC, TimeInForce.FOK):
        with pytest.raises(Denied, match="expected GTC or GTD"):
            make_body(replace(TICKET, tif=tif, post_only=True), RULES, EOA, OWNER)


def test_type_expiry_post_only_and_owner_are_not_part_of_the_id() -> None:
    resting = replace(TICKET, tif=TimeInForce.GTC)
    same = [
        make_body(resting, RULES, EOA, OWNER),
        make_body(replace(resting, post_only=True), RULES, EOA, OWNER),
        make_body(DATED, RULES, EOA, "another-owner"),
    ]
    assert len({prepared.order_id for prepared in same}) == 1
    assert len({prepared.body for prepared in same}) == 3


@pytest.mark.parametrize(
    ("kind", "funder", "maker", "signer"),
    [
        (SignatureType.EOA, None, EOA.address, EOA.address),
        (SignatureType.PROXY, VAULT, VAULT, EOA.address),
        (SignatureType.SAFE, VAULT, VAULT, EOA.address),
        (SignatureType.DEPOSIT, VAULT, VAULT, VAULT),
    ],
)
def test_maker_and_signer_are_those_of_the_wallets_kind(
    kind: SignatureType, funder: str | None, maker: str, signer: str
) -> None:
    order = _sent(TICKET, Wallet.from_hex(KEY, funder=funder, signature_type=kind))["order"]
    assert (order["maker"], order["signer"], order["signatureType"]) == (maker, signer, int(kind))


def test_a_deposit_wallets_signature_is_317_bytes_and_its_order_id_is_that_of_the_plain_order() -> None:
    signed = signed_order(TICKET, RULES, DEPOSIT)
    assert len(signed.signature) == 2 + 634
    proof = prove_order(read_posted(make_body(TICKET, RULES, DEPOSIT, OWNER).body).order, Protocol.V1, neg_risk=False)
    assert (proof.order_id, proof.signed_by) == (signed.order_id, DEPOSIT.address)


def test_domains_of_v1_neg_risk_and_v2_give_different_ids() -> None:
    ids = {
        signed_order(TICKET, RULES, EOA).order_id,
        signed_order(TICKET, replace(RULES, neg_risk=True), EOA).order_id,
    }
    position = replace(TICKET, market=POSITION)
    ids.add(signed_order(position, OrderRules(POSITION, "v2", False, Decimal("0.01")), EOA).order_id)
    assert len(ids) == 3


def test_a_builder_code_is_signed() -> None:
    plain = signed_order(TICKET, RULES, EOA)
    coded = signed_order(TICKET, RULES, EOA, builder=b"\x07" * 32)
    assert plain.order_id != coded.order_id


@pytest.mark.parametrize(
    ("change", "rules", "code"),
    [
        ({"purpose": Purpose.MERGE, "leg": SETS}, RULES, "not_supported"),
        ({}, replace(RULES, version="v3"), "unknown_version"),
        ({}, replace(RULES, version=""), "unknown_version"),
        ({}, replace(RULES, version="v2"), "version_mismatch"),
        ({"market": POSITION}, replace(RULES, token_id=POSITION), "version_mismatch"),
        ({"market": "1"}, RULES, "bad_order"),
        ({"market": "0x12"}, replace(RULES, token_id="0x12"), "bad_order"),
        ({"market": "9" * 78}, replace(RULES, token_id="9" * 78), "bad_order"),
        ({"market": "9" * 5000}, replace(RULES, token_id="9" * 5000), "bad_order"),
        ({"decided_at": 0}, RULES, "bad_order"),
        ({"foreign_id": "someone"}, RULES, "bad_order"),
        ({"expires_at": DECIDED + 10**9}, RULES, "bad_order"),
        ({"tif": TimeInForce.GTD}, RULES, "bad_order"),
        ({"tif": TimeInForce.GTD, "expires_at": DECIDED + 179_000_000}, RULES, "bad_order"),
        ({"limit": Decimal("0.475")}, RULES, "off_tick"),
        ({"size": Decimal("20.005")}, RULES, "bad_size"),
        ({}, replace(RULES, tick=Decimal("0.03")), "bad_tick"),
    ],
)
def test_what_the_wire_cannot_carry_is_denied_before_it(change: dict[str, Any], rules: OrderRules, code: str) -> None:
    with pytest.raises(Denied) as denied:
        order_body(replace(TICKET, **change), rules, EOA, OWNER)
    assert denied.value.code == code


def test_a_batch_carries_the_very_bytes_of_its_orders() -> None:
    bodies = [make_body(replace(TICKET, attempt=n), RULES, EOA, OWNER).body for n in range(1, 16)]
    batch = batch_body(bodies)
    assert all(body in batch for body in bodies)
    assert [entry.order.salt for entry in read_posted_batch(batch)] == [read_posted(b).order.salt for b in bodies]
    for wrong in ([], [*bodies, bodies[0]]):
        with pytest.raises(Denied, match="expected 1 to 15"):
            batch_body(wrong)


# --- the venue's side -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wallet", [EOA, DEPOSIT])
@pytest.mark.parametrize(
    "change",
    [
        {"makerAmount": "9400001"},
        {"takerAmount": "20000001"},
        {"salt": 1},
        {"timestamp": "1"},
        {"tokenId": POSITION},
        {"side": "SELL"},
        {"maker": "0x" + "11" * 20},
        {"builder": "0x" + "11" * 32},
    ],
)
def test_a_changed_field_is_never_taken_for_the_signers_word(wallet: Wallet, change: dict[str, Any]) -> None:
    body = _sent(TICKET, wallet)
    body["order"] |= change
    posted = read_posted(msgspec.json.encode(body)).order
    try:
        signed_by = prove_order(posted, Protocol.V1, neg_risk=False).signed_by
    except Rejected as refused:
        signed_by = refused.code
    assert signed_by != wallet.address


@pytest.mark.parametrize(
    "change",
    [
        {"signature": "0x"},
        {"signature": "0x12zz"},
        {"signature": "0x" + "00" * 65},
        {"signature": "0x" + "ff" * 65},
        {"side": "buy"},
        {"signatureType": 4},
        {"maker": "0x12"},
        {"tokenId": "-1"},
        {"tokenId": "9" * 79},
        {"makerAmount": "1.5"},
        {"salt": -1},
        {"builder": "0x"},
        {"salt": "7"},
    ],
)
def test_a_malformed_order_is_refused_in_the_venues_words(change: dict[str, Any]) -> None:
    body = _sent(TICKET)
    body["order"] |= change
    with pytest.raises(Rejected, match=r"^Invalid order payload"):
        prove_order(read_posted(msgspec.json.encode(body)).order, Protocol.V1, neg_risk=False)


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"\xff", b'{"order":{}}', b'{"order":null,"owner":"x"}'])
def test_a_body_that_is_no_order_is_refused(body: bytes) -> None:
    with pytest.raises(Rejected):
        read_posted(body)
    with pytest.raises(Rejected):
        read_posted_batch(b"[" + body + b",1]")
