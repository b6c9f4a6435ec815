"""Talk that a caller keeps and sends whole with each request: which of it stands in the store."""

from __future__ import annotations

from dataclasses import dataclass

import asyncpg

WINDOW = 300
"""Latest messages of a person with a character among which a thread is looked for; older ones begin anew."""


@dataclass(frozen=True, slots=True)
class Line:
    """One stored message of a thread."""

    message_id: int
    channel: str
    by_person: bool
    content: str
    request_key: str | None
    interrupted: bool


_LINES = f"""
with lately as materialized (
  select message_id, channel, role = 'person' as by_person, content, request_key, interrupted from messages
  where user_id = $1 and character_id = $2 order by message_id desc limit {WINDOW}
)
select * from lately
where channel = $3 or starts_with(channel, $3 || '-') or channel in (
  select channel from lately where not by_person and starts_with(channel, $4) and btrim(content) = $5)
order by message_id
"""


async def lines(
    pool: asyncpg.Pool, user_id: int, character_id: int, channel: str, prefix: str, echo: str | None
) -> dict[str, list[Line]]:
    """Threads by channel, each oldest message first: `channel`, its later namesakes (`channel-…`), and those under
    `prefix` in which the character said `echo`.
    """
    found: dict[str, list[Line]] = {}
    for row in await pool.fetch(_LINES, user_id, character_id, channel, prefix, echo):
        found.setdefault(row["channel"], []).append(Line(**row))
    return found
