"""Discord's REST API: one request at a time per bucket, in order, never into a limit that is known, and never a
message twice.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp

from whisperengine import __version__
from whisperengine.discord.buckets import INVALID_BRAKE, INVALID_WARN, Buckets, Limited, Route, parse_object, read_429
from whisperengine.discord.pace import StartLimit
from whisperengine.discord.problems import (
    WRONG_TOKEN,
    DiscordError,
    DiscordPaused,
    DiscordRefused,
    DiscordStopped,
    DiscordUnreachable,
    refusal,
)
from whisperengine.discord.session import is_loopback
from whisperengine.errors import ConfigurationError

log = logging.getLogger(__name__)

USER_AGENT = f"DiscordBot (https://github.com/whisperengine-ai/whisperengine, {__version__})"
NOBODY: dict[str, Any] = {"parse": [], "replied_user": False}
ATTEMPTS = 6
MAX_WAIT = 120.0
INVALID_WEBHOOK_TOKEN = 50027
UNKNOWN_MESSAGE = 10008
ALREADY_ACKNOWLEDGED = 40060


@dataclass(frozen=True, slots=True)
class GatewayInfo:
    url: str
    shards: int
    limit: StartLimit


def client_session() -> aiohttp.ClientSession:
    """The session for REST and gateway of any number of bots."""
    return aiohttp.ClientSession(middlewares=(_one_attempt,))


async def _one_attempt(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Left to itself, aiohttp at once repeats requests whose connection broke: past our limits, and in a storm twice
    as often.
    """
    try:
        return await send(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise aiohttp.ClientConnectionError(type(error).__name__) from error


class Rest:
    """The requests of one bot. `base` is DISCORD_API_BASE, without a slash at its end.

    An unencrypted base elsewhere than on this machine is a ConfigurationError.
    Every method raises DiscordStopped (the token is wrong; from then on without asking Discord again),
    DiscordRefused, DiscordUnreachable
    or DiscordPaused. Channel, message and user ids are strings of digits.
    """

    def __init__(
        self,
        http: aiohttp.ClientSession,
        base: str,
        token: str,
        *,
        backoff: float = 0.5,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._http = http
        parts = urlsplit(base)
        if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
            raise ConfigurationError(
                "DISCORD_API_BASE would send the bot's token unencrypted. Use an https:// address, or leave it out."
            )
        self._base = base.rstrip("/")
        self._token = token
        self._backoff = backoff
        self._chance = chance
        self._turnstiles: dict[tuple[str, str, str], _Turnstile] = {}
        self.buckets = Buckets()
        self.stopped = ""

    async def request(
        self,
        route: Route,
        body: Mapping[str, Any] | list[Any] | None = None,
        *,
        files: tuple[tuple[str, bytes], ...] = (),
        attempts: int = ATTEMPTS,
        max_wait: float = MAX_WAIT,
    ) -> Any:
        """Send, wait and repeat as the limits ask. Returns the decoded JSON, None for 204. `max_wait` bounds one
        wait, in seconds.
        """
        failures = 0
        limits = 0
        async with self._turn(route):
            while True:
                outcome = await self._once(route, body, files, max_wait)
                if isinstance(outcome, _Answer):
                    return outcome.value
                if isinstance(outcome, Limited):
                    # Being told to wait is no failure, but a limit that returns for ever is one.
                    limits += 1
                    if limits > 2 * ATTEMPTS or outcome.scope == "cloudflare":
                        raise self._paused(outcome.retry_after)
                    continue
                failures += 1
                if failures >= attempts or not (route.repeatable or outcome.untouched):
                    raise DiscordUnreachable(
                        f"Discord did not answer {route.method} {route.template} ({outcome.why}). "
                        "If this lasts, look at https://discordstatus.com."
                    )
                await asyncio.sleep(self._chance() * min(10.0, self._backoff * 2**failures))

    async def _once(
        self, route: Route, body: Any, files: tuple[tuple[str, bytes], ...], max_wait: float
    ) -> _Answer | Limited | _Failed:
        await self._wait(route, max_wait)
        self.buckets.sent(route, time.monotonic())
        try:
            async with self._http.request(
                route.method,
                self._base + route.path,
                headers=self._headers(route),
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=30, connect=10),
                **_payload(body, files),
            ) as response:
                content = await response.read()
                status, headers = response.status, response.headers
        except aiohttp.ClientConnectorError as error:
            return _Failed(type(error).__name__, untouched=True)
        except (aiohttp.ClientError, TimeoutError) as error:
            return _Failed(type(error).__name__)
        now = time.monotonic()
        self.buckets.learned(route, headers, now)
        if status != 429:
            return self._read(route, status, content, now)
        limit = read_429(headers, content)
        if limit.scope != "shared":
            self._count_invalid(now)
        self.buckets.limited(route, limit, now)
        log.warning(
            "discord.rest: 429 (%s) on %s %s, %.2f s", limit.scope, route.method, route.template, limit.retry_after
        )
        return limit

    def _read(self, route: Route, status: int, content: bytes, now: float) -> _Answer | _Failed:
        if status in (200, 201, 202):
            try:
                return _Answer(json.loads(content))
            except (ValueError, RecursionError):
                return _Failed("an answer that is not JSON")
        if status == 204:
            return _Answer(None)
        if status >= 500 or 300 <= status < 400:
            return _Failed(f"HTTP {status}")
        said = parse_object(content) or {}
        reason = said.get("code")
        reason = reason if isinstance(reason, int) else 0
        if status in (401, 403):
            self._count_invalid(now)
        if status == 401 and not route.open and reason != INVALID_WEBHOOK_TOKEN:
            self.stopped = WRONG_TOKEN
            raise DiscordStopped(WRONG_TOKEN)
        raise DiscordRefused(
            refusal(status, reason, str(said.get("message", ""))[:200]), http_status=status, reason=reason
        )

    async def _wait(self, route: Route, max_wait: float) -> None:
        while True:
            if self.stopped and not route.open:
                raise DiscordStopped(self.stopped)
            now = time.monotonic()
            if braked := self.buckets.braked(now):
                raise self._paused(braked)
            delay = self.buckets.delay(route, now)
            if not delay:
                return
            if delay > max_wait:
                raise self._paused(delay)
            await asyncio.sleep(delay)

    @asynccontextmanager
    async def _turn(self, route: Route) -> AsyncIterator[None]:
        """First come, first served: the order of messages in a channel is the order of the calls, repeats included."""
        key = (route.method, route.template, route.top)
        turnstile = self._turnstiles.setdefault(key, _Turnstile())
        turnstile.users += 1
        try:
            async with turnstile.gate:
                yield
        finally:
            turnstile.users -= 1
            if not turnstile.users:
                del self._turnstiles[key]

    def _headers(self, route: Route) -> dict[str, str]:
        headers = {"User-Agent": USER_AGENT}
        if not route.open:
            headers["Authorization"] = f"Bot {self._token}"
        return headers

    def _count_invalid(self, now: float) -> None:
        count = self.buckets.invalid(now)
        if count % INVALID_WARN == 0:
            log.warning("discord.rest: %d refused requests in ten minutes; at %d all stop", count, INVALID_BRAKE)

    @staticmethod
    def _paused(seconds: float) -> DiscordPaused:
        return DiscordPaused(
            f"Requests to Discord pause for {seconds:.0f} s. Wait; the log says what was refused before.",
            retry_after=seconds,
        )

    async def gateway(self) -> GatewayInfo:
        """Where to connect, how many shards, and how many sessions may still be started."""
        said = await self.request(Route("GET", "/gateway/bot", "/gateway/bot", ""))
        try:
            limit = said["session_start_limit"]
            return GatewayInfo(
                str(said["url"]),
                max(1, int(said["shards"])),
                StartLimit(
                    int(limit["total"]),
                    int(limit["remaining"]),
                    float(limit["reset_after"]) / 1000,
                    max(1, int(limit["max_concurrency"])),
                ),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DiscordError(
                "/gateway/bot answered something unknown. Check DISCORD_API_BASE: it must be Discord's own address."
            ) from error

    async def me(self) -> dict[str, Any]:
        return await self.request(Route("GET", "/users/@me", "/users/@me", ""))

    async def application(self) -> dict[str, Any]:
        return await self.request(Route("GET", "/applications/@me", "/applications/@me", ""))

    async def send(
        self,
        channel: str,
        text: str,
        *,
        nonce: str,
        reply_to: str | None = None,
        files: tuple[tuple[str, bytes], ...] = (),
    ) -> dict[str, Any]:
        """Post a message (at most 2,000 code points) exactly once: repeats with one `nonce` (at most 25 characters)
        give the first message.
        """
        body: dict[str, Any] = {"content": text, "nonce": nonce, "enforce_nonce": True, "allowed_mentions": NOBODY}
        if reply_to:
            body["message_reference"] = {"message_id": reply_to, "channel_id": channel, "fail_if_not_exists": False}
        if files:
            body["attachments"] = [{"id": index, "filename": name} for index, (name, _) in enumerate(files)]
        return await self.request(in_channel("POST", channel, "/messages"), body, files=files)

    async def edit(self, channel: str, message: str, text: str) -> dict[str, Any]:
        return await self.request(
            in_channel("PATCH", channel, "/messages/{message}", message), {"content": text, "allowed_mentions": NOBODY}
        )

    async def delete(self, channel: str, message: str) -> None:
        """Deleting what is gone already is no error: a repeated request cannot know."""
        try:
            await self.request(in_channel("DELETE", channel, "/messages/{message}", message))
        except DiscordRefused as refused:
            if refused.reason != UNKNOWN_MESSAGE:
                raise

    async def history(self, channel: str, limit: int, before: str | None = None) -> list[dict[str, Any]]:
        """The last messages, newest first; at most 100."""
        tail = f"/messages?limit={limit}" + (f"&before={before}" if before else "")
        route = Route("GET", "/channels/{channel}/messages", f"/channels/{channel}{tail}", channel)
        return await self.request(route)

    async def typing(self, channel: str) -> None:
        """Shown for 10 s or until a message. Never repeated: a lost one does no harm."""
        await self.request(in_channel("POST", channel, "/typing"), attempts=1, max_wait=5)

    async def react(self, channel: str, message: str, emoji: str) -> None:
        """`emoji` is a character or `name:id`."""
        path = f"/channels/{channel}/messages/{message}/reactions/{quote(emoji, safe='')}/@me"
        await self.request(Route("PUT", "/channels/{channel}/messages/{message}/reactions/{emoji}/@me", path, channel))

    async def commands(self, application: str, guild: str | None = None) -> list[dict[str, Any]]:
        return await self.request(_commands("GET", application, guild))

    async def set_commands(
        self, application: str, definitions: list[dict[str, Any]], guild: str | None = None
    ) -> list[dict[str, Any]]:
        """Replace every command; without `guild` everywhere."""
        return await self.request(_commands("PUT", application, guild), definitions)

    async def respond(self, interaction: str, token: str, kind: int, data: Mapping[str, Any] | None = None) -> bool:
        """Answer an interaction within its 3 s. False: an earlier attempt had reached Discord after all."""
        path = f"/interactions/{interaction}/{token}/callback"
        route = Route(
            "POST",
            "/interactions/{id}/{token}/callback",
            path,
            f"interaction {interaction}",
            repeatable=True,
            open=True,
        )
        body: dict[str, Any] = {"type": kind}
        if data is not None:
            body["data"] = {"allowed_mentions": NOBODY, **data} if kind in (4, 7) else dict(data)
        try:
            await self.request(route, body, attempts=3, max_wait=2)
        except DiscordRefused as refused:
            if refused.reason != ALREADY_ACKNOWLEDGED:
                raise
            return False
        return True

    async def edit_response(
        self, application: str, token: str, text: str, files: tuple[tuple[str, bytes], ...] = ()
    ) -> dict[str, Any]:
        """Fill the answer that was deferred. Possible for 15 min; then Discord refuses with 50027."""
        body: dict[str, Any] = {"content": text, "allowed_mentions": NOBODY}
        if files:
            body["attachments"] = [{"id": index, "filename": name} for index, (name, _) in enumerate(files)]
        path = f"/webhooks/{application}/{token}/messages/@original"
        route = Route("PATCH", "/webhooks/{id}/{token}/messages/@original", path, f"webhook {token}", open=True)
        return await self.request(route, body, files=files)

    async def follow_up(self, application: str, token: str, text: str, *, ephemeral: bool) -> dict[str, Any]:
        """One more message after the answer. Not repeated when its fate is unknown: webhooks know no nonce."""
        body = {"content": text, "allowed_mentions": NOBODY, "flags": 64 if ephemeral else 0}
        path = f"/webhooks/{application}/{token}"
        route = Route("POST", "/webhooks/{id}/{token}", path, f"webhook {token}", repeatable=False, open=True)
        return await self.request(route, body)

    async def guilds(self) -> list[dict[str, Any]]:
        """The servers of the bot with its permissions there; at most 200."""
        return await self.request(Route("GET", "/users/@me/guilds", "/users/@me/guilds", ""))


@dataclass(slots=True)
class _Answer:
    value: Any


@dataclass(slots=True)
class _Failed:
    """No answer that counts. `untouched`: nothing was sent, so repeating is safe whatever it is."""

    why: str
    untouched: bool = False


class _Turnstile:
    __slots__ = ("gate", "users")

    def __init__(self) -> None:
        self.gate = asyncio.Lock()
        self.users = 0


def in_channel(method: str, channel: str, tail: str, message: str = "") -> Route:
    """A route whose limit hangs on a channel. Old messages are deleted under a limit of their own, which Discord
    finds by the hash.
    """
    return Route(
        method, "/channels/{channel}" + tail, f"/channels/{channel}" + tail.replace("{message}", message), channel
    )


def _commands(method: str, application: str, guild: str | None) -> Route:
    if guild is None:
        return Route(method, "/applications/{id}/commands", f"/applications/{application}/commands", "")
    path = f"/applications/{application}/guilds/{guild}/commands"
    return Route(method, "/applications/{id}/guilds/{guild}/commands", path, guild)


def _payload(body: Any, files: tuple[tuple[str, bytes], ...]) -> dict[str, Any]:
    if files:
        form = aiohttp.FormData()
        form.add_field("payload_json", json.dumps(body), content_type="application/json")
        for index, (name, content) in enumerate(files):
            form.add_field(f"files[{index}]", content, filename=name, content_type="application/octet-stream")
        return {"data": form}
    return {} if body is None else {"json": body}
