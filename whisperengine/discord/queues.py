"""Work in order within a channel, side by side between channels, bounded."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)

PER_CHANNEL = 100


class Queues:
    """A worker for each channel that has work, gone when it has none."""

    def __init__(self, per_channel: int = PER_CHANNEL) -> None:
        self._per_channel = per_channel
        self._waiting: dict[str, deque[Callable[[], Awaitable[None]]]] = {}
        self._workers: dict[str, asyncio.Task[None]] = {}
        self.dropped = 0

    @property
    def length(self) -> int:
        return sum(map(len, self._waiting.values())) + len(self._workers)

    def add(self, channel: str, work: Callable[[], Awaitable[None]]) -> bool:
        """False when the channel is too far behind: more would only be answered when nobody waits any more."""
        waiting = self._waiting.setdefault(channel, deque())
        if len(waiting) >= self._per_channel:
            self.dropped += 1
            log.warning("discord.queues: a channel has %d messages waiting; one more is not answered", len(waiting))
            return False
        waiting.append(work)
        if channel not in self._workers:
            self._workers[channel] = asyncio.create_task(self._work(channel, waiting))
        return True

    async def _work(self, channel: str, waiting: deque[Callable[[], Awaitable[None]]]) -> None:
        try:
            while waiting:
                work = waiting.popleft()
                try:
                    await work()
                except Exception:
                    log.exception("discord.queues: a message could not be dealt with and is left out")
        finally:
            self._workers.pop(channel, None)
            self._waiting.pop(channel, None)

    async def close(self, grace: float) -> None:
        """Let what is under way end for `grace` seconds, then cancel it; what waits is dropped."""
        for waiting in self._waiting.values():
            waiting.clear()
        workers = list(self._workers.values())
        if workers:
            _, late = await asyncio.wait(workers, timeout=grace)
            for worker in late:
                worker.cancel()
            await asyncio.gather(*late, return_exceptions=True)
