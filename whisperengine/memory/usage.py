"""What answers used: turns, tokens as the endpoints reported them, cost; by person, character and day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import asyncpg

PEOPLE = 100


@dataclass(frozen=True, slots=True)
class Usage:
    """Of one answer. None is what the endpoint did not report, or what has no price."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost: float | None = None


NOTHING = Usage()
ADD = (
    "insert into usage as u (user_id, character_id, day, turns, prompt_tokens, completion_tokens, cost) "
    "select {user_id}, {character_id}, (now() at time zone 'UTC')::date, {turns}, {prompt_tokens}::bigint, "
    "{completion_tokens}::bigint, {cost}::float8 "
    "on conflict (user_id, character_id, day) do update set turns = u.turns + excluded.turns, "
    "prompt_tokens = u.prompt_tokens + excluded.prompt_tokens, "
    "completion_tokens = u.completion_tokens + excluded.completion_tokens, cost = u.cost + excluded.cost"
)
"""Its placeholders are filled with SQL, so that it can be a part of the statement that stores an answer."""

_ADD = ADD.format(user_id="$1", character_id="$2", turns="0", prompt_tokens="$3", completion_tokens="$4", cost="$5")
_TOTALS = (
    "sum(turns)::bigint as turns, sum(prompt_tokens)::bigint as prompt_tokens, "
    "sum(completion_tokens)::bigint as completion_tokens, sum(cost) as cost"
)


async def add(pool: asyncpg.Pool, user_id: int, character_id: int, usage: Usage) -> None:
    """Count what was used without an answer being stored."""
    await pool.execute(
        _ADD, user_id, character_id, usage.prompt_tokens or 0, usage.completion_tokens or 0, usage.cost or 0.0
    )


async def report(pool: asyncpg.Pool, days: int) -> dict[str, list[dict[str, Any]]]:
    """The last `days` days, today (UTC) included: `days` newest first, `by_character` and the hundred people who used
    most, most used first.
    """
    since = "day > (now() at time zone 'UTC')::date - $1::integer"
    by_day = await pool.fetch(f"select day, {_TOTALS} from usage where {since} group by day order by day desc", days)
    by_character = await pool.fetch(
        f"select c.name as character, {_TOTALS} from usage u join characters c on c.id = u.character_id "
        f"where {since} group by c.name order by sum(prompt_tokens + completion_tokens) desc, c.name",
        days,
    )
    by_person = await pool.fetch(
        f"with used as (select user_id, {_TOTALS} from usage where {since} group by user_id "
        "order by sum(prompt_tokens + completion_tokens) desc, user_id limit $2) "
        "select i.platform, i.platform_user_id as user_id, p.display_name, turns, prompt_tokens, completion_tokens, "
        "cost from used u join users p using (user_id) left join lateral (select platform, platform_user_id "
        "from identities i where i.user_id = u.user_id order by created_at limit 1) i on true "
        "order by prompt_tokens + completion_tokens desc, u.user_id",
        days,
        PEOPLE,
    )
    return {
        "days": [_shown(row) for row in by_day],
        "by_character": [_shown(row) for row in by_character],
        "by_person": [_shown(row) for row in by_person],
    }


def _shown(row: asyncpg.Record) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in row.items()}
