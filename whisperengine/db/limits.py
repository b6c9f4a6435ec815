"""How often somebody may speak, counted in the database so that all replicas agree; and who may not at all."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from whisperengine.db.ids import new_id
from whisperengine.db.pool import AWAY, TURN_SECONDS

log = logging.getLogger(__name__)

SWEEP_SECONDS = 3600.0
MINUTE, DAY = 60, 86_400
STREAM_LASTS = timedelta(hours=1)
"""After this a stream that nobody closed (its process was killed) counts no more."""
KEPT = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Limit:
    """Most turns of a subject (`key:…`, `person:…`, `address:…`) in each window of `seconds`."""

    subject: str
    seconds: int
    most: int


@dataclass(frozen=True, slots=True)
class StreamLimit:
    subject: str
    most: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How a turn stands to its limits. `limit`, `remaining` and `reset` (seconds) are of the tightest window; `stream`
    is the id under which a stream was opened, None where it was not counted or not allowed.
    """

    banned: bool = False
    limit: int | None = None
    remaining: int = 0
    reset: int = 0
    too_many_streams: bool = False
    stream: int | None = None

    @property
    def exceeded(self) -> bool:
        return self.limit is not None and self.remaining < 0


# The counts are of fixed windows; a turn that is refused counts too. A stream is opened in the same statement.
_TAKE = "select counted, counted_windows, counts, crowded, banned from count_turn($1, $2, $3, $4, $5, $6, $7, $8, $9)"


async def take(
    pool: asyncpg.Pool,
    platform: str,
    user_id: str,
    limits: Sequence[Limit] = (),
    streams: Sequence[StreamLimit] = (),
) -> Standing:
    """Count a turn, and a stream where `streams` is given; one statement that waits for no disk."""
    now = int(time.time())
    stream_id = new_id()
    row = await pool.fetchrow(
        _TAKE,
        [limit.subject for limit in limits],
        [limit.seconds for limit in limits],
        [now - now % limit.seconds for limit in limits],
        [limit.subject for limit in streams],
        [limit.most for limit in streams],
        stream_id,
        STREAM_LASTS,
        platform,
        user_id,
        timeout=TURN_SECONDS,
    )
    assert row is not None
    turns: dict[tuple[str, int], int] = {}
    if row["counted"]:
        windows = zip(row["counted"], row["counted_windows"], strict=True)
        turns = dict(zip(windows, row["counts"], strict=True))
    tightest = None
    for limit in limits:
        reset = limit.seconds - now % limit.seconds
        remaining = limit.most - turns[limit.subject, limit.seconds]
        # Of several that are exceeded, the one that stays so longest.
        order = (remaining >= 0, -reset if remaining < 0 else remaining)
        if tightest is None or order < tightest[0]:
            tightest = order, limit.most, remaining, reset
    _, most, remaining, reset = tightest or (None, None, 0, 0)
    stream = stream_id if streams and not row["crowded"] else None
    return Standing(row["banned"], most, remaining, reset, row["crowded"], stream)


async def close_stream(pool: asyncpg.Pool, subjects: Sequence[str], stream_id: int) -> None:
    await pool.execute(
        "delete from open_streams where subject = any($1) and stream_id = $2",
        list(subjects),
        stream_id,
        timeout=TURN_SECONDS,
    )


async def sweep(pool: asyncpg.Pool) -> None:
    """Drop what no window counts any more."""
    await pool.execute("delete from turn_counts where starts < $1", datetime.now(UTC) - KEPT)
    await pool.execute("delete from open_streams where expires_at < now()")


async def keep_swept(pool: asyncpg.Pool) -> None:
    """Sweep now and every hour until cancelled."""
    while True:
        try:
            await sweep(pool)
        except AWAY as error:
            log.warning("old counts are swept in an hour, the database was away (%s)", type(error).__name__)
        await asyncio.sleep(SWEEP_SECONDS)


async def ban(pool: asyncpg.Pool, platform: str, user_id: str, reason: str, by: str) -> None:
    """Answer this person no more; said again, the reason is replaced."""
    await pool.execute(
        "insert into bans (platform, platform_user_id, reason, banned_by) values ($1, $2, $3, $4) "
        "on conflict (platform, platform_user_id) do update set reason = excluded.reason, "
        "banned_by = excluded.banned_by, banned_at = now()",
        platform,
        user_id,
        reason,
        by,
    )


async def unban(pool: asyncpg.Pool, platform: str, user_id: str) -> bool:
    """False when there was no ban."""
    gone = await pool.fetchval(
        "delete from bans where platform = $1 and platform_user_id = $2 returning true", platform, user_id
    )
    return bool(gone)


async def is_banned(pool: asyncpg.Pool, platform: str, user_id: str) -> bool:
    return await pool.fetchval(
        "select exists (select from bans where platform = $1 and platform_user_id = $2)", platform, user_id
    )


async def bans(pool: asyncpg.Pool) -> list[dict[str, Any]]:
    """All bans, newest first."""
    rows = await pool.fetch(
        "select platform, platform_user_id, reason, banned_by, banned_at from bans order by banned_at desc"
    )
    return [dict(row) for row in rows]
