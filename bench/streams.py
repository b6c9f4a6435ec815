"""Many streams at once: how late each token is, and what a stream costs in memory.

    python bench/streams.py [--streams 500] [--seconds 60]

A model stub that sends a token each 50 ms in one process, the service with embedded PostgreSQL in a second, the
listeners in a third. A token carries the time at which it was sent, so its delay counts both hops. Prints a table and
one JSON line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
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
BARS = {"delay_p99_ms": 100, "kilobytes_per_stream": 100, "errors": 0}


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=60)
    args = parser.parse_args()
    stub = await started("--stub", str(args.seconds))
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
            async with app.running(config) as port:
                listeners = await started("--listen", str(port), "5", "5")
                await listeners.communicate()
                before = most = resident_bytes()
                spent = time.process_time()
                listeners = await started("--listen", str(port), str(args.streams), str(args.seconds))
                done = asyncio.ensure_future(listeners.communicate())
                while not done.done():
                    await asyncio.wait({done}, timeout=1)
                    most = max(most, resident_bytes())
                result: dict[str, Any] = json.loads(done.result()[0])
                spent = time.process_time() - spent
    finally:
        stub.kill()
        await stub.wait()
    result["microseconds_per_token"] = 1e6 * spent / (result["tokens_per_second"] * args.seconds)
    result["kilobytes_per_stream"] = (most - before) / args.streams / 1000
    for name, value in result.items():
        print(f"{name:24} {value:12.2f}{f'   bar {BARS[name]}' if name in BARS else ''}")
    print(json.dumps({"bench": "streams", "streams": args.streams, "seconds": args.seconds, **result}))


async def started(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(sys.executable, __file__, *arguments, stdout=subprocess.PIPE)


async def stub(seconds: float) -> None:
    async def complete(request: web.Request) -> web.StreamResponse:
        await request.read()
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            await response.write(b'data: {"choices":[{"delta":{"content":"%.4f "}}]}\n\n' % time.monotonic())
            await asyncio.sleep(EVERY_SECONDS)
        await response.write(
            b'data: {"choices":[{"delta":{"content":"."},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
        )
        return response

    served = web.Application()
    served.router.add_post("/v1/chat/completions", complete)
    runner = web.AppRunner(served, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}/v1", flush=True)
    await asyncio.Event().wait()


async def listen(port: int, streams: int, seconds: float) -> None:
    delays: list[float] = []
    errors = 0

    async def one(number: int) -> None:
        nonlocal errors
        body = {"user_id": f"listener-{os.getpid()}-{number}", "message": "Talk.", "stream": True}
        try:
            async with session.post(f"http://127.0.0.1:{port}/api/chat", json=body) as response:
                ended = False
                async for line in response.content:
                    if line.startswith(TOKEN):
                        token = line.removeprefix(TOKEN).split(b'"')[0].strip()
                        if token != b".":
                            delays.append(time.monotonic() - float(token))
                    ended = ended or line.startswith(b"event: done")
                errors += not ended
        except (aiohttp.ClientError, ValueError):
            errors += 1

    limitless = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=limitless) as session:
        await asyncio.gather(*map(one, range(streams)))
    found = np.array(delays or [0.0]) * 1000
    print(
        json.dumps(
            {
                "tokens_per_second": len(delays) / seconds,
                "delay_p50_ms": float(np.percentile(found, 50)),
                "delay_p99_ms": float(np.percentile(found, 99)),
                "errors": errors,
            }
        )
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--stub"]:
        asyncio.run(stub(float(sys.argv[2])))
    elif sys.argv[1:2] == ["--listen"]:
        asyncio.run(listen(int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))
    else:
        asyncio.run(main())
