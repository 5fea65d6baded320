"""What a Postgres failure means to the caller: the driver's errors, translated into the project's tree."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from domain.errors import BadInput, Unavailable

_GONE = (
    OSError,
    asyncio.TimeoutError,
    asyncpg.InterfaceError,  # the connection or the pool is closed
    asyncpg.InternalClientError,  # the server said goodbye while the connection lay in the pool
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,  # starting up, or recovering from a crash
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.DiskFullError,
    asyncpg.ReadOnlySQLTransactionError,
)
_MISCONFIGURED = (
    asyncpg.InvalidCatalogNameError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidPasswordError,
    asyncpg.InsufficientPrivilegeError,
    asyncpg.ClientConfigurationError,
)


@contextmanager
def translated() -> Iterator[None]:
    """Raise `Unavailable` for a database that cannot be asked now, `BadInput` for one that never can be as configured.

    Neither message carries the DSN: it may hold a password.
    """
    try:
        yield
    except _MISCONFIGURED as error:
        raise BadInput(
            f"the ledger's Postgres refused us: {error}; check the database, user and password in the ledger's DSN",
            "ledger_refused",
        ) from error
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError, asyncpg.UndefinedFunctionError) as error:
        raise BadInput(
            f"the ledger's database is not of this version: {error}; apply the migrations (ledger.migrate) first",
            "ledger_not_migrated",
        ) from error
    except _GONE as error:
        what = str(error) or type(error).__name__
        raise Unavailable(
            f"the ledger's Postgres could not be asked: {what}; it is retried, check that Postgres is up if this lasts",
            "ledger_unavailable",
        ) from error
