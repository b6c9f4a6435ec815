"""Rate limits of Discord's REST API: what is known of each bucket, the global limit, and the brake against a ban. No
sockets, no sleeping.

Source: Discord's documentation, "Rate Limits". A bucket is the pair of the hash that Discord names and the top-level
id of the path.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from whisperengine.discord.pace import SlidingLog

# Discord allows 50 in any second. Ten in a quarter of one are at most 50 in any second and a quarter, however
# unevenly they arrive.
GLOBAL_LIMIT = 10
GLOBAL_WINDOW = 0.25
INVALID_WINDOW = 600.0
INVALID_WARN = 300
INVALID_BRAKE = 1000
CLOUDFLARE_PAUSE = 300.0
MAX_BUCKETS = 10_000
# Clocks of two machines tick differently, and a request may overtake its predecessor's answer.
MARGIN = 0.02


@dataclass(frozen=True, slots=True)
class Route:
    """One kind of request. `template` names the kind, `top` the channel, server or webhook on which its limit hangs,
    `path` is what is sent.

    `repeatable`: sending it twice does no more than sending it once. `open`: needs no token and is outside the global
    limit (interactions).
    """

    method: str
    template: str
    path: str
    top: str
    repeatable: bool = True
    open: bool = False


@dataclass(slots=True)
class Bucket:
    """`remaining` requests may be sent before `reset_at` (clock seconds); after it, `limit`."""

    limit: int = 1
    remaining: int = 1
    reset_at: float = 0.0

    def delay(self, now: float) -> float:
        if self.remaining > 0 or now >= self.reset_at:
            return 0.0
        return self.reset_at - now

    def take(self, now: float) -> None:
        if now >= self.reset_at:
            self.remaining = self.limit
        self.remaining = max(0, self.remaining - 1)


@dataclass(frozen=True, slots=True)
class Limited:
    """A 429. `scope` is user, shared, global or cloudflare; `retry_after` in seconds."""

    scope: str
    retry_after: float


class Buckets:
    """Everything that may hold a request back. Times are readings of one monotonic clock, in seconds."""

    def __init__(self) -> None:
        self._hashes: dict[tuple[str, str], str] = {}
        self._buckets: OrderedDict[tuple[str, str], Bucket] = OrderedDict()
        self._global = SlidingLog(GLOBAL_LIMIT, GLOBAL_WINDOW)
        self._global_until = 0.0
        self._invalid = SlidingLog(INVALID_BRAKE, INVALID_WINDOW)
        self.blocked_until = 0.0

    def key(self, route: Route) -> tuple[str, str]:
        """The bucket of a route: by hash once Discord named it, by method and template until then."""
        return self._hashes.get((route.method, route.template), f"{route.method} {route.template}"), route.top

    def delay(self, route: Route, now: float) -> float:
        """Seconds until `route` may be sent; 0 when it may be now."""
        bucket = self._buckets.get(self.key(route))
        wait = bucket.delay(now) if bucket else 0.0
        if not route.open:
            wait = max(wait, self._global_until - now, self._global.delay(now))
        return max(0.0, wait)

    def sent(self, route: Route, now: float) -> None:
        self._bucket(self.key(route)).take(now)
        if not route.open:
            self._global.record(now)

    def learned(self, route: Route, headers: Mapping[str, str], now: float) -> None:
        """Read the headers of an answer. Missing or senseless ones change nothing."""
        try:
            limit = int(headers["X-RateLimit-Limit"])
            remaining = int(headers["X-RateLimit-Remaining"])
            reset_after = float(headers["X-RateLimit-Reset-After"])
        except (KeyError, ValueError):
            return
        if "X-RateLimit-Bucket" in headers:
            self._hashes[(route.method, route.template)] = headers["X-RateLimit-Bucket"][:200]
        bucket = self._bucket(self.key(route))
        bucket.limit = max(1, limit)
        # Inside one window the lower figure is true: requests on their way are not in the header yet.
        bucket.remaining = min(bucket.remaining, max(0, remaining)) if now < bucket.reset_at else max(0, remaining)
        bucket.reset_at = now + max(0.0, reset_after) + MARGIN

    def limited(self, route: Route, limit: Limited, now: float) -> None:
        """Take note of a 429, so that nobody else walks into it."""
        until = now + limit.retry_after + MARGIN
        if limit.scope == "cloudflare":
            self.blocked_until = max(self.blocked_until, until)
        elif limit.scope == "global":
            self._global_until = max(self._global_until, until)
        else:
            bucket = self._bucket(self.key(route))
            bucket.remaining = 0
            bucket.reset_at = max(bucket.reset_at, until)

    def invalid(self, now: float) -> int:
        """Count a 401, 403 or 429 that Discord holds against us; returns how many there were in ten minutes."""
        self._invalid.record(now)
        return self._invalid.count(now)

    def braked(self, now: float) -> float:
        """Seconds for which nothing at all may be sent: Cloudflare's ban, or too many invalid requests (10,000 would
        bring one).
        """
        return max(0.0, self.blocked_until - now, self._invalid.delay(now))

    def _bucket(self, key: tuple[str, str]) -> Bucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = Bucket()
            if len(self._buckets) > MAX_BUCKETS:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(key)
        return bucket


def read_429(headers: Mapping[str, str], body: bytes) -> Limited:
    """What a 429 says. The body and Retry-After are trusted, not Reset-After, which may speak of another limit.

    Without a JSON body and the `Via` of Discord's own proxies it is Cloudflare that speaks: an address under a ban
    should be quiet for minutes.
    """
    said = parse_object(body)
    try:
        named = float(headers.get("Retry-After", ""))
    except ValueError:
        named = 0.0
    if said is None:
        return Limited("cloudflare", max(named, CLOUDFLARE_PAUSE))
    wait = said.get("retry_after")
    if isinstance(wait, bool) or not isinstance(wait, int | float) or not 0 <= wait < 1e9:
        wait = named or 1.0
    if said.get("global") is True or headers.get("X-RateLimit-Global", "").lower() == "true":
        return Limited("global", wait)
    return Limited("shared" if headers.get("X-RateLimit-Scope") == "shared" else "user", wait)


def parse_object(body: bytes) -> dict[str, Any] | None:
    """A JSON object, or None for anything else."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
