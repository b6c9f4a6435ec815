"""What the service adds to a turn, how many turns it takes, and how long its event loop is ever blocked.

    python bench/turn.py [--memories 10000] [--turns 400] [--users 16]

The whole service with embedded PostgreSQL in this process, a model stub that answers at once in a second one, the
callers in a third. Prints a table and one JSON line.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import aiohttp
import asyncpg
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from bench.memories import Words, fill
from whisperengine import app
from whisperengine import config as configuration
from whisperengine.db.pool import prepare_connection

PERSON = "person-0"
BARS = {"overhead_p50_ms": 15, "overhead_p99_ms": 50, "turns_per_second": 100, "longest_block_ms": 50}


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--memories", type=int, default=10_000)
    parser.add_argument("--turns", type=int, default=400)
    parser.add_argument("--users", type=int, default=16)
    parser.add_argument("--level", default="standard")
    args = parser.parse_args()
    stub = subprocess.Popen(
        [sys.executable, "-m", "tests.support.llm_stub", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[1],
    )
    try:
        stub_url = stub.stdout.readline().strip()
        with tempfile.TemporaryDirectory() as home:
            Path(home).chmod(0o711)
            config = replace(
                configuration.load(),
                home=Path(home),
                database_url="",
                postgres_host="",
                llm_url=stub_url,
                llm_model="stub",
                model_cache_dir=configuration.load().models_dir,
            )
            async with app.running(config) as port:
                gc.collect()
                gc.freeze()  # as `serve` does, and the next
                sys.setswitchinterval(app.SWITCH_SECONDS)
                result = await measure(args, config, port)
    finally:
        stub.kill()
        stub.wait()
    for name, value in result.items():
        bar = f"   bar {BARS[name]}" if name in BARS else ""
        print(f"{name:24} {value:10.2f}{bar}")
    print(json.dumps({"bench": "turn", "memories": args.memories, "level": args.level, **result}))


async def measure(args: argparse.Namespace, config, port: int) -> dict[str, float]:
    await callers(port, 1, 5, "basic")  # makes the person
    connection = await asyncpg.connect(f"postgresql://postgres@/postgres?host={config.home}/postgres/run")
    await prepare_connection(connection)
    owner = await connection.fetchrow(
        "select user_id, character_id from conversations join identities using (user_id) where platform_user_id = $1",
        PERSON,
    )
    model_id = await connection.fetchval("select model_id from embedding_models")
    await fill(connection, [(owner["user_id"], owner["character_id"], args.memories)], model_id)
    await connection.close()
    await callers(port, 1, 30, args.level)  # warms caches
    single = await callers(port, 1, args.turns, args.level)
    stop = asyncio.Event()
    watch = asyncio.create_task(longest_block(stop))
    before = time.process_time()
    many = await callers(port, args.users, max(args.turns // 4, 25), args.level, rest="api")
    cpu = time.process_time() - before
    stop.set()
    overhead = np.array(single["overhead"])
    wall = np.array(single["wall"])
    return {
        "overhead_p50_ms": float(np.percentile(overhead, 50)),
        "overhead_p99_ms": float(np.percentile(overhead, 99)),
        "http_p50_ms": float(np.percentile(wall, 50)),
        "http_p99_ms": float(np.percentile(wall, 99)),
        **{f"part_{name}_p50_ms": float(np.median(values)) for name, values in single["parts"].items()},
        "turns_per_second": len(many["wall"]) / many["seconds"],
        "busy_p50_ms": float(np.percentile(many["wall"], 50)),
        "busy_p99_ms": float(np.percentile(many["wall"], 99)),
        "service_cpu_ms_per_turn": 1000 * cpu / len(many["wall"]),
        "longest_block_ms": await watch,
    }


async def longest_block(stop: asyncio.Event) -> float:
    """Milliseconds by which a 1 ms sleep of this loop was late at worst."""
    worst = 0.0
    while not stop.is_set():
        start = time.perf_counter()
        await asyncio.sleep(0.001)
        worst = max(worst, time.perf_counter() - start - 0.001)
    return worst * 1000


async def callers(port: int, users: int, turns: int, level: str, rest: str = "") -> dict:
    """Turns of `users` people at once, from a process of their own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        __file__,
        "--call",
        str(port),
        str(users),
        str(turns),
        level,
        rest,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    if process.returncode:
        raise SystemExit("the callers failed")
    return json.loads(out)


async def call(port: int, users: int, turns: int, level: str, rest: str) -> None:
    wall: list[float] = []
    overhead: list[float] = []
    parts: dict[str, list[float]] = {}
    words = Words(7)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def person(number: int) -> None:
            for _ in range(turns):
                body = {
                    "user_id": f"person-{rest}{number}",
                    "message": "Do you remember " + words.sentence(words.length()) + "?",
                    "metadata_level": "extended" if not rest else level,
                }
                start = time.perf_counter()
                async with session.post(f"http://127.0.0.1:{port}/api/chat", json=body) as response:
                    answer = await response.json()
                    if response.status != 200:
                        raise SystemExit(f"{response.status} {answer}")
                took = (time.perf_counter() - start) * 1000
                wall.append(took)
                if not rest:
                    steps = answer["metadata"]["processing_pipeline"]
                    overhead.append(took - steps["model_ms"])
                    for name, value in steps.items():
                        if name.endswith("_ms"):
                            parts.setdefault(name.removesuffix("_ms"), []).append(value)

        start = time.perf_counter()
        await asyncio.gather(*map(person, range(users)))
        seconds = time.perf_counter() - start
    print(json.dumps({"wall": wall, "overhead": overhead, "parts": parts, "seconds": seconds}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--call"]:
        asyncio.run(call(int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5], sys.argv[6]))
    else:
        asyncio.run(main())
