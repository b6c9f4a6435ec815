"""Joining what a person is called on several platforms: a code shown on one is typed on the other; and splitting again.

Whoever types the code becomes the person who asked for it: one memory, one relationship with each character, told of
and erased as one. A split undoes that: what an identity had brought along goes back to it; what was said while joined,
and what was spent, stays with the one who kept the person. Name and time zone are the keeper's; the keeper takes those
of the other where it has none, and keeps them.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from whisperengine.db import limits
from whisperengine.db.limits import MINUTE, Limit
from whisperengine.db.pool import Connection
from whisperengine.errors import ConflictError, NotFoundError, TooManyRequests
from whisperengine.memory import moving, people

LASTS = timedelta(minutes=10)
ATTEMPTS = 5
"""Codes that an identity may try in a minute: of 31^8 codes it sees 50 while one lasts."""
# Without what is mistaken for something else when it is read out or copied: 0 O, 1 I L.
ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
LENGTH = 8
# Joins are rare, and two that cross would each wait for the other's person.
_ONE_AT_A_TIME = "select pg_advisory_xact_lock(hashtext('whisperengine links'))"


@dataclass(frozen=True, slots=True)
class Code:
    code: str
    expires_at: datetime


async def start(pool: asyncpg.Pool, platform: str, platform_user_id: str) -> Code:
    """A new code for an identity, in place of the one that it had. Kept as a hash; shown this once."""
    await people.resolve(pool, platform, platform_user_id)
    code = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(
            "delete from link_codes where (platform = $1 and platform_user_id = $2) "
            "or expires_at < now() - $3::interval",
            platform,
            platform_user_id,
            LASTS,
        )
        expires_at = await connection.fetchval(
            "insert into link_codes (code_sha256, platform, platform_user_id, expires_at) "
            "values ($1, $2, $3, now() + $4::interval) returning expires_at",
            _hash(code),
            platform,
            platform_user_id,
            LASTS,
        )
    assert expires_at is not None
    return Code(f"{code[:4]}-{code[4:]}", expires_at)


async def join(pool: asyncpg.Pool, platform: str, platform_user_id: str, code: str) -> int:
    """Make the identity the same person as the one that the code was given to; returns the user_id of both.

    One transaction. Raises NotFoundError for a code that is unknown, used or expired, ConflictError for one's own,
    TooManyRequests after five attempts in a minute.
    """
    attempts = Limit(f"link:{platform}:{platform_user_id}", MINUTE, ATTEMPTS)
    standing = await limits.take(pool, platform, platform_user_id, [attempts])
    if standing.exceeded:
        raise TooManyRequests(
            f"That were too many codes. Try again in {standing.reset} seconds.",
            code="too_many_codes",
            retry_after=standing.reset,
        )
    await people.resolve(pool, platform, platform_user_id)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(_ONE_AT_A_TIME)
        issuer = await connection.fetchrow(
            "select c.platform, c.platform_user_id, i.user_id, c.expires_at < now() as expired from link_codes c "
            "join identities i using (platform, platform_user_id) where code_sha256 = $1",
            _hash(code),
        )
        redeemer = await _owner(connection, platform, platform_user_id)
        if issuer is None:
            raise NotFoundError(
                "This code is not known, or was used already. Get a new one with link on the other platform.",
                code="unknown_code",
            )
        if issuer["expired"]:
            raise NotFoundError(
                "This code has expired. Get a new one with link on the other platform; it lasts ten minutes.",
                code="expired_code",
            )
        if (issuer["platform"], issuer["platform_user_id"]) == (platform, platform_user_id):
            raise ConflictError(
                "This code is your own here. Type it where you want to be known as the same person.",
                code="same_account",
            )
        if issuer["user_id"] == redeemer:
            raise ConflictError("The two are one person already. There is nothing to do.", code="already_linked")
        await connection.execute("delete from link_codes where code_sha256 = $1", _hash(code))
        await _join(connection, redeemer, issuer["user_id"], platform, platform_user_id)
    return issuer["user_id"]


async def split(pool: asyncpg.Pool, platform: str, platform_user_id: str) -> int:
    """Make an identity that was joined to somebody a person of its own again; returns its user_id.

    One transaction. Raises NotFoundError for one that never was here, ConflictError for one that joined nobody.
    """
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(_ONE_AT_A_TIME)
        keeper = await _owner(connection, platform, platform_user_id)
        before = await connection.fetchrow(
            "delete from links where user_id = $1 and platform = $2 and platform_user_id = $3 returning *",
            keeper,
            platform,
            platform_user_id,
        )
        if before is None:
            raise ConflictError(
                "This account was not joined to another with a code. Split the one on which the code was typed.",
                code="not_linked",
            )
        back = before["moved_from"]
        await _hold(connection, keeper)
        await connection.execute(
            "insert into users (user_id, display_name, time_zone) values ($1, $2, $3)",
            back,
            before["display_name"],
            before["time_zone"],
        )
        await moving.part(connection, keeper, back, before["relationships"])
        await connection.execute(
            "update identities set user_id = $1 where platform = $2 and platform_user_id = $3",
            back,
            platform,
            platform_user_id,
        )
        await people.announce(connection, keeper)
        await people.announce(connection, back)
    return back


async def _join(connection: Connection, source: int, target: int, platform: str, platform_user_id: str) -> None:
    await _hold(connection, source, target)
    own = await connection.fetchrow(
        # The identity under which `source` is a person of its own: the others were joined to it.
        "select platform, platform_user_id from identities i where user_id = $1 and not exists (select from links l "
        "where l.user_id = $1 and l.platform = i.platform and l.platform_user_id = i.platform_user_id) "
        "order by (platform, platform_user_id) = ($2, $3) desc, created_at limit 1",
        source,
        platform,
        platform_user_id,
    )
    await connection.execute(
        "insert into links (user_id, moved_from, platform, platform_user_id, display_name, time_zone, relationships) "
        "select $2::bigint, user_id, $3, $4, display_name, time_zone, coalesce((select jsonb_agg(to_jsonb(r)) "
        "from relationships r where r.user_id = u.user_id), '[]') from users u where user_id = $1",
        source,
        target,
        *(own or (platform, platform_user_id)),
    )
    await connection.execute("update links set user_id = $2 where user_id = $1", source, target)
    await moving.merge(connection, source, target)
    await connection.execute("update identities set user_id = $2 where user_id = $1", source, target)
    await connection.execute(
        "update users t set display_name = coalesce(nullif(t.display_name, ''), s.display_name), "
        "time_zone = case when t.time_zone = 'UTC' then s.time_zone else t.time_zone end from users s "
        "where s.user_id = $1 and t.user_id = $2",
        source,
        target,
    )
    await connection.execute("delete from users where user_id = $1", source)
    await people.announce(connection, source)
    await people.announce(connection, target)


async def _owner(connection: Connection, platform: str, platform_user_id: str) -> int:
    user_id = await connection.fetchval(
        "select user_id from identities where platform = $1 and platform_user_id = $2", platform, platform_user_id
    )
    if user_id is None:
        raise NotFoundError(
            f"Nobody named {platform_user_id!r} has ever talked here. Check the id.", code="unknown_user"
        )
    return user_id


async def _hold(connection: Connection, *user_ids: int) -> None:
    """Whoever writes for these people waits until the transaction ends, and then finds the rows where they went."""
    await connection.execute("select from users where user_id = any($1) order by user_id for update", user_ids)
    await connection.execute(
        "select from conversations where user_id = any($1) order by user_id, character_id for update", user_ids
    )


def _hash(code: str) -> bytes:
    return hashlib.sha256("".join(filter(str.isalnum, code)).upper().encode()).digest()
