"""The paper exchange's keys, made at the first start: the same signing as on the real venues, worth nothing."""

from __future__ import annotations

import os

from venues.kalshi.signing import generate_rsa_key
from workers.local.layout import Layout, write_private


def ensure_paper_keys(layout: Layout) -> None:
    """Makes what is missing: Kalshi's pair unless both halves are there, and the key of the Polymarket wallet.

    A new pair is harmless: the exchange reads it at its start. A new wallet is another account, so it is never made
    anew; its API key is the exchange's to give.
    """
    if not (layout.paper_private_key.exists() and layout.paper_public_key.exists()):
        private, public = generate_rsa_key()
        write_private(layout.paper_private_key, private)
        write_private(layout.paper_public_key, public)
    if not layout.polymarket_key.exists():
        write_private(layout.polymarket_key, f"{os.urandom(32).hex()}\n".encode())
