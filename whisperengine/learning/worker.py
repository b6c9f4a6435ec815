"""Runs jobs beside the conversation: woken by NOTIFY, a few at a time, each with a heartbeat."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

import asyncpg

from whisperengine.db import jobs
from whisperengine.db.jobs import Job
from whisperengine.errors import WhisperEngineError

log = logging.getLogger(__name__)

AT_ONCE = 2
POLL_SECONDS = 5.0

Handler = Callable[[Job], Awaitable[None]]


class Worker:
    """Takes jobs of the kinds that it has handlers for.

    A job that it cannot finish is tried again, by whichever process.
    """

    def __init__(self, pool: asyncpg.Pool, handlers: Mapping[str, Handler]) -> None:
        self._pool, self._handlers = pool, handlers
        self.name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loops: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._loops = [
            asyncio.create_task(self._take(), name="worker"),
            asyncio.create_task(self._beat(), name="worker beat"),
            asyncio.create_task(self._listen(), name="worker listen"),
        ]

    async def close(self) -> None:
        """Ends; what is not finished is handed back at once."""
        for task in (*self._loops, *self._tasks):
            task.cancel()
        if self._loops:
            await asyncio.wait([*self._loops, *self._tasks])
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await jobs.hand_back(self._pool, self.name)

    async def _take(self) -> None:
        while True:
            self._wake.clear()
            try:
                for job in await jobs.claim(self._pool, self.name, AT_ONCE - len(self._tasks)):
                    task = asyncio.create_task(self._run(job), name=f"job {job.kind}")
                    self._tasks.add(task)
                    task.add_done_callback(self._done)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("the worker waits for the database (%s)", type(error).__name__)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), POLL_SECONDS)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._wake.set()

    async def _run(self, job: Job) -> None:
        try:
            handler = self._handlers.get(job.kind)
            if handler is None:
                raise WhisperEngineError(f"this version knows no job of the kind {job.kind}")
            await handler(job)
            await jobs.finish(self._pool, self.name, job)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, WhisperEngineError) as error:
            await self._failed(job, error)
        except Exception as error:
            log.exception("job %s (%d) failed", job.kind, job.job_id)
            await self._failed(job, error)

    async def _failed(self, job: Job, error: Exception) -> None:
        reason = getattr(error, "code", type(error).__name__)
        try:
            dead = await jobs.fail(self._pool, self.name, job, str(reason))
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            # Nobody beats for it now, so that it is taken up again.
            log.warning(
                "job %s (%d) could not be handed back; it is taken up when its heartbeat is missed",
                job.kind,
                job.job_id,
            )
            return
        log.warning(
            "job %s (%d) failed with %s, %s", job.kind, job.job_id, reason, "set aside" if dead else "tried again later"
        )

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(jobs.BEAT.total_seconds())
            if self._tasks:
                with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                    await jobs.beat(self._pool, self.name)

    async def _listen(self) -> None:
        """Wake on NOTIFY.

        Without it the poll finds every job a few seconds later, so a lost connection costs only time.
        """
        while True:
            with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                async with self._pool.acquire() as connection:
                    lost = asyncio.Event()
                    connection.add_termination_listener(lambda _, lost=lost: lost.set())
                    await connection.add_listener(jobs.CHANNEL, lambda *_: self._wake.set())
                    await lost.wait()
            await asyncio.sleep(POLL_SECONDS)
