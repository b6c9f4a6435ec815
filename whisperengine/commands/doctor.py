"""`whisperengine doctor`: checks everything that can be wrong and says what to do about it."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import socket
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import suppress

import aiohttp
import asyncpg

from whisperengine import app
from whisperengine.chat.voice import Voice
from whisperengine.commands import backup, discord, reach
from whisperengine.config import Config, dotenv_path
from whisperengine.db import migrate
from whisperengine.db.pool import SERVER_SETTINGS, open_pool, unavailable
from whisperengine.db.url import shown_host
from whisperengine.discord.check import check as check_bot
from whisperengine.errors import ConfigurationError, StorageError, WhisperEngineError
from whisperengine.inference import models
from whisperengine.learning import reembedding
from whisperengine.llm.client import LLMClient
from whisperengine.memory import vectors
from whisperengine.settings.settings import Settings

FREE_BYTES = 1 << 30

Check = Callable[[Config], Awaitable[str]]


def configure(parser: argparse.ArgumentParser) -> None:
    """No arguments: the doctor looks at the configuration in force."""


def run(args: argparse.Namespace, config: Config) -> int:
    return asyncio.run(_run(config))


async def _run(config: Config) -> int:
    """0 when nothing is wrong, 1 otherwise. Every check runs, whatever the others find."""
    failed = 0
    for name, check in CHECKS.items():
        try:
            print(f"ok      {name}: {await check(config)}")
        except WhisperEngineError as error:
            failed += 1
            print(f"PROBLEM {name}: {error}")
    print("\nEverything is in order." if not failed else f"\n{failed} of {len(CHECKS)} checks found a problem.")
    return 1 if failed else 0


async def _settings(config: Config) -> str:
    return f"{config.http_host}:{config.http_port}, {'embedded' if config.embedded else 'server'} database"


async def _folders(config: Config) -> str:
    for folder in (config.home, config.models_dir):
        existing = next(path for path in (folder, *folder.parents) if path.exists())
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise ConfigurationError(
                f"{folder} cannot be written ({error.strerror}). Give this user the right to write in {existing}, "
                "or set WHISPERENGINE_HOME or MODEL_CACHE_DIR to another folder."
            ) from None
    free = shutil.disk_usage(config.home).free
    if free < FREE_BYTES:
        raise ConfigurationError(
            f"Only {free >> 20} MB are free at {config.home}. Make room: PostgreSQL stops when the disk is full."
        )
    return f"{config.home} can be written, {free >> 30} GB free"


async def _model_files(config: Config) -> str:
    state = await asyncio.to_thread(models.state, config)
    if not state.ready:
        raise ConfigurationError(f"Model files are missing in {config.models_dir}. Run `whisperengine models`.")
    return f"{config.models_dir}"


async def _database(config: Config) -> str:
    service = await _running_service(config)
    if config.embedded and service:
        # The service holds its own database; asking it is the only way that disturbs nobody.
        async with aiohttp.ClientSession() as session, session.get(f"{service}/ready") as response:
            body = await response.json()
            if response.status != 200:
                raise StorageError(body["reason"])
            return f"embedded, schema {body['schema_version']} (through the running service)"
    async with app.database(config) as dsn:
        try:
            connection = await asyncpg.connect(dsn, timeout=10, server_settings=SERVER_SETTINGS)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
            raise unavailable(dsn, error) from None
        try:
            if config.embedded and not (await migrate.status(dsn, wait=0)).applied:
                return "embedded, empty: the first start fills it"
            return f"{shown_host(dsn)}, schema {await migrate.check(connection)}"
        finally:
            await connection.close()


async def _vectors(config: Config) -> str:
    async with backup.database(config) as dsn:
        if not (await migrate.status(dsn, wait=0)).applied:
            return "none yet"
        pool = await open_pool(dsn, 1)
        try:
            count = await vectors.count_unmoved(pool, config.embedding_model)
        finally:
            await pool.close()
    if count:
        raise ConfigurationError(reembedding.advice(count, config.embedding_model))
    return f"all of {config.embedding_model}"


async def _port(config: Config) -> str:
    if await _running_service(config):
        return f"the service is running on {config.http_port}"
    family = socket.AF_INET6 if ":" in config.http_host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((config.http_host, config.http_port))
        except OSError as error:
            raise ConfigurationError(
                f"Port {config.http_port} at {config.http_host} cannot be opened ({error.strerror}). "
                "Stop what uses it or set HEALTH_CHECK_PORT to another port."
            ) from None
    return f"{config.http_port} is free"


async def _language_model(config: Config) -> str:
    async with LLMClient() as client:
        settings = Settings(config)
        await _read_stored(settings, config)
        if settings.problems:
            raise ConfigurationError(" ".join(settings.problems.values()))
        endpoint = await Voice(settings, client).endpoint()
        if endpoint is None:
            return "none connected: answers come from the offline mode. Set LLM_CHAT_API_URL, or start Ollama"
        names = await client.models(endpoint)
        if endpoint.model and names and endpoint.model not in names:
            raise ConfigurationError(
                f"{endpoint.host} does not list the model {endpoint.model}. Set LLM_CHAT_MODEL to one of: "
                + ", ".join(names[:10])
            )
        return f"{endpoint.host}, {len(names)} models"


async def _discord(config: Config) -> str:
    if not config.discord_enabled:
        return "not enabled. Set ENABLE_DISCORD and DISCORD_BOT_TOKEN to bring a character there"
    accounts = discord.configured(config)
    for account in accounts:
        for finding in await check_bot(config.discord_api_base, account.token):
            if not finding.good:
                raise ConfigurationError(f"{account.options.character}: {finding.text}")
    return f"{len(accounts)} bot{'' if len(accounts) == 1 else 's'} with all that they need"


async def _read_stored(settings: Settings, config: Config) -> None:
    """What was set while the service ran, as far as it can be seen from here: the embedded database is its service's
    own, and what is wrong with another one the check of the database says.
    """
    if config.embedded:
        return
    with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        connection = await asyncpg.connect(config.dsn, timeout=10, server_settings=SERVER_SETTINGS)
        try:
            await settings.read(connection)
        finally:
            await connection.close()


async def _rights(config: Config) -> str:
    path = dotenv_path()
    if path.is_file() and path.stat().st_mode & 0o077:
        raise ConfigurationError(f"{path} can be read by others and may hold secrets. Run `chmod 600 {path}`.")
    return "secrets are readable by this user alone"


async def _running_service(config: Config) -> str | None:
    url = reach.address(config, config.http_port)
    async with aiohttp.ClientSession() as session:
        return url if await reach.answers(session, url) else None


CHECKS: dict[str, Check] = {
    "settings": _settings,
    "folders": _folders,
    "rights": _rights,
    "model files": _model_files,
    "database": _database,
    "vectors": _vectors,
    "port": _port,
    "language model": _language_model,
    "Discord": _discord,
}
