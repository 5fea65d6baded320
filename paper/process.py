"""The paper exchange as a process of the stack: `python -m paper.process --state-dir DIR`."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from contextlib import suppress
from pathlib import Path

import structlog
from prometheus_client import REGISTRY

from config.secrets import hex_key
from domain.errors import SurefootError, Unavailable
from paper.polymarket.facade import PolymarketConfig
from paper.server import PaperConfig, PaperServer, serve
from venues.polymarket.wallet import Wallet
from workers import logs, metrics
from workers.local.layout import PAPER_KEY_ID, Layout, Stack, load_stack, write_private

log = structlog.get_logger(__name__)

_LOOK_S = 0.2


def config_of(stack: Stack) -> PaperConfig:
    """The exchange's configuration as the stack's settings and files give it."""
    paper = stack.settings.paper
    return PaperConfig(
        port=stack.ports["paper"],
        host="127.0.0.1",
        state_dir=stack.layout.paper,
        api_keys={PAPER_KEY_ID: stack.layout.paper_public_key.read_text(encoding="ascii")},
        opening_cash=paper.opening_cash,
        member_unit=paper.member_unit,
        read_lag_ms=paper.read_lag_ms,
        settle_after_ms=paper.settle_after_ms,
        seed=paper.seed,
        faults_file=paper.faults_file,
        rudeness=paper.rudeness,
        polymarket=PolymarketConfig(opening_cash=paper.polymarket.opening_cash),
    )


def hand_out_credentials(server: PaperServer, layout: Layout) -> None:
    """Write the API key of the stack's wallet where its clients read it, before anybody may ask."""
    wallet = Wallet.from_hex(hex_key(layout.polymarket_key))
    key = server.polymarket.keys.of(wallet.address)
    content = {"apiKey": key.key, "secret": key.secret, "passphrase": key.passphrase}
    write_private(layout.polymarket_credentials, json.dumps(content).encode() + b"\n")


async def _end_once_failed(server: PaperServer) -> None:
    """After a commit that failed its memory may be ahead of its disk, so it answers nothing more: it ends, and whoever
    supervises it starts it again from what is on the disk."""
    while not server.playback.floor.failed:  # noqa: ASYNC110 - set wherever a commit is made
        await asyncio.sleep(_LOOK_S)
    server.request_stop()


async def run(stack: Stack) -> None:
    """Serves until SIGTERM or SIGINT; `/healthz` answers 200 once orders are taken.

    Raises `Unavailable` once a commit failed, as on a full disk."""
    serving = False
    servers: list[PaperServer] = []
    watching: list[asyncio.Task[None]] = []
    stack.layout.paper_faults.unlink(missing_ok=True)

    def ready(server: PaperServer) -> None:
        nonlocal serving
        servers.append(server)
        watching.append(asyncio.create_task(_end_once_failed(server)))
        hand_out_credentials(server, stack.layout)
        serving = True
        REGISTRY.register(server.metrics.registry)  # its own figures beside the process's, on one page
        log.info("exchange open", base_url=server.base_url, ws_url=server.ws_url)

    page = metrics.serve(stack.metrics_ports["paper"], health=lambda: None if serving else "starting")
    try:
        await serve(config_of(stack), ready)
    finally:
        page.close()
        for task in watching:
            task.cancel()
        for server in servers:  # for whoever stops the stack: nobody can be asked any more
            with suppress(OSError):
                write_private(stack.layout.paper_faults, json.dumps(server.faults.counts()).encode() + b"\n")
    if any(server.playback.floor.failed for server in servers):
        raise Unavailable("a commit failed (see above; is the disk full?); it goes on from its disk when started again")
    log.info("exchange closed")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state-dir", type=Path, required=True)
    arguments = parser.parse_args()
    try:
        stack = load_stack(arguments.state_dir)
        logs.configure("paper", stack.run_id, stack.settings.logging.level, stack.layout.log("paper"))
        asyncio.run(run(stack))
    except SurefootError as error:
        log.error("exchange failed", error=error.message, code=error.code)  # noqa: TRY400 - the message says it all
        print(f"error: {error.message}", file=sys.stderr)  # noqa: T201 - what the supervisor shows
        return 5
    except Exception:
        log.exception("exchange failed")
        raise
    return 0


if __name__ == "__main__":
    sys.exit(main())
