"""A strict fake Discord on real sockets: REST under `/api/v10`, gateway under `/gateway` and `/resume`, orders under
`/control`.

In a test: `async with DiscordServer() as discord: …`. As a process: `python -m tests.support.discord_server --port 0`
prints one JSON line
with its address; `POST /control/run` then takes {"do": method, "with": {…}} and `GET /control/report` tells what
happened.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import secrets
import time
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from tests.support.discord_gateway import Gateway
from tests.support.discord_rest import Interaction, Rest
from tests.support.discord_world import (
    DM_REACTIONS,
    DMS,
    GUILD_MESSAGES,
    GUILD_REACTIONS,
    Bot,
    Session,
    Times,
    World,
)


class DiscordServer:
    """`world` holds what there is, `gateway` and `rest` take faults; `breaches` must be empty in the end."""

    def __init__(self, times: Times | None = None, *, house_rules: bool = True, port: int = 0) -> None:
        self.times = times or Times()
        self.world = World(self.times)
        self.gateway = Gateway(self.world, lambda: f"ws://127.0.0.1:{self.port}")
        self.rest = Rest(self.world, self.gateway, house_rules=house_rules)
        self.port = port
        self.files: dict[str, bytes] = {}
        self.fetched: list[str] = []
        self._runner: web.AppRunner | None = None

    @property
    def base(self) -> str:
        """What DISCORD_API_BASE is set to."""
        return f"http://127.0.0.1:{self.port}/api/v10"

    @property
    def breaches(self) -> list[str]:
        return [f"{breach.what} {breach.detail}".strip() for breach in self.world.breaches]

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=32 << 20)
        # Some clients add a slash before the query.
        for path in ("/gateway", "/gateway/", "/resume", "/resume/"):
            app.router.add_get(path, self.gateway.handle)
        app.router.add_post("/control/run", self._run)
        app.router.add_get("/control/report", self._report)
        app.router.add_get("/files/{name}", self._file)
        app.add_routes(self.rest.guarded("/api/v10"))
        self._runner = web.AppRunner(app, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.gateway.reset()
        if self._runner:
            await self._runner.cleanup()

    def interact(
        self, bot: Bot, channel_id: str, user: str, data: dict[str, Any], kind: int = 2, **fields: Any
    ) -> Interaction:
        """A person uses a command (`kind` 2), a component (3) or completion (4)."""
        world = self.world
        channel = world.channels[channel_id]
        found = Interaction(world.new_id(), secrets.token_urlsafe(24), bot, channel_id, time.monotonic())
        self.rest.interactions[found.id] = found
        event: dict[str, Any] = {
            "id": found.id,
            "application_id": bot.id,
            "type": kind,
            "data": data,
            "token": found.token,
            "version": 1,
            "channel_id": channel_id,
            "channel": channel,
            "app_permissions": str(world.guild_permissions),
            "locale": "en-US",
            "entitlements": [],
            "attachment_size_limit": 10 << 20,
            "authorizing_integration_owners": {},
            "context": 0,
            **fields,
        }
        person = world.users[user]
        if guild_id := channel.get("guild_id"):
            member = {"user": person, "roles": [], "permissions": fields.pop("permissions", "0")}
            event.update(guild_id=guild_id, member={**member, **fields.get("member", {})})
        else:
            event.update(user=person, context=1)
        for session in world.sessions.values():
            if session.bot is bot and session.alive:
                world.dispatch(session, "INTERACTION_CREATE", event)
                break
        return found

    def edit(self, message_id: str, content: str) -> None:
        """A person changes a message."""
        message = self.world.messages[message_id]
        changed = {
            **message,
            "content": content,
            "edited_timestamp": f"2024-01-02T00:00:00.{time.monotonic_ns() % 10**6:06}+00:00",
        }
        self.world.messages[message_id] = changed
        self.world.dispatch_message("MESSAGE_UPDATE", changed)

    def delete(self, message_id: str) -> None:
        message = self.world.messages.pop(message_id)
        gone = {key: message[key] for key in ("id", "channel_id", "guild_id") if key in message}
        self.world.dispatch_in(message["channel_id"], "MESSAGE_DELETE", gone, GUILD_MESSAGES, DMS)

    def react(self, message_id: str, user: str, emoji: str, *, added: bool = True) -> None:
        message = self.world.messages[message_id]
        event = {
            "user_id": user,
            "channel_id": message["channel_id"],
            "message_id": message_id,
            "emoji": {"id": None, "name": emoji},
            "message_author_id": message["author"]["id"],
            "burst": False,
            "type": 0,
        }
        name = f"MESSAGE_REACTION_{'ADD' if added else 'REMOVE'}"
        self.world.dispatch_in(message["channel_id"], name, event, GUILD_REACTIONS, DM_REACTIONS)

    def session_of(self, bot: Bot) -> Session:
        """The bot's newest session."""
        return [session for session in self.world.sessions.values() if session.bot is bot][-1]

    async def until(self, true: Any, seconds: float = 10.0) -> None:
        """Wait until `true()`; fails with what the server saw otherwise."""
        deadline = time.monotonic() + seconds
        while not true():
            if time.monotonic() > deadline:
                seen = [(c.path, c.opened, c.client_code) for c in self.gateway.connects[-10:]]
                raise AssertionError(f"waited {seconds} s in vain; connects {seen}, breaches {self.breaches}")
            await asyncio.sleep(0.005)

    async def _file(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        self.fetched.append(name)
        return web.Response(body=self.files[name]) if name in self.files else web.Response(status=404)

    async def _run(self, request: web.Request) -> web.Response:
        """{"on": "world"|"gateway"|"rest", "do": method, "with": {arguments}}; a bot is named by its token."""
        order = await request.json()
        target = {"world": self.world, "gateway": self.gateway, "rest": self.rest}.get(order.get("on", ""), self)
        arguments = order.get("with", {})
        if "bot" in arguments and arguments["bot"] in self.world.bots:
            arguments["bot"] = self.world.bots[arguments["bot"]]
        if order["do"] == "set":
            for name, value in arguments.items():
                setattr(target, name, value)
            return web.json_response(None)
        result = getattr(target, order["do"])(**arguments)
        if asyncio.iscoroutine(result):
            result = await result
        return web.json_response(
            result, dumps=lambda value: json.dumps(value, default=lambda odd: getattr(odd, "id", None))
        )

    async def _report(self, request: web.Request) -> web.Response:
        connects = [vars(connect) for connect in self.gateway.connects]
        return web.json_response(
            {
                "now": time.monotonic(),
                "breaches": self.breaches,
                "connects": connects,
                "posted": self.world.posted(),
                "interactions": [
                    {key: value for key, value in vars(found).items() if key != "bot"}
                    for found in self.rest.interactions.values()
                ],
            }
        )


async def _serve(arguments: argparse.Namespace) -> None:
    times = Times(heartbeat_interval=arguments.heartbeat, identify_gap=arguments.identify_gap)
    async with DiscordServer(times, port=arguments.port) as server:
        server.world.add_bot(arguments.token, "Fake")
        print(json.dumps({"base": server.base, "control": f"http://127.0.0.1:{server.port}/control"}), flush=True)
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description="A strict fake Discord")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--token", default="fake-token")
    parser.add_argument("--heartbeat", type=float, default=41.25, help="seconds")
    parser.add_argument("--identify-gap", type=float, default=5.0, help="seconds")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
