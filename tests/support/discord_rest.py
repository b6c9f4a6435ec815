"""The REST side of the fake Discord: buckets, nonces, interactions, and faults on demand."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import BodyPartReader, web

from tests.support.discord_gateway import Gateway
from tests.support.discord_world import DM_REACTIONS, GUILD_REACTIONS, Bot, World

USER_AGENT = re.compile(r"DiscordBot \(\S+,? \S+\)")
SNOWFLAKE = r"{%s:\d+}"
BOT = web.RequestKey("bot", Bot)
GLOBAL_LIMIT = 50
# On a busy machine requests arrive closer together than they were sent.
JITTER = 10

Handler = Callable[[web.Request], Any]


@dataclass
class Limit:
    """`size` requests in `window` seconds for each top-level id."""

    size: int
    window: float
    used: dict[str, tuple[float, int]] = field(default_factory=dict)

    def take(self, top: str, now: float) -> tuple[int, float]:
        """(requests left, -1 when this one is too many; seconds until the window ends)."""
        ends, used = self.used.get(top, (0.0, 0))
        if now >= ends:
            ends, used = now + self.window, 0
        self.used[top] = (ends, used + 1)
        return self.size - used - 1, ends - now


@dataclass
class Fault:
    """What happens to the next `times` requests that match: before or after the server acts on them."""

    method: str
    path: str
    kind: str
    times: int = 1


@dataclass
class Interaction:
    id: str
    token: str
    bot: Bot
    channel_id: str
    at: float
    answered_at: float = 0.0
    kind: int = 0
    data: dict[str, Any] = field(default_factory=dict)
    original: dict[str, Any] | None = None
    follow_ups: list[dict[str, Any]] = field(default_factory=list)


class Rest:
    """Kinds of fault: "500", "502" … (before acting), "502-after", "drop" and "drop-after" (the connection), "401",
    "403:CODE", "404:CODE",
    "429-shared:S", "429-global:S", "429-user:S", "cloudflare", "slow:S"."""

    def __init__(self, world: World, gateway: Gateway, *, house_rules: bool = True) -> None:
        self.world = world
        self._gateway = gateway
        self._house_rules = house_rules
        self.faults: list[Fault] = []
        self.limits = {"POST messages": Limit(5, 5.0), "PATCH message": Limit(5, 5.0), "PUT reaction": Limit(1, 0.25)}
        self.other = Limit(50, 5.0)
        self.requests: list[tuple[float, str, str, int]] = []
        self.interactions: dict[str, Interaction] = {}
        self._recent: defaultdict[str, deque[float]] = defaultdict(deque)
        self._quiet_until: dict[str, float] = {}

    def routes(self) -> list[web.RouteDef]:
        channel, message, thing = SNOWFLAKE % "channel", SNOWFLAKE % "message", SNOWFLAKE % "id"
        return [
            web.get("/gateway/bot", self._gateway_bot),
            web.get("/users/@me", self._me),
            web.get("/applications/@me", self._application),
            web.get("/oauth2/applications/@me", self._application),
            web.get("/users/@me/guilds", self._guilds),
            web.get(f"/channels/{channel}", self._channel),
            web.post(f"/channels/{channel}/messages", self._post),
            web.get(f"/channels/{channel}/messages", self._history),
            web.patch(f"/channels/{channel}/messages/{message}", self._edit),
            web.delete(f"/channels/{channel}/messages/{message}", self._delete),
            web.post(f"/channels/{channel}/typing", self._typing),
            web.put(f"/channels/{channel}/messages/{message}/reactions/{{emoji}}/@me", self._react),
            web.get(f"/applications/{thing}/commands", self._get_commands),
            web.put(f"/applications/{thing}/commands", self._put_commands),
            web.get(f"/applications/{thing}/guilds/{{guild}}/commands", self._get_commands),
            web.put(f"/applications/{thing}/guilds/{{guild}}/commands", self._put_commands),
            web.post(f"/interactions/{thing}/{{token}}/callback", self._callback),
            web.patch(f"/webhooks/{thing}/{{token}}/messages/@original", self._original),
            web.post(f"/webhooks/{thing}/{{token}}", self._follow_up),
        ]

    def guarded(self, base: str) -> list[web.RouteDef]:
        """The routes under `base`, each behind the checks that all share."""

        def wrap(handler: Handler) -> Handler:
            async def guarded(request: web.Request) -> web.StreamResponse:
                return await self._guard(request, handler)

            return guarded

        return [web.route(route.method, base + route.path, wrap(route.handler)) for route in self.routes()]

    def fail(self, method: str, path: str, kind: str, times: int = 1) -> None:
        """Have the next `times` requests whose path matches the pattern `path` meet a fault."""
        self.faults.append(Fault(method, path, kind, times))

    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        now = time.monotonic()
        response: web.StreamResponse | None = None
        try:
            response = await self._answer(request, handler, now)
            return response
        finally:
            self.requests.append((now, request.method, request.path, response.status if response else 0))

    async def _answer(self, request: web.Request, handler: Handler, now: float) -> web.StreamResponse:
        world = self.world
        opened = "/interactions/" in request.path or "/webhooks/" in request.path
        if not USER_AGENT.match(request.headers.get("User-Agent", "")):
            world.breach("REST without the User-Agent that Discord asks for", f"{request.method} {request.path}")
        if not opened:
            bot = world.bots.get(request.headers.get("Authorization", "").removeprefix("Bot "))
            if bot is None or bot.revoked:
                if bot is None and "" in self._quiet_until:
                    world.breach("a request after 401", request.path)
                self._quiet_until[""] = now
                return _error(401, 0, "401: Unauthorized")
            request[BOT] = bot
        for scope in ("cloudflare", "global"):
            if now < self._quiet_until.get(scope, 0.0) and not (opened and scope == "global"):
                world.breach(f"a request during the {scope} pause", f"{request.method} {request.path}")
        fault = self._fault_for(request)
        if fault and (early := await self._early(request, fault, now)):
            return early
        if not opened:
            recent = self._recent[request[BOT].id]
            recent.append(now)
            while recent[0] <= now - 1.0:
                recent.popleft()
            if len(recent) > GLOBAL_LIMIT + JITTER:
                world.breach("more than 50 requests in a second")
                return _limited(0.5, "global")
        name, limit, top = self._limit_of(request)
        left, ends = limit.take(top, now)
        if left < 0:
            world.breach("a request into a known limit", f"{request.method} {request.path}")
            return _limited(ends, "user")
        if request.method in ("POST", "PUT", "PATCH") and request.can_read_body:
            kind = request.content_type
            if kind not in ("application/json", "multipart/form-data"):
                world.breach("a body that is neither JSON nor a form", kind)
        response = await handler(request)
        response.headers.update(
            {
                "X-RateLimit-Limit": str(limit.size),
                "X-RateLimit-Remaining": str(left),
                "X-RateLimit-Reset-After": f"{ends:.3f}",
                "X-RateLimit-Reset": f"{time.time() + ends:.3f}",
                "X-RateLimit-Bucket": f"hash-{name.replace(' ', '-')}",
                "Via": "1.1 google",
            }
        )
        if fault and fault.kind == "502-after":
            return web.Response(status=502, text="<html>Bad Gateway</html>")
        if fault and fault.kind == "drop-after" and request.transport:
            request.transport.close()
        return response

    def _fault_for(self, request: web.Request) -> Fault | None:
        for fault in self.faults:
            if fault.times and fault.method == request.method and re.search(fault.path, request.path):
                fault.times -= 1
                return fault
        return None

    async def _early(self, request: web.Request, fault: Fault, now: float) -> web.Response | None:
        kind, _, argument = fault.kind.partition(":")
        if kind.startswith("429-"):
            seconds = float(argument)
            if kind == "429-global":
                self._quiet_until["global"] = now + seconds
            return _limited(seconds, kind[4:])
        if kind == "cloudflare":
            self._quiet_until["cloudflare"] = now + 300
            return web.Response(status=429, text="<html>banned</html>", content_type="text/html")
        if kind == "slow":
            await asyncio.sleep(float(argument))
        if kind == "drop" and request.transport:
            request.transport.close()
            return web.Response()
        if kind == "401":
            return _error(401, 0, "401: Unauthorized")
        if kind in ("403", "404"):
            return _error(int(kind), int(argument), "refused")
        if kind.isdecimal():
            return web.Response(status=int(kind), text="<html></html>", content_type="text/html")
        return None

    def _limit_of(self, request: web.Request) -> tuple[str, Limit, str]:
        asker = f"{request[BOT].id} " if BOT in request else ""
        top = (
            request.match_info.get("channel") or request.match_info.get("token") or request.match_info.get("guild", "")
        )
        for name, pattern in (
            ("POST messages", r"/messages$"),
            ("PATCH message", r"/messages/\d+$"),
            ("PUT reaction", r"/reactions/"),
        ):
            if request.method == name.split()[0] and re.search(pattern, request.path):
                return name, self.limits[name], asker + top
        kind = f"{request.method} {re.sub(r'[0-9]+', '0', request.path)}"
        return kind, self.other, asker + kind + top

    async def _gateway_bot(self, request: web.Request) -> web.Response:
        return _json(self._gateway.info(max(0, self.world.times.start_remaining - request[BOT].identifies)))

    async def _me(self, request: web.Request) -> web.Response:
        return _json(request[BOT].user)

    async def _application(self, request: web.Request) -> web.Response:
        bot = request[BOT]
        owner = {"id": "1", "username": "owner", "discriminator": "0", "avatar": None}
        return _json(
            {
                "id": bot.id,
                "name": bot.name,
                "flags": bot.content << 19 if bot.flags is None else bot.flags,
                "bot": bot.user,
                "owner": owner,
                "description": "",
                "icon": None,
                "verify_key": "",
                "summary": "",
                "rpc_origins": None,
                "bot_public": True,
                "bot_require_code_grant": False,
            }
        )

    async def _guilds(self, request: web.Request) -> web.Response:
        found = [
            {"id": guild["id"], "name": guild["name"], "permissions": str(self.world.guild_permissions)}
            for guild in self.world.guilds.values()
        ]
        return _json(found)

    async def _channel(self, request: web.Request) -> web.Response:
        channel = self.world.channels.get(request.match_info["channel"])
        return _json(channel) if channel else _error(404, 10003, "Unknown Channel")

    async def _body(self, request: web.Request) -> dict[str, Any]:
        if request.content_type != "multipart/form-data":
            return await request.json()
        body: dict[str, Any] = {}
        files = []
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader):
                continue
            content = await part.read()
            if part.name == "payload_json":
                body = json.loads(content)
            else:
                files.append(
                    {
                        "id": self.world.new_id(),
                        "filename": part.filename,
                        "size": len(content),
                        "url": "",
                        "proxy_url": "",
                    }
                )
        return {**body, "attachments": files}

    def _content_problem(self, body: dict[str, Any]) -> web.Response | None:
        content = body.get("content") or ""
        if len(content) > 2000:
            self.world.breach("a message over 2,000 characters", str(len(content)))
            return _error(400, 50035, "Invalid Form Body")
        if not content.strip() and not body.get("attachments") and not body.get("embeds"):
            self.world.breach("an empty message")
            return _error(400, 50006, "Cannot send an empty message")
        mentions = body.get("allowed_mentions")
        if self._house_rules and (not isinstance(mentions, dict) or mentions.get("parse") != []):
            self.world.breach("a message that may ping people")
        return None

    async def _post(self, request: web.Request) -> web.Response:
        world, bot, channel_id = self.world, request[BOT], request.match_info["channel"]
        body = await self._body(request)
        if channel_id not in world.channels:
            return _error(404, 10003, "Unknown Channel")
        if problem := self._content_problem(body):
            return problem
        nonce = body.get("nonce")
        if nonce is not None and len(str(nonce)) > 25:
            world.breach("a nonce over 25 characters")
            return _error(400, 50035, "Invalid Form Body")
        if self._house_rules and not (nonce and body.get("enforce_nonce")):
            world.breach("a message without nonce and enforce_nonce")
        key = (bot.id, channel_id, str(nonce))
        if body.get("enforce_nonce") and nonce and (known := world.messages.get(world.nonces.get(key, ""))):
            return _json(known)
        fields: dict[str, Any] = {"attachments": body.get("attachments") or []}
        if reference := body.get("message_reference"):
            target = world.messages.get(str(reference.get("message_id", "")))
            if target is None and reference.get("fail_if_not_exists", True):
                return _error(400, 50035, "Unknown message")
            fields.update(type=19, message_reference=reference, referenced_message=target)
        message = world.make_message(channel_id, bot.user, body.get("content") or "", **fields)
        if nonce:
            message["nonce"] = nonce
            world.nonces[key] = message["id"]
        world.dispatch_message("MESSAGE_CREATE", message)
        return _json(message)

    async def _history(self, request: web.Request) -> web.Response:
        channel_id, limit = request.match_info["channel"], int(request.query.get("limit", "50"))
        before = int(request.query.get("before", str(1 << 63)))
        found = [m for m in self.world.messages.values() if m["channel_id"] == channel_id and int(m["id"]) < before]
        return _json(found[::-1][:limit])

    async def _edit(self, request: web.Request) -> web.Response:
        message = self.world.messages.get(request.match_info["message"])
        if message is None:
            return _error(404, 10008, "Unknown Message")
        if message["author"]["id"] != request[BOT].id:
            self.world.breach("an edit of somebody else's message")
            return _error(403, 50005, "Cannot edit a message authored by another user")
        body = await self._body(request)
        if problem := self._content_problem(body):
            return problem
        message["content"] = body["content"]
        message["edits"] = message.get("edits", 0) + 1
        message["edited_timestamp"] = f"2024-01-01T00:00:{time.monotonic() % 60:09.6f}+00:00"
        self.world.dispatch_message("MESSAGE_UPDATE", message)
        return _json(message)

    async def _delete(self, request: web.Request) -> web.Response:
        message = self.world.messages.pop(request.match_info["message"], None)
        if message is None:
            return _error(404, 10008, "Unknown Message")
        self.world.deleted.append(message["id"])
        return web.Response(status=204)

    async def _typing(self, request: web.Request) -> web.Response:
        self.world.typing.append((time.monotonic(), request.match_info["channel"]))
        return web.Response(status=204)

    async def _react(self, request: web.Request) -> web.Response:
        place = request.match_info
        self.world.reactions.append((place["message"], request[BOT].id, place["emoji"]))
        event = {
            "user_id": request[BOT].id,
            "channel_id": place["channel"],
            "message_id": place["message"],
            "emoji": {"id": None, "name": place["emoji"]},
            "burst": False,
            "type": 0,
        }
        self.world.dispatch_in(place["channel"], "MESSAGE_REACTION_ADD", event, GUILD_REACTIONS, DM_REACTIONS)
        return web.Response(status=204)

    async def _get_commands(self, request: web.Request) -> web.Response:
        return _json(request[BOT].commands.get(request.match_info.get("guild", ""), []))

    async def _put_commands(self, request: web.Request) -> web.Response:
        bot, place = request[BOT], request.match_info.get("guild", "")
        stored = []
        for command in await request.json():
            if not re.fullmatch(r"[-_'\w]{1,32}", command["name"]) and command.get("type", 1) == 1:
                return _error(400, 50035, "Invalid Form Body")
            extra = {
                "id": self.world.new_id(),
                "application_id": bot.id,
                "version": "1",
                "default_member_permissions": None,
            }
            stored.append({"type": 1, "nsfw": False, **extra, **command})
        bot.commands[place] = stored
        return _json(stored)

    def _interaction(self, request: web.Request) -> Interaction | None:
        return next((known for known in self.interactions.values() if known.token == request.match_info["token"]), None)

    async def _callback(self, request: web.Request) -> web.Response:
        found, now = self._interaction(request), time.monotonic()
        if found is None:
            return _error(404, 10062, "Unknown interaction")
        if found.answered_at:
            return _error(400, 40060, "Interaction has already been acknowledged.")
        if now - found.at > self.world.times.interaction_life:
            self.world.breach("an interaction answered too late", f"{now - found.at:.2f} s")
            return _error(404, 10062, "Unknown interaction")
        body = await self._body(request)
        found.answered_at, found.kind, found.data = now, body["type"], body.get("data") or {}
        if found.kind == 5 and int(found.data.get("flags", 0)) & ~64:
            self.world.breach("a deferral with flags other than EPHEMERAL")
        if found.kind == 4:
            if problem := self._content_problem(found.data):
                return problem
            found.original = found.data
        return web.Response(status=204)

    async def _original(self, request: web.Request) -> web.Response:
        found = self._interaction(request)
        if found is None or not found.answered_at:
            self.world.breach("a response is edited before there is one")
            return _error(404, 10015, "Unknown Webhook")
        body = await self._body(request)
        if problem := self._content_problem(body):
            return problem
        found.original = body
        return _json({"id": self.world.new_id(), **body})

    async def _follow_up(self, request: web.Request) -> web.Response:
        found = self._interaction(request)
        if found is None or not found.answered_at:
            self.world.breach("a follow-up before the answer")
            return _error(404, 10015, "Unknown Webhook")
        body = await self._body(request)
        if problem := self._content_problem(body):
            return problem
        found.follow_ups.append(body)
        return _json({"id": self.world.new_id(), **body})


def _json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    # As Discord says it, without a charset: some clients compare the whole header.
    return web.Response(
        body=json.dumps(value).encode(), status=status, headers=headers, content_type="application/json"
    )


def _error(status: int, code: int, text: str) -> web.Response:
    return _json({"code": code, "message": text}, status=status)


def _limited(seconds: float, scope: str) -> web.Response:
    headers = {"Retry-After": str(int(seconds) + 1), "X-RateLimit-Scope": scope, "Via": "1.1 google"}
    if scope == "global":
        headers["X-RateLimit-Global"] = "true"
    body = {"message": "You are being rate limited.", "retry_after": seconds, "global": scope == "global"}
    return _json(body, status=429, headers=headers)
