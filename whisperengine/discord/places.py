"""What administrators set for servers and channels, and people for themselves. Held in memory, kept in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import asyncpg

from whisperengine.db.pool import reachable

Kind = Literal["guild", "channel", "person"]
MODES = ("mention", "name", "all", "off")

_ALL = "select kind, place_id, mode, character, slow_seconds from discord_places where bot_id = $1"
_SET = """
insert into discord_places (bot_id, kind, place_id, mode, character, slow_seconds) values ($1, $2, $3, $4, $5, $6)
on conflict (bot_id, kind, place_id) do update
set mode = excluded.mode, character = excluded.character, slow_seconds = excluded.slow_seconds, changed_at = now()
"""

_FORGET_PERSON = "delete from discord_places where kind = 'person' and place_id = $1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """None leaves the choice to the next wider place."""

    mode: str | None = None
    character: str | None = None
    slow_seconds: int | None = None


NOTHING = Place()


class Places:
    """The places of one bot. `reload` brings what other processes changed; both it and `set` raise
    DatabaseUnavailable.
    """

    def __init__(self, pool: asyncpg.Pool, dsn: str, bot: int) -> None:
        self._pool = pool
        self._dsn = dsn
        self._bot = bot
        self._places: dict[tuple[str, str], Place] = {}

    async def reload(self) -> None:
        with reachable(self._dsn):
            rows = await self._pool.fetch(_ALL, self._bot)
        self._places = {
            (row["kind"], str(row["place_id"])): Place(
                mode=row["mode"], character=row["character"], slow_seconds=row["slow_seconds"]
            )
            for row in rows
        }

    def get(self, kind: Kind, place: str) -> Place:
        return self._places.get((kind, place), NOTHING)

    async def set(self, kind: Kind, place: str, value: Place) -> None:
        with reachable(self._dsn):
            await self._pool.execute(_SET, self._bot, kind, int(place), value.mode, value.character, value.slow_seconds)
        self._places[(kind, place)] = value

    async def forget_person(self, person: str) -> None:
        with reachable(self._dsn):
            await self._pool.execute(_FORGET_PERSON, int(person))
        self._places.pop(("person", person), None)

    def in_force(self, *, person: str, lineage: Sequence[str], guild: str) -> Place:
        """What holds for a message: the person's character, then the nearest of thread, channel, category and
        server.
        """
        if not self._places:
            return NOTHING
        found = Place(character=self.get("person", person).character)
        for place in (*(self.get("channel", channel) for channel in lineage), self.get("guild", guild)):
            found = replace(
                found,
                mode=found.mode or place.mode,
                character=found.character or place.character,
                slow_seconds=place.slow_seconds if found.slow_seconds is None else found.slow_seconds,
            )
        return found
