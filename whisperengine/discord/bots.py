"""The bots that the settings ask for: started, changed and stopped with them. What goes wrong here stays here."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import asyncpg

from whisperengine.characters.definition import slug
from whisperengine.config import Config
from whisperengine.discord.address import Rules
from whisperengine.discord.context import Options
from whisperengine.discord.heart import Heart
from whisperengine.discord.problems import invite_link
from whisperengine.discord.service import Account, Service
from whisperengine.errors import WhisperEngineError

log = logging.getLogger(__name__)

RESTART = 10.0
NO_TOKEN = "There is no bot token. Create a bot as docs/discord.md describes and put its token into DISCORD_BOT_TOKEN."


def accounts_of(config: Config, *, disabled: bool = False) -> list[Account]:
    """A bot for each token, the default character's first. Where Discord is not enabled none, but with `disabled`."""
    if not config.discord_enabled and not disabled:
        return []
    pairs = [pair.partition("=") for pair in config.discord_tokens.split(",") if pair]
    tokens = {slug(name): token for name, _, token in pairs}
    if config.discord_token:
        tokens = {slug(config.default_character): config.discord_token, **tokens}
    rules = Rules(
        guilds=frozenset(config.discord_servers),
        channels=frozenset(config.discord_channels),
        users=frozenset(config.discord_people),
        roles=frozenset(config.discord_roles),
        denied_guilds=frozenset(config.discord_denied_servers),
        denied_channels=frozenset(config.discord_denied_channels),
        denied_users=frozenset(config.discord_denied_people),
        denied_roles=frozenset(config.discord_denied_roles),
    )
    # Two sessions with one token would both answer.
    characters = {token: character for character, token in reversed(tokens.items())}
    return [
        Account(
            token=token,
            options=Options(
                character=character,
                mode="mention" if config.discord_require_mention else config.discord_mode,
                prefix=config.discord_prefix,
                admins=frozenset(config.discord_admins),
                rules=rules,
                slow_seconds=config.discord_slow_seconds,
                bot_turns=config.discord_bot_turns,
            ),
        )
        for token, character in reversed(characters.items())
    ]


class Bots:
    """`start`, then `follow` each change of the settings, and `close`."""

    def __init__(self, pool: asyncpg.Pool, dsn: str, heart: Heart, config: Config) -> None:
        self._pool, self._dsn, self._heart = pool, dsn, heart
        self._config = config
        self._accounts = accounts_of(config)
        self._service: Service | None = None
        self._changed = asyncio.Event()
        self._closing = False
        self._problem = ""
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._running = asyncio.create_task(self._run(), name="discord")

    async def follow(self, before: Config, after: Config) -> None:
        """The settings changed."""
        self._config, self._accounts = after, accounts_of(after)
        self._changed.set()
        if self._service:
            if self._accounts:
                self._service.change(self._accounts)
            else:
                self._service.stop()

    async def close(self) -> None:
        """Show the bots offline, and end what is under way. Safe to call twice."""
        self._closing = True
        self._changed.set()
        if self._service:
            self._service.stop()
        if self._running:
            await asyncio.wait({self._running})

    async def _run(self) -> None:
        while not self._closing:
            self._changed.clear()
            self._problem = NO_TOKEN if self._config.discord_enabled and not self._accounts else ""
            wait = None
            if self._problem:
                log.error("discord.bots: %s", self._problem)
            if self._accounts:
                wait = await self._serve()
            if self._closing or self._changed.is_set():
                continue
            try:
                async with asyncio.timeout(wait):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def _serve(self) -> float | None:
        """Run until the service is stopped; returns the seconds until another attempt, None for none."""
        self._service = Service(
            self._pool,
            self._dsn,
            self._heart,
            self._accounts,
            api_base=self._config.discord_api_base,
            # The folder of an embedded database is locked by the process that runs it.
            alone=self._config.embedded,
        )
        try:
            await self._service.run()
        except WhisperEngineError as error:
            log.error("discord.bots: %s", error)
            self._problem = str(error)
            return None
        except Exception:
            log.exception("discord.bots: the bots ended and start again")
            return RESTART
        finally:
            self._service = None
        return 0.0

    def state(self) -> dict[str, Any]:
        """What GET /api/discord and /status show: whether Discord is enabled, and each bot."""
        bots = [_bot(state) for state in self._service.state()] if self._service else []
        problem, next_step = _halves(self._problem)
        return {"enabled": self._config.discord_enabled, "problem": problem, "next_step": next_step, "bots": bots}


def _bot(state: dict[str, Any]) -> dict[str, Any]:
    problem, next_step = _halves(state["problem"])
    return {
        "character": state["character"],
        "name": state["name"],
        "application_id": state["application"] or None,
        "invite_url": invite_link(state["application"]) if state["application"] else None,
        "state": state["status"],
        "problem": problem,
        "next_step": next_step,
        "shards": [
            {
                "id": shard["shard"],
                "state": shard["status"],
                "latency_ms": None if shard["latency"] is None else round(shard["latency"] * 1000),
                "guilds": shard["servers"],
            }
            for shard in state["shards"]
        ],
        "guilds": state["servers"],
        "waiting": state["waiting"],
        "dropped": state["dropped"],
        "problems": [{"where": where, "problem": text} for where, text in state["problems"].items()],
    }


def _halves(text: str) -> tuple[str | None, str | None]:
    """Every message says what is wrong, and behind its first full stop what to do."""
    problem, stop, next_step = text.partition(". ")
    return (problem + stop.strip() or None, next_step or None)
