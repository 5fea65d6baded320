"""Amounts as the CLOB writes them."""

from __future__ import annotations

from domain.money import MICRO


def text(micros: int) -> str:
    """An amount as the venue writes it: no trailing zeros.

    >>> text(1_500_000), text(0), text(-20_000)
    ('1.5', '0', '-0.02')
    """
    whole, rest = divmod(abs(micros), MICRO)
    sign = "-" if micros < 0 else ""
    return sign + (f"{whole}.{rest:06d}".rstrip("0") if rest else str(whole))
