"""Facts: what a person said of themselves, each with its source, its validity and how sure we are.

A fact stands in a slot (`name`, `taste:cheese`). One value holds in a slot at a time; another value supersedes it and
both are kept. Facts told where others heard them form a lane of their own: a shared channel sees that lane only, and
nothing said in private changes
it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from whisperengine.db.ids import new_id
from whisperengine.db.pool import Connection, Executor
from whisperengine.memory.messages import Place

SHOWN_FROM = 0.5
VALUE_CHARS = 200
TEXT_CHARS = 300


@dataclass(frozen=True, slots=True)
class Learned:
    """One thing learned from one message. `confidence` in 0..1; `origin` is `pattern`, `model` or `person`."""

    kind: str
    slot: str
    value: str
    text: str
    confidence: float
    origin: str
    message_id: int | None
    said_at: datetime


@dataclass(frozen=True, slots=True)
class Fact:
    fact_id: int
    kind: str
    slot: str
    value: str
    text: str
    confidence: float
    shared: bool
    pinned: bool
    origin: str
    valid_from: datetime
    superseded_at: datetime | None
    superseded_by: int | None
    sources: list[int]


_COLUMNS = """f.fact_id, f.kind, f.slot, f.value, f.text, f.confidence, f.shared, f.pinned, f.origin, f.valid_from,
  f.superseded_at, f.superseded_by, array(select s.message_id from fact_sources s where s.user_id = f.user_id
    and s.character_id = f.character_id and s.fact_id = f.fact_id order by 1) as sources"""


async def learn(connection: Connection, user_id: int, character_id: int, learned: Learned, shared: bool) -> int | None:
    """Take in one thing; call inside a transaction. Returns the id of the fact that now holds it.

    The same value again raises confidence, once for each message. Another value in the slot supersedes the old one when
    it was said later and is sure enough to be shown; otherwise it is dropped (None). A pinned fact is superseded by
    nobody but the person.
    """
    now = await connection.fetchrow(
        "select fact_id, value, confidence, pinned, valid_from from facts where user_id = $1 and character_id = $2 "
        "and slot = $3 and shared = $4 and superseded_at is null for update",
        user_id,
        character_id,
        learned.slot,
        shared,
    )
    if now and now["value"].casefold() == learned.value.casefold():
        if await _add_source(connection, user_id, character_id, now["fact_id"], learned.message_id):
            await connection.execute(
                "update facts set confidence = 1 - (1 - confidence) * (1 - $4::real / 2), updated_at = now() "
                "where user_id = $1 and character_id = $2 and fact_id = $3",
                user_id,
                character_id,
                now["fact_id"],
                learned.confidence,
            )
        return now["fact_id"]
    if now and (
        (now["pinned"] and learned.origin != "person")
        or learned.confidence < SHOWN_FROM
        or learned.said_at < now["valid_from"]
    ):
        return None
    fact_id = new_id()
    if now:
        await connection.execute(
            "update facts set superseded_at = $4, superseded_by = $5, updated_at = now() "
            "where user_id = $1 and character_id = $2 and fact_id = $3",
            user_id,
            character_id,
            now["fact_id"],
            learned.said_at,
            fact_id,
        )
    await connection.execute(
        "insert into facts "
        "(user_id, character_id, fact_id, kind, slot, value, text, confidence, shared, origin, valid_from) "
        "values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        user_id,
        character_id,
        fact_id,
        learned.kind,
        learned.slot,
        learned.value[:VALUE_CHARS],
        learned.text[:TEXT_CHARS],
        learned.confidence,
        shared,
        learned.origin,
        learned.said_at,
    )
    await _add_source(connection, user_id, character_id, fact_id, learned.message_id)
    return fact_id


async def _add_source(
    connection: Connection, user_id: int, character_id: int, fact_id: int, message_id: int | None
) -> bool:
    if message_id is None:
        return False
    added = await connection.fetchval(
        "insert into fact_sources (user_id, character_id, fact_id, message_id) values ($1, $2, $3, $4) "
        "on conflict do nothing returning true",
        user_id,
        character_id,
        fact_id,
        message_id,
    )
    return bool(added)


async def of_person(
    pool: Executor,
    user_id: int,
    character_id: int,
    *,
    past: bool = False,
    after: int = 0,
    limit: int = 1000,
) -> list[Fact]:
    """Facts by id, those after the id `after`; with `past`, the superseded ones among them."""
    rows = await pool.fetch(
        f"select {_COLUMNS} from facts f where f.user_id = $1 and f.character_id = $2 and f.fact_id > $3 "
        "and ($4 or f.superseded_at is null) order by f.fact_id limit $5",
        user_id,
        character_id,
        after,
        past,
        limit,
    )
    return [Fact(**row) for row in rows]


async def change(
    pool: asyncpg.Pool, user_id: int, character_id: int, fact_id: int, *, text: str | None, pinned: bool | None
) -> Fact | None:
    """Edit or pin a fact; None when there is none. What the person wrote is certain."""
    row = await pool.fetchrow(
        "update facts f set text = coalesce($4, f.text), value = coalesce($4, f.value), "
        "origin = case when $4::text is null then f.origin else 'person' end, "
        "confidence = case when $4::text is null then f.confidence else 1 end, "
        "pinned = coalesce($5::boolean, f.pinned), updated_at = now() "
        f"where f.user_id = $1 and f.character_id = $2 and f.fact_id = $3 returning {_COLUMNS}",
        user_id,
        character_id,
        fact_id,
        text[:TEXT_CHARS] if text else None,
        pinned,
    )
    return Fact(**row) if row else None


async def forget(connection: Connection, user_id: int, character_id: int, fact_id: int) -> bool:
    """Delete a fact and everything that it superseded: a person who says "forget it" means the matter.

    Inside a transaction.
    """
    done = await connection.fetch(
        "with recursive matter as (select fact_id from facts where user_id = $1 and character_id = $2 and fact_id = $3 "
        "union select f.fact_id from facts f join matter m on f.superseded_by = m.fact_id "
        "where f.user_id = $1 and f.character_id = $2) "
        "delete from facts where user_id = $1 and character_id = $2 and fact_id in (select fact_id from matter) "
        "returning 1",
        user_id,
        character_id,
        fact_id,
    )
    return bool(done)


async def drop_unsupported(connection: Connection, user_id: int, character_id: int, fact_ids: Sequence[int]) -> None:
    """Delete those of the facts whose last source is gone, and put in force what they had superseded. What the person
    entered or pinned stays.

    Inside a transaction.
    """
    gone = await connection.fetch(
        "delete from facts f where f.user_id = $1 and f.character_id = $2 and f.fact_id = any($3) "
        "and f.origin <> 'person' and not f.pinned and not exists (select from fact_sources s where s.user_id = $1 "
        "and s.character_id = $2 and s.fact_id = f.fact_id) "
        "returning f.fact_id, f.superseded_at, f.superseded_by",
        user_id,
        character_id,
        list(fact_ids),
    )
    for row in gone:
        await connection.execute(
            "update facts set superseded_at = $4, superseded_by = $5 where user_id = $1 and character_id = $2 "
            "and superseded_by = $3",
            user_id,
            character_id,
            row["fact_id"],
            row["superseded_at"],
            row["superseded_by"],
        )


async def sourced_from(
    connection: Connection, user_id: int, character_id: int, message_ids: Sequence[int]
) -> list[int]:
    """Ids of the facts that one of the messages supports."""
    rows = await connection.fetch(
        "select distinct fact_id from fact_sources where user_id = $1 and character_id = $2 and message_id = any($3)",
        user_id,
        character_id,
        list(message_ids),
    )
    return [row["fact_id"] for row in rows]


def for_prompt(facts: Sequence[Fact], place: Place) -> list[Fact]:
    """Facts that may be shown at `place`, the latest of each slot: in a shared channel those that were told there."""
    latest: dict[str, Fact] = {}
    for fact in sorted(facts, key=lambda fact: fact.valid_from):
        if fact.superseded_at is None and fact.confidence >= SHOWN_FROM and (fact.shared or not place.shared):
            latest[fact.slot] = fact
    return sorted(latest.values(), key=lambda fact: (not fact.pinned, -fact.confidence))
