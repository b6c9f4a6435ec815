"""What an administrator learns before anything is started."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.discord_server import DiscordServer
from whisperengine.discord.check import check, invite
from whisperengine.discord.problems import PERMISSIONS, missing_permissions


@pytest.fixture
async def discord() -> AsyncIterator[DiscordServer]:
    async with DiscordServer() as server:
        server.world.add_bot("token", "Elena")
        yield server
        assert server.breaches == []


async def test_the_invite_asks_for_exactly_what_is_used(discord: DiscordServer) -> None:
    link = await invite(discord.base, "token")
    bits = int(link.rpartition("permissions=")[2])
    assert f"client_id={discord.world.bots['token'].id}&scope=bot+applications.commands" in link
    assert bits == sum(PERMISSIONS.values())
    assert missing_permissions(bits) == []


async def test_everything_in_order_is_said_to_be(discord: DiscordServer) -> None:
    discord.world.add_guild("Reef")
    findings = await check(discord.base, "token")
    assert all(finding.good for finding in findings), findings
    assert findings[-1].text == "Reef: every permission is there."


async def test_a_wrong_token_is_the_only_finding(discord: DiscordServer) -> None:
    (finding,) = await check(discord.base, "wrong")
    assert not finding.good
    assert "Reset Token" in finding.text


async def test_what_is_missing_is_named_with_its_place(discord: DiscordServer) -> None:
    discord.world.bots["token"].content = False
    discord.times.start_remaining = 3
    bad = [finding.text for finding in await check(discord.base, "token") if not finding.good]
    assert "MESSAGE CONTENT INTENT" in bad[0]
    assert bad[1].startswith("3 of 1000 new sessions")
    assert "Add it by https://discord.com/oauth2/authorize" in bad[2]
    discord.world.add_guild("Reef", 0)
    discord.world.guild_permissions = PERMISSIONS["View Channels"]
    (last,) = (await check(discord.base, "token"))[-1:]
    assert "Reef: missing Send Messages" in last.text


@pytest.mark.parametrize("granted", [1 << 3, sum(PERMISSIONS.values())])
def test_administrators_lack_nothing(granted: int) -> None:
    assert missing_permissions(granted) == []
