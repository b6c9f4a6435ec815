"""Turns as the routes take them: admitted under the limits, and counted for /metrics."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager

import asyncpg
from aiohttp import web

from whisperengine.api.context import ADDRESS, CALLER, CONTEXT, RATE, Context
from whisperengine.chat.turn import Turn
from whisperengine.config import Config
from whisperengine.db import limits
from whisperengine.db.limits import DAY, MINUTE, Limit, Standing, StreamLimit
from whisperengine.db.pool import AWAY, reachable
from whisperengine.errors import PermissionDenied, TooManyRequests, WhisperEngineError

log = logging.getLogger(__name__)


async def counted(context: Context, turn: Awaitable[Turn]) -> Turn:
    """The turn, counted for /metrics, traced, and logged where it was slow."""
    counters = context.counters
    began = time.perf_counter()
    try:
        taken = await turn
    except WhisperEngineError as error:
        counters.turn_errors[error.code] += 1
        if context.traces:
            context.traces.turn({"total": (time.perf_counter() - began) * 1000}, {}, error.code)
        raise
    counters.turn(taken)
    if context.traces:
        known = {
            "character": taken.character.name,
            "model": taken.llm,
            "prompt_tokens": taken.prompt_tokens or 0,
            "completion_tokens": taken.completion_tokens or 0,
            "memories": len(taken.recollection.memories),
        }
        context.traces.turn(taken.milliseconds, known)
    _log_slow(taken, context.config.slow_turn_ms)
    return taken


def _log_slow(turn: Turn, most: int) -> None:
    total = turn.milliseconds.get("total", 0.0)
    if most and total > most:
        parts = ", ".join(f"{part} {took:.0f}" for part, took in turn.milliseconds.items() if part != "total")
        log.warning("slow turn: %.0f ms (%s)", total, parts)


@asynccontextmanager
async def admitted(request: web.Request, user_id: str, *, stream: bool = False) -> AsyncIterator[Awaitable[None]]:
    """A turn of this person for as long as the block lasts; what it yields must be awaited before anything is kept.

    It raises PermissionDenied for one who is banned, TooManyRequests beyond a limit, and leaves the turn's standing in
    `request[RATE]` for the answer's headers. It runs by itself, so that the turn can be read meanwhile.
    """
    context = request.app[CONTEXT]
    pool, dsn = context.ready().pool, context.config.dsn
    subjects = _subjects(request, user_id)
    streams = _stream_limits(context.config, subjects) if stream else []
    taking = asyncio.create_task(limits.take(pool, "api", user_id, _turn_limits(context.config, subjects), streams))

    async def gate() -> None:
        with reachable(dsn):
            standing = await asyncio.shield(taking)
        _check(request, standing)

    passing = asyncio.create_task(gate())
    try:
        yield passing
    finally:
        await asyncio.shield(_leave(pool, taking, passing, [limit.subject for limit in streams]))


async def _leave(
    pool: asyncpg.Pool, taking: asyncio.Task[Standing], passing: asyncio.Task[None], subjects: list[str]
) -> None:
    """Give the place of a stream back, also of a turn that was refused or that nobody waited for."""
    await asyncio.wait({taking, passing})
    for task in (taking, passing):
        if not task.cancelled() and (error := task.exception()) and not isinstance(error, WhisperEngineError):
            log.warning("a turn could not be counted (%s)", type(error).__name__)
    if taking.cancelled() or taking.exception() or (stream := taking.result().stream) is None:
        return
    try:
        await limits.close_stream(pool, subjects, stream)
    except AWAY as error:
        log.warning("a stream counts as open for an hour, the database was away (%s)", type(error).__name__)


def _check(request: web.Request, standing: Standing) -> None:
    if standing.banned:
        raise PermissionDenied("This person is not answered here. Ask the operator to lift the ban.", code="banned")
    if standing.limit is not None:
        request[RATE] = {
            "RateLimit-Limit": str(standing.limit),
            "RateLimit-Remaining": str(max(0, standing.remaining)),
            "RateLimit-Reset": str(standing.reset),
        }
    if standing.exceeded:
        raise TooManyRequests(
            f"{standing.limit} turns are the most for this time. Wait {standing.reset} seconds.",
            retry_after=standing.reset,
        )
    if standing.too_many_streams:
        raise TooManyRequests(
            "Too many answers are being streamed at once. Wait until one has ended.",
            code="too_many_streams",
            retry_after=1,
        )


def _subjects(request: web.Request, user_id: str) -> dict[str, str]:
    return {
        "key": request[CALLER].subject,
        "person": f"person:api:{user_id}",
        "address": f"address:{request[ADDRESS]}",
    }


def _turn_limits(config: Config, subjects: dict[str, str]) -> list[Limit]:
    found = []
    for kind, subject in subjects.items():
        for seconds, name in ((MINUTE, "minute"), (DAY, "day")):
            most = getattr(config, f"limit_{kind}_{name}")
            if most and subject:
                found.append(Limit(subject, seconds, most))
    return found


def _stream_limits(config: Config, subjects: dict[str, str]) -> list[StreamLimit]:
    pairs = ((subject, getattr(config, f"limit_{kind}_streams")) for kind, subject in subjects.items())
    return [StreamLimit(subject, most) for subject, most in pairs if most and subject]
