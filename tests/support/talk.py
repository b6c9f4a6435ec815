"""A person and a character in the database, and what they said, without a service around them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import numpy as np

from whisperengine.db.ids import new_id
from whisperengine.db.pool import open_pool
from whisperengine.memory import history, indexing, people
from whisperengine.memory.history import Said
from whisperengine.memory.messages import Place, Read


@dataclass
class Talk:
    """One person with one character."""

    pool: asyncpg.Pool
    dsn: str
    user_id: int
    character_id: int
    model_id: int

    async def say(
        self,
        *texts: str,
        channel: str = "home",
        shared: bool = False,
        at: datetime | None = None,
        answers: Sequence[str] = ("I see.",),
        apart: timedelta = timedelta(seconds=30),
    ) -> list[int]:
        """Store each text of the person and an answer to it; returns the ids of the person's messages."""
        at = at or datetime.now(UTC) - 2 * apart * len(texts)
        said = []
        for number, text in enumerate(texts):
            said.append(Said(at + apart * (2 * number), True, "Sam", text))
            said.append(Said(at + apart * (2 * number + 1), False, "Aria", answers[number % len(answers)]))
        read = Read(self.model_id, np.ones(8, "f4"), [0.0] * 28, "neutral", 0.1)
        place = Place(self.user_id, self.character_id, channel, shared)
        return (await history.store(self.pool, place, said, [read] * len(said)))[::2]

    async def facts(self, *, shared: bool | None = None, past: bool = False) -> dict[str, str]:
        """Slot to value of the facts in force, or with `past` of those that were."""
        rows = await self.pool.fetch(
            "select slot, value from facts where user_id = $1 and character_id = $2 "
            "and (superseded_at is not null) = $3 and ($4::boolean is null or shared = $4) order by fact_id",
            self.user_id,
            self.character_id,
            past,
            shared,
        )
        return {row["slot"]: row["value"] for row in rows}

    async def rows(self, statement: str, *arguments: Any) -> list[Any]:
        """A statement with $1 and $2 for the person and the character."""
        return await self.pool.fetch(statement, self.user_id, self.character_id, *arguments)


@asynccontextmanager
async def talking(dsn: str, name: str = "sam") -> AsyncIterator[Talk]:
    """A fresh person with a fresh character."""
    pool = await open_pool(dsn, 6)
    try:
        model_id = await indexing.model_id(pool, "test", 8)
        person = await people.resolve(pool, "api", name)
        character_id = new_id()
        await pool.execute(
            "insert into characters (id, name, definition) values ($1, $2, '{}')", character_id, f"c{character_id}"
        )
        yield Talk(pool, dsn, person.user_id, character_id, model_id)
    finally:
        await pool.close()
