"""The bots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from whisperengine.variables import discord_ids, env, flag, named_tokens, one_of, url, whole


def _discord_ids(name: str, setting: str, help: str) -> Any:
    return env(
        name,
        (),
        "Discord",
        f"{help}, by id.",
        discord_ids,
        "ids of Discord, separated by commas",
        setting=f"discord.{setting}",
        kind="list",
    )


@dataclass(frozen=True, kw_only=True)
class Discord:
    """Variables of the group Discord."""

    # Discord
    discord_enabled: bool = flag("ENABLE_DISCORD", False, "Discord", "Connect the bots.", setting="discord.enabled")
    discord_token: str = env(
        "DISCORD_BOT_TOKEN",
        "",
        "Discord",
        "Token of the bot that is the default character.",
        secret=True,
        setting="discord.token",
    )
    discord_tokens: str = env(
        "DISCORD_TOKENS",
        "",
        "Discord",
        "Bots of further characters, each with a token of its own.",
        named_tokens,
        "NAME=TOKEN pairs such as mira_okafor=…,halcyon=…, separated by commas",
        secret=True,
        setting="discord.tokens",
    )
    discord_api_base: str = env(
        "DISCORD_API_BASE",
        "https://discord.com/api/v10",
        "Discord",
        "Base URL of Discord's REST API; http:// on this machine only.",
        url("http", "https"),
        "an https:// URL",
    )
    discord_mode: str = one_of(
        "DISCORD_RESPOND_MODE",
        "mention",
        ("mention", "name", "all", "off"),
        "Discord",
        "What is answered on a server: mentions and replies, also its `name`, or `all` messages; `off` leaves direct "
        "messages and commands.",
        setting="discord.mode",
    )
    discord_require_mention: bool = flag(
        "REQUIRE_DISCORD_MENTION",
        False,
        "Discord",
        "Makes DISCORD_RESPOND_MODE `mention`, whatever it says.",
        setting="discord.require_mention",
    )
    discord_prefix: str = env(
        "DISCORD_COMMAND_PREFIX",
        "!",
        "Discord",
        "What !help, !ping, !bot_status and !llm_status begin with.",
        setting="discord.prefix",
    )
    discord_admins: tuple[str, ...] = _discord_ids(
        "ADMIN_USER_IDS", "admins", "People who may ban, and see errors in full"
    )
    discord_servers: tuple[str, ...] = _discord_ids("DISCORD_SERVERS", "servers", "The only servers")
    discord_channels: tuple[str, ...] = _discord_ids("DISCORD_CHANNELS", "channels", "The only channels or categories")
    discord_people: tuple[str, ...] = _discord_ids("DISCORD_PEOPLE", "people", "The only people")
    discord_roles: tuple[str, ...] = _discord_ids("DISCORD_ROLES", "roles", "On servers, the only roles")
    discord_denied_servers: tuple[str, ...] = _discord_ids(
        "DISCORD_DENIED_SERVERS", "denied_servers", "Servers where nobody is answered"
    )
    discord_denied_channels: tuple[str, ...] = _discord_ids(
        "DISCORD_DENIED_CHANNELS", "denied_channels", "Channels or categories where nobody is answered"
    )
    discord_denied_people: tuple[str, ...] = _discord_ids(
        "DISCORD_DENIED_PEOPLE", "denied_people", "People who are not answered"
    )
    discord_denied_roles: tuple[str, ...] = _discord_ids(
        "DISCORD_DENIED_ROLES", "denied_roles", "Roles that are not answered"
    )
    discord_slow_seconds: int = whole(
        "DISCORD_SLOW_SECONDS",
        0,
        0,
        3600,
        "Discord",
        "Seconds between two answers to one person in one channel.",
        setting="discord.slow_seconds",
    )
    discord_bot_turns: int = whole(
        "DISCORD_BOT_TURNS",
        0,
        0,
        100,
        "Discord",
        "How many messages of other bots are answered in a channel before a person must speak; 0: none.",
        setting="discord.bot_turns",
    )
