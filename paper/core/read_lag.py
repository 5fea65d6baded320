"""How far behind the exchange a read of an account may be."""

from __future__ import annotations

from domain.errors import BadInput

HORIZON = 120_000_000  # microseconds; the longest lag a read may have


def lag_micros(ms: int) -> int:
    """A configured lag in microseconds. Raises `BadInput` outside 0 … two minutes."""
    if not 0 <= ms <= HORIZON // 1000:
        raise BadInput(f"a read lag of {ms} ms was asked; expected 0 to {HORIZON // 1000}", "read_lag")
    return ms * 1000
