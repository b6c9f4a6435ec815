"""The connection pool: binary codecs for vectors, JSON as Python objects, waits that end."""

from __future__ import annotations

import asyncio
import json
import logging
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg
import numpy as np
from asyncpg.pool import PoolConnectionProxy

from whisperengine.db.url import check_url, shown_host, without_password
from whisperengine.errors import DatabaseUnavailable

log = logging.getLogger(__name__)

SERVER_SETTINGS = {
    "application_name": "whisperengine",
    "jit": "off",
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


LOST = (
    OSError,
    asyncio.TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection that breaks just as it is used
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.DiskFullError,
    asyncpg.ReadOnlySQLTransactionError,
)


AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What a database that is away, or going away, raises: for work that goes on later whatever it was."""
TURN_SECONDS = 10.0
"""For a statement of a turn, of which none takes a second: then the connection is dead, or the database is. A disk that
reads 50,000 memories cold, and a row that is locked while as many are erased (2.2 s), leave room for a slower machine.
"""
ACQUIRE_SECONDS = 5.0
"""For a connection, while none comes back. With the statement after it and the wait for its cancellation, whoever asks
a database that is silent is told so after 17 s at most.
"""
CANCEL_SECONDS = 2.0
PROBE_SECONDS = 10.0

Connection = asyncpg.Connection | PoolConnectionProxy
Executor = Connection | asyncpg.Pool


async def prepare_connection(connection: Connection) -> None:
    """Codecs of one connection. The `vector` extension must exist already. Raises TimeoutError."""
    async with asyncio.timeout(ACQUIRE_SECONDS):
        await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=json.dumps, decoder=json.loads)
        schema = await connection.fetchval(
            "select n.nspname from pg_type t join pg_namespace n on n.oid = t.typnamespace where t.typname = 'halfvec'"
        )
        if schema:
            await connection.set_type_codec(
                "halfvec", schema=schema, encoder=encode_halfvec, decoder=decode_halfvec, format="binary"
            )


class _Connection(asyncpg.Connection):
    """Given up where the server does not even say that it has cancelled a statement: nobody is at the other end any
    more. asyncpg by itself would wait as long as for another statement.
    """

    def _cancel_current_command(self, waiter: Any, *further: Any, **named: Any) -> None:
        super()._cancel_current_command(waiter, *further, **named)
        self._loop.call_later(CANCEL_SECONDS, self._give_up)

    def _give_up(self) -> None:
        if not self.is_closed() and self._protocol is not None and self._protocol._is_cancelling():
            self.terminate()


class _Pool(asyncpg.Pool):
    """Nobody waits in it for longer than ACQUIRE_SECONDS in which no connection came back; asyncpg's own would wait
    for ever. While they come back, a crowd of any length is served in its order.
    """

    def __init__(self, dsn: str, **named: Any) -> None:
        super().__init__(
            dsn,
            reset=self._clean,
            loop=None,
            connection_class=_Connection,
            record_class=asyncpg.Record,
            max_queries=50_000,
            **named,
        )
        self._came_back = 0.0

    async def _acquire(self, timeout: float | None) -> PoolConnectionProxy:
        if timeout is not None:
            return await super()._acquire(timeout)
        loop = asyncio.get_running_loop()
        began = loop.time()

        def look() -> None:
            nonlocal timer
            ends = max(began, self._came_back) + ACQUIRE_SECONDS
            if ends <= loop.time():
                patience.reschedule(ends)
            else:
                timer = loop.call_at(ends, look)

        timer = loop.call_at(began + ACQUIRE_SECONDS, look)
        try:
            async with asyncio.timeout(None) as patience:
                return await super()._acquire(None)
        except TimeoutError:
            raise TimeoutError("no connection became free, and none could be opened") from None
        finally:
            timer.cancel()

    async def _clean(self, connection: Connection) -> None:
        """Make a connection ready for the next who takes it; one that broke does not come here.

        asyncpg's own way asks the server each time (0.1 ms, five times a turn), for locks, settings and listeners of a
        session, of which nothing that takes from the pool leaves any.
        """
        if connection.is_in_transaction():
            await connection.reset()
        self._came_back = asyncio.get_running_loop().time()


async def open_pool(dsn: str, size: int, *, timeout: float = 10.0) -> asyncpg.Pool:
    """A pool of up to `size` connections.

    Raises DatabaseUnavailable, without the password, when none can be made in `timeout` seconds.
    """
    check_url(dsn)
    try:
        return await _Pool(
            dsn,
            min_size=min(2, size),
            max_size=size,
            timeout=timeout,
            command_timeout=60,
            server_settings=SERVER_SETTINGS,
            init=prepare_connection,
            max_inactive_connection_lifetime=300,
        )
    except (asyncpg.PostgresError, *LOST) as error:
        raise unavailable(dsn, error) from None


async def keep_probed(pool: asyncpg.Pool) -> None:
    """Ask every idle connection for a sign of life, again and again until cancelled, and end those that give none.

    A firewall that has forgotten a connection tells neither end, and each turn that takes one would wait in vain.
    """

    async def probe() -> None:
        async with pool.acquire(timeout=CANCEL_SECONDS) as connection:
            try:
                await connection.fetchval("select 1", timeout=CANCEL_SECONDS)
            except (asyncpg.PostgresError, *LOST) as error:
                log.warning("an idle connection to the database gave no sign of life (%s)", type(error).__name__)
                connection.terminate()

    while True:
        await asyncio.sleep(PROBE_SECONDS)
        # At once, so that none is asked twice. What cannot be opened is not idle: who needs it next will tell.
        await asyncio.gather(*(probe() for _ in range(pool.get_idle_size())), return_exceptions=True)


@contextmanager
def reachable(dsn: str) -> Iterator[None]:
    """Turns a lost or refused connection inside the block into DatabaseUnavailable.

    Errors in a statement pass: they are defects of ours.
    """
    try:
        yield
    except LOST as error:
        raise unavailable(dsn, error) from error


def unavailable(dsn: str, error: BaseException) -> DatabaseUnavailable:
    """The error for a database that does not answer, naming the host but never the password."""
    reason = f"{type(error).__name__}: {without_password(dsn, str(error))}"
    return DatabaseUnavailable(
        f"The database at {shown_host(dsn)} cannot be used ({reason}). "
        "Check that it runs and that DATABASE_URL or POSTGRES_* name it.",
        retry_after=5,
    )
