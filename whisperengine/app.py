"""The only place where the parts meet: opens what is needed, in order, and closes it in reverse."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import asyncpg
from aiohttp import web

from whisperengine.api.callers import key_required
from whisperengine.api.context import Context, Parts
from whisperengine.api.server import KEEPALIVE_SECONDS, application
from whisperengine.characters import store
from whisperengine.characters.definition import slug
from whisperengine.chat.cast import Cast
from whisperengine.chat.turn import Turns
from whisperengine.chat.voice import Voice
from whisperengine.config import Config
from whisperengine.db import jobs, keys, limits, migrate
from whisperengine.db.embedded import EmbeddedPostgres
from whisperengine.db.pool import open_pool, reachable
from whisperengine.emotion.feelings import Feelings
from whisperengine.errors import ConfigurationError, DatabaseUnavailable, ModelFilesError
from whisperengine.inference import models
from whisperengine.inference.encoder import Encoder
from whisperengine.learning.indexer import Indexer
from whisperengine.learning.learner import Learner
from whisperengine.learning.worker import Worker
from whisperengine.llm.client import LLMClient
from whisperengine.memory import indexing

log = logging.getLogger(__name__)

RETRY_SECONDS = 3.0
GRACE_SECONDS = 25.0

Report = Callable[[str], None]


@asynccontextmanager
async def database(config: Config) -> AsyncIterator[str]:
    """The URL of a running database: the configured one, or our own for as long as the block lasts."""
    if not config.embedded:
        yield config.dsn
        return
    server = EmbeddedPostgres(config.home)
    starting = asyncio.ensure_future(asyncio.to_thread(server.start))
    try:
        yield await asyncio.shield(starting)
    finally:
        # A thread cannot be cancelled: whoever gives up while it starts still has to stop it.
        await asyncio.wait({starting})
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
        cast = Cast(pool, slug(config.default_character))
        voice = Voice(config, client)
        turns = Turns(pool, dsn, encoder, feelings, model_id, cast, voice, indexer)
        learner = Learner(
            pool,
            client,
            voice.endpoint,
            learning=config.learning,
            context_tokens=config.llm_context_tokens,
            retention_days=config.memory_retention_days,
            on_person_changed=turns.forget_person,
        )
        worker = Worker(pool, dsn, learner.handlers)
        worker.start()
        stack.push_async_callback(worker.close)
        if config.memory_retention_days:
            await jobs.add(pool, "retain")
        sweeping = asyncio.create_task(limits.keep_swept(pool), name="limits")
        stack.push_async_callback(_ended, sweeping)
        yield Parts(pool, encoder, cast, voice, turns, schema_version)


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
    runner = web.AppRunner(application(context), access_log=None)
    await runner.setup()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(runner.cleanup)
        context.parts = await stack.enter_async_context(opened(config, log.info))
        await _listen(runner, config)
        yield runner.addresses[0][1]


async def serve(config: Config, report: Report) -> int:
    """Run until SIGINT or SIGTERM; returns the exit code.

    The port answers at once, /ready says when everything is open.
    """
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    context = Context(config)
    runner = web.AppRunner(
        application(context), keepalive_timeout=KEEPALIVE_SECONDS, access_log=None, shutdown_timeout=GRACE_SECONDS
    )
    await runner.setup()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(runner.cleanup)
        await _listen(runner, config)
        opening = asyncio.create_task(_open(stack, config, context, report), name="opening")
        stopping = asyncio.create_task(stop.wait(), name="stop")
        await asyncio.wait({opening, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if opening.done():
            context.parts = opening.result()
            if key_required(config) and not config.api_key and (key := await keys.first_admin(context.parts.pool)):
                report(f"The first admin key, shown this once: {key}")
            host, port = runner.addresses[0][:2]
            report(f"Ready at http://{f'[{host}]' if ':' in host else host}:{port}  (Ctrl-C stops it)")
        else:
            opening.cancel()
            await asyncio.wait({opening})
        await stopping
        context.stopping = True
        # Answers that are under way end before what they stand on is closed.
        await runner.cleanup()
    return 0


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
