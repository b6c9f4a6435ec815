"""`whisperengine restore FILE`: a backup into an empty database, whatever kind of database it was taken from."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from whisperengine import app
from whisperengine.commands.backup import say
from whisperengine.config import Config
from whisperengine.db import backup
from whisperengine.db.restore import restore


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="what `whisperengine backup` wrote")
    parser.add_argument("--check", action="store_true", help="only verify the file; no database is touched")


def run(args: argparse.Namespace, config: Config) -> int:
    return asyncio.run(_run(args.file, args.check, config))


async def _run(file: Path, check: bool, config: Config) -> int:
    if check:
        found = await backup.verify(file, say)
    else:
        async with app.database(config) as dsn:
            found = await restore(dsn, file, say)
    print(
        f"{file}: {found.rows:,} rows of {len(found.tables)} tables, written on {found.created_at} by WhisperEngine "
        f"{found.app_version}, {'are whole' if check else 'restored and compared'}"
    )
    return 0
