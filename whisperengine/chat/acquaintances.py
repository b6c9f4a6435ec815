"""Whom the platforms' ids stand for, read from the database and kept until it changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import asyncpg

from whisperengine.db.listening import listening
from whisperengine.db.pool import AWAY
from whisperengine.memory import people
from whisperengine.memory.people import Person

KEPT = 10_000
RETRY_SECONDS = 5.0


class Acquaintances:
    """One per process. A person who was changed, joined, split or erased is forgotten at once (`forget`), also when
    another process did it. Where its word does not come, whoever writes for a person who is gone asks again.

    `on_change` hears of each by user_id.
    """

    def __init__(self, pool: asyncpg.Pool, on_change: Callable[[int], None] = lambda user_id: None) -> None:
        self._pool, self._on_change = pool, on_change
        self._known: dict[tuple[str, str, str], Person] = {}
        self._changes = 0
        self._listening: asyncio.Task[None] | None = None

    def start(self, dsn: str) -> None:
        """Listen for changes made by other processes."""
        self._listening = asyncio.create_task(self._listen(dsn), name="acquaintances")

    async def close(self) -> None:
        if self._listening:
            self._listening.cancel()
            await asyncio.wait({self._listening})

    async def get(self, platform: str, platform_user_id: str, display_name: str) -> Person:
        """The person; made on first sight."""
        key = (platform, platform_user_id, display_name)
        person = self._known.get(key)
        if person is None:
            changes = self._changes
            person = await people.resolve(self._pool, *key)
            # What was read while a change came in may be older than the change.
            if changes == self._changes:
                if len(self._known) >= KEPT:
                    self._known.clear()
                self._known[key] = person
        return person

    def forget(self, user_id: int) -> None:
        """Read the person anew next time."""
        self._changes += 1
        self._known = {key: person for key, person in self._known.items() if person.user_id != user_id}
        self._on_change(user_id)

    async def _listen(self, dsn: str) -> None:
        while True:
            with suppress(*AWAY):
                async with listening(dsn, people.CHANNEL, lambda user_id: self.forget(int(user_id))) as lost:
                    # What changed before this connection listened.
                    self._changes += 1
                    self._known.clear()
                    await lost.wait()
            await asyncio.sleep(RETRY_SECONDS)
