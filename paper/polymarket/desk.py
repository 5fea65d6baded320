"""Orders and cancels: who may send them, in what order they are checked, and what becomes of them.

| checked | refused with |
|---|---|
| the mode of the exchange | 425, 503 |
| the body, its owner, its signer | 400 |
| the token, the market | 404, 400 |
| the signature, under the market's domain | 400 `Invalid order payload`, `order_version_mismatch` |
| whether these bytes' order was here before | 400 `… Duplicated.` |
| price, size, expiry, balance, allowance | 400 |
| the book: post-only, FOK, FAK, a marketable buy under a dollar | 400 |

An order is remembered, and its repetition *Duplicated*, from the moment it passed all checks but those of the book:
also when it was killed. One refused before that may be sent again.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from typing import cast

import msgspec

from domain.errors import Rejected
from domain.money import MICRO
from paper.core.filling import PLAIN, Filling
from paper.polymarket import accounts, refusals
from paper.polymarket.conditions import Market
from paper.polymarket.exchange import Clob
from paper.polymarket.matching import LOT, Match, Terms, match, taker_fee, terms
from paper.polymarket.records import ApiKey, ClobOrder, Side
from paper.polymarket.refusals import PolyRefusal
from paper.polymarket.step import OrderNews
from venues.polymarket.contracts import Protocol
from venues.polymarket.proof import OrderProof, Posted, prove_order, read_posted
from venues.polymarket.wallet import SignatureType

_ID = re.compile(r"0x[0-9a-f]{64}", re.ASCII)
_GTD_EARLY = 60  # seconds by which the venue ends a GTD order before what it says
_DOLLAR = 1_000_000


@dataclass(frozen=True, slots=True)
class Admitted:
    """An order that passed every check but those of the book."""

    order: ClobOrder
    market: Market
    terms: Terms


class Desk:
    """`posted` bytes in, orders out. Raises `PolyRefusal` for everything the venue would refuse."""

    def __init__(self, clob: Clob) -> None:
        self._clob = clob

    def admit(self, posted: Posted, key: ApiKey, raw: bytes) -> Admitted:
        """Every check but those of the book. Nothing is kept but the receipt of the bytes."""
        clob = self._clob
        try:
            clob.modes.admit_order(clob.now(), post_only=posted.post_only)
            _own(posted, key)
        except PolyRefusal:
            self._arrived(raw)
            raise
        market = clob.markets.of_token(posted.order.token_id)
        if market is None:
            raise refusals.no_orderbook()
        proof = _proved(posted, market)
        with clob.step():
            clob.store.receive(proof.order_id, hashlib.sha256(raw).hexdigest(), clob.now())
        account = self._account(posted, proof, key)
        if clob.store.order(proof.order_id) is not None:
            raise refusals.duplicated(proof.order_id)
        if not market.trading or market.id not in clob.engines:
            raise refusals.not_ready()
        side = cast("Side", posted.order.side)
        order = proof.order
        found = terms(proof.order_id, market, side, posted.order_type, order.maker_amount, order.taker_amount)
        _sizes(proof.order_id, market, found)
        expires_at = self._expiry(posted, found)
        with clob.step():
            clob.wallet(account, key.address, posted.order.signature_type)
        self._afford(account, market, posted.order.token_id, found, self._match(market, posted.order.token_id, found))
        now = clob.now()
        return Admitted(
            ClobOrder(
                seq=0,
                order_id=proof.order_id,
                account=account,
                owner=key.key,
                keeper=key.address,
                condition=market.id,
                token=posted.order.token_id,
                side=side,
                price=found.price,
                size=found.size,
                budget=found.budget,
                kind=found.kind,
                status="LIVE",
                post_only=posted.post_only,
                expiration=int(posted.order.expiration),
                expires_at=expires_at,
                created_at=now,
                updated_at=now,
                salt=order.salt,
            ),
            market,
            found,
        )

    def arrived(self, raw: bytes) -> None:
        """Note bytes that arrived and will have no effect: of one order, or of each of a batch."""
        if raw.lstrip()[:1] == b"[":
            try:
                entries = msgspec.json.decode(raw, type=list[msgspec.Raw])
            except (msgspec.DecodeError, UnicodeDecodeError):
                return
            for entry in entries:
                self._arrived(bytes(entry))
        else:
            self._arrived(raw)

    def _arrived(self, raw: bytes) -> None:
        try:
            posted = read_posted(raw)
            market = self._clob.markets.of_token(posted.order.token_id)
            proof = None if market is None else _proved(posted, market)
        except (Rejected, PolyRefusal):
            return
        if proof is not None:
            with self._clob.step():
                self._clob.store.receive(proof.order_id, hashlib.sha256(raw).hexdigest(), self._clob.now())

    def takes(self, admitted: Admitted) -> bool:
        """Whether the order would trade at once: then it is held for the market's delay first."""
        return bool(self._match(admitted.market, admitted.order.token, admitted.terms).takes)

    def hold(self, admitted: Admitted) -> Admitted:
        """The order is in its delay: known, and neither in the book nor to be cancelled."""
        clob = self._clob
        with clob.step():
            order = msgspec.structs.replace(admitted.order, seq=clob.next_order(), status="DELAYED")
            clob.note(order, "PLACEMENT")
        return Admitted(order, admitted.market, admitted.terms)

    def execute(self, admitted: Admitted, filling: Filling = PLAIN) -> ClobOrder:
        """Meet the book as it is now; `filling` says otherwise than by the book, if a fault wants it.

        Raises `PolyRefusal` for what the book refuses, FOK and FAK killed among it."""
        clob, order, wanted = self._clob, admitted.order, admitted.terms
        market = clob.markets.get(order.condition)
        assert market is not None
        refused: PolyRefusal | None = None
        if not market.trading:
            refused = refusals.not_ready()
            found = Match((), full=False)
        else:
            found = self._match(market, order.token, wanted, filling)
            if filling.fraction is not None:
                found = found.cut(_part(sum(take.size for take in found.takes), filling.fraction))
            refused = _refused(order, wanted, found)
            if refused is None and order.seq:  # it was held: the money may be gone meanwhile
                try:
                    self._afford(order.account, market, order.token, wanted, found, own=order.order_id)
                except PolyRefusal as short:
                    refused = short
        if refused is not None and not order.seq and wanted.kind not in ("FOK", "FAK"):
            raise refused
        with clob.step():
            if not order.seq:
                order = msgspec.structs.replace(order, seq=clob.next_order())
            if refused is not None:
                order = clob.end(order, "CANCELED", refused.text)
            else:
                order = self._trade(order, found, filling)
        if refused is not None:
            raise refused
        return order

    def _trade(self, order: ClobOrder, found: Match, filling: Filling) -> ClobOrder:
        clob = self._clob
        news: OrderNews = "UPDATE" if order.status == "DELAYED" else "PLACEMENT"
        for takes in [found.takes] if filling.merged and found.takes else [(take,) for take in found.takes]:
            order = clob.take(order, takes, filling.makers)
        whole = found.full if order.budget else not order.remaining
        if whole:
            return clob.note(msgspec.structs.replace(order, status="MATCHED"), news)
        if order.kind in ("FAK", "FOK"):
            # What a FAK order got stays matched; what it did not get is nobody's.
            return clob.note(msgspec.structs.replace(order, status="MATCHED", reason="remainder killed"), news)
        if filling.fraction is not None:
            return clob.end(order, "CANCELED", "self trade" if filling.prevented else "scripted")
        order = clob.note(msgspec.structs.replace(order, status="LIVE"), news)
        clob.rest(order)
        return order

    # -- cancels ----------------------------------------------------------------------------------------------------

    def cancel(self, ids: list[str], keeper: str) -> tuple[list[str], dict[str, str]]:
        """Cancelled ids, and for each other one why not. Raises the mode's refusal, and 400 for what is no id."""
        clob = self._clob
        clob.modes.admit_cancel(clob.now())
        if any(not isinstance(one, str) or not _ID.fullmatch(one.lower()) for one in ids):
            raise refusals.bad_order_id()
        done: list[str] = []
        not_done: dict[str, str] = {}
        with clob.step():
            for order_id in dict.fromkeys(one.lower() for one in ids):
                order = clob.working.get(order_id)
                if order is None or order.keeper != keeper:
                    not_done[order_id] = self._why_not(order_id, keeper)
                elif order.status == "DELAYED":
                    not_done[order_id] = "Order is delayed and cannot be canceled"
                else:
                    clob.end(order, "CANCELED")
                    done.append(order_id)
        return done, not_done

    def _why_not(self, order_id: str, keeper: str) -> str:
        known = self._clob.store.order(order_id)
        if known is not None and known.keeper == keeper and known.status == "MATCHED":
            return "Order already matched"
        return "Order not found or already canceled"

    def mine(self, keeper: str, *, owner: str = "", condition: str = "", token: str = "") -> list[str]:
        """Ids of the working orders of a keeper, narrowed by API key, market or token."""
        return [
            order.order_id
            for order in self._clob.working.values()
            if order.keeper == keeper
            and owner in ("", order.owner)
            and condition in ("", order.condition)
            and token in ("", order.token)
        ]

    # -- the checks -------------------------------------------------------------------------------------------------

    def _match(self, market: Market, token: str, wanted: Terms, filling: Filling = PLAIN) -> Match:
        return match(self._clob.engines[market.id], market, token, wanted, filling)

    def _account(self, posted: Posted, proof: OrderProof, key: ApiKey) -> str:
        """The wallet an order pays from. Whose key it is shows with the first order that key signs for it."""
        order, kind = posted.order, posted.order.signature_type
        deposit = kind == SignatureType.DEPOSIT
        named = key.address.lower() if not deposit else order.maker.lower()
        if order.signer.lower() != named or proof.signed_by.lower() != key.address.lower():
            raise refusals.foreign_signer()
        if (order.maker.lower() == key.address.lower()) != (kind == SignatureType.EOA):
            raise refusals.bad_payload()
        known = self._clob.wallets.get(order.maker.lower())
        if known is not None and known.keeper != key.address:
            raise refusals.foreign_signer()
        if known is not None and known.banned:
            raise refusals.banned(order.maker)
        if known is not None and known.closed_only and order.side == "BUY":
            raise refusals.closed_only(order.maker)
        return order.maker.lower()

    def _expiry(self, posted: Posted, wanted: Terms) -> int:
        """When the order ends by itself, in microseconds; 0 for never."""
        text = posted.order.expiration
        if not (text.isascii() and text.isdecimal() and len(text) < 13):
            raise refusals.bad_expiration()
        if (wanted.kind == "GTD") != (int(text) > 0):
            raise refusals.bad_expiration()
        if posted.post_only and wanted.kind not in ("GTC", "GTD"):
            raise refusals.bad_payload()
        if wanted.kind != "GTD":
            return 0
        effective = (int(text) - _GTD_EARLY) * MICRO
        if effective <= self._clob.now():
            raise refusals.bad_expiration()
        return effective

    def _afford(  # noqa: PLR0917 - one order, all of it
        self, account: str, market: Market, token: str, wanted: Terms, found: Match, own: str = ""
    ) -> None:
        clob = self._clob
        needed = wanted.size
        if wanted.side == "BUY":
            fees = sum(taker_fee(market, market.in_book(token, take.price), take.size) for take in found.takes)
            needed = (wanted.budget or -(-wanted.size * wanted.price // MICRO)) + fees
        accounts.check(
            clob.caches.spendable(clob.wallets[account], clob.now()),
            market,
            token,
            wanted.side,
            needed,
            working=(order for order in clob.working.values() if order.order_id != own),
            unfinished=clob.unfinished.values(),
        )


def _own(posted: Posted, key: ApiKey) -> None:
    if posted.owner != key.key:
        raise refusals.foreign_owner()
    if posted.order.signature_type != SignatureType.DEPOSIT and posted.order.signer.lower() != key.address.lower():
        raise refusals.foreign_signer()


def _proved(posted: Posted, market: Market) -> OrderProof:
    """The order's id and who signed it, under the domain its market asks for. Raises `PolyRefusal`."""
    try:
        proof = prove_order(posted.order, market.protocol, neg_risk=market.about.neg_risk)
    except Rejected:
        raise refusals.bad_payload() from None
    expected = posted.order.maker if posted.order.signature_type == SignatureType.EOA else ""
    if posted.order.signature_type in (SignatureType.PROXY, SignatureType.SAFE):
        expected = posted.order.signer
    if expected and proof.signed_by.lower() != expected.lower():
        for protocol in Protocol:
            for neg_risk in (False, True):
                other = prove_order(posted.order, protocol, neg_risk=neg_risk)
                if other.signed_by.lower() == expected.lower():
                    raise refusals.version_mismatch()
        raise refusals.bad_payload()
    return proof


def _sizes(order_id: str, market: Market, wanted: Terms) -> None:
    if wanted.size % LOT and not wanted.budget:
        raise refusals.bad_payload()
    if wanted.kind in ("GTC", "GTD") and wanted.size < market.min_size:
        raise refusals.too_small(order_id, wanted.size, market.min_size)


def _refused(order: ClobOrder, wanted: Terms, found: Match) -> PolyRefusal | None:
    if order.post_only and found.takes:
        return refusals.post_only_cross()
    if found.takes and wanted.side == "BUY" and wanted.dollars < _DOLLAR:
        return refusals.dust_buy(wanted.dollars)
    if wanted.kind == "FOK" and not found.full:
        return refusals.fok_killed()
    if wanted.kind == "FAK" and not found.takes:
        return refusals.fak_killed()
    return None


def _part(size: int, fraction: Decimal) -> int:
    whole = int((Decimal(size) * fraction).to_integral_value(ROUND_FLOOR))
    return whole - whole % LOT
