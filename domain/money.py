"""Exact money in two forms, and the only doors between them.

*Decimal* is the form people and contracts see: intents, orders, fills, the ledger. *Scaled integers* are the
form the hot path computes in: prices and sizes in micros (1e-6 of a dollar, 1e-6 of a share), and their
products in picos (1e-12 of a dollar). 1e-6 is fine enough for every venue: Kalshi quotes 1e-4 dollars and
1e-2 contracts, Polymarket 1e-4 and 1e-6. No float enters or leaves either form.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

MICRO = 1_000_000
PICO = 1_000_000_000_000

_MOST_DIGITS = 15


class Inexact(ValueError):
    """A number that is not a finite decimal with at most six places."""


def decimal(text: str) -> Decimal:
    """`text` as an exact Decimal. Raises `Inexact` for anything that is not a finite plain number."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise Inexact(f"{text!r} is not a number; expected a plain decimal such as 0.47") from None
    if not value.is_finite():
        raise Inexact(f"{text!r} is not finite; expected a plain decimal such as 0.47")
    return value


def to_micros(value: Decimal | str) -> int:
    """Dollars or shares to micros, exactly. Raises `Inexact` for what six decimal places or 1e15 cannot hold."""
    number = decimal(value) if isinstance(value, str) else value
    if not number.is_finite() or number.adjusted() >= _MOST_DIGITS:
        raise Inexact(f"{number} is not an amount; expected a finite number below 1e{_MOST_DIGITS}")
    whole = int(number.scaleb(6))
    if number != Decimal(whole).scaleb(-6):  # compared unscaled: scaling a long number rounds it first
        raise Inexact(f"{number} has more than six decimal places; money here is exact to 0.000001")
    return whole


def from_micros(micros: int) -> Decimal:
    """Micros back to dollars or shares, without trailing zeros beyond what is needed for two places."""
    value = Decimal(micros).scaleb(-6)
    short = value.quantize(Decimal("0.01"))
    return short if short == value else value.normalize()


def from_picos(picos: int) -> Decimal:
    """A product of micros back to dollars, exact."""
    value = Decimal(picos).scaleb(-12)
    short = value.quantize(Decimal("0.01"))
    return short if short == value else value.normalize()


def ceil_div(numerator: int, denominator: int) -> int:
    """Integer division rounding towards +infinity; `denominator` > 0."""
    return -(-numerator // denominator)


def tidy(value: Decimal) -> str:
    """For people: no exponent, at least two places, no zeros beyond them: `0.50`, `12.00`, `0.0175`."""
    text = plain(value)
    whole, _, places = text.partition(".")
    return f"{whole}.{places.rstrip('0').ljust(2, '0')}"


def plain(value: Decimal) -> str:
    """A Decimal without exponent: `0.0001`, never `1E-4`. What goes on the wire and before people."""
    return format(value, "f")


def whole_lots(size: Decimal, lot: Decimal) -> Decimal:
    """`size` cut down to a multiple of `lot`; written as it was if it is one already.

    >>> whole_lots(Decimal("10"), Decimal("0.01")), whole_lots(Decimal("10.509"), Decimal("0.01"))
    (Decimal('10'), Decimal('10.50'))
    """
    extra = size % lot
    return (size - extra).quantize(lot) if extra else size
