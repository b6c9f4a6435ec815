"""The REST client against the strict server: limits, lost answers, refusals."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from tests.support.discord_server import DiscordServer
from tests.support.discord_world import Times
from whisperengine.discord.buckets import INVALID_BRAKE
from whisperengine.discord.problems import DiscordPaused, DiscordRefused, DiscordStopped, DiscordUnreachable
from whisperengine.discord.rest import Rest
from whisperengine.discord.transport import client_session
from whisperengine.errors import ConfigurationError


@pytest.fixture
async def discord() -> AsyncIterator[DiscordServer]:
    async with DiscordServer(Times()) as server:
        server.world.add_bot("token", "Elena")
        server.world.add_guild("Reef", 60)
        yield server
        assert server.breaches == []


@pytest.fixture
async def rest(discord: DiscordServer) -> AsyncIterator[Rest]:
    async with client_session() as http:
        yield Rest(http, discord.base, "token", backoff=0.005)


@pytest.fixture
def channel(discord: DiscordServer) -> str:
    return next(iter(discord.world.channels))


def contents(discord: DiscordServer) -> list[str]:
    return [message["content"] for message in discord.world.posted()]


def statuses(discord: DiscordServer) -> list[int]:
    return [status for _, _, _, status in discord.rest.requests]


async def test_twelve_messages_into_a_small_bucket_meet_no_429_and_keep_their_order(
    discord: DiscordServer, rest: Rest, channel: str
) -> None:
    discord.rest.limits["POST messages"].window = 0.3
    await asyncio.gather(*(rest.send(channel, str(number), nonce=f"n{number}") for number in range(12)))
    assert contents(discord) == [str(number) for number in range(12)]
    assert set(statuses(discord)) == {200}


async def test_a_burst_over_many_channels_stays_under_fifty_a_second(discord: DiscordServer, rest: Rest) -> None:
    channels = list(discord.world.channels)
    began = time.monotonic()
    await asyncio.gather(*(rest.send(place, "x", nonce=place) for place in channels))
    assert len(contents(discord)) == 60
    assert time.monotonic() - began >= 1


@pytest.mark.parametrize("fault", ["502-after", "drop-after", "500", "502", "503", "504", "drop", "502:twice"])
async def test_a_message_is_posted_exactly_once_whatever_happens_to_the_answer(
    discord: DiscordServer, rest: Rest, channel: str, fault: str
) -> None:
    kind, _, twice = fault.partition(":")
    discord.rest.fail("POST", "/messages$", kind, 2 if twice else 1)
    sent = await rest.send(channel, "once", nonce="n1")
    assert contents(discord) == ["once"]
    assert sent["id"] == discord.world.posted()[0]["id"]


async def test_order_survives_a_failure_in_the_middle(discord: DiscordServer, rest: Rest, channel: str) -> None:
    discord.rest.fail("POST", "/messages$", "502")
    await asyncio.gather(*(rest.send(channel, str(number), nonce=f"n{number}") for number in range(4)))
    assert contents(discord) == ["0", "1", "2", "3"]


async def test_a_server_that_stays_broken_is_given_up_with_a_sentence(
    discord: DiscordServer, rest: Rest, channel: str
) -> None:
    discord.rest.fail("POST", "/messages$", "500", 100)
    with pytest.raises(DiscordUnreachable, match=r"HTTP 500.*discordstatus"):
        await rest.send(channel, "x", nonce="n")
    assert len(discord.rest.requests) == 6


@pytest.mark.parametrize("scope", ["user", "shared", "global"])
async def test_a_429_is_waited_out(discord: DiscordServer, rest: Rest, channel: str, scope: str) -> None:
    discord.rest.fail("POST", "/messages$", f"429-{scope}:0.2")
    began = time.monotonic()
    await rest.send(channel, "patient", nonce="n")
    assert time.monotonic() - began >= 0.2
    assert contents(discord) == ["patient"]
    assert rest.buckets._invalid.count(time.monotonic()) == (0 if scope == "shared" else 1)


async def test_a_global_429_stops_everybody_and_interactions_pass(
    discord: DiscordServer, rest: Rest, channel: str
) -> None:
    discord.rest.fail("POST", "/messages$", "429-global:0.4")
    first = asyncio.create_task(rest.send(channel, "first", nonce="n1"))
    await discord.until(lambda: 429 in statuses(discord))
    others = [asyncio.create_task(rest.typing(place)) for place in list(discord.world.channels)[1:4]]
    bot = discord.world.bots["token"]
    found = discord.interact(bot, channel, discord.world.add_user("Anna"), {"name": "help"})
    began = time.monotonic()
    assert await rest.respond(found.id, found.token, 5)
    assert time.monotonic() - began < 0.3
    await asyncio.gather(first, *others)


async def test_a_ban_by_cloudflare_stops_everything_at_once(discord: DiscordServer, rest: Rest, channel: str) -> None:
    discord.rest.fail("POST", "/messages$", "cloudflare")
    with pytest.raises(DiscordPaused) as paused:
        await rest.send(channel, "x", nonce="n")
    assert paused.value.retry_after == 300
    with pytest.raises(DiscordPaused):
        await rest.me()
    assert len(discord.rest.requests) == 1


async def test_after_a_401_discord_is_not_asked_again(discord: DiscordServer, rest: Rest, channel: str) -> None:
    discord.rest.fail("POST", "/messages$", "401")
    for _ in range(3):
        with pytest.raises(DiscordStopped, match="DISCORD_BOT_TOKEN"):
            await rest.send(channel, "x", nonce="n")
    assert len(discord.rest.requests) == 1


async def test_refusals_are_not_repeated_and_name_what_to_change(
    discord: DiscordServer, rest: Rest, channel: str
) -> None:
    discord.rest.fail("POST", "/messages$", "403:50013")
    with pytest.raises(DiscordRefused, match="Send Messages") as refused:
        await rest.send(channel, "x", nonce="n")
    assert (refused.value.http_status, refused.value.reason) == (403, 50013)
    assert len(discord.rest.requests) == 1


async def test_a_thousand_refusals_stop_the_client_long_before_discord_would(
    discord: DiscordServer, rest: Rest, channel: str
) -> None:
    for _ in range(INVALID_BRAKE - 2):
        rest.buckets.invalid(time.monotonic())
    discord.rest.fail("POST", "/messages$", "403:50013", 2)
    for number in range(2):
        with pytest.raises(DiscordRefused):
            await rest.send(channel, "x", nonce=str(number))
    with pytest.raises(DiscordPaused):
        await rest.send(channel, "x", nonce="n")
    assert len(discord.rest.requests) == 2


async def test_a_wait_that_is_too_long_is_an_error_and_not_a_hang(
    discord: DiscordServer, rest: Rest, channel: str
) -> None:
    discord.rest.fail("POST", "/messages$", "429-shared:1336")
    with pytest.raises(DiscordPaused) as paused:
        await asyncio.wait_for(rest.send(channel, "x", nonce="n"), 2)
    assert paused.value.retry_after is not None
    assert paused.value.retry_after > 1300


async def test_deleting_twice_is_no_error(discord: DiscordServer, rest: Rest, channel: str) -> None:
    sent = await rest.send(channel, "x", nonce="n")
    discord.rest.fail("DELETE", "/messages/", "drop-after")
    await rest.delete(channel, sent["id"])
    assert discord.world.deleted == [sent["id"]]


async def test_an_interaction_that_was_answered_after_all_is_not_an_error(
    discord: DiscordServer, rest: Rest, channel: str
) -> None:
    found = discord.interact(discord.world.bots["token"], channel, discord.world.add_user("Anna"), {"name": "help"})
    discord.rest.fail("POST", "/callback", "drop-after")
    assert await rest.respond(found.id, found.token, 5) is False
    await rest.edit_response(found.bot.id, found.token, "done")
    await rest.follow_up(found.bot.id, found.token, "more", ephemeral=True)
    assert found.original is not None
    assert found.original["content"] == "done"
    assert [more["content"] for more in found.follow_ups] == ["more"]


async def test_files_travel_with_their_message(discord: DiscordServer, rest: Rest, channel: str) -> None:
    await rest.send(channel, "here", nonce="n", files=(("a.json", b"{}"), ("b.txt", b"hello")))
    (message,) = discord.world.posted()
    assert [(file["filename"], file["size"]) for file in message["attachments"]] == [("a.json", 2), ("b.txt", 5)]


async def test_a_reply_to_a_message_that_is_gone_is_sent_without_it(
    discord: DiscordServer, rest: Rest, channel: str
) -> None:
    await rest.send(channel, "x", nonce="n", reply_to="123")
    assert contents(discord) == ["x"]


async def test_a_token_is_not_sent_unencrypted(rest: Rest) -> None:
    with pytest.raises(ConfigurationError, match="https"):
        Rest(rest._http, "http://discord.example/api/v10", "token")


async def test_every_other_call_is_understood(discord: DiscordServer, rest: Rest, channel: str) -> None:
    anna = discord.world.add_user("Anna")
    asked = discord.world.say(channel, anna, "hi")
    sent = await rest.send(channel, "draft", nonce="n")
    assert (await rest.edit(channel, sent["id"], "final"))["content"] == "final"
    await rest.typing(channel)
    await rest.react(channel, asked, "👍")
    assert discord.world.reactions[0][0] == asked
    assert [message["id"] for message in await rest.history(channel, 10)] == [sent["id"], asked]
    assert (await rest.me())["id"] == discord.world.bots["token"].id
    assert (await rest.gateway()).limit.total == 1000
    stored = await rest.set_commands(discord.world.bots["token"].id, [{"name": "help", "description": "Help"}])
    assert await rest.commands(discord.world.bots["token"].id) == stored
