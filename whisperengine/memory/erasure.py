"""Erasing: one transaction, nothing of the person remains in any table."""

from __future__ import annotations

import asyncpg

from whisperengine.memory import people

# Children before parents: the cascades would do the same row by row.
_ORDER = (
    "usage",
    "embeddings",
    "fact_sources",
    "facts",
    "summaries",
    "relationship_events",
    "relationships",
    "messages",
    "conversations",
    "jobs",
    "users",
)


async def erase(pool: asyncpg.Pool, user_id: int) -> dict[str, int]:
    """Delete everything of a person, with every platform's name for them; returns the rows deleted by table."""
    counts: dict[str, int] = {}
    async with pool.acquire() as connection, connection.transaction():
        # Whoever writes for this person now waits here, and then fails on the missing user instead of leaving something
        # behind.
        await connection.execute("select from users where user_id = $1 for update", user_id)
        counts["link_codes"] = _count(
            await connection.execute(
                "delete from link_codes c using identities i where i.user_id = $1 and c.platform = i.platform "
                "and c.platform_user_id = i.platform_user_id",
                user_id,
            )
        )
        for table in _ORDER:
            counts[table] = _count(await connection.execute(f"delete from {table} where user_id = $1", user_id))
        for table, column in (("discord_answers", "author_id"), ("discord_places", "place_id")):
            counts[table] = _count(
                await connection.execute(
                    f"delete from {table} where {column}::text in (select platform_user_id from identities "
                    "where user_id = $1 and platform = 'discord') "
                    + ("" if table == "discord_answers" else "and kind = 'person'"),
                    user_id,
                )
            )
        counts["identities"] = _count(await connection.execute("delete from identities where user_id = $1", user_id))
        await people.announce(connection, user_id)
    return counts


async def erase_conversation(pool: asyncpg.Pool, user_id: int, character_id: int) -> dict[str, int]:
    """Delete everything between a person and one character."""
    counts: dict[str, int] = {}
    async with pool.acquire() as connection, connection.transaction():
        for table in _ORDER[:-1]:
            counts[table] = _count(
                await connection.execute(
                    f"delete from {table} where user_id = $1 and character_id = $2", user_id, character_id
                )
            )
        await connection.execute(
            "update links set relationships = coalesce((select jsonb_agg(r) from jsonb_array_elements(relationships) r "
            "where (r ->> 'character_id')::bigint <> $2), '[]') where user_id = $1",
            user_id,
            character_id,
        )
    return counts


def _count(status: str) -> int:
    return int(status.rsplit(" ", 1)[-1])
