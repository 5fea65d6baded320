"""The exchange's own pages, for what a venue does by itself: begin a session, restart, pause, fail to settle."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from typing import Any

from proof.conformance.checks import Wrong
from proof.conformance.stand import Stand


async def tell(stand: Stand, path: str, body: Any) -> None:
    """POST under /paper/v1. Raises `Wrong` with the exchange's words if it will not."""
    await asyncio.to_thread(_post, f"{stand.urls['admin']}{path}", body)


def _post(url: str, body: Any) -> None:
    request = urllib.request.Request(  # noqa: S310 - loopback, written by the runner
        url, data=json.dumps(body).encode(), headers={"Content-Type": "application/json"}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            answer.read()
    except urllib.error.HTTPError as refused:
        raise Wrong(f"HTTP {refused.code}: {refused.read().decode()}") from None
