"""One client for each venue in use, paper or real as the stack says; they differ in addresses and keys alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import structlog

from config.secrets import api_credentials, hex_key, relayer_key
from domain.errors import BadInput, Denied, Rejected, SurefootError
from domain.market import Venue
from venues.kalshi.client import BALANCE_LATE_S as KALSHI_LATE_S
from venues.kalshi.client import KalshiClient
from venues.kalshi.signing import Signer
from venues.polymarket.account import BALANCE_LATE_S as POLYMARKET_LATE_S
from venues.polymarket.chain import wallet_kind
from venues.polymarket.client import ChainAccess, PolymarketClient
from venues.polymarket.journal import ChainJournal
from venues.polymarket.relayer import Relayer, RelayerClient, RelayerKey
from venues.polymarket.rest import Services
from venues.polymarket.wallet import Credentials, SignatureType, Wallet
from venues.port import VenueClient
from venues.wire import HttpWire, Timeouts
from workers.local.layout import PolymarketEnds, Stack

log = structlog.get_logger(__name__)

_SHOWN = 500
_LIMITS_AGAIN_S = 30.0
_SILENCE_LIVE_MS = 60_000  # answers that took more than 40 s have been seen there
_SILENCE_PAPER_MS = 3_000
_BALANCE_LATE_PAPER_S = 1.0  # nothing is cached there but what a fault makes so

DeadLetter = Callable[[str, bytes, str], None]
"""Told of what a venue answered and nobody could read: its kind, the raw bytes, and why."""


def signer_of(stack: Stack) -> Signer:
    """Kalshi's. Raises `BadInput` for a key that cannot sign."""
    try:
        return Signer.from_pem(stack.key_id, stack.private_key_file.read_bytes())
    except OSError as error:
        raise BadInput(f"{stack.private_key_file}: {error.strerror}; expected the PEM of your API key", "key") from None


def polymarket_ends(stack: Stack) -> PolymarketEnds:
    if stack.polymarket is None:
        raise BadInput('Polymarket is not in use here; set venues: ["kalshi", "polymarket"]', "unknown_venue")
    return stack.polymarket


def wallet_of(stack: Stack) -> Wallet:
    """Polymarket's. Raises `BadInput` for a file that is missing, readable by others, or holds no key."""
    ends = polymarket_ends(stack)
    return Wallet.from_hex(
        hex_key(ends.key_file), funder=ends.funder, signature_type=SignatureType[ends.signature_type.upper()]
    )


def credentials_of(stack: Stack) -> Credentials:
    found = api_credentials(polymarket_ends(stack).credentials_file)
    return Credentials(found.key, found.secret, found.passphrase)


def kalshi_client(stack: Stack) -> KalshiClient:
    """Raises `BadInput` for a key that cannot sign."""
    settings = stack.settings.kalshi
    timeouts = Timeouts(connect=settings.connect_timeout_ms / 1000, read=settings.read_timeout_ms / 1000)
    groups = {shard: group for shard, group in enumerate(settings.order_groups) if group} if stack.live else {}
    return KalshiClient(
        stack.venue_base_url,
        signer_of(stack),
        timeouts=timeouts,
        balance_unit=stack.member_unit,
        group_ids=groups,
        balance_late_s=KALSHI_LATE_S if stack.live else _BALANCE_LATE_PAPER_S,
    )


def chain_access(stack: Stack, wallet: Wallet, relayer: Relayer | None = None) -> ChainAccess | None:
    """The way to the chain for merges, None where they are not switched on; `relayer` in place of the venue's own.

    Only real wallets have one. Raises `BadInput` for a relayer key that is none and for a wallet that cannot merge."""
    ends, settings = polymarket_ends(stack), stack.settings.polymarket
    if ends.relayer_key_file is None:
        return None
    try:
        wallet_kind(wallet)
    except Denied as cannot:
        raise BadInput(f"polymarket.merge: {cannot.message}; or set polymarket.merge: false", "merge") from None
    if relayer is None:
        found = relayer_key(ends.relayer_key_file)
        timeouts = Timeouts(connect=settings.connect_timeout_ms / 1000, read=settings.read_timeout_ms / 1000)
        wire = HttpWire("Polymarket relayer", ends.relayer_url, timeouts=timeouts)
        relayer = RelayerClient(wire, RelayerKey(found.key, found.address))
    return ChainAccess(relayer, ChainJournal(stack.layout.chain))


def polymarket_client(
    stack: Stack, on_dead_letter: DeadLetter | None = None, *, relayer: Relayer | None = None
) -> PolymarketClient:
    """Raises `BadInput` for a key or credentials that are none, and as `chain_access`."""
    ends, settings = polymarket_ends(stack), stack.settings.polymarket
    wallet = wallet_of(stack)
    return PolymarketClient(
        Services(ends.clob_url, ends.gamma_url, ends.data_url, ends.relayer_url, ends.geoblock_url),
        wallet,
        credentials_of(stack),
        timeouts=Timeouts(connect=settings.connect_timeout_ms / 1000, read=settings.read_timeout_ms / 1000),
        tier=settings.tier,
        silence_ms=_SILENCE_LIVE_MS if stack.live else _SILENCE_PAPER_MS,
        balance_late_s=POLYMARKET_LATE_S if stack.live else _BALANCE_LATE_PAPER_S,
        chain=chain_access(stack, wallet, relayer),
        on_dead_letter=on_dead_letter or _log_dead_letter,
    )


@asynccontextmanager
async def venue_clients(stack: Stack, *, ready: bool = False) -> AsyncIterator[Mapping[Venue, VenueClient]]:
    """The clients of all venues in use, closed on leaving. Raises `BadInput` for a key that is none.

    With `ready` each has asked for its account's rate limits. That read informs: without an answer the documented
    limits of the lowest tier are kept to, it is asked again in the background, and no start fails for it. Only where
    the venue refuses the key itself (`Rejected`) would nothing else be let through either, and the start ends."""
    async with AsyncExitStack() as open_clients:
        clients: dict[Venue, VenueClient] = {}
        for venue in stack.settings.in_use:
            if venue is Venue.KALSHI:
                kalshi = await open_clients.enter_async_context(kalshi_client(stack))
                if ready and not await _limits_read(venue, kalshi.configure_limits):
                    await open_clients.enter_async_context(_again(venue, kalshi.configure_limits))
                clients[venue] = kalshi
            elif venue is Venue.POLYMARKET:
                polymarket = await open_clients.enter_async_context(polymarket_client(stack))
                if ready and stack.live and not await _limits_read(venue, polymarket.configure_limits):
                    await open_clients.enter_async_context(_again(venue, polymarket.configure_limits))
                clients[venue] = polymarket
            else:
                raise BadInput(f"nothing here trades at {venue} yet; leave it out of the settings", "venue")
        yield clients


async def _limits_read(venue: Venue, read: Callable[[], Awaitable[object]]) -> bool:
    """Whether they were. Raises `Rejected` where the venue does not take our key."""
    try:
        await read()
    except SurefootError as failure:
        if isinstance(failure, Rejected) and failure.wrong_key:
            raise
        log.warning(
            "rate limits not read; those of the lowest tier are kept to, and they are asked for again",
            venue=venue,
            error=failure.message,
        )
        return False
    return True


@asynccontextmanager
async def _again(venue: Venue, read: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
    """Ask until it is answered, beside everything else."""

    async def ask() -> None:
        while True:
            await asyncio.sleep(_LIMITS_AGAIN_S)
            with suppress(Rejected):  # once at work, a refusal of the key may pass, and trades may be open
                if await _limits_read(venue, read):
                    return

    asking = asyncio.create_task(ask())
    try:
        yield
    finally:
        asking.cancel()


def _log_dead_letter(kind: str, raw: bytes, why: str) -> None:
    log.warning(
        "an answer of polymarket was not understood", kind=kind, why=why, raw=raw[:_SHOWN].decode("utf-8", "replace")
    )
