"""Deleting by age: messages beyond the set number of days go, pinned ones stay, and what came from them follows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import asyncpg

from whisperengine.db.ids import id_at
from whisperengine.memory import facts

BATCH = 500

Conversation = tuple[int, int]


async def conversations(pool: asyncpg.Pool, days: int, after: Conversation, limit: int = 100) -> list[Conversation]:
    """Up to `limit` conversations (user_id, character_id), in order, that have something to delete."""
    rows = await pool.fetch(
        "select user_id, character_id from conversations c where (user_id, character_id) > ($1, $2) and exists ("
        "select from messages m where m.user_id = c.user_id and m.character_id = c.character_id "
        "and m.message_id < $3 and not m.pinned) order by user_id, character_id limit $4",
        *after,
        _cutoff(days),
        limit,
    )
    return [(row["user_id"], row["character_id"]) for row in rows]


async def delete_old(pool: asyncpg.Pool, user_id: int, character_id: int, days: int) -> int:
    """Delete up to 500 messages older than `days`, with the facts that nothing else supports and the summaries that
    cover them; returns how many messages.

    Pinned messages and facts stay, and so do facts that the person wrote.
    """
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(
            "select from conversations where user_id = $1 and character_id = $2 for no key update",
            user_id,
            character_id,
        )
        rows = await connection.fetch(
            "select message_id from messages where user_id = $1 and character_id = $2 and message_id < $3 "
            "and not pinned order by message_id limit $4",
            user_id,
            character_id,
            _cutoff(days),
            BATCH,
        )
        ids = [row["message_id"] for row in rows]
        if not ids:
            return 0
        supported = await facts.sourced_from(connection, user_id, character_id, ids)
        await connection.execute(
            "delete from summaries s where user_id = $1 and character_id = $2 and exists (select from messages m "
            "where m.user_id = $1 and m.character_id = $2 and m.message_id = any($3) and m.channel = s.channel "
            "and m.message_id between s.first_message_id and s.last_message_id)",
            user_id,
            character_id,
            ids,
        )
        await connection.execute(
            "delete from relationship_events where user_id = $1 and character_id = $2 and message_id = any($3)",
            user_id,
            character_id,
            ids,
        )
        await connection.execute(
            "with gone as (delete from messages where user_id = $1 and character_id = $2 and message_id = any($3) "
            "returning term_count) update conversations c set messages = c.messages - g.n, terms = c.terms - g.terms "
            "from (select count(*) as n, sum(term_count) as terms from gone) g "
            "where c.user_id = $1 and c.character_id = $2",
            user_id,
            character_id,
            ids,
        )
        await facts.drop_unsupported(connection, user_id, character_id, supported)
        return len(ids)


def _cutoff(days: int) -> int:
    """The ids below this were made before."""
    return id_at(datetime.now(UTC) - timedelta(days=days))
