"""The characters that can be talked to, read from the database and kept until they change."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import replace

import asyncpg

from whisperengine.characters import store
from whisperengine.characters.store import Character
from whisperengine.db.listening import listening
from whisperengine.db.pool import AWAY
from whisperengine.errors import NotFoundError

FRESH_SECONDS = 5.0


class Cast:
    """Characters by slug. A change made here is seen at once (`forget`), one made by another process as soon as its
    word comes, and within five seconds where no word can come.
    """

    def __init__(self, pool: asyncpg.Pool, default: str) -> None:
        self._pool, self.default = pool, default
        self._known: dict[str, tuple[float, Character]] = {}
        self._changes = 0
        self._listening: asyncio.Task[None] | None = None

    def start(self, dsn: str) -> None:
        """Listen for changes made by other processes."""
        self._listening = asyncio.create_task(self._listen(dsn), name="cast")

    async def close(self) -> None:
        if self._listening:
            self._listening.cancel()
            await asyncio.wait({self._listening})

    async def get(self, name: str = "") -> Character:
        """The character of that name, or the default one. Raises NotFoundError that says which there are."""
        slug = name or self.default
        at, character = self._known.get(slug, (0.0, None))
        if character is None or time.monotonic() - at > FRESH_SECONDS:
            changes, known = self._changes, character
            if known:
                # Whoever comes while it is read takes what there is: a hundred turns do not all read it.
                self._known[slug] = (time.monotonic(), known)
            character = await store.get(self._pool, slug)
            if character is None:
                self.forget(slug)
                raise NotFoundError(
                    f"There is no character named {slug!r}. Known: {await self._names()}.", code="unknown_character"
                )
            # Unchanged it stays the same object, so that long answers do not each hold one of their own.
            if known and _same(known, character):
                character = known
            # What was read while a change came in may be older than the change.
            if changes == self._changes:
                self._known[slug] = (time.monotonic(), character)
        return character

    def forget(self, name: str) -> None:
        """Read the character anew next time."""
        self._changes += 1
        self._known.pop(name, None)

    async def _listen(self, dsn: str) -> None:
        while True:
            with suppress(*AWAY):
                async with listening(dsn, store.CHANNEL, self.forget) as lost:
                    # What changed before this connection listened.
                    self._changes += 1
                    self._known.clear()
                    await lost.wait()
            await asyncio.sleep(FRESH_SECONDS)

    async def _names(self) -> str:
        rows = await self._pool.fetch("select name from characters where archived_at is null order by name limit 20")
        return ", ".join(row["name"] for row in rows) or "none"


def _same(one: Character, other: Character) -> bool:
    return one.definition.sha256 == other.definition.sha256 and replace(one, definition=other.definition) == other
