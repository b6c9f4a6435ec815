"""Past talk brought in from elsewhere: stored as if it had been said here, in order, with its own times."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from whisperengine.db.ids import id_at
from whisperengine.db.pool import Connection
from whisperengine.memory.asked import time_told
from whisperengine.memory.messages import SESSION_GAP, Place, Read
from whisperengine.memory.terms import search_text

_STORE = """
with lexemes as (
  select to_tsvector('english', $10) as terms
), stored as (
  insert into messages (user_id, character_id, message_id, role, channel, shared, session, place, said_at, content,
                        request_key, emotion, feeling, intensity, terms, term_count, about_from, about_to)
  select $1::bigint, $2::bigint, $3::bigint, $4, $5, $6::boolean, $7::integer, $17::integer, $8::timestamptz, $9,
         $11, $12::real[], $13, $14::real, terms, length(terms), $18, $19
  from lexemes on conflict do nothing returning message_id, term_count
), indexed as (
  insert into embeddings (user_id, character_id, model_id, message_id, shared, embedding)
  select $1, $2, $15, message_id, $6, $16::halfvec from stored
)
update conversations c set messages = c.messages + 1, terms = c.terms + stored.term_count,
  last_at = greatest(c.last_at, $8)
from stored where c.user_id = $1 and c.character_id = $2
"""


@dataclass(frozen=True, slots=True)
class Said:
    """One message of the past. `key` names it in its source, so that the same source twice adds nothing."""

    said_at: datetime
    by_person: bool
    speaker: str
    content: str
    key: str | None = None


async def store(
    pool: asyncpg.Pool, place: Place, said: Sequence[Said], reads: Sequence[Read], zone: str = "UTC"
) -> list[int]:
    """Store messages, given in order of time, all or none, and return the ids of those that were new.

    A message whose key is known is left as it is. `zone` is the person's, for the days that messages name. Sessions get
    numbers that are not in use, the present one a new one.
    """
    async with pool.acquire() as connection, connection.transaction():
        session = await connection.fetchval(
            "insert into conversations as c (user_id, character_id, session, last_at) values ($1, $2, 0, 'epoch') "
            "on conflict (user_id, character_id) do update set session = c.session returning session",
            place.user_id,
            place.character_id,
        )
        known = await _known(connection, place, [message.key for message in said if message.key])
        rows = []
        last_id, last_at, number = 0, None, 0
        for message, read in zip(said, reads, strict=True):
            if message.key in known:
                continue
            if last_at is None or message.said_at - last_at > SESSION_GAP:
                session, number = session + 1, 0
            number += 1
            last_at = message.said_at
            last_id = max(last_id + 1, id_at(message.said_at) + secrets.randbits(22))
            rows.append(_row(place, last_id, session, number, message, read, zone))
        await connection.executemany(_STORE, rows)
        await connection.execute(
            "update conversations set session = $3, place = 0 where user_id = $1 and character_id = $2",
            place.user_id,
            place.character_id,
            session + 1,
        )
    return [row[2] for row in rows]


async def _known(connection: Connection, place: Place, keys: list[str]) -> set[str]:
    rows = await connection.fetch(
        "select request_key from messages where user_id = $1 and character_id = $2 and request_key = any($3)",
        place.user_id,
        place.character_id,
        keys,
    )
    return {row["request_key"] for row in rows}


def _row(
    place: Place, message_id: int, session: int, number: int, message: Said, read: Read, zone: str
) -> tuple[Any, ...]:
    about = time_told(message.content, message.said_at, zone)
    return (
        place.user_id,
        place.character_id,
        message_id,
        "person" if message.by_person else "character",
        place.channel,
        place.shared,
        session,
        message.said_at,
        message.content,
        search_text(message.content),
        message.key,
        read.emotion,
        read.feeling,
        read.intensity,
        read.model_id,
        read.embedding,
        number,
        about.start if about else None,
        about.end if about else None,
    )
