"""The connection pool: binary codecs for vectors, JSON as Python objects, plans made for the values at hand."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg
import numpy as np
from asyncpg.pool import PoolConnectionProxy

from whisperengine.db.url import check_url, shown_host, without_password
from whisperengine.errors import DatabaseUnavailable

# A generic plan would choose an index blindly for a person with fifty rows and one with fifty thousand (5 ms against
# 138 ms were measured).
SERVER_SETTINGS = {
    "application_name": "whisperengine",
    "jit": "off",
    "plan_cache_mode": "force_custom_plan",
    "max_parallel_workers_per_gather": "0",
    "enable_seqscan": "off",
    "timezone": "UTC",
}


def encode_halfvec(vector: Any) -> bytes:
    """pgvector's binary form: two 16-bit numbers (dimensions, unused), then big-endian half floats."""
    values = np.asarray(vector, dtype=">f2")
    return struct.pack(">HH", values.shape[0], 0) + values.tobytes()


def decode_halfvec(data: bytes) -> np.ndarray:
    """float32[d]."""
    return np.frombuffer(data, ">f2", offset=4).astype(np.float32)


_LOST = (
    OSError,
    asyncio.TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.DiskFullError,
    asyncpg.ReadOnlySQLTransactionError,
)


Connection = asyncpg.Connection | PoolConnectionProxy
Executor = Connection | asyncpg.Pool


async def prepare_connection(connection: Connection) -> None:
    """Codecs of one connection. The `vector` extension must exist already."""
    await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=json.dumps, decoder=json.loads)
    schema = await connection.fetchval(
        "select n.nspname from pg_type t join pg_namespace n on n.oid = t.typnamespace where t.typname = 'halfvec'"
    )
    if schema:
        await connection.set_type_codec(
            "halfvec", schema=schema, encoder=encode_halfvec, decoder=decode_halfvec, format="binary"
        )


async def open_pool(dsn: str, size: int, *, timeout: float = 10.0) -> asyncpg.Pool:
    """A pool of up to `size` connections.

    Raises DatabaseUnavailable, without the password, when none can be made in `timeout` seconds.
    """
    check_url(dsn)
    try:
        return await asyncpg.create_pool(
            dsn,
            min_size=min(2, size),
            max_size=size,
            timeout=timeout,
            command_timeout=60,
            server_settings=SERVER_SETTINGS,
            init=prepare_connection,
            max_inactive_connection_lifetime=300,
        )
    except (asyncpg.PostgresError, *_LOST) as error:
        raise unavailable(dsn, error) from None


@contextmanager
def reachable(dsn: str) -> Iterator[None]:
    """Turns a lost or refused connection inside the block into DatabaseUnavailable.

    Errors in a statement pass: they are defects of ours.
    """
    try:
        yield
    except _LOST as error:
        raise unavailable(dsn, error) from error


def unavailable(dsn: str, error: BaseException) -> DatabaseUnavailable:
    """The error for a database that does not answer, naming the host but never the password."""
    reason = f"{type(error).__name__}: {without_password(dsn, str(error))}"
    return DatabaseUnavailable(
        f"The database at {shown_host(dsn)} cannot be used ({reason}). "
        "Check that it runs and that DATABASE_URL or POSTGRES_* name it.",
        retry_after=5,
    )
