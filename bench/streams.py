"""Many streams at once: how late each token is, and what a stream costs in memory.

    python bench/streams.py [--streams 500] [--seconds 60]

A model stub that sends a token each 50 ms in one process, the service with embedded PostgreSQL in a second, the
listeners in a third. A token carries the time at which it was sent, so its delay counts both hops. What a stream costs
in memory and a token in processor time is measured while all of them are open, between the turns' beginnings and their
ends; the encoder's working memory, which any number of turns shares, is taken before, by 64 streams that count no more.
Prints a table and one JSON line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
from aiohttp import web

sys.path.insert(0, str(Path(__file__).parents[1]))
from whisperengine import app
from whisperengine import config as configuration
from whisperengine.api.metrics import resident_bytes

EVERY_SECONDS = 0.05
TOKEN = b'data: {"token":"'
WARM_SECONDS, WARM_STREAMS = 5, 64
BARS = {"delay_p99_ms": 100, "kilobytes_per_stream": 100, "errors": 0}


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=60)
    args = parser.parse_args()
    stub = await started("--stub")
    assert stub.stdout
    url = (await stub.stdout.readline()).decode().strip()
    try:
        with tempfile.TemporaryDirectory() as home:
            Path(home).chmod(0o711)
            config = replace(
                configuration.load(),
                home=Path(home),
                database_url="",
                postgres_host="",
                llm_client_type="local",
                llm_url=url,
                llm_model="stub",
                llm_timeout=args.seconds + 60,
            )
            async with app.running(config) as port, aiohttp.ClientSession() as session:
                await hear(session, url, WARM_SECONDS)
                listeners = await started("--listen", str(port), str(WARM_STREAMS), str(WARM_SECONDS))
                await listeners.communicate()
                before = most = resident_bytes()
                all_spent, all_told = time.process_time(), await told(session, url)
                await hear(session, url, args.seconds)
                listeners = await started("--listen", str(port), str(args.streams), str(args.seconds))
                done = asyncio.ensure_future(listeners.communicate())
                spent = tokens = 0.0
                standing: tuple[float, int] | None = None
                while not done.done():
                    await asyncio.wait({done}, timeout=1)
                    now, count = time.process_time(), await told(session, url)
                    if count["open"] == args.streams:
                        most = max(most, resident_bytes())
                        standing = standing or (now, count["tokens"])
                        spent, tokens = now - standing[0], count["tokens"] - standing[1]
                result: dict[str, Any] = json.loads(done.result()[0])
                all_spent = time.process_time() - all_spent
                all_told = (await told(session, url))["tokens"] - all_told["tokens"]
    finally:
        stub.kill()
        await stub.wait()
    result["microseconds_per_token"] = 1e6 * spent / max(1, tokens)
    result["with_turns_per_token"] = 1e6 * all_spent / all_told
    result["kilobytes_per_stream"] = (most - before) / (args.streams - WARM_STREAMS) / 1000
    for name, value in result.items():
        print(f"{name:24} {value:12.2f}{f'   bar {BARS[name]}' if name in BARS else ''}")
    print(json.dumps({"bench": "streams", "streams": args.streams, "seconds": args.seconds, **result}))


async def started(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(sys.executable, __file__, *arguments, stdout=subprocess.PIPE)


async def hear(session: aiohttp.ClientSession, url: str, seconds: float) -> None:
    """From now on the stub's answers are as long as that."""
    async with session.post(f"{url}/seconds", json=seconds) as response:
        response.raise_for_status()


async def told(session: aiohttp.ClientSession, url: str) -> dict[str, int]:
    """How many streams of the stub are open, and how many tokens it has sent."""
    async with session.get(f"{url}/told") as response:
        return await response.json()


async def stub() -> None:
    seconds, counts = 0.0, {"open": 0, "tokens": 0}

    async def last(request: web.Request) -> web.Response:
        nonlocal seconds
        seconds = await request.json()
        return web.Response()

    async def tell(request: web.Request) -> web.Response:
        return web.json_response(counts)

    async def complete(request: web.Request) -> web.StreamResponse:
        await request.read()
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        end = time.monotonic() + seconds
        counts["open"] += 1
        while (now := time.monotonic()) < end and request.transport:
            event = b'data: {"choices":[{"delta":{"content":"%.4f "}}]}\n\n' % now
            # As the response would write it, without its price: the processors are for the service.
            request.transport.write(b"%x\r\n%b\r\n" % (len(event), event))
            counts["tokens"] += 1
            await asyncio.sleep(EVERY_SECONDS)
        counts["open"] -= 1
        await response.write(
            b'data: {"choices":[{"delta":{"content":"."},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
        )
        return response

    served = web.Application()
    served.router.add_post("/v1/chat/completions", complete)
    served.router.add_post("/v1/seconds", last)
    served.router.add_get("/v1/told", tell)
    runner = web.AppRunner(served, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}/v1", flush=True)
    await asyncio.Event().wait()


async def listen(port: int, streams: int, seconds: float) -> None:
    heard: list[tuple[float, float]] = []  # when, and how long it took
    began, ends = [], []
    errors = 0

    async def one(number: int) -> None:
        nonlocal errors
        body = {"user_id": f"listener-{os.getpid()}-{number}", "message": "Talk.", "stream": True}
        try:
            async with session.post(f"http://127.0.0.1:{port}/api/chat", json=body) as response:
                ended, rest, first = False, b"", True
                async for chunk in response.content.iter_any():
                    *events, rest = (rest + chunk).split(b"\n\n")
                    for event in events:
                        name, _, data = event.partition(b"\n")
                        if name == b"event: token":
                            token = data.removeprefix(TOKEN).split(b'"')[0].strip()
                            if token != b".":
                                heard.append((now := time.monotonic(), now - float(token)))
                                if first:
                                    began.append(now)
                                    first = False
                        ended = ended or name == b"event: done"
                errors += not ended
                ends.append(time.monotonic())
        except (aiohttp.ClientError, ValueError):
            errors += 1

    limitless = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=limitless) as session:
        await asyncio.gather(*map(one, range(streams)))
    found = np.array(heard or [(0.0, 0.0)])
    when, delays = found[:, 0], found[:, 1] * 1000
    all_open = delays[(when > max(began, default=0.0)) & (when < min(ends, default=0.0))]
    print(
        json.dumps(
            {
                "tokens_per_second": len(heard) / seconds,
                "delay_p50_ms": float(np.percentile(delays, 50)),
                "delay_p99_ms": float(np.percentile(delays, 99)),
                "all_open_p99_ms": float(np.percentile(all_open, 99)) if len(all_open) else math.inf,
                "errors": errors,
            }
        )
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--stub"]:
        asyncio.run(stub())
    elif sys.argv[1:2] == ["--listen"]:
        asyncio.run(listen(int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))
    else:
        asyncio.run(main())
