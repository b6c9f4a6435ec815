"""`whisperengine discord`: the links that invite the bots, and what is missing for them to work."""

from __future__ import annotations

import argparse
import asyncio

from whisperengine.config import Config
from whisperengine.discord.bots import NO_TOKEN, accounts_of
from whisperengine.discord.check import check, invite
from whisperengine.discord.service import Account
from whisperengine.errors import ConfigurationError


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("invite", help="print the link that adds each bot to a server, with the permissions it uses")
    actions.add_parser("check", help="check the tokens, the intents, and the permissions in each server")


def run(args: argparse.Namespace, config: Config) -> int:
    accounts = configured(config)
    return asyncio.run(_invite(config, accounts) if args.action == "invite" else _check(config, accounts))


def configured(config: Config) -> list[Account]:
    """The bots of all tokens, whether Discord is enabled or not. Raises ConfigurationError when there is none."""
    accounts = accounts_of(config, disabled=True)
    if not accounts:
        raise ConfigurationError(NO_TOKEN)
    return accounts


async def _invite(config: Config, accounts: list[Account]) -> int:
    for account in accounts:
        print(f"{account.options.character}: {await invite(config.discord_api_base, account.token)}")
    return 0


async def _check(config: Config, accounts: list[Account]) -> int:
    """0 when nothing is wrong, 1 otherwise."""
    failed = False
    for account in accounts:
        print(f"{account.options.character}:")
        for finding in await check(config.discord_api_base, account.token):
            failed = failed or not finding.good
            print(f"  {'ok     ' if finding.good else 'PROBLEM'} {finding.text}")
    if not config.discord_enabled:
        print("Discord is not enabled: set ENABLE_DISCORD=true to connect the bots.")
    return 1 if failed else 0
