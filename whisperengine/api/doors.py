"""Who may come in: host names, web origins, keys, and what a key may do."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from aiohttp import web

from whisperengine.api.access import Access, access_of
from whisperengine.api.callers import CALLERS, OPEN, UNKNOWN, address_of, key_required
from whisperengine.api.context import ADDRESS, CALLER, CONTEXT, ORIGIN, Caller
from whisperengine.config import Config
from whisperengine.errors import AuthenticationError, PermissionDenied

CORS_METHODS = "GET, POST, PATCH, PUT, DELETE, OPTIONS"
CORS_HEADERS = "Content-Type, Authorization, Idempotency-Key, If-Match, If-None-Match, X-User-Id, X-Conversation-Id"
CORS_SHOWN = (
    "Content-Disposition, ETag, X-Request-Id, Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset"
)
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}


@web.middleware
async def doors(request: web.Request, handler) -> web.StreamResponse:
    """Host, origin, key and what the key may do, in this order. What was found out stands in the request."""
    config = request.app[CONTEXT].config
    if not _host_allowed(request, config):
        raise PermissionDenied(
            "This host name is not allowed here. Call the service by its address, or add the name to ALLOWED_HOSTS.",
            code="host_not_allowed",
        )
    origin = request.headers.get("Origin")
    if origin is not None:
        if not _origin_allowed(request, origin, config):
            raise PermissionDenied(
                "Pages of this origin may not call the service. Add the origin to ALLOWED_ORIGINS.",
                code="origin_not_allowed",
            )
        request[ORIGIN] = origin
    if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
        return web.Response()
    access = access_of(request)
    request[ADDRESS] = address_of(request, config)
    request[CALLER] = OPEN
    if access is not Access.OPEN and config.auth == "on":
        caller = await request.app[CALLERS].of(request, request[ADDRESS])
        if caller is None and key_required(config):
            raise AuthenticationError(UNKNOWN)
        request[CALLER] = caller or OPEN
        _check_scope(request, request[CALLER], access)
    return await handler(request)


def _check_scope(request: web.Request, caller: Caller, access: Access) -> None:
    if caller.scope == "admin" or access is Access.CHAT:
        return
    own = (
        access is Access.PERSON
        and caller.person is not None
        and caller.character is None
        and request.match_info["user_id"].strip() == caller.person
        and request.query.get("platform", "api") == "api"
    )
    if not own:
        raise PermissionDenied("This key does not allow that. Use an admin key, or the route of the key's own person.")


def cors_headers(request: web.Request) -> dict[str, str]:
    """Headers of an answer to an origin that was let in; none for callers that are no pages."""
    origin = request.get(ORIGIN)
    if origin is None:
        return {}
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": CORS_METHODS,
        "Access-Control-Allow-Headers": CORS_HEADERS,
        "Access-Control-Expose-Headers": CORS_SHOWN,
        "Vary": "Origin",
    }


def _host_allowed(request: web.Request, config: Config) -> bool:
    """A page that rebinds its own name to this machine's address shows that name in `Host`; an address or a known name
    cannot be rebound.
    """
    if key_required(config) and not config.allowed_hosts:
        return True
    host = _hostname(request.headers.get("Host", ""))
    return host is not None and (
        _is_address(host)
        or host == "localhost"
        or host == config.http_host.lower()
        or any(name == "*" or name.lower() == host for name in config.allowed_hosts)
    )


def _origin_allowed(request: web.Request, origin: str, config: Config) -> bool:
    if "*" in config.allowed_origins or origin in config.allowed_origins:
        return True
    own = request.headers.get("Host", "").lower()
    return origin.lower() in (f"http://{own}", f"https://{own}")


def _hostname(header: str) -> str | None:
    try:
        parts = urlsplit("//" + header)
        return parts.hostname if parts.path == "" and parts.username is None else None
    except ValueError:
        return None


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
