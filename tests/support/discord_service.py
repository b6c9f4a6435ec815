"""The whole service as a process with its bots on the fake Discord, and a language model that says what it heard."""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
from aiohttp import web

from tests.support.discord_gateway import Connection
from tests.support.discord_rest import Interaction
from tests.support.discord_server import DiscordServer
from tests.support.discord_world import Bot, Session, Times
from tests.support.llm_stub import LLMStub, says
from tests.support.service import Client, Process
from whisperengine.characters.definition import parse
from whisperengine.characters.store import create
from whisperengine.db.pool import prepare_connection

_SAVED = "select session_id = $2 and seq >= $3 from discord_shards where bot_id = $1"


class Stage:
    """A service, `discord`, `model`, and one bot for each of `characters`, with whom Anna and Ben share a server."""

    def __init__(self, dsn: str, characters: Sequence[str], discord: DiscordServer, model: LLMStub) -> None:
        self.dsn, self.characters, self.discord, self.model = dsn, characters, discord, model
        world = discord.world
        self.bots: dict[str, Bot] = {name: world.add_bot(f"token-{name}", f"{name}-bot") for name in characters}
        self.bot = self.bots[characters[0]]
        self.guild, (self.room, self.other) = world.add_guild("Reef", 2)
        self.anna, self.ben = world.add_user("Anna"), world.add_user("Ben")
        self.dms = {name: world.add_dm(bot, self.anna) for name, bot in self.bots.items()}
        self.dm = self.dms[characters[0]]
        self.call = f"<@{self.bot.id}> "

    def environ(self, **more: str) -> dict[str, str]:
        first, *others = self.characters
        return {
            "DATABASE_URL": self.dsn,
            "LLM_CLIENT_TYPE": "local",
            "LLM_CHAT_API_URL": self.model.url,
            "LLM_CHAT_MODEL": "stub-model",
            "LLM_RETRIES": "0",
            "LEARNING": "patterns",
            "ENABLE_DISCORD": "true",
            "DISCORD_BOT_NAME": first,
            "DISCORD_BOT_TOKEN": f"token-{first}",
            "DISCORD_TOKENS": ",".join(f"{name}=token-{name}" for name in others),
            "DISCORD_API_BASE": self.discord.base,
            "ADMIN_USER_IDS": self.ben,
            **more,
        }

    @asynccontextmanager
    async def service(self, *, connected: bool = True, **more: str) -> AsyncIterator[Process]:
        """The process, ready, and with `connected` its bots too; killed in the end when it still runs."""
        with tempfile.TemporaryDirectory() as home:
            process = Process(Path(home), **self.environ(**more))
            try:
                await process.start()
                if connected:
                    await self.connected(process)
                yield process
            finally:
                self.discord.gateway.shutdown_expected = True
                await process.close()

    async def connected(self, process: Process) -> None:
        async with self.client(process) as client:
            await self.until_bots(client, lambda bots: bots and all(bot["state"] == "ready" for bot in bots))

    async def until_bots(self, client: Client, true: Any) -> list[dict[str, Any]]:
        """Wait until `true(bots)` of what GET /api/discord says, and return it."""
        async with asyncio.timeout(40):
            while True:
                status, body = await client.get("/api/discord")
                assert status == 200, body
                if true(body["bots"]):
                    return body["bots"]
                await asyncio.sleep(0.05)

    @asynccontextmanager
    async def client(self, process: Process) -> AsyncIterator[Client]:
        async with aiohttp.ClientSession() as session:
            yield Client(session, process.url)

    def session(self, bot: Bot) -> Session:
        """The newest session of a bot."""
        return next(each for each in reversed(self.discord.world.sessions.values()) if each.bot is bot)

    def connection(self, bot: Bot) -> Connection:
        """The connection that a bot's newest session is on."""
        session = self.session(bot)
        return next(each for each in self.discord.gateway.sockets if each.session is session)

    async def saved(self) -> None:
        """Wait until the database holds how far the first bot has come: a later process resumes from there."""
        session = self.session(self.bot)
        connection = await asyncpg.connect(self.dsn)
        try:
            async with asyncio.timeout(20):
                while True:
                    if await connection.fetchval(_SAVED, int(self.bot.id), session.id, session.seq):
                        return
                    await asyncio.sleep(0.05)
        finally:
            await connection.close()

    async def fetch(self, statement: str, *values: Any) -> list[Any]:
        """Rows of the service's database."""
        connection = await asyncpg.connect(self.dsn)
        try:
            return await connection.fetch(statement, *values)
        finally:
            await connection.close()

    def say(self, text: str, where: str = "", who: str = "", **fields: Any) -> str:
        return self.discord.world.say(where or self.dm, who or self.anna, text, **fields)

    def posted(self, where: str | None = None) -> list[str]:
        return [message["content"] for message in self.discord.world.posted(where)]

    async def answers(self, count: int, where: str | None = None) -> list[str]:
        await self.discord.until(lambda: len(self.posted(where)) >= count, 40)
        return self.posted(where)

    async def ask(self, text: str, where: str = "", who: str = "", **fields: Any) -> str:
        """Say something and return what the bot posts next in that channel."""
        where = where or self.dm
        count = len(self.posted(where))
        self.say(text, where, who, **fields)
        return (await self.answers(count + 1, where))[count]

    async def use(self, name: str, /, where: str = "", who: str = "", target: str = "", **values: Any) -> str:
        """Use a slash command ("memory show") or, with `target`, a message command; returns the reply."""
        found = self.interact(name, where, who, target, values)
        await self.discord.until(lambda: found.original is not None, 30)
        assert found.original
        return found.original["content"]

    def interact(self, name: str, where: str, who: str, target: str, values: Mapping[str, Any]) -> Interaction:
        first, _, sub = ("", "", "") if target else name.partition(" ")
        options: list[dict[str, Any]] = [{"name": key, "value": value, "type": 3} for key, value in values.items()]
        if sub:
            options = [{"name": sub, "type": 1, "options": options}]
        data: dict[str, Any] = {"id": "1", "name": first or name, "type": 3 if target else 1, "options": options}
        if target:
            message = self.discord.world.messages[target]
            data |= {"target_id": target, "resolved": {"messages": {target: message}}}
        return self.discord.interact(self.bot, where or self.dm, who or self.anna, data)

    def prompts(self) -> list[str]:
        """Each request that the model got, as one text."""
        return ["\n".join(str(each["content"]) for each in found.body["messages"]) for found in self.model.completions]


async def change(client: Client, changes: dict[str, object]) -> None:
    """Change settings while the service runs."""
    status, body, _ = await client.request("PATCH", "/api/settings", json={"changes": changes})
    assert status == 200, body


async def echo(request: web.Request, body: Any) -> web.StreamResponse:
    """The model answers "answer to" and what the person said last, without the blocks around it."""
    said = re.sub(r"<(\w+)>.*?</\1>", "", str(body["messages"][-1]["content"]), flags=re.DOTALL).strip()
    return await says(f"answer to {said.splitlines()[-1]}")(request, body)


@asynccontextmanager
async def stage(dsn: str, *characters: str, times: Times | None = None) -> AsyncIterator[Stage]:
    """By default one bot, the assistant. In the end Discord must have nothing to complain of."""
    async with AsyncExitStack() as stack:
        discord = await stack.enter_async_context(DiscordServer(times))
        discord.rest.limits["POST messages"].size = 1000
        model = await stack.enter_async_context(LLMStub().serving())
        model.will(echo)
        if characters:
            await _characters(dsn, characters)
        yield Stage(dsn, characters or ("assistant",), discord, model)
        assert not discord.breaches, discord.breaches


async def _characters(dsn: str, names: Sequence[str]) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await prepare_connection(connection)
        for name in names:
            identity = {"full_name": name.title(), "occupation": f"{name}, keeper of the reef"}
            await create(connection, parse({"cdl": "3.0", "name": name, "identity": identity}))
    finally:
        await connection.close()
