"""Requests to Discord's REST API: one at a time per bucket, in order, never into a limit that is known, repeated only
where that is safe.
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
from urllib.parse import urlsplit

import aiohttp

from whisperengine import __version__
from whisperengine.discord.buckets import INVALID_BRAKE, INVALID_WARN, Buckets, Limited, Route, parse_object, read_429
from whisperengine.discord.problems import (
    WRONG_TOKEN,
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
ATTEMPTS = 6
MAX_WAIT = 120.0
INVALID_WEBHOOK_TOKEN = 50027


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


class Transport:
    """The requests of one bot. `base` is DISCORD_API_BASE; an unencrypted one elsewhere than on this machine is a
    ConfigurationError.
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

        Raises DiscordStopped (the token is wrong; from then on without asking Discord again), DiscordRefused,
        DiscordUnreachable or DiscordPaused.
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


def _payload(body: Any, files: tuple[tuple[str, bytes], ...]) -> dict[str, Any]:
    if files:
        form = aiohttp.FormData()
        form.add_field("payload_json", json.dumps(body), content_type="application/json")
        for index, (name, content) in enumerate(files):
            form.add_field(f"files[{index}]", content, filename=name, content_type="application/octet-stream")
        return {"data": form}
    return {} if body is None else {"json": body}
