"""What others change while a bot runs, and it notices by itself."""

from __future__ import annotations

from dataclasses import replace

from tests.support.discord_bots import Reef, bots
from tests.support.discord_heart import StubHeart
from tests.support.discord_server import DiscordServer
from whisperengine.discord.gateway import MESSAGE_CONTENT


async def test_an_intent_that_is_granted_later_is_used_without_a_restart(
    database: str, discord: DiscordServer, reef: Reef, heart: StubHeart
) -> None:
    reef.bot.content = False
    async with bots(database, discord, heart, mode="all") as service:
        assert "MESSAGE CONTENT INTENT" in service.state()[0]["problem"]
        reef.bot.content = True
        await discord.until(lambda: discord.session_of(reef.bot).intents & MESSAGE_CONTENT)
        await discord.until(lambda: not service.state()[0]["problem"])
        reef.say("anyone?")
        assert await reef.posts(1) == ["answer to anyone?"]
    assert [connect.opened for connect in discord.gateway.connects] == ["identify"] * 3


async def test_a_switch_that_is_on_for_the_api_alone_is_tried_once(
    database: str, discord: DiscordServer, reef: Reef, heart: StubHeart
) -> None:
    reef.bot.content = False
    reef.bot.flags = 1 << 19
    async with bots(database, discord, heart):
        await discord.until(lambda: len(discord.gateway.connects) == 4)
        asked = len(discord.rest.requests)
        await discord.until(
            lambda: sum(path.endswith("/applications/@me") for *_, path, _ in discord.rest.requests[asked:]) >= 2
        )
        reef.say(reef.call + "you?")
        await reef.posts(1)
    assert len(discord.gateway.connects) == 4


async def test_the_presence_follows_the_character(
    database: str, discord: DiscordServer, reef: Reef, heart: StubHeart
) -> None:
    async with bots(database, discord, heart):
        heart.portraits["elena"] = replace(heart.portraits["elena"], doing="asleep")
        await discord.until(lambda: len(discord.gateway.presences) == 2)
    assert [presence["activities"][0]["state"] for presence in discord.gateway.presences] == [
        "watching the reef",
        "asleep",
    ]
