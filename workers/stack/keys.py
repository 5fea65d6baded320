"""The paper exchange's key pair, made at the first start: the same signing as on the real exchange, worth nothing."""

from __future__ import annotations

from venues.kalshi.signing import generate_rsa_key
from workers.stack.layout import Layout, write_private


def ensure_paper_keys(layout: Layout) -> None:
    """Makes the pair unless both halves are there. A new pair is harmless: the exchange reads it at its start."""
    if layout.paper_private_key.exists() and layout.paper_public_key.exists():
        return
    private, public = generate_rsa_key()
    write_private(layout.paper_private_key, private)
    write_private(layout.paper_public_key, public)
