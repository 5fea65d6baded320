"""One client's process: `surefoot-proof conformance.drive CLIENT STAND.json` writes a JSON line a check.

The last line is `{"version": …, "told": …}`: the client's version, and the cash, shares and fills it was told at the
end. Runs under the Python that has the client.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from proof.conformance.checks import Sheet, write
from proof.conformance.desk import Desk
from proof.conformance.operator import tell
from proof.conformance.script import Script
from proof.conformance.stand import Stand

DESKS = {
    "kalshi_python_async": "kalshi_official",
    "kalshi_python_async-older": "kalshi_older",
    "surefoot-kalshi": "kalshi_own",
    "polymarket-client": "polymarket_official",
    "py-clob-client-v2": "clob_v2",
    "surefoot-polymarket": "polymarket_own",
}
"""Client by name → the module of `proof.conformance.desks` that speaks for it."""


async def drive(client: str, stand: Stand) -> int:
    """Exit code 0 if the script came to its end, whatever it found."""
    sheet = Sheet(write)
    module = importlib.import_module(f"proof.conformance.desks.{DESKS[client]}")
    desk: Desk = module.desk(stand)
    try:
        async with sheet.check("open", "the client starts against the exchange") as note:
            await desk.open()
            note.saw(f"{client} {desk.version}")
            await tell(stand, "/play", stand.play)
        if not sheet.checks[-1].ok:
            return 0
        await Script(desk, stand, sheet).run()
        print(json.dumps({"version": desk.version, "told": await _told(desk, stand)}))  # noqa: T201
    finally:
        await desk.close()
    return 0


async def _told(desk: Desk, stand: Stand) -> dict[str, Any]:
    positions = {market: str(await desk.position(market)) for market in stand.instruments}
    fills = [{k: str(v) for k, v in asdict(fill).items()} for fill in await desk.fills()]
    return {"cash": str(await desk.cash()), "positions": positions, "fills": fills}


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)  # a client's own log of refused requests is not a finding
    sys.exit(asyncio.run(drive(sys.argv[1], Stand.read(Path(sys.argv[2])))))
