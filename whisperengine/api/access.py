"""Who may call what: one decision for each route. A route without one is not served."""

from __future__ import annotations

from enum import Enum

from aiohttp import web


class Access(Enum):
    """OPEN: anybody. CHAT: any key. PERSON: an admin key or one tied to the person in the path. ADMIN: an admin key."""

    OPEN = "open"
    CHAT = "chat"
    PERSON = "person"
    ADMIN = "admin"


_DECISIONS: dict[Access, tuple[str, ...]] = {
    Access.OPEN: ("GET /health", "GET /ready", "GET /openapi.json", "GET /docs", "GET /api/session", "GET /{page}"),
    Access.CHAT: (
        "POST /api/chat",
        "POST /api/chat/batch",
        "POST /api/chat/regenerate",
        "GET /v1/models",
        "GET /v1/models/{model}",
        "POST /v1/chat/completions",
        "POST /v1/embeddings",
        "GET /api/characters",
        "GET /api/characters/{name}",
        "GET /api/characters/{name}/avatar",
        "GET /api/characters/{name}/greetings",
        "POST /api/session",
        "DELETE /api/session",
    ),
    Access.PERSON: (
        "GET /api/users/{user_id}",
        "PATCH /api/users/{user_id}",
        "DELETE /api/users/{user_id}",
        "GET /api/users/{user_id}/channels",
        "GET /api/users/{user_id}/emotions",
        "GET /api/users/{user_id}/export",
        "GET /api/users/{user_id}/facts",
        "POST /api/users/{user_id}/facts",
        "PATCH /api/users/{user_id}/facts/{fact_id}",
        "DELETE /api/users/{user_id}/facts/{fact_id}",
        "POST /api/users/{user_id}/history",
        "POST /api/users/{user_id}/link",
        "POST /api/users/{user_id}/link/redeem",
        "DELETE /api/users/{user_id}/link",
        "GET /api/users/{user_id}/memories",
        "PATCH /api/users/{user_id}/memories/{message_id}",
        "DELETE /api/users/{user_id}/memories/{message_id}",
        "GET /api/users/{user_id}/messages",
        "POST /api/users/{user_id}/records",
        "GET /api/users/{user_id}/relationship",
        "GET /api/users/{user_id}/summaries",
    ),
    Access.ADMIN: (
        "POST /api/characters",
        "POST /api/characters/import",
        "GET /api/characters/schema",
        "GET /api/characters/template",
        "POST /api/characters/try",
        "POST /api/characters/validate",
        "PUT /api/characters/{name}",
        "PATCH /api/characters/{name}",
        "DELETE /api/characters/{name}",
        "PUT /api/characters/{name}/avatar",
        "DELETE /api/characters/{name}/avatar",
        "POST /api/characters/{name}/clone",
        "GET /api/characters/{name}/export",
        "POST /api/characters/prompt",
        "GET /api/characters/{name}/prompt",
        "POST /api/characters/{name}/restore",
        "GET /api/characters/{name}/versions",
        "GET /api/characters/{name}/versions/{number}",
        "POST /api/characters/{name}/versions/{number}/restore",
        "GET /api/bot-info",
        "GET /metrics",
        "GET /status",
        "GET /api/discord",
        "GET /api/settings",
        "PATCH /api/settings",
        "GET /api/settings/audit",
        "GET /api/settings/llm/found",
        "POST /api/settings/llm/test",
        "GET /api/usage",
        "GET /api/bans",
        "PUT /api/bans/{platform}/{user_id}",
        "DELETE /api/bans/{platform}/{user_id}",
        "GET /api/keys",
        "POST /api/keys",
        "DELETE /api/keys/{prefix}",
    ),
}
ACCESS: dict[str, Access] = {route: access for access, routes in _DECISIONS.items() for route in routes}


def access_of(request: web.Request) -> Access:
    """The decision for a request; a path or method that there is not is for any key to find out."""
    resource = request.match_info.route.resource
    if request.match_info.http_exception is not None or resource is None:
        return Access.CHAT
    method = "GET" if request.method == "HEAD" else request.method
    return ACCESS.get(f"{method} {resource.canonical}", Access.ADMIN)
