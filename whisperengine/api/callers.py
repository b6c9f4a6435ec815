"""Whose key a request shows."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import time
from collections import OrderedDict

import asyncpg
from aiohttp import web

from whisperengine.api.context import CONTEXT, Caller
from whisperengine.config import Config
from whisperengine.db import keys
from whisperengine.db.keys import SessionKey
from whisperengine.db.pool import reachable
from whisperengine.errors import AuthenticationError, PermissionDenied, TooManyRequests

COOKIE = "whisperengine_session"
FRESH_SECONDS = 5.0
CALLERS_KEPT = 10_000
FAILURES_MOST = 20
FAILURES_SECONDS = 60.0

OPEN = Caller("admin")
ENVIRONMENT = Caller("admin", "key:environment")
UNKNOWN = "Send a key that is in force as `Authorization: Bearer KEY`. `whisperengine key create` makes one."


class Callers:
    """Knows callers by what they show, for a few seconds each: a key that another replica revokes is refused here five
    seconds later, one revoked here at once (`forget`).
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._known: OrderedDict[bytes, tuple[float, Caller]] = OrderedDict()
        self._failures: OrderedDict[str, list[float]] = OrderedDict()

    async def of(self, request: web.Request, address: str) -> Caller | None:
        """The caller behind a request, or None when nothing was shown. Raises AuthenticationError for what is not in
        force, TooManyRequests for an address that tries too many.
        """
        scheme, _, shown = request.headers.get("Authorization", "").partition(" ")
        shown = shown.strip() if scheme.lower() == "bearer" else ""
        if shown:
            return await self._by_key(request, shown, address)
        token = request.cookies.get(COOKIE)
        return await self._by_session(request, token, address) if token else None

    async def _by_key(self, request: web.Request, shown: str, address: str) -> Caller | None:
        secret = self._config.api_key
        if secret and hmac.compare_digest(shown.encode("utf-8", "replace"), secret.encode()):
            return ENVIRONMENT
        caller = self._fresh(shown)
        if caller is None:
            self._check_tries(address)
            pool = request.app[CONTEXT].ready().pool if keys.looks_like(shown) else None
            caller = await self._keep(pool, shown)
        if caller is None:
            if not key_required(self._config) and not keys.looks_like(shown):
                # Programs that insist on some key send an arbitrary one; where none is needed, it opens nothing more.
                return None
            self._note_failure(address)
            raise AuthenticationError(UNKNOWN)
        return caller

    async def _keep(self, pool: asyncpg.Pool | None, shown: str) -> Caller | None:
        if pool is None:
            return None
        with reachable(self._config.dsn):
            key = await keys.find(pool, shown)
        if key is None:
            return None
        return self._remember(shown, Caller(key.scope, f"key:{key.prefix}", key.key_id, key.person, key.character))

    async def _by_session(self, request: web.Request, token: str, address: str) -> Caller | None:
        caller = self._fresh(token)
        if caller is None:
            self._check_tries(address)
            with reachable(self._config.dsn):
                found = await keys.session(request.app[CONTEXT].ready().pool, token, self._config.api_key)
            if found is None:
                if not key_required(self._config):
                    return None
                self._note_failure(address)
                raise AuthenticationError("The session is over. Log in again with a key.")
            caller = self._remember(token, _caller(found))
        if request.method not in ("GET", "HEAD", "OPTIONS") and "Origin" not in request.headers:
            # The doors let only known origins in; what a browser sends to change something always names one.
            raise PermissionDenied("A session is for browsers: send the Origin header, or use a key.", code="no_origin")
        return caller

    def forget(self) -> None:
        """Look everybody up anew."""
        self._known.clear()

    def _fresh(self, shown: str) -> Caller | None:
        at, caller = self._known.get(_digest(shown), (0.0, None))
        return caller if time.monotonic() - at < FRESH_SECONDS else None

    def _remember(self, shown: str, caller: Caller) -> Caller:
        digest = _digest(shown)
        self._known[digest] = (time.monotonic(), caller)
        self._known.move_to_end(digest)
        while len(self._known) > CALLERS_KEPT:
            self._known.popitem(last=False)
        return caller

    def _check_tries(self, address: str) -> None:
        since = time.monotonic() - FAILURES_SECONDS
        tries = [at for at in self._failures.get(address, ()) if at > since]
        if len(tries) >= FAILURES_MOST:
            raise TooManyRequests(
                "Too many wrong keys came from this address. Wait a minute, then send the right one.",
                code="too_many_wrong_keys",
                retry_after=FAILURES_SECONDS - (time.monotonic() - tries[0]),
            )

    def _note_failure(self, address: str) -> None:
        since = time.monotonic() - FAILURES_SECONDS
        self._failures[address] = [at for at in self._failures.get(address, ()) if at > since] + [time.monotonic()]
        self._failures.move_to_end(address)
        while len(self._failures) > CALLERS_KEPT:
            self._failures.popitem(last=False)


def _caller(key: SessionKey) -> Caller:
    return Caller(key.scope, f"key:{key.prefix or 'environment'}", key.key_id, key.person, key.character)


def _digest(shown: str) -> bytes:
    # A look-up by the text itself would take longer the more of it is right.
    return hashlib.sha256(shown.encode("utf-8", "replace")).digest()


CALLERS = web.AppKey("callers", Callers)


def is_loopback(host: str) -> bool:
    """Whether an address (or `localhost`) is reachable from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def key_required(config: Config) -> bool:
    """Whether callers must show a key: when the network reaches the service, or the operator has set one."""
    open_to_network = not is_loopback(config.http_host) or bool(config.trusted_proxies)
    return config.auth == "on" and (open_to_network or bool(config.api_key))


def address_of(request: web.Request, config: Config) -> str:
    """The caller's address: the peer's, or where that is a trusted proxy, the last one that no trusted proxy wrote."""
    address = request.remote or ""
    if not config.trusted_proxies:
        return address
    forwarded = ",".join(request.headers.getall("X-Forwarded-For", []))
    for hop in (*reversed([hop.strip() for hop in forwarded.split(",") if hop.strip()]), ""):
        if not _trusted(address, config) or not hop:
            break
        try:
            address = str(ipaddress.ip_address(hop))
        except ValueError:
            break
    return address


def is_secure(request: web.Request, config: Config) -> bool:
    """Whether the browser speaks TLS, to us or to a trusted proxy."""
    forwarded = request.headers.get("X-Forwarded-Proto") if _trusted(request.remote or "", config) else None
    return (forwarded or request.scheme) == "https"


def _trusted(address: str, config: Config) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(found in ipaddress.ip_network(network) for network in config.trusted_proxies)
