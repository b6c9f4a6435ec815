"""The lock that lets one migration runner at a time into a database."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from whisperengine.db.connect import Report
from whisperengine.errors import MigrationError

LOCK_TIMEOUT = "migration_lock_timeout"
"""Code of the error for a lock that was not to be had in time."""

POLL = 0.5

# PostgreSQL shows the 64-bit key as two halves.
HOLDER = """
select pid, application_name, client_addr::text
from pg_locks left join pg_stat_activity using (pid)
where locktype = 'advisory' and granted and objsubid = 1
  and pg_locks.database = (select oid from pg_database where datname = current_database())
  and (classid::bigint << 32) | objid::bigint = $1
"""


def lock_key(table: str) -> int:
    """The advisory lock's key, a signed 64-bit number; PostgreSQL itself keeps the locks of two databases apart."""
    digest = hashlib.sha256(f"whisperengine {table}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


@asynccontextmanager
async def migration_lock(
    connection: asyncpg.Connection, table: str, timeout: float, report: Report
) -> AsyncIterator[None]:
    """Wait up to `timeout` seconds to be the only one inside. Raises MigrationError (LOCK_TIMEOUT) that names who is.

    It polls: who blocks in pg_advisory_lock holds a snapshot, for which CREATE INDEX CONCURRENTLY of the lock's holder
    would wait for ever.
    """
    key = lock_key(table)
    deadline, said = time.monotonic() + timeout, ""
    while not await connection.fetchval("select pg_try_advisory_lock($1)", key):
        row = await connection.fetchrow(HOLDER, key)
        holder = f"process {row[0]}, {row[1] or 'unnamed'}, from {row[2] or 'this machine'}" if row else "just gone"
        if time.monotonic() >= deadline:
            raise MigrationError(
                f"Another migration runner ({holder}) did not finish within {timeout:g} s. "
                "Wait for it and migrate again, or raise MIGRATE_LOCK_TIMEOUT.",
                code=LOCK_TIMEOUT,
            )
        if row and holder != said:
            report(f"waiting for another migration runner ({holder})")
            said = holder
        await asyncio.sleep(POLL)
    yield
    # After a failure the closing of the connection lets go of it.
    await connection.execute("select pg_advisory_unlock($1)", key)


async def check_lock(connection: asyncpg.Connection, table: str) -> None:
    """Raise MigrationError unless this very server process holds the lock."""
    if not await connection.fetchval(f"select exists ({HOLDER} and pid = pg_backend_pid())", lock_key(table)):
        raise MigrationError(
            "The migration lock is lost: the connection seems to go through a pooler in transaction mode. "
            "Give the migration the URL of PostgreSQL itself."
        )
