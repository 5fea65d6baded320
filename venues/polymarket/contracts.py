"""Where Polymarket lives on chain (Polygon), and which domain signs for which market.

Sources: docs.polymarket.com/resources/contracts and docs.polymarket.com/migrate/polymarket-v2/overview.
"""

from __future__ import annotations

from enum import StrEnum

POLYGON = 137

COLLATERAL = "0xC011a7E12a19f7B1f670d46F03B03f3342E82DFB"
"""pUSD: an ERC-20 with six decimals."""
CONDITIONAL_TOKENS = "0x4D97DCd97eC945f40cF65F87097ACe5EA0476045"
EXCHANGE = "0xE111180000d2663C0091e4f400237545B87B996B"
NEG_RISK_EXCHANGE = "0xe2222d279d744050d28e00520010520000310F59"
COLLATERAL_ADAPTER = "0xAdA100Db00Ca00073811820692005400218FcE1f"
NEG_RISK_COLLATERAL_ADAPTER = "0xadA2005600Dec949baf300f4C6120000bDB6eAab"
NEG_RISK_ADAPTER = "0xd91E80cF2E7be2e162c6513ceD06f1dD0dA35296"
"""Marked as deprecated, and still named by the venue as a spender that lacks its allowance."""
AUTO_REDEEMER = "0xa1200000d0002264C9a1698e001292D00E1b00af"

EXCHANGE_V3 = "0xe3333700cA9d93003F00f0F71f8515005F6c00Aa"
ROUTER = "0x12121212006e4CD160D18e3f00711DA5c3372600"
POSITION_MANAGER = "0x006F54F7f9A22e0000CC2AB60031000000ae9fEF"
BINARY_MODULE = "0x1000008dD9001B968442c1000017eaE6E0dA00Ba"
NEG_RISK_MODULE = "0x200000900045e3B6259600682756002200028933"

SAFE_MULTISEND = "0xA238CBeb142c10Ef7Ad8442C6D1f9E89e07e7761"
PROXY_FACTORY = "0xaB45c5A4B0c941a2F231C04C3f49182e1A254052"
SAFE_FACTORY = "0xaacFeEa03eb1561C4e67d661e40682Bd20E3541b"
DEPOSIT_FACTORY = "0x00000000000Fb5C9ADea0298D729A0CB3823Cc07"
RELAY_HUB = "0xD216153c06E857cD7f72665E0aF1d7D82172F494"


class Protocol(StrEnum):
    """A market's `version` as the venue states it: which token ids, exchange and adapters it lives on."""

    V1 = "v1"  # conditional tokens; orders are signed under domain version 2
    V2 = "v2"  # positions of the Router; orders are signed under domain version 3


def exchange_of(protocol: Protocol, *, neg_risk: bool) -> str:
    """The contract that verifies a signed order of a market."""
    if protocol is Protocol.V2:
        return EXCHANGE_V3
    return NEG_RISK_EXCHANGE if neg_risk else EXCHANGE


def adapter_of(protocol: Protocol, *, neg_risk: bool) -> str:
    """The contract that splits, merges and redeems a market's tokens for collateral."""
    if protocol is Protocol.V2:
        return ROUTER
    return NEG_RISK_COLLATERAL_ADAPTER if neg_risk else COLLATERAL_ADAPTER


_POSITION_GAP = ((1 << 64) - 1) << 40


def protocol_of_id(token_id: int) -> Protocol:
    """The protocol whose id space a token id lies in: ids of V2 positions have 64 zero bits above the low 40."""
    return Protocol.V2 if token_id & _POSITION_GAP == 0 else Protocol.V1
