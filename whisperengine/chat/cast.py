"""The characters that can be talked to, read from the database and kept for a few seconds."""

from __future__ import annotations

import time

import asyncpg

from whisperengine.characters import store
from whisperengine.characters.store import Character
from whisperengine.errors import NotFoundError

FRESH_SECONDS = 5.0


class Cast:
    """Characters by slug. A change made elsewhere is seen within five seconds, one made here at once (`forget`)."""

    def __init__(self, pool: asyncpg.Pool, default: str) -> None:
        self._pool, self.default = pool, default
        self._known: dict[str, tuple[float, Character]] = {}

    async def get(self, name: str = "") -> Character:
        """The character of that name, or the default one. Raises NotFoundError that says which there are."""
        slug = name or self.default
        at, character = self._known.get(slug, (0.0, None))
        if character is None or time.monotonic() - at > FRESH_SECONDS:
            character = await store.get(self._pool, slug)
            if character is None or character.archived_at is not None:
                raise NotFoundError(
                    f"There is no character named {slug!r}. Known: {await self._names()}.", code="unknown_character"
                )
            self._known[slug] = (time.monotonic(), character)
        return character

    def forget(self, name: str) -> None:
        """Read the character anew next time."""
        self._known.pop(name, None)

    async def _names(self) -> str:
        rows = await self._pool.fetch("select name from characters where archived_at is null order by name limit 20")
        return ", ".join(row["name"] for row in rows) or "none"
