"""Jobs in PostgreSQL: taken by any process with SKIP LOCKED, kept by a heartbeat, tried again with back-off, set aside
when hopeless.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import asyncpg

from whisperengine.db.ids import new_id
from whisperengine.db.pool import Executor

CHANNEL = "whisperengine_jobs"
BEAT = timedelta(seconds=5)
LOST_AFTER = timedelta(seconds=20)
ATTEMPTS = 5
FIRST_PAUSE = timedelta(seconds=10)

_SAME_WORK = "d.kind = done.kind and coalesce(d.character_id, 0) = coalesce(done.character_id, 0)"


@dataclass(frozen=True, slots=True)
class Job:
    user_id: int
    job_id: int
    kind: str
    character_id: int | None
    payload: dict[str, Any]
    attempts: int


@dataclass(frozen=True, slots=True)
class Queue:
    """What /status and the doctor show."""

    waiting: int
    running: int
    dead: int
    oldest_seconds: float


async def add(
    connection: Executor,
    kind: str,
    user_id: int = 0,
    character_id: int | None = None,
    payload: dict[str, Any] | None = None,
    delay: timedelta = timedelta(0),
) -> None:
    """Queue a job. One of the same kind for the same person and character that waits already takes this one's place.

    Workers are woken only for a job that is due: a notification takes a lock that all commits share.
    """
    await connection.execute(
        "with added as (insert into jobs (user_id, job_id, kind, character_id, payload, run_at) "
        "values ($1, $2, $3, $4, $5, now() + $6::interval) "
        "on conflict (user_id, kind, coalesce(character_id, 0)) where dead_at is null and locked_by is null "
        "do update set run_at = least(jobs.run_at, excluded.run_at), payload = excluded.payload "
        "returning run_at) select pg_notify($7, '') from added where run_at <= now()",
        user_id,
        new_id(),
        kind,
        character_id,
        payload or {},
        delay,
        CHANNEL,
    )


_CLAIM = """
with due as materialized (
  select user_id, job_id from jobs j
  where dead_at is null and run_at <= now() and kind = any($4)
    and (locked_by is null or beat_at < now() - $3::interval)
    and (locked_by is not null or not exists (
      select from jobs r where r.user_id = j.user_id and r.kind = j.kind and r.locked_by is not null
        and coalesce(r.character_id, 0) = coalesce(j.character_id, 0)))
  order by run_at limit $2 for update skip locked
), hopeless as (
  update jobs j set dead_at = now(), locked_by = null, beat_at = null, error = 'worker_lost'
  from due where j.user_id = due.user_id and j.job_id = due.job_id and attempts >= $5
  returning j.job_id
)
update jobs j set locked_by = $1, beat_at = now(), attempts = attempts + 1
from due where j.user_id = due.user_id and j.job_id = due.job_id and attempts < $5
returning j.user_id, j.job_id, kind, character_id, payload, attempts
"""


async def claim(pool: asyncpg.Pool, worker: str, kinds: Collection[str], limit: int) -> list[Job]:
    """Up to `limit` due jobs of the kinds, now this worker's: those that wait, and those whose worker missed its
    heartbeats.

    While a job runs, the next of its kind for the same person and character waits. A job whose workers were lost five
    times is set aside: it may be what ends them.
    """
    # A materialized list, because a subselect may be run again for each row and then takes more than `limit`.
    rows = await pool.fetch(_CLAIM, worker, limit, LOST_AFTER, list(kinds), ATTEMPTS)
    return [Job(**row) for row in rows]


async def beat(pool: asyncpg.Pool, worker: str, held: Sequence[Job]) -> set[int]:
    """Say that this worker still works on what it has; returns the ids of those jobs that are still its own."""
    rows = await pool.fetch(
        "update jobs j set beat_at = now() from unnest($2::bigint[], $3::bigint[]) as mine(user_id, job_id) "
        "where j.user_id = mine.user_id and j.job_id = mine.job_id and j.locked_by = $1 returning j.job_id",
        worker,
        [job.user_id for job in held],
        [job.job_id for job in held],
    )
    return {row["job_id"] for row in rows}


async def finish(pool: asyncpg.Pool, worker: str, job: Job) -> bool:
    """The job is done, and with it what of the same work was set aside before.

    False when another worker has taken it up meanwhile.
    """
    done = await pool.fetchval(
        f"with done as (delete from jobs where user_id = $1 and job_id = $2 and locked_by = $3 returning kind, "
        f"character_id), buried as (delete from jobs d using done where d.user_id = $1 and {_SAME_WORK} "
        "and d.dead_at is not null) select true from done",
        job.user_id,
        job.job_id,
        worker,
    )
    return bool(done)


async def hand_back(pool: asyncpg.Pool, worker: str) -> None:
    """Give up what this worker has not finished, for others to take at once; at shutdown."""
    await _release(pool, "locked_by = $1", worker, timedelta(0), None)


async def fail(pool: asyncpg.Pool, worker: str, job: Job, error: str) -> bool:
    """Try again later, or set aside after five attempts; returns whether it was set aside.

    `error` must hold no text of people.
    """
    if job.attempts >= ATTEMPTS:
        # One set aside is enough to show that the work fails.
        await pool.execute(
            "with done as (update jobs set dead_at = now(), locked_by = null, beat_at = null, error = $4 "
            "where user_id = $1 and job_id = $2 and locked_by = $3 returning kind, character_id) "
            f"delete from jobs d using done where d.user_id = $1 and {_SAME_WORK} "
            "and d.dead_at is not null and d.job_id <> $2",
            job.user_id,
            job.job_id,
            worker,
            error[:500],
        )
        return True
    pause = FIRST_PAUSE * 2 ** (job.attempts - 1)
    await _release(
        pool, "locked_by = $1 and user_id = $4 and job_id = $5", worker, pause, error, job.user_id, job.job_id
    )
    return False


async def _release(
    pool: asyncpg.Pool, where: str, worker: str, pause: timedelta, error: str | None, *more: Any
) -> None:
    # When the same work was queued anew meanwhile, the new job does it all. Without an error it was no failed attempt.
    await pool.execute(
        f"""
        with mine as (select * from jobs where {where} for update),
        doubled as (
          delete from jobs j using mine m where j.user_id = m.user_id and j.job_id = m.job_id and exists (
            select from jobs w where w.user_id = m.user_id and w.kind = m.kind
              and w.dead_at is null and w.locked_by is null
              and coalesce(w.character_id, 0) = coalesce(m.character_id, 0))
          returning j.job_id
        )
        update jobs j set locked_by = null, beat_at = null, run_at = now() + $2::interval,
          error = coalesce($3::text, j.error), attempts = j.attempts - ($3::text is null)::integer
        from mine m
        where j.user_id = m.user_id and j.job_id = m.job_id and j.job_id not in (select job_id from doubled)
        """,
        worker,
        pause,
        error,
        *more,
    )


async def queue(pool: asyncpg.Pool) -> Queue:
    row = await pool.fetchrow(
        "select count(*) filter (where dead_at is null and locked_by is null) as waiting, "
        "count(*) filter (where dead_at is null and locked_by is not null) as running, "
        "count(*) filter (where dead_at is not null) as dead, "
        "coalesce(extract(epoch from now() - min(run_at) filter (where dead_at is null and run_at <= now())), 0)"
        "::float8 "
        "as oldest_seconds from jobs"
    )
    assert row is not None
    return Queue(**row)


async def revive(pool: asyncpg.Pool) -> int:
    """Queue every job that was set aside once more, unless the same work waits already; returns how many."""
    return await pool.fetchval(
        f"with chosen as (select distinct on (user_id, kind, coalesce(character_id, 0)) user_id, job_id from jobs d "
        "where dead_at is not null and not exists (select from jobs done where done.user_id = d.user_id "
        f"and {_SAME_WORK} and done.dead_at is null and done.locked_by is null) "
        "order by user_id, kind, coalesce(character_id, 0), job_id desc), "
        "revived as (update jobs j set dead_at = null, attempts = 0, run_at = now() from chosen c "
        "where j.user_id = c.user_id and j.job_id = c.job_id returning 1) "
        "select count(*) from revived cross join (select pg_notify($1, '')) woken",
        CHANNEL,
    )
