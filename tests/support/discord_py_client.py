"""discord.py as a process, pointed at the fake server: answers people, or only counts what it hears.

`python -m tests.support.discord_py_client --base URL --gateway URL [--count-only]`
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import warnings
from typing import Any

import yarl

with warnings.catch_warnings():
    # Its voice parts import a module that Python gives up.
    warnings.simplefilter("ignore", DeprecationWarning)
    import discord
    from discord.http import Route


async def _run(arguments: argparse.Namespace) -> None:
    Route.BASE = arguments.base
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(arguments.gateway)
    intents = discord.Intents.none()
    intents.guilds = intents.messages = intents.message_content = True
    client = discord.Client(intents=intents)

    @client.event
    async def on_message(message: Any) -> None:
        me = client.user
        if me is None or message.author.bot:
            return
        if arguments.count_only and me not in message.mentions:
            return
        async with message.channel.typing():
            await message.reply("echo " + message.content)

    running = asyncio.create_task(client.start(arguments.token))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: asyncio.ensure_future(client.close()))
    await running


def main() -> None:
    parser = argparse.ArgumentParser(description="A client on discord.py")
    parser.add_argument("--base", required=True)
    parser.add_argument("--gateway", required=True)
    parser.add_argument("--token", default="token")
    parser.add_argument("--count-only", action="store_true", help="answer only who mentions the bot")
    asyncio.run(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
