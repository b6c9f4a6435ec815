"""A small service on the embedded PostgreSQL, for the tests to kill: `embedded_app.py HOME hold|write`.

Prints `ready DSN`, with `write` then the number of every row that the database has acknowledged, and `stopped` after
Ctrl-C; `refused: REASON` and exit status 3 when PostgreSQL cannot be started.
"""

from __future__ import annotations

import asyncio
import itertools
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg

from whisperengine.db.embedded import EmbeddedPostgres
from whisperengine.errors import EmbeddedPostgresError


async def write_rows(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute("drop table if exists numbers")
    await connection.execute("create table numbers (n bigint primary key)")
    for n in itertools.count(1):
        await connection.execute("insert into numbers values ($1)", n)
        print(n, flush=True)


async def write_farewell(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute("create table farewell as select 42 as n")
    await connection.close()


def main(home: Path, mode: str) -> int:
    # Started from a shell's background job SIGINT would be ignored, which no terminal does.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Only the rows must survive everything; the rest of the tests need not wait for the disk.
    postgres = EmbeddedPostgres(home, settings={} if mode == "write" else {"fsync": "off"})
    # In a thread that ends at once, as `asyncio.to_thread` may do: PostgreSQL must outlive the thread that started it.
    with ThreadPoolExecutor(1) as pool:
        try:
            dsn = pool.submit(postgres.start).result()
        except EmbeddedPostgresError as error:
            print(f"refused: {error}", flush=True)
            return 3
    try:
        print(f"ready {dsn}", flush=True)
        if mode == "write":
            asyncio.run(write_rows(dsn))
        threading.Event().wait()
    except KeyboardInterrupt:
        asyncio.run(write_farewell(dsn))  # a service that ends still has something to store
    finally:
        postgres.stop()
        print("stopped", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
