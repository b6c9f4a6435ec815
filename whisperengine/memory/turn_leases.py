"""Turns of one person with one character, one after the other over all processes.

A turn is claimed by the statement that accepts its message and given back by the one that stores its answer, so that it
costs no statement of its own. A process that dies leaves a claim that runs out.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import asyncpg

from whisperengine.db.pool import AWAY, TURN_SECONDS
from whisperengine.errors import StorageError

log = logging.getLogger(__name__)

LASTS = timedelta(seconds=10)
RENEW_SECONDS = 3.0
GIVE_BACK_SECONDS = 2.0
"""Whoever was told that a turn failed does not wait for more."""
LOOK_SECONDS = (0.02, 0.25)
"""Between two looks whether the other process is done: first, and at most."""


class TakenElsewhere(Exception):
    """Another process takes a turn of the two at the moment; nothing was stored."""


@dataclass(slots=True)
class Lease:
    """`holder` names this process; `claimed` says that the database may hold the turn for it."""

    holder: int
    claimed: bool = False


class TurnLeases:
    """What this process holds. One per process."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._holder = secrets.randbits(63)
        self._held: set[tuple[int, int]] = set()
        self._due: asyncio.TimerHandle | None = None
        self._at_work: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def lease(self, user_id: int, character_id: int) -> AsyncIterator[Lease]:
        """For one turn of the two at a time. What is still claimed at its end, after a turn that failed, is given
        back; where the database is what failed, it runs out.
        """
        lease = Lease(self._holder)
        self._held.add((user_id, character_id))
        self._renew_later()
        try:
            yield lease
        except StorageError:
            lease.claimed = False
            raise
        finally:
            self._held.discard((user_id, character_id))
            if lease.claimed:
                await asyncio.shield(self._work(self._give_back(user_id, character_id)))

    async def until_free(self, user_id: int, character_id: int) -> None:
        """Wait until no other process takes a turn of the two; no connection is held meanwhile."""
        pause, most = LOOK_SECONDS
        while await self._pool.fetchval(
            "select turn_by <> $3 and turn_until >= now() from conversations where user_id = $1 and character_id = $2",
            user_id,
            character_id,
            self._holder,
            timeout=TURN_SECONDS,
        ):
            await asyncio.sleep(pause)
            pause = min(most, 2 * pause)

    def _renew_later(self) -> None:
        if self._due is None and self._held:
            self._due = asyncio.get_running_loop().call_later(RENEW_SECONDS, self._come_due)

    def _come_due(self) -> None:
        self._due = None
        if self._held:
            self._work(self._renew())
            self._renew_later()

    def _work(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._at_work.add(task)
        task.add_done_callback(self._at_work.discard)
        return task

    async def _renew(self) -> None:
        user_ids, character_ids = zip(*self._held, strict=True)
        try:
            await self._pool.execute(
                # What is locked is being stored, or moved; waiting for several such could block them, too.
                "with held as (select c.user_id, c.character_id from conversations c "
                "join unnest($1::bigint[], $2::bigint[]) as h (user_id, character_id) using (user_id, character_id) "
                "where c.turn_by = $3 for no key update of c skip locked) "
                "update conversations c set turn_until = now() + $4::interval from held "
                "where c.user_id = held.user_id and c.character_id = held.character_id",
                user_ids,
                character_ids,
                self._holder,
                LASTS,
                timeout=TURN_SECONDS,
            )
        except AWAY as error:
            log.warning("turns under way could not be claimed anew (%s)", type(error).__name__)

    async def _give_back(self, user_id: int, character_id: int) -> None:
        try:
            async with asyncio.timeout(GIVE_BACK_SECONDS):
                await self._pool.execute(
                    "update conversations set turn_by = null where user_id = $1 and character_id = $2 and turn_by = $3",
                    user_id,
                    character_id,
                    self._holder,
                )
        except AWAY as error:
            log.warning("a turn that failed is claimed until it runs out (%s)", type(error).__name__)
