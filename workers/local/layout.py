"""The state folder: what lies where, and `load_stack`, how a child process learns its endpoints and settings.

state_dir/
├── settings.json     effective settings of the last start (0600: a DSN may hold a password)
├── stack.json        run id, ports, endpoints, processes with start times (0600)
├── lock              held by the supervisor while it lives
├── HALT              halts that stand without a ledger, if any: see `workers.halt_flag`
├── postgres/         the embedded server's data
├── temporal.db       the Temporal development server's history (SQLite, WAL)
├── paper/            the paper exchange's journal
├── keys/             paper keys of both venues, database password, seal keys, UI door (folder 0700, secrets 0600)
├── ui/               pages of the Temporal UI, and links to it that wait to be used (folder 0700)
├── chain/            what was asked of the chain (merges), one file a fact (folder 0700)
├── dead-letters/     what venues said and nobody could use
├── recordings/       what ingest saw and decided, session by session
├── spool/            what ingest has to say to a ledger that is away
├── logs/             PROCESS.log JSON lines, PROCESS.err raw stderr
└── reports/          saved reports
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit, urlunsplit

from domain.errors import BadInput, Unavailable
from domain.market import Venue
from workers.local.private_files import write_json as write_json  # noqa: PLC0414 - callers know them from here
from workers.local.private_files import write_private as write_private  # noqa: PLC0414

if TYPE_CHECKING:
    from config.settings import Settings
    from config.venues import SignatureType

PAPER_KEY_ID = "surefoot-paper"
_OTHERS = 0o077


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths inside one state folder. Creating one touches nothing; `prepare` makes the folders."""

    root: Path

    @property
    def settings(self) -> Path:
        return self.root / "settings.json"

    @property
    def stack(self) -> Path:
        return self.root / "stack.json"

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def postgres(self) -> Path:
        return self.root / "postgres"

    @property
    def temporal_db(self) -> Path:
        return self.root / "temporal.db"

    @property
    def paper(self) -> Path:
        return self.root / "paper"

    @property
    def paper_faults(self) -> Path:
        """How often each kind of fault happened, written as the paper exchange stops."""
        return self.paper / "faults.json"

    @property
    def keys(self) -> Path:
        return self.root / "keys"

    @property
    def paper_private_key(self) -> Path:
        return self.keys / "paper_private.pem"

    @property
    def paper_public_key(self) -> Path:
        return self.keys / "paper_public.pem"

    @property
    def polymarket_key(self) -> Path:
        """The paper wallet's private key, in hex."""
        return self.keys / "paper_polymarket.key"

    @property
    def polymarket_credentials(self) -> Path:
        """The paper wallet's API key: see `config.secrets.api_credentials`."""
        return self.keys / "paper_polymarket.json"

    @property
    def postgres_password(self) -> Path:
        return self.keys / "postgres.password"

    @property
    def seal_keys(self) -> Path:
        """What decisions and commands are sealed with: see `config.secrets.seal_keys`."""
        return self.keys / "seal.json"

    @property
    def ui_keys(self) -> Path:
        """What Temporal's HTTP API and the UI's door share: see `workers.ui_door.keys`."""
        return self.keys / "ui_door.json"

    @property
    def ui(self) -> Path:
        return self.root / "ui"

    @property
    def ui_tokens(self) -> Path:
        """One file for each link to the UI that was not used yet: see `workers.ui_door.tokens`."""
        return self.ui / "tokens"

    @property
    def dead_letters(self) -> Path:
        """Messages of venues that could not be used: see `ingest.dead_letters`."""
        return self.root / "dead-letters"

    @property
    def recordings(self) -> Path:
        """Sessions of ingest: see `recording.recorder`."""
        return self.root / "recordings"

    @property
    def spool(self) -> Path:
        """What ingest has to say to a ledger that is away: see `workers.spool`."""
        return self.root / "spool"

    @property
    def chain(self) -> Path:
        """What was asked of the chain: see `venues.polymarket.journal`. Every process of the stack must see it."""
        return self.root / "chain"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def reports(self) -> Path:
        return self.root / "reports"

    def log(self, process: str) -> Path:
        return self.logs / f"{process}.log"

    def err(self, process: str) -> Path:
        """Where a child's raw stdout and stderr go: tracebacks from before logging was set up."""
        return self.logs / f"{process}.err"

    def prepare(self) -> None:
        """Makes all folders, readable by their owner alone, and takes from others what they could read in a folder of
        before. Raises `BadInput` if the state folder cannot be written."""
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (self.postgres, self.paper, self.logs, self.reports, self.keys, self.chain, self.ui):
                folder.mkdir(mode=0o700, exist_ok=True)
            for path in open_to_others(self):
                path.chmod(stat.S_IMODE(path.lstat().st_mode) & ~_OTHERS)
        except OSError as error:
            raise BadInput(
                f"state folder {self.root}: {error.strerror} ({error.filename}); "
                "expected a folder that can be written; choose another with --state-dir",
                "state_dir",
            ) from None


def open_to_others(layout: Layout) -> list[Path]:
    """What lies in the state folder, itself included, and others than its owner may read, write or, being a folder,
    pass through. Postgres's own data is not looked at: its server closes it.

    Where the server runs as a user of its own, its group may pass through on the way to its data, and no more."""
    found = []
    for folder, folders, files in os.walk(layout.root):
        here = Path(folder)
        if here == layout.postgres:
            folders.clear()
        for path in (here, *(here / name for name in files)):
            try:
                mode = path.lstat().st_mode
            except FileNotFoundError:
                continue  # whoever made it has taken it away again
            on_the_way = os.geteuid() == 0 and here in (layout.root, layout.postgres) and path == here
            if not stat.S_ISLNK(mode) and stat.S_IMODE(mode) & (_OTHERS & ~stat.S_IXGRP if on_the_way else _OTHERS):
                found.append(path)
    return found


@dataclass(frozen=True, slots=True)
class PolymarketEnds:
    """Where Polymarket is for this stack, paper or real, and the files of who trades there."""

    clob_url: str
    gamma_url: str
    data_url: str
    relayer_url: str
    geoblock_url: str
    ws_url: str
    key_file: Path
    credentials_file: Path
    funder: str | None = None
    signature_type: SignatureType = "eoa"
    relayer_key_file: Path | None = None
    """None where sets are not merged."""


@dataclass(frozen=True, slots=True)
class Stack:
    """What a process needs to know of a started stack.

    `venue_base_url`, `venue_ws_url`, `key_id` and `private_key_file` are Kalshi's, paper or real by `mode`, and
    `polymarket` is the same of Polymarket, null where it is not in use;
    `paper_admin_url` is null in mode live. Metrics ports are on 127.0.0.1, by process: `paper`, `worker`, `ingest`,
    `temporal`, and `worker_sdk`, `ingest_sdk` for the Temporal SDK's own.
    """

    run_id: str
    state_dir: Path
    settings: Settings
    postgres_dsn: str = field(repr=False)
    temporal_address: str
    temporal_namespace: str
    temporal_ui_url: str | None
    paper_base_url: str | None
    paper_ws_url: str | None
    paper_admin_url: str | None
    venue_base_url: str
    venue_ws_url: str
    key_id: str
    private_key_file: Path
    metrics_ports: Mapping[str, int]
    ports: Mapping[str, int]
    polymarket: PolymarketEnds | None = None

    @property
    def layout(self) -> Layout:
        return Layout(self.state_dir)

    @property
    def member_unit(self) -> Decimal:
        """The unit the exchange rounds this member's balance to, in dollars."""
        return self.settings.kalshi.member_unit if self.live else self.settings.paper.member_unit

    @property
    def live(self) -> bool:
        return self.settings.mode == "live"


def load_stack(state_dir: Path) -> Stack:
    """The endpoints and settings of the stack last started in `state_dir`; it need not be running now.

    Raises `Unavailable` if no stack was ever started there, `BadInput` if its files are damaged.
    """
    from pydantic import ValidationError  # noqa: PLC0415 - a folder's paths are known without

    from config.settings import Settings  # noqa: PLC0415

    layout = Layout(state_dir.absolute())
    document = read_stack_file(layout)
    endpoints = document.get("endpoints")
    if not isinstance(endpoints, dict):
        raise Unavailable(
            f"no stack was started in {layout.root}; run `surefoot up`, or name its folder with --state-dir",
            "no_stack",
        )
    try:
        settings = Settings.model_validate_json(layout.settings.read_bytes())
        live = settings.mode == "live"
        venue = settings.kalshi
        return Stack(
            run_id=document["run_id"],
            state_dir=layout.root,
            settings=settings,
            postgres_dsn=_with_password(endpoints["postgres"], layout)
            if settings.postgres.dsn is None
            else settings.postgres.dsn,
            temporal_address=endpoints["temporal"],
            temporal_namespace=settings.temporal.namespace,
            temporal_ui_url=_ui_url(endpoints.get("temporal_ui"), layout),
            paper_base_url=endpoints.get("paper"),
            paper_ws_url=endpoints.get("paper_ws"),
            paper_admin_url=endpoints.get("paper_admin"),
            venue_base_url=venue.base_url if live else endpoints["paper"],
            venue_ws_url=venue.ws_url if live else endpoints["paper_ws"],
            key_id=(venue.key_id or "") if live else PAPER_KEY_ID,
            private_key_file=venue.private_key_file
            if live and venue.private_key_file is not None
            else layout.paper_private_key,
            metrics_ports=endpoints["metrics"],
            ports=document["ports"],
            polymarket=_polymarket(settings, layout, endpoints),
        )
    except (OSError, KeyError, TypeError, ValidationError) as error:
        raise BadInput(
            f"{layout.stack} or {layout.settings.name} is damaged ({type(error).__name__}: {_first_line(error)}); "
            "run `surefoot up` again, which writes both anew",
            "stack_file",
        ) from None


def _polymarket(settings: Settings, layout: Layout, endpoints: Mapping[str, Any]) -> PolymarketEnds | None:
    if Venue.POLYMARKET not in settings.in_use:
        return None
    real = settings.polymarket
    if settings.mode == "paper":
        return PolymarketEnds(
            **endpoints["polymarket"], key_file=layout.polymarket_key, credentials_file=layout.polymarket_credentials
        )
    if real.signer_key_file is None or real.credentials_file is None:
        raise KeyError("polymarket")
    return PolymarketEnds(
        real.clob_url,
        real.gamma_url,
        real.data_url,
        real.relayer_url,
        real.geoblock_url,
        real.ws_url,
        real.signer_key_file,
        real.credentials_file,
        real.funder,
        real.signature_type,
        real.relayer_key_file if real.merge else None,
    )


def read_stack_file(layout: Layout) -> dict[str, Any]:
    """stack.json as it stands; empty if there is none. Raises `BadInput` if it is not JSON."""
    try:
        document = json.loads(layout.stack.read_bytes())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise BadInput(f"{layout.stack}: {error.strerror}; expected a readable file", "stack_file") from None
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise BadInput(
            f"{layout.stack} is not a JSON object; `surefoot down` ends what still runs; delete the file, then run "
            "`surefoot up`",
            "stack_file",
        )
    return document


def _with_password(dsn: str, layout: Layout) -> str:
    """The embedded server's DSN as stored has no password; it lies in the keys folder."""
    password = layout.postgres_password.read_text(encoding="ascii").strip()
    parts = urlsplit(dsn)
    user, host = parts.netloc.split("@", 1)
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(password, safe='')}@{host}"))


def _ui_url(origin: str | None, layout: Layout) -> str | None:
    """Where the door's pages lie: below a folder whose name only this installation knows."""
    if origin is None:
        return None
    try:
        return origin + str(json.loads(layout.ui_keys.read_bytes())["path"])
    except FileNotFoundError:  # the stack is about to be started for the first time
        return origin


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0]
