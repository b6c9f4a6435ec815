"""What authentication and limits add to a turn: two services on one database, one with and one without, asked in turns.

    python bench/doors.py [--turns 300]

Without a language model, so that nothing but the service is measured. Prints a table and one JSON line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from contextlib import AsyncExitStack, nullcontext
from dataclasses import replace
from pathlib import Path

import aiohttp
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from whisperengine import app
from whisperengine import config as configuration
from whisperengine.api import chat
from whisperengine.api.context import CONTEXT

BAR_MS = 1.0
NO_LIMIT_IS_REACHED = 1_000_000


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=300)
    args = parser.parse_args()
    admitted = chat.admitted

    def only_where_asked(request, user_id, **options):
        return nullcontext() if request.app[CONTEXT].config.auth == "off" else admitted(request, user_id, **options)

    chat.admitted = only_where_asked
    with tempfile.TemporaryDirectory() as home:
        Path(home).chmod(0o711)
        config = replace(configuration.load(), home=Path(home), database_url="", llm_client_type="disabled")
        limits = {
            f"limit_{kind}_{what}": NO_LIMIT_IS_REACHED
            for kind in ("key", "person", "address")
            for what in ("minute", "day", "streams")
        }
        async with AsyncExitStack() as stack:
            dsn = await stack.enter_async_context(app.database(config))
            without = replace(config, database_url=dsn, migrate_on_start=True, auth="off")
            with_all = replace(without, auth="on", api_key="environment", **limits)
            ports = [await stack.enter_async_context(app.running(each)) for each in (without, with_all)]
            session = await stack.enter_async_context(aiohttp.ClientSession())
            admin = {"Authorization": "Bearer environment"}
            async with session.post(f"http://127.0.0.1:{ports[1]}/api/keys", json={}, headers=admin) as made:
                key = {"Authorization": f"Bearer {(await made.json())['key']}"}
            times: tuple[list[float], list[float]] = ([], [])
            for number in range(2 * (args.turns + 30)):
                which = number % 2
                body = {"user_id": f"person-{which}", "message": f"Number {number}", "metadata_level": "basic"}
                start = time.perf_counter()
                url = f"http://127.0.0.1:{ports[which]}/api/chat"
                async with session.post(url, json=body, headers=key) as response:
                    await response.read()
                    assert response.status == 200
                if number >= 60:
                    times[which].append((time.perf_counter() - start) * 1000)
    result = {
        "without_p50_ms": float(np.median(times[0])),
        "with_p50_ms": float(np.median(times[1])),
        "added_p50_ms": float(np.median(times[1]) - np.median(times[0])),
    }
    for name, value in result.items():
        print(f"{name:24} {value:10.2f}{f'   bar {BAR_MS:g}' if name == 'added_p50_ms' else ''}")
    print(json.dumps({"bench": "doors", "turns": args.turns, **result}))


if __name__ == "__main__":
    asyncio.run(main())
