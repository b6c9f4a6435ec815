"""Shards in PostgreSQL: which process runs which, their sessions, and the pace of IDENTIFYs over all processes."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import asyncpg

from whisperengine.db.pool import reachable
from whisperengine.discord.keeper import Identified
from whisperengine.discord.session import Session

# A process that died is missed after LEASE, and its shards are looked for every RENEW: they move within 20 s.
LEASE = 15.0
RENEW = 5.0

_SEEN = """
insert into discord_processes (process_id, seen_at) values ($1, now())
on conflict (process_id) do update set seen_at = now()
"""
_FORGET_DEAD = "delete from discord_processes where seen_at < now() - make_interval(secs => 10 * $1)"
_ALIVE = "select count(*) from discord_processes where seen_at > now() - make_interval(secs => $1)"
_RENEW = """
update discord_shards set held_until = now() + make_interval(secs => $2)
where holder = $1 and held_until > now()
returning bot_id, shard
"""
_RELEASE = (
    "update discord_shards set holder = null, held_until = '-infinity' where bot_id = $1 and shard = $2 and holder = $3"
)
_TAKE_OVER = "update discord_shards set holder = null, held_until = '-infinity' where holder is distinct from $1"
_COUNT_IN_USE = "select shard_count from discord_shards where bot_id = $1 and held_until > now() limit 1"
_DROP_OTHER_COUNT = "delete from discord_shards where bot_id = $1 and shard_count <> $2"
_DECLARE = """
insert into discord_shards (bot_id, shard, shard_count) select $1, shard, $2 from generate_series(0, $2 - 1) shard
on conflict do nothing
"""
# SKIP LOCKED: two processes that look at once take different shards instead of waiting for each other.
_TAKE = """
with free as materialized (
  select bot_id, shard from discord_shards where bot_id = $1 and held_until <= now()
  order by shard limit $4 for update skip locked
)
update discord_shards mine set holder = $2, held_until = now() + make_interval(secs => $3)
from free where mine.bot_id = free.bot_id and mine.shard = free.shard
returning mine.shard, shard_count, session_id, resume_url, seq
"""
_SAVE = """
update discord_shards set session_id = $4, resume_url = $5, seq = $6, saved_at = now()
where bot_id = $1 and shard = $2 and holder = $3
"""
_IDENTIFIED = """
select extract(epoch from greatest(max(free_at) filter (where bucket = $2) - now(), interval '0'))::float8 as wait,
  coalesce(sum(used) filter (where counted_since > now() - interval '1 day'), 0)::int as used,
  extract(epoch from now() - max(last_at))::float8 as since_last
from discord_identifies where bot_id = $1
"""
_RESERVE = """
insert into discord_identifies as known (bot_id, bucket, free_at) values ($1, $2, now() + make_interval(secs => $3))
on conflict (bot_id, bucket) do update set free_at = greatest(known.free_at, now()) + make_interval(secs => $3)
returning extract(epoch from greatest(free_at - now() - make_interval(secs => $3), interval '0'))::float8
"""
_COUNT = """
update discord_identifies set last_at = now(),
  used = case when counted_since > now() - interval '1 day' then used + 1 else 1 end,
  counted_since = case when counted_since > now() - interval '1 day' then counted_since else now() end
where bot_id = $1 and bucket = $2
"""


@dataclass(frozen=True, slots=True)
class Lease:
    """A shard that is ours, with the session that it may resume."""

    shard: int
    count: int
    session: Session | None


class Leases:
    """The shards that this process holds, of any bot. Raises DatabaseUnavailable."""

    def __init__(self, pool: asyncpg.Pool, dsn: str, *, lease: float = LEASE) -> None:
        self._pool = pool
        self._dsn = dsn
        self._lease = lease
        self.process = uuid.uuid4()

    async def renew(self) -> set[tuple[int, int]]:
        """Keep what is held; returns the (bot, shard) that still are ours. What is missing must be stopped at once."""
        with self._reachable():
            async with self._pool.acquire() as connection:
                await connection.execute(_SEEN, self.process)
                return {(row[0], row[1]) for row in await connection.fetch(_RENEW, self.process, self._lease)}

    async def processes(self) -> int:
        """How many processes are alive, this one included."""
        with self._reachable():
            async with self._pool.acquire() as connection:
                await connection.execute(_FORGET_DEAD, self._lease)
                return max(1, await connection.fetchval(_ALIVE, self._lease))

    async def declare(self, bot: int, wanted: int) -> int:
        """Say how many shards a bot has; returns how many it has now. A running bot keeps its number: all shards must
        agree on it.
        """
        with self._reachable():
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.execute("select pg_advisory_xact_lock(hashtextextended('discord_shards', $1))", bot)
                count = await connection.fetchval(_COUNT_IN_USE, bot) or wanted
                await connection.execute(_DROP_OTHER_COUNT, bot, count)
                await connection.execute(_DECLARE, bot, count)
                return count

    async def take(self, bot: int, most: int) -> list[Lease]:
        """Take up to `most` shards that nobody holds."""
        with self._reachable():
            rows = await self._pool.fetch(_TAKE, bot, self.process, self._lease, most)
        return [
            Lease(
                row["shard"],
                row["shard_count"],
                Session(row["session_id"], row["resume_url"], row["seq"])
                if row["session_id"] and row["seq"] is not None
                else None,
            )
            for row in sorted(rows, key=lambda row: row["shard"])
        ]

    async def release(self, bot: int, shard: int) -> None:
        """Give a shard to whoever wants it."""
        with self._reachable():
            await self._pool.execute(_RELEASE, bot, shard, self.process)

    async def take_over(self) -> None:
        """No other process is alive: what a dead one held is free at once."""
        with self._reachable():
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.execute("delete from discord_processes where process_id <> $1", self.process)
                await connection.execute(_TAKE_OVER, self.process)

    async def leave(self) -> None:
        """This process runs no shards any more."""
        with self._reachable():
            await self._pool.execute("delete from discord_processes where process_id = $1", self.process)

    def keeper(self, bot: int) -> BotKeeper:
        return BotKeeper(self._pool, self._dsn, bot, self.process)

    @contextmanager
    def _reachable(self) -> Iterator[None]:
        with reachable(self._dsn):
            yield


class BotKeeper:
    """What outlives the process, of one bot: the Keeper of its shards."""

    def __init__(self, pool: asyncpg.Pool, dsn: str, bot: int, process: uuid.UUID) -> None:
        self._pool = pool
        self._dsn = dsn
        self._bot = bot
        self._process = process

    async def save(self, shard: int, session: Session | None) -> None:
        """Only the holder writes: a process that lost its lease must not overwrite its successor's session."""
        values = (session.id, session.resume_url, session.seq) if session else (None, None, None)
        with reachable(self._dsn):
            await self._pool.execute(_SAVE, self._bot, shard, self._process, *values)

    async def identified(self, bucket: int) -> Identified:
        with reachable(self._dsn):
            row = await self._pool.fetchrow(_IDENTIFIED, self._bot, bucket)
        never = Identified()
        since_last = never.since_last if row["since_last"] is None else row["since_last"]
        return Identified(row["wait"] or 0.0, row["used"], since_last)

    async def reserve_identify(self, bucket: int, gap: float) -> float:
        with reachable(self._dsn):
            return await self._pool.fetchval(_RESERVE, self._bot, bucket, gap)

    async def count_identify(self, bucket: int) -> None:
        with reachable(self._dsn):
            await self._pool.execute(_COUNT, self._bot, bucket)
