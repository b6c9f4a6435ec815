"""The Discord side of the service as a process of its own, with a stub for the heart: for tests that kill it.

`python -m tests.support.discord_process --dsn DSN --base URL [--delay S]`; SIGTERM ends it in order.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal

import asyncpg

from tests.support.discord_client import QUICK
from tests.support.discord_heart import StubHeart
from whisperengine.discord.context import Options
from whisperengine.discord.pace import Timing
from whisperengine.discord.service import Account, Service


async def _run(arguments: argparse.Namespace) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    heart = StubHeart(delay=arguments.delay)
    timing = Timing() if arguments.real_times else QUICK
    lease, renew = (15.0, 5.0) if arguments.real_times else (1.0, 0.2)
    async with asyncpg.create_pool(arguments.dsn, min_size=1, max_size=5) as pool:
        account = Account(token=arguments.token, options=Options(character="elena", mode=arguments.mode))
        service = Service(
            pool, arguments.dsn, heart, [account], api_base=arguments.base, timing=timing, lease=lease, renew=renew
        )
        running = asyncio.create_task(service.run())
        await stop.wait()
        service.stop()
        await running


def main() -> None:
    parser = argparse.ArgumentParser(description="Bots with a stub heart")
    parser.add_argument("--dsn", required=True)
    parser.add_argument("--base", required=True)
    parser.add_argument("--token", default="token")
    parser.add_argument("--mode", default="all")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds per answer")
    parser.add_argument("--real-times", action="store_true")
    logging.basicConfig(level=logging.INFO)
    asyncio.run(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
