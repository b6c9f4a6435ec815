"""Rows of a WhisperEngine 1 database. Its tables differ from release to release: what is missing is not there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import asyncpg

Row = dict[str, Any]


async def rows(connection: asyncpg.Connection, table: str, order: Sequence[str] = ("display_order", "id")) -> list[Row]:
    """All rows of a table in the order of those columns that it has; none when there is no such table."""
    columns = await connection.fetch(
        "select column_name from information_schema.columns where table_schema = current_schema() and table_name = $1",
        table,
    )
    known = {column for (column,) in columns}
    if not known:
        return []
    by = ", ".join(f'"{column}"' for column in order if column in known)
    found = await connection.fetch(f'select * from "{table}"' + (f" order by {by}" if by else ""))
    return [dict(row) for row in found]


def moment(value: Any, otherwise: datetime) -> datetime:
    """A time of the old program: with or without zone (then UTC), or as ISO text."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.replace("Z", "+00:00"))
        except ValueError:
            return otherwise
    if not isinstance(value, datetime):
        return otherwise
    return value if value.tzinfo else value.replace(tzinfo=UTC)
