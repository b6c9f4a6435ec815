"""Which Discord messages answer which: so that nothing is answered twice, and edits, deletions and reactions find
their turn.
"""

from __future__ import annotations

from dataclasses import dataclass

import asyncpg

from whisperengine.db.pool import reachable

_FIND = """
select message_id, channel_id, author_id, character, answer_ids from discord_answers
where bot_id = $1 and message_id = $2
"""
_FIND_ANSWER = """
select message_id, channel_id, author_id, character, answer_ids from discord_answers
where bot_id = $1 and answer_ids @> array[$2::bigint]
"""
_RECORD = """
insert into discord_answers (bot_id, message_id, channel_id, author_id, character, answer_ids)
values ($1, $2, $3, $4, $5, $6)
on conflict (bot_id, message_id) do update set answer_ids = excluded.answer_ids, answered_at = now()
"""
_LATEST = """
select message_id, channel_id, author_id, character, answer_ids from discord_answers
where bot_id = $1 and author_id = $2 and channel_id = $3 order by message_id desc limit 1
"""
_FORGET = "delete from discord_answers where author_id = $1"


@dataclass(frozen=True, slots=True)
class Answered:
    """A message of a person and the messages that answer it. Ids are strings of digits."""

    message: str
    channel: str
    author: str
    character: str
    answers: tuple[str, ...]


class Ledger:
    """The answers of one bot. Raises DatabaseUnavailable."""

    def __init__(self, pool: asyncpg.Pool, dsn: str, bot: int) -> None:
        self._pool = pool
        self._dsn = dsn
        self._bot = bot

    async def find(self, message: str) -> Answered | None:
        """By the person's message."""
        return await self._one(_FIND, int(message))

    async def find_answer(self, answer: str) -> Answered | None:
        """By one of the messages that answer it."""
        return await self._one(_FIND_ANSWER, int(answer))

    async def latest(self, author: str, channel: str) -> Answered | None:
        """The last message of a person in a channel that was answered."""
        return await self._one(_LATEST, int(author), int(channel))

    async def record(self, answered: Answered) -> None:
        with reachable(self._dsn):
            await self._pool.execute(
                _RECORD,
                self._bot,
                int(answered.message),
                int(answered.channel),
                int(answered.author),
                answered.character,
                [int(answer) for answer in answered.answers],
            )

    async def forget(self, author: str) -> None:
        """Delete what concerns a person, of every bot."""
        with reachable(self._dsn):
            await self._pool.execute(_FORGET, int(author))

    async def _one(self, statement: str, *values: int) -> Answered | None:
        with reachable(self._dsn):
            row = await self._pool.fetchrow(statement, self._bot, *values)
        if row is None:
            return None
        return Answered(
            str(row["message_id"]),
            str(row["channel_id"]),
            str(row["author_id"]),
            row["character"],
            tuple(str(answer) for answer in row["answer_ids"]),
        )
