"""`whisperengine backup FILE`: everything in one file, from one moment, while the service runs."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from whisperengine import app
from whisperengine.config import Config
from whisperengine.db import backup
from whisperengine.db.embedded import EmbeddedPostgres


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="file to write; it must not exist")


def run(args: argparse.Namespace, config: Config) -> int:
    written = asyncio.run(_write(args.file, config))
    size = args.file.stat().st_size / 1e6
    print(f"{args.file}: {written.rows:,} rows of {len(written.tables)} tables in {size:,.1f} MB, verified")
    if config.embedded and (config.home / "secret.key").exists():
        say(f"Stored secrets are encrypted with {config.home / 'secret.key'}: keep a copy of it in another place.")
    return 0


@asynccontextmanager
async def database(config: Config) -> AsyncIterator[str]:
    """URL of the database: also of the embedded one that a running service has open."""
    dsn = EmbeddedPostgres(config.home).running() if config.embedded else None
    if dsn:
        yield dsn
        return
    async with app.database(config) as dsn:
        yield dsn


async def _write(file: Path, config: Config) -> backup.Backup:
    async with database(config) as dsn:
        return await backup.write(dsn, file, say)


def say(line: str) -> None:
    """Progress, apart from the result."""
    print(line, file=sys.stderr, flush=True)
