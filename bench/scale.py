"""How recall and storage grow: people of 100 to 50,000 memories, alone and among a million rows of ten thousand others.

    python bench/scale.py [--others 1000000] [--people 10000]

Embedded PostgreSQL, seeded made-up talk filled by COPY. Prints recall per size before and after the others came, what a
message costs to store, and the disk per memory.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from bench.memories import Words, fill
from whisperengine import app
from whisperengine import config as configuration
from whisperengine.db import migrate
from whisperengine.db.ids import new_id
from whisperengine.db.pool import open_pool
from whisperengine.memory import erasure, export, indexing, messages, recall
from whisperengine.memory.asked import ask
from whisperengine.memory.messages import Place, Read

SIZES = (100, 1_000, 10_000, 50_000)
QUERIES = 60


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--others", type=int, default=1_000_000)
    parser.add_argument("--people", type=int, default=10_000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        Path(home).chmod(0o711)
        config = replace(configuration.load(), home=Path(home), database_url="", postgres_host="")
        async with app.database(config) as dsn:
            await migrate.up(dsn, report=lambda line: None)
            pool = await open_pool(dsn, 4)
            await measure(args, pool)
            await pool.close()


async def measure(args: argparse.Namespace, pool: asyncpg.Pool) -> None:
    model_id = await indexing.model_id(pool, "made-up", 384)
    await pool.execute("insert into characters (id, name, definition) values (1, 'bench', '{}')")
    owners = [(await person(pool), 1, size) for size in SIZES]
    async with pool.acquire() as connection:
        await fill(connection, owners, model_id)
    result: dict[str, object] = {"alone": await times(pool, model_id, owners)}
    others = []
    shares = 1 / np.arange(1, args.people + 1) ** 0.8
    for count in (shares / shares.sum() * args.others).astype(int):
        others.append((await person(pool), 1, int(count)))
    start = time.perf_counter()
    async with pool.acquire() as connection:
        rows = await fill(connection, others, model_id, seed=2)
    seconds = time.perf_counter() - start
    print(f"{rows:,} rows of {args.people:,} others filled in {seconds:.0f} s")
    result["among_others"] = await times(pool, model_id, owners)
    sizes = await pool.fetch(
        "select relname, pg_total_relation_size(oid) as bytes from pg_class where relkind = 'r' "
        "and relname in ('messages', 'embeddings')"
    )
    total = await pool.fetchval("select count(*) from messages")
    for row in sizes:
        print(f"{row['relname']:12} {row['bytes'] / total:8.0f} bytes a memory")
    result["bytes_per_memory"] = sum(row["bytes"] for row in sizes) / total
    user_id = owners[-1][0]
    start = time.perf_counter()
    count = 0
    async for _ in export.records(pool, user_id):
        count += 1
    result["export_seconds"] = time.perf_counter() - start
    start = time.perf_counter()
    await erasure.erase(pool, user_id)
    result["erase_seconds"] = time.perf_counter() - start
    left = [
        await pool.fetchval(f"select count(*) from {table} where user_id = $1", user_id)
        for table in ("messages", "embeddings")
    ]
    print(
        f"export of {count:,} records {result['export_seconds']:.1f} s, "
        f"erasure {result['erase_seconds']:.1f} s, left {left}"
    )
    print(json.dumps({"bench": "scale", **result}))


async def person(pool: asyncpg.Pool) -> int:
    user_id = new_id()
    await pool.execute("insert into users (user_id) values ($1)", user_id)
    return user_id


async def times(pool: asyncpg.Pool, model_id: int, owners: list[tuple[int, int, int]]) -> dict[str, dict[str, float]]:
    found = {}
    for user_id, character_id, size in owners:
        words = Words(size)
        place = Place(user_id, character_id, "bench", False)
        recalls, stores = [], []
        for number in range(QUERIES + 5):
            text = "Do you remember " + words.sentence(words.length() // 2 + 2) + "?"
            asked = ask(text, person="Sam", character="Mira", now=datetime.now(UTC), zone="UTC")
            vector = words.vector()
            start = time.perf_counter()
            await recall.recall(pool, place, asked, vector, model_id, before=new_id())
            middle = time.perf_counter()
            read = Read(model_id, vector, [0.0] * 28, "neutral", 0.0)
            await messages.accept(pool, place, new_id(), datetime.now(UTC), text, read, str(number) + str(new_id()))
            if number >= 5:
                recalls.append((middle - start) * 1000)
                stores.append((time.perf_counter() - middle) * 1000)
        found[str(size)] = {
            "recall_p50_ms": float(np.percentile(recalls, 50)),
            "recall_p95_ms": float(np.percentile(recalls, 95)),
            "store_p50_ms": float(np.percentile(stores, 50)),
        }
        print(f"{size:8,} memories: " + "  ".join(f"{name} {value:6.1f}" for name, value in found[str(size)].items()))
    return found


if __name__ == "__main__":
    asyncio.run(main())
