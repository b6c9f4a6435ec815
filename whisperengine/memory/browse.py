"""A person's memories, feelings and relationship as lists: for the person who wants to see what is kept."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import asyncpg

_MESSAGE = (
    "message_id, role, channel, shared, session, said_at, content, feeling, intensity, pinned, edited_at, reply_to"
)


async def messages(
    pool: asyncpg.Pool, user_id: int, character_id: int, *, before: int | None, channel: str | None, limit: int
) -> list[asyncpg.Record]:
    """Messages with ids below `before`, newest first."""
    return await pool.fetch(
        f"select {_MESSAGE} from messages where user_id = $1 and character_id = $2 "
        "and ($3::bigint is null or message_id < $3) and ($4::text is null or channel = $4) "
        "order by message_id desc limit $5",
        user_id,
        character_id,
        before,
        channel,
        limit,
    )


async def channels(pool: asyncpg.Pool, user_id: int, character_id: int, limit: int) -> list[asyncpg.Record]:
    """Conversations by channel, the latest first: how many messages, when, and how the person's first and the last
    message began.
    """
    return await pool.fetch(
        "select channel, bool_or(shared) as shared, count(*) as messages, max(said_at) as last_at, "
        "left((array_agg(content order by message_id desc))[1], 120) as last_text, "
        "left((array_agg(content order by message_id) filter (where role = 'person'))[1], 120) as first_text "
        "from messages where user_id = $1 and character_id = $2 group by channel order by max(message_id) desc limit "
        "$3",
        user_id,
        character_id,
        limit,
    )


async def feelings(
    pool: asyncpg.Pool, user_id: int, character_id: int, since: datetime, limit: int
) -> list[asyncpg.Record]:
    """The feeling of each message since a moment, oldest first."""
    return await pool.fetch(
        "select message_id, role, said_at, feeling, intensity from ("
        "select * from messages where user_id = $1 and character_id = $2 and said_at >= $3 and feeling is not null "
        "order by message_id desc limit $4) latest order by message_id",
        user_id,
        character_id,
        since,
        limit,
    )


async def summaries(pool: asyncpg.Pool, user_id: int, character_id: int, limit: int) -> list[asyncpg.Record]:
    return await pool.fetch(
        "select summary_id, channel, shared, first_message_id, last_message_id, messages, text, origin, created_at "
        "from summaries where user_id = $1 and character_id = $2 order by last_message_id desc limit $3",
        user_id,
        character_id,
        limit,
    )


async def relationship(pool: asyncpg.Pool, user_id: int, character_id: int, limit: int) -> dict[str, Any] | None:
    """The relationship as it is, and its latest steps; None before the first answered turn."""
    row = await pool.fetchrow(
        "select trust, affection, attunement, interactions, first_at, last_at from relationships "
        "where user_id = $1 and character_id = $2",
        user_id,
        character_id,
    )
    if row is None:
        return None
    steps = await pool.fetch(
        "select at, trust, affection, attunement, reason from relationship_events "
        "where user_id = $1 and character_id = $2 order by message_id desc limit $3",
        user_id,
        character_id,
        limit,
    )
    return {**row, "steps": [dict(step) for step in reversed(steps)]}


async def characters_of(pool: asyncpg.Pool, user_id: int) -> list[asyncpg.Record]:
    """The characters that a person has talked to, with the number of messages."""
    return await pool.fetch(
        "select ch.name, c.messages, c.last_at from conversations c join characters ch on ch.id = c.character_id "
        "where c.user_id = $1 order by c.last_at desc",
        user_id,
    )
