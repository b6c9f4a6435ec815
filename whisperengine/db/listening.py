"""Hearing what other processes announce with NOTIFY."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import asyncpg

from whisperengine.db.pool import AWAY, CANCEL_SECONDS, PROBE_SECONDS


@asynccontextmanager
async def listening(dsn: str, channel: str, wake: Callable[[str], None]) -> AsyncIterator[asyncio.Event]:
    """Call `wake` with the payload of each notification on `channel`; yields an event that is set when the connection
    is lost.

    A connection of its own: one of the pool would be missing there for good. It is asked for a sign of life now and
    then: nobody ever writes to it, so a firewall that has forgotten it would never be noticed.
    """
    connection = await asyncpg.connect(dsn, timeout=10, server_settings={"application_name": channel})
    lost = asyncio.Event()
    try:
        connection.add_termination_listener(lambda _: lost.set())
        await connection.add_listener(channel, lambda *notified: wake(str(notified[-1])))
        probing = asyncio.create_task(_probe(connection, lost))
        try:
            yield lost
        finally:
            probing.cancel()
            await asyncio.wait({probing})
    finally:
        connection.terminate()


async def _probe(connection: asyncpg.Connection, lost: asyncio.Event) -> None:
    while not lost.is_set():
        await asyncio.sleep(PROBE_SECONDS)
        try:
            await connection.fetchval("select 1", timeout=CANCEL_SECONDS)
        except AWAY:
            lost.set()
