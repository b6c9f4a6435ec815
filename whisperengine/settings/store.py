"""Settings in the database, each change with who made it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from whisperengine.db.pool import Connection, Executor

CHANNEL = "whisperengine_settings"


@dataclass(frozen=True, slots=True)
class Stored:
    """One row: `value` in clear, or `sealed`."""

    key: str
    value: str | None
    sealed: bytes | None


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of a setting: neither `value` nor `sealed` removes it. `before` and `after` stand in the audit."""

    key: str
    value: str | None
    sealed: bytes | None
    before: str | None
    after: str | None


async def lock(connection: Connection) -> None:
    """Until the transaction ends nobody else changes settings; readers do not wait."""
    await connection.execute("lock table settings in share row exclusive mode")


async def rows(connection: Executor) -> tuple[list[Stored], str]:
    """All settings, and the version: the number of the last change."""
    found = await connection.fetch(
        "select s.key, s.value, s.sealed, v.version from "
        "(select coalesce(max(entry_id), 0)::text as version from settings_audit) v left join settings s on true"
    )
    stored = [Stored(row["key"], row["value"], row["sealed"]) for row in found if row["key"] is not None]
    return stored, found[0]["version"]


async def write(connection: Connection, change: Change, by: str) -> None:
    if change.value is None and change.sealed is None:
        await connection.execute("delete from settings where key = $1", change.key)
    else:
        await connection.execute(
            "insert into settings (key, value, sealed) values ($1, $2, $3) "
            "on conflict (key) do update set value = excluded.value, sealed = excluded.sealed",
            change.key,
            change.value,
            change.sealed,
        )
    # Counted under the lock: ids by the clock could go back between two machines, and the change would not be seen.
    await connection.execute(
        "insert into settings_audit (entry_id, by, key, before, after) "
        "select coalesce(max(entry_id), 0) + 1, $1, $2, $3, $4 from settings_audit",
        by,
        change.key,
        change.before,
        change.after,
    )


async def announce(connection: Connection) -> None:
    """Tell every process, once the transaction is through."""
    await connection.execute("select pg_notify($1, '')", CHANNEL)


async def audit(pool: asyncpg.Pool, limit: int = 200) -> list[dict[str, Any]]:
    """The last changes, newest first."""
    found = await pool.fetch(
        "select at, by, key, before, after from settings_audit order by entry_id desc limit $1", limit
    )
    return [{name: _plain(value) for name, value in row.items()} for row in found]


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
