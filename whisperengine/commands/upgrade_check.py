"""`whisperengine upgrade-check`: what this version would do to the database, found out without doing it.

Run with the new version, while the old one still serves. Exit codes: 0 nothing speaks against it, 1 something does.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from whisperengine import __version__
from whisperengine.commands.backup import database, say
from whisperengine.config import Config
from whisperengine.db import migrate
from whisperengine.db.connect import connect
from whisperengine.db.embedded import EmbeddedPostgres
from whisperengine.db.migration_status import Status
from whisperengine.db.pool import SERVER_SETTINGS
from whisperengine.db.requirements import check_server
from whisperengine.db.restore import restore
from whisperengine.errors import WhisperEngineError

# Of the database's size: what migrations may need beside what there is.
ROOM = 1.0


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--backup", type=Path, metavar="FILE", help="rehearse the upgrade on a copy made from FILE")


def run(args: argparse.Namespace, config: Config) -> int:
    return asyncio.run(_run(args.backup, config))


async def _run(backup: Path | None, config: Config) -> int:
    problems: list[str] = []
    print(f"WhisperEngine {__version__}")
    async with database(config) as dsn:
        connection = await connect(dsn)
        try:
            try:
                await check_server(connection)
                print(f"ok      server: PostgreSQL {connection.get_server_version().major}")
            except WhisperEngineError as error:
                problems.append(f"server: {error}")
            found = await migrate.status(dsn, wait=0)
            problems += _schema(found)
            size = int(await connection.fetchval("select pg_database_size(current_database())") or 0)
            services = await connection.fetchval(
                "select count(distinct (client_addr, application_name)) from pg_stat_activity "
                "where datname = current_database() and application_name = $1",
                SERVER_SETTINGS["application_name"],
            )
            print(f"ok      size: {size / 1e6:,.0f} MB; services at work on it: {'yes' if services else 'none'}")
        finally:
            await connection.close()
    if config.embedded:
        problems += _room(config.home, size)
    if backup:
        async with _scratch() as copy:
            restored = await restore(copy, backup, say)
            print(f"ok      rehearsal: {restored.rows:,} rows restored and brought to this version")
    elif found.pending and not found.problem():
        print("advice  back up first (`whisperengine backup FILE`), and try it on that: upgrade-check --backup FILE")
    for problem in problems:
        print(f"PROBLEM {problem}")
    return 1 if problems else 0


def _schema(found: Status) -> list[str]:
    if problem := found.problem():
        return [f"schema: {problem}"]
    if found.newer:
        print(f"ok      schema: version {found.version}, newer than this program, which can work with it")
    elif not found.pending:
        print(f"ok      schema: version {found.version}, nothing to apply")
    else:
        print(
            f"ok      schema: version {found.version}, to be applied: {', '.join(file.label for file in found.pending)}"
        )
        breaking = [file.label for file in found.pending if file.breaking]
        if breaking:
            print(f"advice  {', '.join(breaking)} shuts out the version before: stop all services, migrate, start them")
        else:
            print("advice  the version before can go on working meanwhile: migrate, then replace one service at a time")
    return []


def _room(home: Path, size: int) -> list[str]:
    free = shutil.disk_usage(home).free
    if free < size * ROOM:
        return [
            f"disk: {free / 1e6:,.0f} MB are free at {home}, the database has {size / 1e6:,.0f} MB. Make room first."
        ]
    print(f"ok      disk: {free / 1e9:,.1f} GB free at {home}")
    return []


@asynccontextmanager
async def _scratch() -> AsyncIterator[str]:
    """An embedded database that is thrown away."""
    with tempfile.TemporaryDirectory(prefix="whisperengine-rehearsal-") as folder:
        await asyncio.to_thread(Path(folder).chmod, 0o711)
        server = EmbeddedPostgres(Path(folder) / "home", settings={"fsync": "off"})
        try:
            yield await asyncio.to_thread(server.start)
        finally:
            await asyncio.to_thread(server.stop)
