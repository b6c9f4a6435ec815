"""Going back: a message edited or deleted, an answer thrown away.

Facts, summaries and memories that came from it follow.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from whisperengine.db import jobs
from whisperengine.db.pool import Connection
from whisperengine.memory import facts
from whisperengine.memory.messages import Read
from whisperengine.memory.terms import search_text

LEARN_SOON = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Stored:
    """A message as it stands in the store."""

    message_id: int
    role: str
    channel: str
    shared: bool
    said_at: datetime
    content: str
    reply_to: int | None
    pinned: bool
    feeling: str | None
    intensity: float | None
    edited_at: datetime | None


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person said that is to be answered anew."""

    content: str
    shared: bool
    request_key: str


_COLUMNS = "message_id, role, channel, shared, said_at, content, reply_to, pinned, feeling, intensity, edited_at"


async def find(pool: asyncpg.Pool, user_id: int, character_id: int, message_id: int) -> Stored | None:
    row = await pool.fetchrow(
        f"select {_COLUMNS} from messages where user_id = $1 and character_id = $2 and message_id = $3",
        user_id,
        character_id,
        message_id,
    )
    return Stored(**row) if row else None


async def asked_as(pool: asyncpg.Pool, user_id: int, character_id: int, request_key: str) -> Stored | None:
    """The message that a caller named by this key, or None."""
    row = await pool.fetchrow(
        f"select {_COLUMNS} from messages where user_id = $1 and character_id = $2 and request_key = $3",
        user_id,
        character_id,
        request_key,
    )
    return Stored(**row) if row else None


async def last_exchange(
    pool: asyncpg.Pool, user_id: int, character_id: int, channel: str
) -> tuple[Stored, Stored] | None:
    """The last message of the person in a channel that was answered, and its answer; None when the last word there is
    unanswered.
    """
    rows = await pool.fetch(
        f"select {_COLUMNS} from messages where user_id = $1 and character_id = $2 and channel = $3 "
        "order by message_id desc limit 2",
        user_id,
        character_id,
        channel,
    )
    if len(rows) < 2 or rows[0]["reply_to"] != rows[1]["message_id"]:
        return None
    return Stored(**rows[1]), Stored(**rows[0])


async def answered_anew(pool: asyncpg.Pool, user_id: int, character_id: int, channel: str, key: str) -> Asked | None:
    """Throw away the answer to the person's last message in a channel, so that it can be answered anew.

    `key` becomes the message's request key unless it has one. None when the person has said nothing there.
    """
    async with pool.acquire() as connection, connection.transaction():
        await _lock(connection, user_id, character_id)
        row = await connection.fetchrow(
            "update messages m set request_key = coalesce(m.request_key, $4) from (select message_id from messages "
            "where user_id = $1 and character_id = $2 and channel = $3 and role = 'person' "
            "order by message_id desc limit 1) last "
            "where m.user_id = $1 and m.character_id = $2 and m.message_id = last.message_id "
            "returning m.content, m.shared, m.request_key, array(select a.message_id from messages a "
            "where a.user_id = $1 and a.character_id = $2 and a.reply_to = m.message_id) as answers",
            user_id,
            character_id,
            channel,
            key,
        )
        if row is None:
            return None
        if row["answers"]:
            await _delete(connection, user_id, character_id, row["answers"])
        return Asked(row["content"], row["shared"], row["request_key"])


async def delete(pool: asyncpg.Pool, user_id: int, character_id: int, message_id: int) -> list[int]:
    """Delete a message; with a person's message goes the answer to it, which may repeat it. Returns the ids deleted."""
    async with pool.acquire() as connection, connection.transaction():
        await _lock(connection, user_id, character_id)
        rows = await connection.fetch(
            "select message_id from messages where user_id = $1 and character_id = $2 "
            "and (message_id = $3 or reply_to = $3) for update",
            user_id,
            character_id,
            message_id,
        )
        ids = [row["message_id"] for row in rows]
        if ids:
            await _delete(connection, user_id, character_id, ids)
    return ids


async def discard_answer(pool: asyncpg.Pool, user_id: int, character_id: int, answer_id: int) -> bool:
    """Throw an answer away, so that its message can be answered anew. False when it is gone already."""
    async with pool.acquire() as connection, connection.transaction():
        await _lock(connection, user_id, character_id)
        row = await connection.fetchrow(
            "select message_id from messages where user_id = $1 and character_id = $2 and message_id = $3 "
            "and role = 'character' for update",
            user_id,
            character_id,
            answer_id,
        )
        if row is None:
            return False
        await _delete(connection, user_id, character_id, [answer_id])
        return True


async def edit(pool: asyncpg.Pool, user_id: int, character_id: int, message_id: int, content: str, read: Read) -> bool:
    """Put other words in a message's place; what had been learned from it is dropped and learned anew.

    False when there is none.
    """
    async with pool.acquire() as connection, connection.transaction():
        await _lock(connection, user_id, character_id)
        old = await connection.fetchrow(
            "select shared, term_count from messages where user_id = $1 and character_id = $2 "
            "and message_id = $3 for update",
            user_id,
            character_id,
            message_id,
        )
        if old is None:
            return False
        await connection.execute(
            "with lexemes as (select to_tsvector('english', $5) as terms), changed as ("
            "update messages m set content = $4, terms = lexemes.terms, term_count = length(lexemes.terms), "
            "emotion = $6, feeling = $7, intensity = $8, edited_at = now(), pending = false "
            "from lexemes where user_id = $1 and character_id = $2 and message_id = $3 returning m.term_count), "
            "vector as (insert into embeddings as e (user_id, character_id, message_id, model_id, shared, embedding) "
            "values ($1, $2, $3, $10, $12, $9) on conflict (user_id, character_id, message_id, model_id) "
            "do update set embedding = excluded.embedding), "
            "others as (delete from embeddings where user_id = $1 and character_id = $2 and message_id = $3 "
            "and model_id <> $10) "
            "update conversations c set terms = c.terms + changed.term_count - $11::integer "
            "from changed where c.user_id = $1 and c.character_id = $2",
            user_id,
            character_id,
            message_id,
            content,
            search_text(content),
            read.emotion,
            read.feeling,
            read.intensity,
            read.embedding,
            read.model_id,
            old["term_count"],
            old["shared"],
        )
        supported = await facts.sourced_from(connection, user_id, character_id, [message_id])
        await connection.execute(
            "delete from fact_sources where user_id = $1 and character_id = $2 and message_id = $3",
            user_id,
            character_id,
            message_id,
        )
        await facts.drop_unsupported(connection, user_id, character_id, supported)
        await _forget_summaries(connection, user_id, character_id, [message_id])
        await _learn_again(connection, user_id, character_id, message_id)
        return True


async def pin(pool: asyncpg.Pool, user_id: int, character_id: int, message_id: int, pinned: bool) -> bool:
    """Keep a memory from fading, or let it fade again. False when there is none."""
    done = await pool.fetchval(
        "update messages set pinned = $4 where user_id = $1 and character_id = $2 and message_id = $3 returning true",
        user_id,
        character_id,
        message_id,
        pinned,
    )
    return bool(done)


async def _delete(connection: Connection, user_id: int, character_id: int, ids: list[int]) -> None:
    supported = await facts.sourced_from(connection, user_id, character_id, ids)
    await _forget_summaries(connection, user_id, character_id, ids)
    await connection.execute(
        "with gone as (delete from messages where user_id = $1 and character_id = $2 and message_id = any($3) "
        "returning term_count) "
        "update conversations c set messages = c.messages - g.n, terms = c.terms - g.terms "
        "from (select count(*) as n, sum(term_count) as terms from gone) g where c.user_id = $1 and c.character_id = "
        "$2",
        user_id,
        character_id,
        ids,
    )
    await facts.drop_unsupported(connection, user_id, character_id, supported)


async def _forget_summaries(connection: Connection, user_id: int, character_id: int, ids: list[int]) -> None:
    """Delete the summaries that cover one of the messages; their stretches are summarised anew."""
    gone: list[Any] = await connection.fetch(
        "delete from summaries s where s.user_id = $1 and s.character_id = $2 and exists (select from messages m "
        "where m.user_id = $1 and m.character_id = $2 and m.message_id = any($3) and m.channel = s.channel "
        "and m.message_id between s.first_message_id and s.last_message_id) returning 1",
        user_id,
        character_id,
        ids,
    )
    if gone:
        await jobs.add(connection, "summarise", user_id, character_id, delay=LEARN_SOON)


async def _learn_again(connection: Connection, user_id: int, character_id: int, message_id: int) -> None:
    await connection.execute(
        "update messages set learned = false where user_id = $1 and character_id = $2 and message_id = $3",
        user_id,
        character_id,
        message_id,
    )
    await jobs.add(connection, "learn", user_id, character_id, delay=LEARN_SOON)


async def _lock(connection: Connection, user_id: int, character_id: int) -> None:
    """Learning takes the same lock: nothing is learned from a message while it is being changed."""
    await connection.execute(
        "select from conversations where user_id = $1 and character_id = $2 for no key update", user_id, character_id
    )
