"""Answers get their embedding and feeling just after they are stored: in batches, off the answer's path, and again
after a crash.
"""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from whisperengine.db.pool import Executor
from whisperengine.memory.messages import Read


async def model_id(executor: Executor, name: str, dimensions: int) -> int:
    """The number under which an embedding model's vectors are kept; made on first use."""
    number = await executor.fetchval(
        "insert into embedding_models as m (name, dimensions) values ($1, $2) "
        "on conflict (name) do update set dimensions = m.dimensions returning model_id",
        name,
        dimensions,
    )
    assert number is not None
    return number


async def pending(pool: asyncpg.Pool, limit: int) -> list[tuple[int, int, int, str]]:
    """Up to `limit` messages (user_id, character_id, message_id, content) that wait for an embedding, oldest first."""
    rows = await pool.fetch(
        "select user_id, character_id, message_id, content from messages where pending order by message_id limit $1",
        limit,
    )
    return [tuple(row) for row in rows]


async def count_recalled(pool: asyncpg.Pool, shown: Sequence[tuple[int, int, int]]) -> None:
    """Remember that messages (user_id, character_id, message_id) were needed again: they fade more slowly."""
    async with pool.acquire() as connection:
        await connection.executemany(
            "update messages set recalled = recalled + 1 where user_id = $1 and character_id = $2 and message_id = $3",
            sorted(shown),
        )


_STORE_READ = """
with done as (
  update messages set pending = false, emotion = $4, feeling = $5, intensity = $6
  where user_id = $1 and character_id = $2 and message_id = $3
  returning shared
)
insert into embeddings (user_id, character_id, model_id, message_id, shared, embedding)
select $1, $2, $7, $3, shared, $8 from done on conflict do nothing
"""


async def store_reads(pool: asyncpg.Pool, read: Sequence[tuple[tuple[int, int, int], Read]]) -> None:
    """Store what was read from messages, each named by (user_id, character_id, message_id), in one pipelined
    transaction.

    A message that was deleted meanwhile stays deleted.
    """
    async with pool.acquire() as connection:
        await connection.executemany(
            _STORE_READ,
            [(*key, r.emotion, r.feeling, r.intensity, r.model_id, r.embedding) for key, r in read],
        )
