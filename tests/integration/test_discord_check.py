"""What an administrator learns before anything is started."""

from __future__ import annotations

import asyncio
import os
import sys
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


async def command(discord: DiscordServer, *words: str, **environ: str) -> tuple[int | None, str]:
    """Exit code and output of `whisperengine`."""
    given = {"DOTENV_PATH": os.devnull, "DISCORD_API_BASE": discord.base, "DISCORD_BOT_NAME": "elena", **environ}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "whisperengine", *words),
        env={**os.environ, **given},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode, output.decode()


async def test_the_command_invites_and_checks_every_bot(discord: DiscordServer) -> None:
    marcus = discord.world.add_bot("token-2", "Marcus")
    discord.world.add_guild("Reef")
    tokens = {"DISCORD_BOT_TOKEN": "token", "DISCORD_TOKENS": "marcus=token-2"}
    status, output = await command(discord, "discord", "invite", **tokens)
    assert (status, output.splitlines()[1].split("&")[0]) == (
        0,
        f"marcus: https://discord.com/oauth2/authorize?client_id={marcus.id}",
    )
    status, output = await command(discord, "discord", "check", **tokens)
    assert status == 0
    assert "Reef: every permission is there." in output
    assert "set ENABLE_DISCORD=true" in output
    marcus.content = False
    status, output = await command(discord, "discord", "check", ENABLE_DISCORD="true", **tokens)
    assert status == 1
    assert "PROBLEM Discord does not let this bot read messages" in output


async def test_the_command_says_how_to_get_a_token(discord: DiscordServer) -> None:
    status, output = await command(discord, "discord", "invite")
    assert status == 2
    assert "DISCORD_BOT_TOKEN" in output
    assert "Traceback" not in output
