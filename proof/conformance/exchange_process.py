"""The paper exchange as a process of its own: `surefoot-proof conformance.exchange_process FOLDER`.

`FOLDER/config.json` says for whom; one line of JSON with its addresses is printed once it answers, its log goes to
`FOLDER/exchange.log`. SIGTERM ends it.
"""

from __future__ import annotations

import asyncio
import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import structlog

from paper.polymarket.facade import PolymarketConfig
from paper.server import PaperConfig, PaperServer, serve


def _ready(server: PaperServer) -> None:
    root = f"{server.host}:{server.port}"
    urls = {
        "rest": server.base_url,
        "ws": server.ws_url,
        "clob": f"http://{root}",
        "gamma": server.gamma_url,
        "market_ws": f"ws://{root}/ws/market",
        "user_ws": f"ws://{root}/ws/user",
        "admin": server.admin_url,
    }
    print(json.dumps(urls), flush=True)  # noqa: T201 - the parent reads it


def main(folder: Path) -> None:
    given: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="ascii"))
    cash = Decimal(given["opening_cash"])
    config = PaperConfig(
        state_dir=folder / "state",
        api_keys=given["api_keys"],
        opening_cash=cash,
        faults_file=None if given["faults_file"] is None else Path(given["faults_file"]),
        polymarket=PolymarketConfig(
            opening_cash=cash, mine_after_ms=100, confirm_after_ms=200, heartbeat_ms=2_000, sweep_ms=500
        ),
    )
    with (folder / "exchange.log").open("a", encoding="utf-8") as log:
        structlog.configure(logger_factory=structlog.PrintLoggerFactory(log))
        asyncio.run(serve(config, _ready))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
