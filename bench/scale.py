"""How recall and storage grow: people of 100 to 50,000 memories, alone and among a million rows of ten thousand others.

    python bench/scale.py [--memories 50000] [--others 1000000] [--people 10000]

Embedded PostgreSQL, seeded made-up talk filled by COPY (the index of terms is built anew after the big fill, as a
restored backup would have it). Prints recall and storing per size before and after the others came, searched by the
database alone and with sketches held in memory; how the times grow; the disk per memory; the seconds of an export and
an erasure of the biggest person. The full run takes less than ten minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
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
from whisperengine.memory.sketches import WORTH_FROM, Sketches

SIZES = (100, 1_000, 10_000, 50_000)
QUERIES, WARMING = 60, 5

Times = dict[int, dict[str, float]]


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--memories", type=int, default=50_000, help="of the person who has most")
    parser.add_argument("--others", type=int, default=1_000_000, help="rows of other people")
    parser.add_argument("--people", type=int, default=10_000, help="how many others")
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
    sizes = [size for size in SIZES if size < args.memories] + [args.memories]
    owners = [(await person(pool), 1, size) for size in sizes]
    with step("filling"):
        await filled(pool, owners, model_id)
    with step("measuring alone"):
        alone = await times(pool, model_id, owners)
    show("alone", alone)
    shares = 1 / np.arange(1, args.people + 1) ** 0.8
    counts = np.maximum((shares / shares.sum() * args.others).astype(int), 1).tolist()
    others = [(await person(pool), 1, count) for count in counts]
    with step(f"filling {sum(counts):,} rows of {len(others):,} others"):
        await filled(pool, others, model_id, seed=2)
    with step("measuring among others"):
        among = await times(pool, model_id, owners)
    show(f"among {sum(counts):,} rows of others", among)
    grown = growth(alone, among, sum(counts))
    disk = await sizes_on_disk(pool)
    user_id = owners[-1][0]
    start = time.perf_counter()
    exported = 0
    async for _ in export.records(pool, user_id):
        exported += 1
    export_seconds = time.perf_counter() - start
    start = time.perf_counter()
    await erasure.erase(pool, user_id)
    erase_seconds = time.perf_counter() - start
    left = [
        await pool.fetchval(f"select count(*) from {table} where user_id = $1", user_id)
        for table in ("messages", "embeddings", "conversations", "users")
    ]
    print(f"export of {exported:,} records {export_seconds:.1f} s, erasure {erase_seconds:.1f} s, rows left {left}")
    result = {"alone": alone, "among_others": among, "growth": grown, "bytes_per_memory": disk}
    seconds = {"export_seconds": export_seconds, "erase_seconds": erase_seconds}
    print(json.dumps({"bench": "scale", "cores": os.cpu_count(), **result, **seconds}))


async def person(pool: asyncpg.Pool) -> int:
    user_id = new_id()
    await pool.execute("insert into users (user_id) values ($1)", user_id)
    return user_id


async def filled(pool: asyncpg.Pool, owners: list[tuple[int, int, int]], model_id: int, seed: int = 1) -> None:
    async with pool.acquire() as connection:
        definition = await connection.fetchval("select pg_get_indexdef('messages_by_term'::regclass)")
        await connection.execute("drop index messages_by_term")
        await connection.execute("set synchronous_commit = off")
        # Nothing that is filled in refers to what there is not.
        await connection.execute("set session_replication_role = replica")
        await connection.execute("set maintenance_work_mem = '512MB'")
        await fill(connection, owners, model_id, seed, progress=lambda rows: say(f"{rows:,} rows"))
        say("building the index of terms")
        await connection.execute(definition, timeout=600)
        await connection.execute("reset all")
        await connection.execute("checkpoint", timeout=600)


async def times(pool: asyncpg.Pool, model_id: int, owners: list[tuple[int, int, int]]) -> Times:
    """By number of memories: milliseconds of a recall, by the database alone and with sketches, and of storing."""
    found: Times = {}
    sketches = Sketches(pool, model_id)
    for user_id, character_id, size in owners:
        say(f"{size:,} memories")
        words = Words(size)
        place = Place(user_id, character_id, "bench", False)
        if size >= WORTH_FROM:
            sketches.note(place, size)
            await asyncio.gather(*sketches.reading)
        took: dict[str, list[float]] = {"recall": [], "sketched": [], "store": []}
        for number in range(QUERIES + WARMING):
            text = "Do you remember " + words.sentence(words.length() // 2 + 2) + "?"
            asked = ask(text, person="Sam", character="Mira", now=datetime.now(UTC), zone="UTC")
            vector = words.vector()
            read = Read(model_id, vector, [0.0] * 28, "neutral", 0.0)
            moments = [time.perf_counter()]
            for held in (None, sketches):
                await recall.recall(pool, place, asked, vector, model_id, before=new_id(), sketches=held)
                moments.append(time.perf_counter())
            await messages.accept(pool, place, new_id(), datetime.now(UTC), text, read, f"{number} {new_id()}")
            moments.append(time.perf_counter())
            if number >= WARMING:
                for name, seconds in zip(took, np.diff(moments), strict=True):
                    took[name].append(seconds * 1000)
        found[size] = {
            f"{name}_p{percent}_ms": round(float(np.percentile(values, percent)), 2)
            for name, values in took.items()
            for percent in (50, 95)
        }
    await sketches.close()
    return found


def show(title: str, found: Times) -> None:
    print(f"\n{title}: milliseconds, p50 / p95")
    print(f"{'memories':>10} {'recall':>17} {'with sketches':>17} {'store':>17}")
    for size, row in found.items():
        pairs = (
            f"{row[f'{name}_p50_ms']:7.1f} / {row[f'{name}_p95_ms']:7.1f}" for name in ("recall", "sketched", "store")
        )
        print(f"{size:10,} " + " ".join(f"{pair:>17}" for pair in pairs))


def growth(alone: Times, among: Times, others: int) -> dict[str, float]:
    """How many times as long the same takes: for the biggest person against the smallest, and among others."""
    least, most = min(among), max(among)
    found = {}
    for name in ("recall", "sketched", "store"):
        column = f"{name}_p50_ms"
        found[f"{name}_by_memories"] = round(among[most][column] / among[least][column], 2)
        found[f"{name}_by_others"] = round(among[most][column] / alone[most][column], 2)
    print(
        f"\ngrowth of p50 from {least:,} to {most:,} memories (x{most // least}), and with {others:,} rows of others:"
    )
    for name in ("recall", "sketched", "store"):
        print(f"{name:>10} x{found[f'{name}_by_memories']:<6} x{found[f'{name}_by_others']}")
    return found


async def sizes_on_disk(pool: asyncpg.Pool) -> dict[str, int]:
    total = await pool.fetchval("select count(*) from messages")
    rows = await pool.fetch(
        "select relname, pg_table_size(oid) as rows, pg_indexes_size(oid) as indexes from pg_class where relkind = 'r' "
        "and relname in ('messages', 'embeddings') order by 1"
    )
    found = {}
    for row in rows:
        found[row["relname"]] = round(row["rows"] / total)
        found[f"{row['relname']} indexes"] = round(row["indexes"] / total)
    found["all"] = sum(found.values())
    print("\nbytes a memory: " + ", ".join(f"{name} {size:,}" for name, size in found.items()))
    return found


@contextmanager
def step(name: str) -> Iterator[None]:
    start = time.perf_counter()
    say(name)
    yield
    print(f"\r\033[K{name}: {time.perf_counter() - start:.0f} s", file=sys.stderr)


def say(text: str) -> None:
    """The one line of progress."""
    print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    asyncio.run(main())
