"""One connection outside the pool, for work on the schema. It waits for the server and never shows the password."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

import asyncpg

from whisperengine.db.url import check_url, shown_host
from whisperengine.errors import DatabaseUnavailable

log = logging.getLogger(__name__)

Report = Callable[[str], object]
"""Is given one line about the progress: `print`, or a logger's method."""

APPLICATION_NAME = "whisperengine migrate"
# A server that starts up or is being created answers with errors, too; these are the ones that waiting does not cure.
PERMANENT = (ValueError, asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InsufficientPrivilegeError)


async def connect(dsn: str, *, wait: float = 0.0, report: Report = log.info) -> asyncpg.Connection:
    """A connection, made as soon as the server accepts one.

    Tries for `wait` seconds, at least once. Raises ConfigurationError for a URL that cannot be read,
    DatabaseUnavailable when the time is over or the server refuses the login.
    """
    check_url(dsn)
    host, deadline, pause, said = shown_host(dsn), time.monotonic() + wait, 0.2, ""
    while True:
        timeout = max(1, min(10, round(deadline - time.monotonic())))
        try:
            # Without the cache, statements pass through poolers that hand each transaction to another server process.
            return await asyncpg.connect(
                dsn, timeout=timeout, statement_cache_size=0, server_settings={"application_name": APPLICATION_NAME}
            )
        except PERMANENT as error:
            raise DatabaseUnavailable(
                f"PostgreSQL at {host} refuses the connection: {error}. Correct DATABASE_URL or POSTGRES_*."
            ) from None
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            reason = str(error) or "no answer"
        if time.monotonic() + pause > deadline:
            raise DatabaseUnavailable(
                f"PostgreSQL at {host} could not be reached within {wait:g} s: {reason}. "
                "Check that it runs and that DATABASE_URL or POSTGRES_* name it; MIGRATE_WAIT is the time to wait.",
                retry_after=5,
            )
        if reason != said:
            report(f"waiting for PostgreSQL at {host} ({reason})")
            said = reason
        await asyncio.sleep(pause)
        pause = min(2.0, pause * 1.5)


async def wait_for_database(dsn: str, timeout: float, report: Report = log.info) -> None:
    """Return once the database accepts connections; raises as `connect` does."""
    await (await connect(dsn, wait=timeout, report=report)).close()
