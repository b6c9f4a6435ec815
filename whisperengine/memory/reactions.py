"""What people thought of an answer: the emoji they put to it. Gone with the answer, or when they take it back."""

from __future__ import annotations

from whisperengine.db.pool import Executor

_ADD = """
insert into reactions (user_id, character_id, message_id, emoji, valence)
select user_id, character_id, message_id, $4, $5 from messages
where user_id = $1 and character_id = $2 and message_id = $3
on conflict (user_id, character_id, message_id, emoji) do update set valence = excluded.valence, at = now()
returning true
"""
_REMOVE = """
delete from reactions where user_id = $1 and character_id = $2 and message_id = $3 and emoji = $4 returning true
"""


async def add(
    connection: Executor, user_id: int, character_id: int, message_id: int, emoji: str, valence: float
) -> bool:
    """Keep a reaction to an answer; `valence` is -1 (bad) to 1 (good). False when there is no such answer."""
    return bool(await connection.fetchval(_ADD, user_id, character_id, message_id, emoji, valence))


async def remove(connection: Executor, user_id: int, character_id: int, message_id: int, emoji: str) -> bool:
    """Take a reaction back. False when there was none."""
    return bool(await connection.fetchval(_REMOVE, user_id, character_id, message_id, emoji))
