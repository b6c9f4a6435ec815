"""People: whom a platform's id stands for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import asyncpg

from whisperengine.db.ids import new_id
from whisperengine.db.pool import TURN_SECONDS, Executor
from whisperengine.errors import NotFoundError, RequestError

CHANNEL = "whisperengine_people"
"""Announces the user_id of a person who was changed, joined, split or erased."""


@dataclass(frozen=True, slots=True)
class Person:
    user_id: int
    display_name: str
    time_zone: str


async def resolve(pool: asyncpg.Pool, platform: str, platform_user_id: str, display_name: str = "") -> Person:
    """The person behind a platform's id; made on first sight. A name given later replaces the one that is known."""
    person = await find(pool, platform, platform_user_id) or await _create(
        pool, platform, platform_user_id, display_name
    )
    if display_name and display_name != person.display_name:
        await pool.execute("update users set display_name = $2 where user_id = $1", person.user_id, display_name)
        person = replace(person, display_name=display_name)
    return person


async def find(pool: asyncpg.Pool, platform: str, platform_user_id: str) -> Person | None:
    """The person behind a platform's id, or None when nobody of that id was ever here."""
    row = await pool.fetchrow(
        "select u.user_id, u.display_name, u.time_zone from identities i join users u using (user_id) "
        "where i.platform = $1 and i.platform_user_id = $2",
        platform,
        platform_user_id,
        timeout=TURN_SECONDS,
    )
    return Person(*row) if row else None


async def _create(pool: asyncpg.Pool, platform: str, platform_user_id: str, display_name: str) -> Person:
    user_id = new_id()
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("insert into users (user_id, display_name) values ($1, $2)", user_id, display_name)
        # Two first messages at once: the later one takes the row of the earlier and drops its own.
        owner = await connection.fetchval(
            "insert into identities as i (platform, platform_user_id, user_id) values ($1, $2, $3) "
            "on conflict (platform, platform_user_id) do update set user_id = i.user_id returning i.user_id",
            platform,
            platform_user_id,
            user_id,
        )
        if owner != user_id:
            await connection.execute("delete from users where user_id = $1", user_id)
        row = await connection.fetchrow("select user_id, display_name, time_zone from users where user_id = $1", owner)
        assert row is not None
        return Person(*row)


async def announce(executor: Executor, user_id: int) -> None:
    """Tell all processes to forget what they hold of a person, once the transaction is done."""
    await executor.execute("select pg_notify($1, $2)", CHANNEL, str(user_id))


async def identities(pool: asyncpg.Pool, user_id: int) -> list[asyncpg.Record]:
    """What the platforms call a person."""
    return await pool.fetch(
        "select platform, platform_user_id from identities where user_id = $1 order by 1, 2", user_id
    )


async def change(pool: asyncpg.Pool, user_id: int, *, display_name: str | None, time_zone: str | None) -> Person:
    """Set what is given."""
    row = await pool.fetchrow(
        "update users set display_name = coalesce($2, display_name), time_zone = coalesce($3, time_zone) "
        "where user_id = $1 returning user_id, display_name, time_zone",
        user_id,
        display_name,
        time_zone,
    )
    if row is None:
        raise NotFoundError("This person was erased meanwhile. A new message starts anew.", code="unknown_user")
    await announce(pool, user_id)
    return Person(*row)


def checked_zone(name: str) -> str:
    """The name of a time zone that this machine knows, such as Europe/Lisbon. Raises RequestError."""
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise RequestError(
            f"{name[:100]!r} is no time zone. Send a name such as Europe/Lisbon.", code="invalid_time_zone"
        ) from None
