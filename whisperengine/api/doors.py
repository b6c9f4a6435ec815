"""Who may call: host names, web origins and the key."""

from __future__ import annotations

import hmac
import ipaddress
from urllib.parse import urlsplit

from aiohttp import web

from whisperengine.api.context import CONTEXT, ORIGIN
from whisperengine.config import Config
from whisperengine.errors import AuthenticationError, ConfigurationError, PermissionDenied

OPEN_PATHS = frozenset({"/health", "/ready"})
CORS_METHODS = "GET, POST, OPTIONS"
CORS_HEADERS = "Content-Type, Authorization, Idempotency-Key"


def check_bind(config: Config) -> None:
    """Raises ConfigurationError when the service would stand open to a network without anybody having said so."""
    if not is_loopback(config.http_host) and config.auth == "on" and not config.api_key:
        raise ConfigurationError(
            f"HEALTH_CHECK_HOST={config.http_host} opens the service to the network, but no key protects it. "
            "Set WHISPERENGINE_API_KEY to a long random text, or say WHISPERENGINE_AUTH=off when something else "
            "guards the port."
        )


def is_loopback(host: str) -> bool:
    """Whether an address (or `localhost`) is reachable from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def key_required(config: Config) -> bool:
    return bool(config.api_key) and config.auth == "on"


@web.middleware
async def doors(request: web.Request, handler) -> web.StreamResponse:
    """Host, origin and key, in this order. An origin that is let in stands in `request[ORIGIN]`."""
    config = request.app[CONTEXT].config
    if not _host_allowed(request, config):
        raise PermissionDenied(
            "This host name is not allowed here. Call the service by its address, or add the name to ALLOWED_HOSTS.",
            code="host_not_allowed",
        )
    origin = request.headers.get("Origin")
    allowed = origin is None or _origin_allowed(request, origin, config)
    if not allowed:
        raise PermissionDenied(
            "Pages of this origin may not call the service. Add the origin to ALLOWED_ORIGINS.",
            code="origin_not_allowed",
        )
    if origin is not None:
        request[ORIGIN] = origin
    if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
        return web.Response()
    if key_required(config) and request.path not in OPEN_PATHS:
        _check_key(request, config)
    return await handler(request)


def cors_headers(request: web.Request) -> dict[str, str]:
    """Headers of an answer to an origin that was let in; none for callers that are no pages."""
    origin = request.get(ORIGIN)
    if origin is None:
        return {}
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": CORS_METHODS,
        "Access-Control-Allow-Headers": CORS_HEADERS,
        "Vary": "Origin",
    }


def _check_key(request: web.Request, config: Config) -> None:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), config.api_key.encode()):
        raise AuthenticationError(
            "Send the key as `Authorization: Bearer KEY`. The operator has set it as WHISPERENGINE_API_KEY."
        )


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
