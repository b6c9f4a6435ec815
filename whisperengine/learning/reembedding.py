"""Moving all messages to another embedding model, while services go on.

What is missing is what has no vector of the model: a run that ended early goes on where it was, and what is said
meanwhile under the old model is moved at the end. Until a message is moved it is found by its words.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

import asyncpg
import numpy as np

from whisperengine.db.pool import AWAY
from whisperengine.errors import ConflictError
from whisperengine.memory import vectors

log = logging.getLogger(__name__)

BATCH = 64
FIRST = (-1, -1, -1)

Embed = Callable[[Sequence[str]], Awaitable[Sequence[np.ndarray]]]
Progress = Callable[[int], None]


async def move(pool: asyncpg.Pool, model_id: int, embed: Embed, *, share: float, moved: Progress) -> int:
    """Give every message a vector of the model; returns how many got one.

    `share` in 0..1 of the time is spent at work, the rest is left to others. `moved` hears of each batch. Raises
    ConflictError when another process is at it.
    """
    async with _alone(pool):
        total = 0
        while done := await _pass(pool, model_id, embed, share, moved):
            total += done
        return total


async def drop_old(pool: asyncpg.Pool, model_id: int, since: datetime) -> int | None:
    """Delete the vectors of other models; returns how many. None, and nothing is deleted, when a service has written
    such since then.
    """
    if await vectors.written_by_others(pool, model_id, since):
        return None
    deleted, after = 0, FIRST[:2]
    while found := await vectors.conversations(pool, after):
        for user_id, character_id in found:
            deleted += await vectors.delete_others(pool, model_id, user_id, character_id)
        after = found[-1]
    return deleted


async def tell_unmoved(pool: asyncpg.Pool, name: str) -> None:
    """Say at the start how many messages are found by their words alone."""
    try:
        count = await vectors.count_unmoved(pool, name)
    except AWAY as error:
        log.info("messages of other embedding models are not counted (%s)", type(error).__name__)
        return
    if count:
        log.warning("%s", advice(count, name))


def advice(count: int, name: str) -> str:
    return (
        f"{count:,} messages have no vector of {name} and are found by their words alone. "
        "Run `whisperengine reembed`: it works while the service serves."
    )


async def _pass(pool: asyncpg.Pool, model_id: int, embed: Embed, share: float, moved: Progress) -> int:
    total, after = 0, FIRST
    while found := await vectors.unmoved(pool, model_id, after, BATCH):
        start = time.monotonic()
        await vectors.store(pool, model_id, found, await embed([message.content for message in found]))
        total, after = total + len(found), found[-1].key
        moved(len(found))
        await asyncio.sleep((time.monotonic() - start) * (1 - share) / share)
    return total


@asynccontextmanager
async def _alone(pool: asyncpg.Pool) -> AsyncIterator[None]:
    async with pool.acquire() as connection:
        if not await connection.fetchval("select pg_try_advisory_lock(hashtext('whisperengine reembed'))"):
            raise ConflictError(
                "Another process is moving the messages already. Look at its progress.", code="already_moving"
            )
        try:
            yield
        finally:
            await connection.execute("select pg_advisory_unlock(hashtext('whisperengine reembed'))")
