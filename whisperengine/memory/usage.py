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
_ADD_LEARNING = (
    "insert into usage as u (user_id, character_id, day, turns, prompt_tokens, completion_tokens, cost, "
    "learning_requests, learning_prompt_tokens, learning_completion_tokens, learning_cost) "
    "select user_id, $2::bigint, (now() at time zone 'UTC')::date, 0, 0, 0, 0, 1, $3::bigint, $4::bigint, $5::float8 "
    "from users where user_id = $1 "
    "on conflict (user_id, character_id, day) do update set learning_requests = u.learning_requests + 1, "
    "learning_prompt_tokens = u.learning_prompt_tokens + excluded.learning_prompt_tokens, "
    "learning_completion_tokens = u.learning_completion_tokens + excluded.learning_completion_tokens, "
    "learning_cost = u.learning_cost + excluded.learning_cost"
)
_LEARNING = ("learning_requests", "learning_prompt_tokens", "learning_completion_tokens", "learning_cost")
_TOTALS = (
    "sum(turns)::bigint as turns, sum(prompt_tokens)::bigint as prompt_tokens, "
    "sum(completion_tokens)::bigint as completion_tokens, sum(cost) as cost, "
    "sum(learning_requests)::bigint as learning_requests, sum(learning_prompt_tokens)::bigint as "
    "learning_prompt_tokens, sum(learning_completion_tokens)::bigint as learning_completion_tokens, "
    "sum(learning_cost) as learning_cost"
)
_MOST = "sum(prompt_tokens + completion_tokens + learning_prompt_tokens + learning_completion_tokens) desc"


async def add(pool: asyncpg.Pool, user_id: int, character_id: int, usage: Usage) -> None:
    """Count what was used without an answer being stored."""
    await pool.execute(
        _ADD, user_id, character_id, usage.prompt_tokens or 0, usage.completion_tokens or 0, usage.cost or 0.0
    )


async def add_learning(pool: asyncpg.Pool, user_id: int, character_id: int, usage: Usage) -> None:
    """Count one request that was made to learn from what the two said; nothing for a person who is gone."""
    await pool.execute(
        _ADD_LEARNING, user_id, character_id, usage.prompt_tokens or 0, usage.completion_tokens or 0, usage.cost or 0.0
    )


async def report(pool: asyncpg.Pool, days: int) -> dict[str, list[dict[str, Any]]]:
    """The last `days` days, today (UTC) included: `days` newest first, `by_character` and the hundred people who used
    most, most used first. What learning used stands apart, under `learning`.
    """
    since = "day > (now() at time zone 'UTC')::date - $1::integer"
    by_day = await pool.fetch(f"select day, {_TOTALS} from usage where {since} group by day order by day desc", days)
    by_character = await pool.fetch(
        f"select c.name as character, {_TOTALS} from usage u join characters c on c.id = u.character_id "
        f"where {since} group by c.name order by {_MOST}, c.name",
        days,
    )
    by_person = await pool.fetch(
        f"with used as (select user_id, {_TOTALS} from usage where {since} group by user_id "
        f"order by {_MOST}, user_id limit $2) "
        "select i.platform, i.platform_user_id as user_id, p.display_name, turns, prompt_tokens, completion_tokens, "
        f"cost, {', '.join(_LEARNING)} from used u join users p using (user_id) "
        "left join lateral (select platform, platform_user_id from identities i where i.user_id = u.user_id "
        "order by created_at limit 1) i on true "
        "order by prompt_tokens + completion_tokens + learning_prompt_tokens + learning_completion_tokens desc, "
        "u.user_id",
        days,
        PEOPLE,
    )
    return {
        "days": [_shown(row) for row in by_day],
        "by_character": [_shown(row) for row in by_character],
        "by_person": [_shown(row) for row in by_person],
    }


def _shown(row: asyncpg.Record) -> dict[str, Any]:
    shown = {name: value.isoformat() if isinstance(value, date) else value for name, value in row.items()}
    learning = {name.removeprefix("learning_"): shown.pop(name) for name in _LEARNING}
    return {**shown, "learning": learning}
