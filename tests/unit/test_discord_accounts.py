"""Which bots the settings ask for, and how they behave."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from whisperengine import config as configuration
from whisperengine.config import Config
from whisperengine.discord.bots import accounts_of
from whisperengine.errors import ConfigurationError


def load(**environ: str) -> Config:
    return configuration.load({"ENABLE_DISCORD": "true", **environ}, dotenv=Path(os.devnull))


def bots(**environ: str) -> list[tuple[str, str]]:
    return [(account.options.character, account.token) for account in accounts_of(load(**environ))]


def test_without_a_token_or_disabled_there_is_no_bot() -> None:
    assert bots() == []
    assert bots(ENABLE_DISCORD="false", DISCORD_BOT_TOKEN="t") == []


def test_each_token_is_a_bot_and_the_default_character_has_the_first() -> None:
    assert bots(DISCORD_BOT_TOKEN="t", DISCORD_TOKENS="halcyon=h, Mira Okafor = m") == [
        ("assistant", "t"),
        ("halcyon", "h"),
        ("mira_okafor", "m"),
    ]
    assert bots(DISCORD_BOT_NAME="Elena", DISCORD_BOT_TOKEN="t") == [("elena", "t")]


def test_one_token_is_never_two_bots() -> None:
    assert bots(DISCORD_BOT_TOKEN="t", DISCORD_TOKENS="halcyon=t,mira=m") == [("assistant", "t"), ("mira", "m")]


def test_the_settings_reach_every_bot() -> None:
    accounts = accounts_of(
        load(
            DISCORD_TOKENS="a=1,b=2",
            DISCORD_RESPOND_MODE="all",
            ADMIN_USER_IDS="7, 8",
            DISCORD_SERVERS="1",
            DISCORD_DENIED_PEOPLE="9",
            DISCORD_COMMAND_PREFIX="?",
            DISCORD_SLOW_SECONDS="3",
            DISCORD_BOT_TURNS="2",
        )
    )
    for account in accounts:
        options = account.options
        assert (options.mode, options.prefix, options.slow_seconds, options.bot_turns) == ("all", "?", 3, 2)
        assert options.admins == {"7", "8"}
        assert (options.rules.guilds, options.rules.denied_users) == ({"1"}, {"9"})
    assert "1" not in repr(accounts[0]).partition("options")[0]


def test_requiring_a_mention_goes_before_the_mode() -> None:
    (account,) = accounts_of(load(DISCORD_BOT_TOKEN="t", DISCORD_RESPOND_MODE="all", REQUIRE_DISCORD_MENTION="true"))
    assert account.options.mode == "mention"


@pytest.mark.parametrize("wrong", ["token", "=token", "name=", "a=1,b"])
def test_a_token_without_its_character_is_refused_and_not_shown(wrong: str) -> None:
    with pytest.raises(ConfigurationError, match="DISCORD_TOKENS") as caught:
        load(DISCORD_TOKENS=wrong)
    assert wrong not in str(caught.value)


@pytest.mark.parametrize("wrong", ["elena", "12x", "-5", "9" * 20])
def test_an_id_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(ConfigurationError, match="ADMIN_USER_IDS"):
        load(ADMIN_USER_IDS=wrong)
