"""Instruments in words for people. A token id has some 77 digits, of which the last six tell tokens apart."""

from __future__ import annotations

_LONGEST = 20
_SHOWN = 6


def shown(market: str) -> str:
    """A ticker as it is; a token id, which is digits only, by its last six.

    >>> shown("KXNBAGAME-26JAN07TORCHA-TOR")
    'KXNBAGAME-26JAN07TORCHA-TOR'
    >>> shown("451063596659468469483098436456001692025319830391088376390763598197303745240")
    '…745240'
    """
    return f"…{market[-_SHOWN:]}" if len(market) > _LONGEST and market.isdecimal() else market
