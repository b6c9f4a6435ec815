"""The only place where the parts meet: opens what is needed, in order, and closes it in reverse."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any

import asyncpg
from aiohttp import web

from whisperengine.api import traces
from whisperengine.api.callers import key_required
from whisperengine.api.context import Context, Parts
from whisperengine.api.server import KEEPALIVE_SECONDS, LINE_BYTES, application
from whisperengine.api.taking import counted
from whisperengine.characters import store
from whisperengine.characters.definition import slug
from whisperengine.chat.acquaintances import Acquaintances
from whisperengine.chat.cast import Cast
from whisperengine.chat.turn import Turns
from whisperengine.chat.voice import Voice
from whisperengine.config import Config
from whisperengine.db import jobs, keys, limits, migrate
from whisperengine.db.embedded import EmbeddedPostgres
from whisperengine.db.embedded_keeper import keep_running
from whisperengine.db.pool import keep_probed, open_pool, reachable
from whisperengine.discord.adapter import Adapter
from whisperengine.discord.bots import Bots
from whisperengine.emotion.feelings import Feelings
from whisperengine.errors import ConfigurationError, DatabaseUnavailable, ModelFilesError
from whisperengine.inference import models
from whisperengine.inference.encoder import Encoder
from whisperengine.learning import reembedding
from whisperengine.learning.indexer import Indexer
from whisperengine.learning.learner import Learner
from whisperengine.learning.worker import Worker
from whisperengine.llm.client import LLMClient
from whisperengine.memory import indexing
from whisperengine.memory.sketches import Sketches
from whisperengine.settings.settings import Settings

log = logging.getLogger(__name__)

RETRY_SECONDS = 3.0
LOOK_SECONDS = 0.05
CLOSE_SECONDS = 10.0
SWITCH_SECONDS = 0.0005
"""After so long a thread that computes (what learns from talk) lets the event loop go on. With Python's own 5 ms each
of a turn's twenty steps waited 5.4 ms beside one, with this 0.8, and the thread loses 3 %.
"""

Report = Callable[[str], None]


@asynccontextmanager
async def database(config: Config) -> AsyncIterator[str]:
    """The URL of a running database: the configured one, or our own for as long as the block lasts."""
    if not config.embedded:
        yield config.dsn
        return
    server, ending = EmbeddedPostgres(config.home), asyncio.Event()
    # A thread cannot be cancelled: whoever gives up while it starts still has to stop it.
    at_work: set[asyncio.Future[Any]] = {asyncio.ensure_future(asyncio.to_thread(server.start))}
    try:
        dsn = await asyncio.shield(next(iter(at_work)))
        at_work.add(asyncio.create_task(keep_running(server, ending), name="embedded PostgreSQL"))
        yield dsn
    finally:
        ending.set()
        await asyncio.wait(at_work)
        await asyncio.to_thread(server.stop)


@asynccontextmanager
async def opened(config: Config, report: Report) -> AsyncIterator[Parts]:
    """Everything that answers a message.

    Raises DatabaseUnavailable and ModelFilesError (worth another try), other errors for good.
    """
    async with AsyncExitStack() as stack:
        dsn = await stack.enter_async_context(database(config))
        if config.embedded or config.migrate_on_start:
            await migrate.up(dsn, wait=0, lock_timeout=config.migrate_lock_timeout, report=log.info)
        pool = await open_pool(dsn, config.pool_size)
        stack.push_async_callback(_close_pool, pool)
        with reachable(dsn):
            async with pool.acquire() as connection:
                schema_version = await migrate.check(connection)
                await store.load_builtin(connection)
            settings = Settings(config)
            await settings.read(pool)
        files = await asyncio.to_thread(models.ensure, config, report)
        encoder = await Encoder.open(config, files)
        stack.push_async_callback(encoder.close)
        with reachable(dsn):
            model_id = await indexing.model_id(pool, encoder.model_name, encoder.dimensions)
        client = LLMClient()
        stack.push_async_callback(client.close)
        feelings = await Feelings.open(config)
        stack.push_async_callback(feelings.close)
        indexer = Indexer(pool, encoder, feelings, model_id)
        indexer.start()
        stack.push_async_callback(indexer.close)
        cast = Cast(pool, slug(settings.config.default_character))
        settings.on_change(partial(_recast, cast))
        cast.start(dsn)
        stack.push_async_callback(cast.close)
        voice = Voice(settings, client)
        sketches = Sketches(pool, model_id)
        stack.push_async_callback(sketches.close)
        acquaintances = Acquaintances(pool, sketches.forget)
        acquaintances.start(dsn)
        stack.push_async_callback(acquaintances.close)
        turns = Turns(pool, dsn, encoder, feelings, model_id, cast, voice, indexer, sketches, acquaintances)
        learner = Learner(
            pool,
            client,
            voice.endpoint,
            settings,
            on_person_changed=turns.forget_person,
        )
        worker = Worker(pool, dsn, learner.handlers)
        worker.start()
        stack.push_async_callback(worker.close)
        if settings.config.memory_retention_days:
            await jobs.add(pool, "retain")
        settings.on_change(partial(_retain_anew, pool))
        told = reembedding.tell_unmoved(pool, encoder.model_name)
        for standing in (keep_probed(pool), limits.keep_swept(pool), settings.keep_current(pool, dsn), told):
            stack.push_async_callback(_ended, asyncio.create_task(standing))
        yield Parts(pool, encoder, cast, voice, turns, settings, schema_version)


async def _recast(cast: Cast, before: Config, after: Config) -> None:
    cast.default = slug(after.default_character)


async def _retain_anew(pool: asyncpg.Pool, before: Config, after: Config) -> None:
    if after.memory_retention_days not in (0, before.memory_retention_days):
        await jobs.add(pool, "retain")


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})


async def _close_pool(pool: asyncpg.Pool) -> None:
    try:
        async with asyncio.timeout(5):
            await pool.close()
    except TimeoutError:
        pool.terminate()


@asynccontextmanager
async def running(config: Config) -> AsyncIterator[int]:
    """The whole service on a free port of loopback, for as long as the block lasts; yields the port."""
    config = replace(config, http_host="127.0.0.1", http_port=0)
    context = Context(config)
    runner = web.AppRunner(application(context), access_log=None, max_line_size=LINE_BYTES)
    await runner.setup()
    async with AsyncExitStack() as stack:
        _trace(context, stack)
        stack.push_async_callback(runner.cleanup)
        context.parts = await stack.enter_async_context(opened(config, log.info))
        await _listen(runner, config)
        yield runner.addresses[0][1]


async def serve(config: Config, report: Report) -> int:
    """Run until SIGINT or SIGTERM; returns the exit code.

    The port answers at once, /ready says when everything is open.
    """
    stop, at_once = _signals()
    context = Context(config)
    runner = web.AppRunner(
        application(context),
        keepalive_timeout=KEEPALIVE_SECONDS,
        access_log=None,
        shutdown_timeout=CLOSE_SECONDS,
        max_line_size=LINE_BYTES,
    )
    await runner.setup()
    async with AsyncExitStack() as stack:
        _trace(context, stack)
        stack.push_async_callback(runner.cleanup)
        await _listen(runner, config)
        bots = None
        opening = asyncio.create_task(_open(stack, config, context, report), name="opening")
        stopping = asyncio.create_task(stop.wait(), name="stop")
        await asyncio.wait({opening, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if opening.done():
            context.parts = opening.result()
            if key_required(config) and not config.api_key and (key := await keys.first_admin(context.parts.pool)):
                report(f"The first admin key, shown this once: {key}")
            bots = await stack.enter_async_context(discord(context, context.parts))
            # What was loaded to start lives to the end; looking through it again would halt every turn for 0.1 s.
            gc.collect()
            gc.freeze()
            sys.setswitchinterval(SWITCH_SECONDS)
            host, port = runner.addresses[0][:2]
            report(f"Ready at http://{f'[{host}]' if ':' in host else host}:{port}  (Ctrl-C stops it)")
        else:
            opening.cancel()
            await asyncio.wait({opening})
        await stopping
        # Answers that are under way end before what they stand on is closed.
        await asyncio.gather(_drain(context, at_once), *([bots.close()] if bots else ()))
        await runner.cleanup()
    return 0


def _trace(context: Context, stack: AsyncExitStack) -> None:
    context.traces = traces.opened(context.start)
    if context.traces:
        stack.push_async_callback(context.traces.close)


def _signals() -> tuple[asyncio.Event, asyncio.Event]:
    """Set by the first and by the second signal to stop. The third ends the process as it is."""
    loop = asyncio.get_running_loop()
    stop, at_once = asyncio.Event(), asyncio.Event()

    def come() -> None:
        if stop.is_set():
            at_once.set()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)
                signal.signal(number, signal.SIG_DFL)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, come)
    return stop, at_once


async def _drain(context: Context, at_once: asyncio.Event) -> None:
    """Let what is under way end by itself while /ready says no, for as long as SHUTDOWN_GRACE; then end it."""
    context.stopping = True
    hurrying = asyncio.create_task(at_once.wait())
    with suppress(TimeoutError):
        async with asyncio.timeout(context.config.shutdown_grace):
            while context.under_way and not at_once.is_set():
                await asyncio.wait({hurrying}, timeout=LOOK_SECONDS)
    hurrying.cancel()
    context.ending = True
    for task in context.under_way:
        task.cancel()


@asynccontextmanager
async def discord(context: Context, parts: Parts) -> AsyncIterator[Bots]:
    """The bots of Discord, for as long as the block lasts. Nothing that goes wrong with them ends anything else."""
    config = context.config
    heart = Adapter(
        parts.pool,
        config.dsn,
        parts.turns,
        parts.cast,
        parts.voice,
        lambda: context.config,
        partial(counted, context),
    )
    bots = Bots(parts.pool, config.dsn, heart, config)
    parts.settings.on_change(bots.follow)
    bots.start()
    context.discord = bots.state
    try:
        yield bots
    finally:
        await bots.close()


async def _listen(runner: web.AppRunner, config: Config) -> None:
    try:
        await web.TCPSite(runner, config.http_host, config.http_port, backlog=1024).start()
    except OSError as error:
        raise ConfigurationError(
            f"Port {config.http_port} at {config.http_host} cannot be opened ({error.strerror}). "
            "Stop what uses it or set HEALTH_CHECK_PORT to another port."
        ) from error


async def _open(stack: AsyncExitStack, config: Config, context: Context, report: Report) -> Parts:
    """Open the parts, again and again while what is missing may still come."""
    while True:
        try:
            return await stack.enter_async_context(opened(config, report))
        except (DatabaseUnavailable, ModelFilesError) as error:
            if str(context.starting) != str(error):
                log.warning("%s", error)
            context.starting = error
            await asyncio.sleep(RETRY_SECONDS)
