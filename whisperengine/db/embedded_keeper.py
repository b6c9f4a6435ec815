"""Keeps the embedded PostgreSQL running for as long as the service runs."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from whisperengine.db.embedded import EmbeddedPostgres
from whisperengine.errors import EmbeddedPostgresError

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.5  # between two looks whether it lives


async def keep_running(server: EmbeddedPostgres, ending: asyncio.Event) -> None:
    """Start the server again whenever it has ended by itself (killed for want of memory, or by a full disk), until
    `ending` is set. Not to be cancelled: a start that is under way could not be.
    """
    while not ending.is_set():
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                await ending.wait()
        if ending.is_set() or server.alive:
            continue
        log.error("PostgreSQL has ended by itself and is started again; its log is %s", server.log_file)
        try:
            await asyncio.to_thread(server.start)
        except EmbeddedPostgresError as error:
            log.error("%s", error)
