"""hikari as a process, pointed at a fake Discord: answers who mentions it.

`python bench/peers/discord_hikari_bot.py --base URL --gateway URL [--token TOKEN]`
"""

from __future__ import annotations

import argparse

import hikari


def main() -> None:
    parser = argparse.ArgumentParser(description="A client on hikari")
    parser.add_argument("--base", required=True)
    parser.add_argument("--gateway", help="not needed: it asks the API")
    parser.add_argument("--token", default="token")
    arguments = parser.parse_args()
    intents = hikari.Intents.GUILDS | hikari.Intents.GUILD_MESSAGES | hikari.Intents.MESSAGE_CONTENT
    bot = hikari.GatewayBot(arguments.token, rest_url=arguments.base, intents=intents, banner=None)

    @bot.listen()
    async def answer(event: hikari.GuildMessageCreateEvent) -> None:
        me = bot.get_me()
        if me and event.is_human and me.id in (event.message.user_mentions_ids or ()):
            await event.message.respond(f"echo {event.content}", reply=True)

    bot.run(check_for_updates=False)


if __name__ == "__main__":
    main()
