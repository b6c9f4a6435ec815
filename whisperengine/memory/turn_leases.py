"""Turns of one person with one character, one after the other over all processes.

A turn is claimed by the statement that accepts its message and given back by the one that stores its answer, so that it
costs no statement of its own. One that failed is given back too, as soon as the database is there. A process that dies
leaves a claim that runs out.

The claim keeps turns apart; that a message is answered once does not rest on it, but on the key of `messages.reply_to`.
A process that is halted for longer than LASTS may lose its claim to another while it still asks the model: of two
answers to one message the first stands and the other process tells it too; answers to two messages both stand. The
claim of each turn has a number of its own, so that nothing that comes late, neither an answer nor a claim given back,
takes from the turn that followed.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import asyncpg

from whisperengine.db.pool import AWAY, TURN_SECONDS
from whisperengine.errors import StorageError

log = logging.getLogger(__name__)

LASTS = timedelta(seconds=5)
RENEW_SECONDS = 1.5
"""Two in a row may fail, and a process may halt for three seconds."""
GIVE_BACK_SECONDS = 2.0
"""Whoever was told that a turn failed does not wait for more."""
AGAIN_SECONDS = 0.2
LOOK_SECONDS = (0.02, 0.25)
"""Between two looks whether the other process is done: first, and at most."""


class TakenElsewhere(Exception):
    """Another turn of the two is under way at the moment; nothing was stored."""


@dataclass(slots=True)
class Lease:
    """`holder` names this turn; `claimed` says that the database may hold it claimed."""

    holder: int
    claimed: bool = False


Claim = tuple[int, int, int]
"""Person, character, holder."""

# In order, so that two of them never wait for each other.
_GIVE_BACK = """
with held as (
  select user_id, character_id from conversations c
  join unnest($1::bigint[], $2::bigint[], $3::bigint[]) as h (user_id, character_id, turn_by)
    using (user_id, character_id, turn_by)
  order by user_id, character_id for no key update of c
)
update conversations c set turn_by = null from held
where (c.user_id, c.character_id) = (held.user_id, held.character_id)
"""
# What is locked is being stored, or moved; waiting for several such could block them, too.
_RENEW = """
with held as (
  select user_id, character_id from conversations c
  join unnest($1::bigint[], $2::bigint[], $3::bigint[]) as h (user_id, character_id, turn_by)
    using (user_id, character_id, turn_by)
  for no key update of c skip locked
)
update conversations c set turn_until = now() + $4::interval from held
where (c.user_id, c.character_id) = (held.user_id, held.character_id)
"""


class TurnLeases:
    """What this process holds. One per process."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._held: dict[tuple[int, int], int] = {}
        self._owed: dict[Claim, float] = {}
        self._giving_back: asyncio.Task[None] | None = None
        self._due: asyncio.TimerHandle | None = None
        self._renewing: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def lease(self, user_id: int, character_id: int) -> AsyncIterator[Lease]:
        """For one turn of the two at a time. What is still claimed at its end, after a turn that failed, is given
        back; where the database is what failed, nobody waits for that.
        """
        lease = Lease(secrets.randbits(63))
        self._held[user_id, character_id] = lease.holder
        self._renew_later()
        patience = GIVE_BACK_SECONDS
        try:
            yield lease
        except StorageError:
            patience = 0.0
            raise
        finally:
            del self._held[user_id, character_id]
            if lease.claimed:
                await asyncio.wait({self._owe((user_id, character_id, lease.holder))}, timeout=patience)

    async def until_free(self, user_id: int, character_id: int) -> None:
        """Wait until no other turn of the two is under way; no connection is held meanwhile."""
        pause, most = LOOK_SECONDS
        while await self._pool.fetchval(
            "select turn_by <> $3 and turn_until >= now() from conversations where user_id = $1 and character_id = $2",
            user_id,
            character_id,
            self._held.get((user_id, character_id), 0),
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
            # Beside one that still waits: its connection may be dead while the database is not.
            task = asyncio.get_running_loop().create_task(self._renew())
            self._renewing.add(task)
            task.add_done_callback(self._renewing.discard)
            self._renew_later()

    async def _renew(self) -> None:
        claims = [(*key, holder) for key, holder in self._held.items()]
        try:
            # One that took longer would find them run out.
            async with asyncio.timeout(LASTS.total_seconds() - RENEW_SECONDS):
                await self._pool.execute(_RENEW, *zip(*claims, strict=True), LASTS)
        except AWAY as error:
            log.warning("turns under way could not be claimed anew (%s)", type(error).__name__)

    def _owe(self, claim: Claim) -> asyncio.Task[None]:
        loop = asyncio.get_running_loop()
        self._owed[claim] = loop.time() + LASTS.total_seconds()
        if self._giving_back is None or self._giving_back.done():
            self._giving_back = loop.create_task(self._give_back())
        return self._giving_back

    async def _give_back(self) -> None:
        """Until nothing is owed any more: given back, or run out."""
        loop = asyncio.get_running_loop()
        while self._owed and not self._pool.is_closing():
            claims = list(self._owed)
            try:
                async with asyncio.timeout(GIVE_BACK_SECONDS):
                    await self._pool.execute(_GIVE_BACK, *zip(*claims, strict=True))
            except AWAY as error:
                log.warning("turns that failed are claimed a little longer (%s)", type(error).__name__)
                self._owed = {claim: until for claim, until in self._owed.items() if until > loop.time()}
                await asyncio.sleep(AGAIN_SECONDS)
            else:
                for claim in claims:
                    del self._owed[claim]
