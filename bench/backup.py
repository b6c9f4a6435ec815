"""A backup and its restore into another database, with the rows of both counted and hashed by the server itself.

    python bench/backup.py [--messages 1000000] [--people 10000]

Embedded PostgreSQL on both sides, seeded made-up talk.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import asyncpg

sys.path.insert(0, str(Path(__file__).parents[1]))
from bench.memories import fill
from tests.support.tables import contents
from whisperengine import app
from whisperengine import config as configuration
from whisperengine.db import backup, migrate
from whisperengine.db.ids import new_id
from whisperengine.db.pool import open_pool
from whisperengine.db.restore import restore
from whisperengine.memory import indexing


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


async def made(dsn: str, messages: int, persons: int) -> None:
    await migrate.up(dsn, report=say)
    pool = await open_pool(dsn, 2)
    model_id = await indexing.model_id(pool, "made-up", 384)
    await pool.execute("insert into characters (id, name, definition) values (1, 'bench', '{}')")
    owners = [(new_id(), 1, messages // persons) for _ in range(persons)]
    async with pool.acquire() as connection:
        await connection.executemany("insert into users (user_id) values ($1)", [owner[:1] for owner in owners])
        await fill(connection, owners, model_id)
    await pool.close()


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--people", type=int, default=10_000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="whisperengine-bench-") as folder:
        work = Path(folder)
        await asyncio.to_thread(work.chmod, 0o711)
        config = replace(configuration.load(), database_url="", postgres_host="")
        async with app.database(replace(config, home=work / "first")) as dsn:
            await made(dsn, args.messages, args.people)
            connection = await asyncpg.connect(dsn)
            size = await connection.fetchval("select pg_database_size(current_database())")
            await connection.close()
            before = await contents(dsn)
            began = time.perf_counter()
            written = await backup.write(dsn, work / "all.backup", say)
            write_seconds = time.perf_counter() - began
        await asyncio.to_thread(shutil.rmtree, work / "first")
        async with app.database(replace(config, home=work / "second")) as dsn:
            began = time.perf_counter()
            await restore(dsn, work / "all.backup", say)
            restore_seconds = time.perf_counter() - began
            same = await contents(dsn) == before
        result = {
            "bench": "backup",
            "messages": before["messages"][0],
            "rows": written.rows,
            "database_mb": round(size / 1e6),
            "rows_mb": round(written.bytes / 1e6),
            "file_mb": round((work / "all.backup").stat().st_size / 1e6),
            "backup_seconds": round(write_seconds, 1),
            "restore_seconds": round(restore_seconds, 1),
            "same": same,
        }
    print(json.dumps(result))
    for name, value in result.items():
        print(f"{name:16} {value}")


if __name__ == "__main__":
    asyncio.run(main())
