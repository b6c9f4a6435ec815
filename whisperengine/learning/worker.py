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
from whisperengine.db.listening import listening
from whisperengine.db.pool import AWAY
from whisperengine.errors import WhisperEngineError

log = logging.getLogger(__name__)

AT_ONCE = 2
POLL_SECONDS = 5.0

Handler = Callable[[Job], Awaitable[None]]


class Worker:
    """Takes jobs of the kinds that it has handlers for, two at a time.

    A job that it cannot finish is tried again, by whichever process. A handler may be run twice for the same job, when
    the heartbeats of its process stood still: the first run is ended as soon as that shows.
    """

    def __init__(self, pool: asyncpg.Pool, dsn: str, handlers: Mapping[str, Handler]) -> None:
        self._pool, self._dsn, self._handlers = pool, dsn, handlers
        self.name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._wake = asyncio.Event()
        self._tasks: dict[asyncio.Task[None], Job] = {}
        self._loops: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._loops = [
            asyncio.create_task(self._take(), name="worker"),
            asyncio.create_task(self._beat(), name="worker beat"),
            asyncio.create_task(self._listen(), name="worker listen"),
        ]

    async def close(self) -> None:
        """Ends; what is not finished is handed back at once."""
        # The loops first, so that none of them takes a job while the others end.
        for tasks in (self._loops, list(self._tasks)):
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks)
        with suppress(*AWAY):
            await jobs.hand_back(self._pool, self.name)

    async def _take(self) -> None:
        while True:
            self._wake.clear()
            free = AT_ONCE - len(self._tasks)
            try:
                taken = await jobs.claim(self._pool, self.name, self._handlers, free) if free else []
            except AWAY as error:
                log.warning("the worker waits for the database (%s)", type(error).__name__)
                taken = []
            for job in taken:
                task = asyncio.create_task(self._run(job), name=f"job {job.kind}")
                self._tasks[task] = job
                task.add_done_callback(self._done)
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._wake.wait()

    def _done(self, task: asyncio.Task[None]) -> None:
        del self._tasks[task]
        self._wake.set()

    async def _run(self, job: Job) -> None:
        try:
            await self._handlers[job.kind](job)
            if not await jobs.finish(self._pool, self.name, job):
                log.warning("job %s (%d) was finished, but another worker had taken it up", job.kind, job.job_id)
        except (*AWAY, WhisperEngineError) as error:
            await self._failed(job, error)
        except Exception as error:
            # Not the message: a failed statement's may quote what people said.
            log.error("job %s (%d) failed", job.kind, job.job_id, exc_info=_without_words(error))
            await self._failed(job, error)

    async def _failed(self, job: Job, error: Exception) -> None:
        reason = getattr(error, "code", type(error).__name__)
        try:
            dead = await jobs.fail(self._pool, self.name, job, str(reason))
        except AWAY:
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
            held = dict(self._tasks)
            if not held:
                continue
            try:
                still = await jobs.beat(self._pool, self.name, list(held.values()))
            except AWAY as error:
                log.warning("the worker's heartbeat did not reach the database (%s)", type(error).__name__)
                continue
            for task, job in held.items():
                if job.job_id not in still and not task.done():
                    log.warning("job %s (%d) was taken up by another worker", job.kind, job.job_id)
                    task.cancel()

    async def _listen(self) -> None:
        """Wake on NOTIFY.

        Without it the poll finds every job a few seconds later, so a lost connection costs only time.
        """
        while True:
            with suppress(*AWAY):
                async with listening(self._dsn, jobs.CHANNEL, lambda _: self._wake.set()) as lost:
                    # What was queued before this connection listened.
                    self._wake.set()
                    await lost.wait()
            await asyncio.sleep(POLL_SECONDS)


def _without_words(error: Exception) -> Exception:
    """The same traceback without the message."""
    return Exception(type(error).__name__).with_traceback(error.__traceback__)
