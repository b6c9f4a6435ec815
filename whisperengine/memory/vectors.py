"""Vectors of more than one embedding model: which messages have none of the present model yet, and what is left of
others. Vectors of different models never meet: the model is part of their key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg
import numpy as np

from whisperengine.db.ids import id_at
from whisperengine.db.pool import Executor

Key = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Unmoved:
    """A message without a vector of a model."""

    user_id: int
    character_id: int
    message_id: int
    content: str
    edited_at: datetime | None

    @property
    def key(self) -> Key:
        return self.user_id, self.character_id, self.message_id


_LACKING = """
from messages m where not m.pending and not exists (select from embeddings e where e.user_id = m.user_id
  and e.character_id = m.character_id and e.message_id = m.message_id and e.model_id = $1)
"""


async def unmoved(pool: asyncpg.Pool, model_id: int, after: Key, limit: int) -> list[Unmoved]:
    """Messages that have no vector of the model, by key, those behind `after`. What waits for its first vector is none
    of them.
    """
    rows = await pool.fetch(
        f"select m.user_id, m.character_id, m.message_id, m.content, m.edited_at {_LACKING} "
        "and (m.user_id, m.character_id, m.message_id) > ($2, $3, $4) "
        "order by m.user_id, m.character_id, m.message_id limit $5",
        model_id,
        *after,
        limit,
    )
    return [Unmoved(**row) for row in rows]


async def count_unmoved(executor: Executor, name: str) -> int:
    """How many messages are found by their words alone, because their vectors are of other models than `name`."""
    number = await executor.fetchval("select model_id from embedding_models where name = $1", name)
    # With one model there is nothing to count, which would read the whole table.
    if not await executor.fetchval("select exists (select from embedding_models where name <> $1)", name):
        return 0
    return await executor.fetchval(f"select count(*) {_LACKING}", number or 0) or 0


async def store(pool: asyncpg.Pool, model_id: int, messages: Sequence[Unmoved], vectors: Sequence[np.ndarray]) -> None:
    """Store vectors float32[dimensions] in one pipelined transaction; none for what was deleted or edited meanwhile."""
    async with pool.acquire() as connection:
        await connection.executemany(
            "insert into embeddings (user_id, character_id, model_id, message_id, shared, embedding) "
            "select user_id, character_id, $4, message_id, shared, $5 from messages where user_id = $1 "
            "and character_id = $2 and message_id = $3 and edited_at is not distinct from $6 on conflict do nothing",
            [
                (*message.key, model_id, vector, message.edited_at)
                for message, vector in zip(messages, vectors, strict=True)
            ],
        )


async def written_by_others(pool: asyncpg.Pool, model_id: int, since: datetime) -> bool:
    """Whether messages said since then have a vector of another model: some service still runs with that."""
    return await pool.fetchval(
        "select exists (select from embeddings where message_id >= $2 and model_id <> $1)", model_id, id_at(since)
    )


async def delete_others(pool: asyncpg.Pool, model_id: int, user_id: int, character_id: int) -> int:
    """Delete a conversation's vectors of other models where one of this model stands; returns how many."""
    done = await pool.execute(
        "delete from embeddings o where o.user_id = $1 and o.character_id = $2 and o.model_id <> $3 "
        "and exists (select from embeddings e where e.user_id = $1 and e.character_id = $2 "
        "and e.message_id = o.message_id and e.model_id = $3)",
        user_id,
        character_id,
        model_id,
    )
    return int(done.rsplit(" ", 1)[-1])


async def conversations(pool: asyncpg.Pool, after: tuple[int, int], limit: int = 500) -> list[tuple[int, int]]:
    """(user_id, character_id) in order, those behind `after`."""
    rows = await pool.fetch(
        "select user_id, character_id from conversations where (user_id, character_id) > ($1, $2) "
        "order by user_id, character_id limit $3",
        *after,
        limit,
    )
    return [tuple(row) for row in rows]
