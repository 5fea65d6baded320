"""Calls on chain: split collateral into a set, merge a set into collateral, redeem what won, and allow who may.

| | v1 (conditional tokens), on the collateral adapter | v2 (positions), on the Router |
|---|---|---|
| split | `splitPosition` (pUSD, 0, condition, [1, 2], amount) | `split` (condition, amount) |
| merge | `mergePositions` (pUSD, 0, condition, [1, 2], amount) | `merge` (condition, amount) |
| redeem | `redeemPositions` (pUSD, 0, condition, [1, 2]): all held | `redeem` (condition, outcome, amount), one each |

Neg-risk markets of v1 have a collateral adapter of their own.
Amounts are in units of 1e-6: 1,000,000 is one share or one dollar. A v1 condition id has 32 bytes, a v2 one 31; the API
gives the latter also with a zero byte appended. Only tokens of confirmed trades can be merged.

Pure: a call is bytes, nothing is sent here. Sources: docs.polymarket.com/resources/contracts,
docs.polymarket.com/migrate/polymarket-v2/overview, and the venue's published client.
"""

from __future__ import annotations

from dataclasses import dataclass

from domain.errors import Denied
from venues.polymarket.abi import MOST, address_word, selector, uint256, word, word_list
from venues.polymarket.contracts import (
    AUTO_REDEEMER,
    BINARY_MODULE,
    COLLATERAL,
    COLLATERAL_ADAPTER,
    CONDITIONAL_TOKENS,
    EXCHANGE,
    EXCHANGE_V3,
    NEG_RISK_ADAPTER,
    NEG_RISK_COLLATERAL_ADAPTER,
    NEG_RISK_EXCHANGE,
    NEG_RISK_MODULE,
    POSITION_MANAGER,
    ROUTER,
    Protocol,
    adapter_of,
)

_BINARY = (1, 2)  # the two outcomes as index sets
_NO_PARENT = bytes(32)


@dataclass(frozen=True, slots=True)
class Call:
    """One call: the contract at `to` gets `data` (and `value` wei, always 0 here)."""

    to: str
    data: bytes
    value: int = 0


@dataclass(frozen=True, slots=True)
class Condition:
    """A market as the chain knows it. `condition_id` is 0x-hex as the API gives it."""

    condition_id: str
    protocol: Protocol
    neg_risk: bool

    @property
    def adapter(self) -> str:
        return adapter_of(self.protocol, neg_risk=self.neg_risk)

    def word(self) -> bytes:
        """The id as an argument, 32 bytes. Raises `Denied` (`bad_condition`) for one of the wrong length."""
        digits = self.condition_id[2:] if self.condition_id[:2] in ("0x", "0X") else ""
        try:
            raw = bytes.fromhex(digits)
        except ValueError:
            raw = b""
        if self.protocol is Protocol.V2 and len(raw) == 32 and raw[-1] in (0, 1):
            raw = raw[:-1]  # with the byte of an outcome, as position ids have it
        expected = 31 if self.protocol is Protocol.V2 else 32
        if len(raw) != expected:
            raise Denied(
                f"condition {self.condition_id!r} has {len(raw)} bytes; expected 0x and {expected} bytes for a "
                f"{self.protocol.value} market",
                "bad_condition",
            )
        return raw.ljust(32, b"\x00")


def split(condition: Condition, amount: int) -> Call:
    """`amount` of collateral into as many of each outcome."""
    if condition.protocol is Protocol.V2:
        return _router("split(bytes31,uint256)", condition, uint256(amount, "the amount to split"))
    return _positions("splitPosition(address,bytes32,bytes32,uint256[],uint256)", condition, amount)


def merge(condition: Condition, amount: int) -> Call:
    """`amount` of each outcome into as much collateral."""
    if condition.protocol is Protocol.V2:
        return _router("merge(bytes31,uint256)", condition, uint256(amount, "the amount to merge"))
    return _positions("mergePositions(address,bytes32,bytes32,uint256[],uint256)", condition, amount)


def redeem(condition: Condition, held: tuple[int, int]) -> list[Call]:
    """A resolved market's tokens into what they pay. `held` is what the wallet has of each outcome, first one first; a
    v1 market redeems all of both in one call, a v2 market takes one call for each outcome held."""
    if condition.protocol is Protocol.V2:
        return [
            _router("redeem(bytes31,uint256,uint256)", condition, outcome, uint256(amount, "the amount to redeem"))
            for outcome, amount in enumerate(held)
            if amount
        ]
    if not any(held):
        return []
    data = selector("redeemPositions(address,bytes32,bytes32,uint256[])") + (
        address_word(COLLATERAL) + _NO_PARENT + condition.word() + word(4 * 32) + word_list(_BINARY)
    )
    return [Call(condition.adapter, data)]


def approve(token: str, spender: str, amount: int = MOST) -> Call:
    """Let `spender` take up to `amount` of an ERC-20 from the wallet; without an amount, any."""
    data = address_word(spender) + word(uint256(amount, "the allowance"))
    return Call(token, selector("approve(address,uint256)") + data)


def approve_all(tokens: str, operator: str, *, approved: bool = True) -> Call:
    """Let `operator` move every token of an ERC-1155 contract that the wallet holds, or no longer."""
    data = address_word(operator) + word(int(approved))
    return Call(tokens, selector("setApprovalForAll(address,bool)") + data)


SPENDERS = (
    EXCHANGE,
    NEG_RISK_EXCHANGE,
    COLLATERAL_ADAPTER,
    NEG_RISK_COLLATERAL_ADAPTER,
    ROUTER,
    EXCHANGE_V3,
    NEG_RISK_ADAPTER,
)
"""Who needs an allowance of collateral: to buy, and to split."""

OPERATORS = (
    (CONDITIONAL_TOKENS, EXCHANGE),
    (CONDITIONAL_TOKENS, NEG_RISK_EXCHANGE),
    (CONDITIONAL_TOKENS, COLLATERAL_ADAPTER),
    (CONDITIONAL_TOKENS, NEG_RISK_COLLATERAL_ADAPTER),
    (CONDITIONAL_TOKENS, AUTO_REDEEMER),
    (CONDITIONAL_TOKENS, BINARY_MODULE),
    (CONDITIONAL_TOKENS, NEG_RISK_MODULE),
    (CONDITIONAL_TOKENS, NEG_RISK_ADAPTER),
    (POSITION_MANAGER, ROUTER),
    (POSITION_MANAGER, EXCHANGE_V3),
    (POSITION_MANAGER, AUTO_REDEEMER),
)
"""(tokens, operator) pairs: to sell, to merge, to redeem."""


def trading_approvals() -> list[Call]:
    """All that a wallet has to allow before it can trade, merge and redeem on markets of either protocol.

    The venue's own client grants the same, but for the deprecated neg-risk adapter: orders on neg-risk markets are
    still refused with its address as the spender whose allowance lacks.
    """
    return [
        *(approve(COLLATERAL, spender) for spender in SPENDERS),
        *(approve_all(tokens, operator) for tokens, operator in OPERATORS),
    ]


def _positions(signature: str, condition: Condition, amount: int) -> Call:
    head = address_word(COLLATERAL) + _NO_PARENT + condition.word() + word(5 * 32)
    data = head + word(uint256(amount, "the amount of sets")) + word_list(_BINARY)
    return Call(condition.adapter, selector(signature) + data)


def _router(signature: str, condition: Condition, *amounts: int) -> Call:
    return Call(condition.adapter, selector(signature) + condition.word() + b"".join(word(n) for n in amounts))
