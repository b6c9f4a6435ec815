"""/api/keys and /api/session: keys are made, listed and revoked; a browser that shows one gets a cookie."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from aiohttp import web

from whisperengine.api.answers import json_object
from whisperengine.api.callers import CALLERS, COOKIE, is_secure
from whisperengine.api.context import CALLER, CONTEXT
from whisperengine.chat.incoming import clean_id
from whisperengine.db import keys
from whisperengine.db.keys import SESSION_DAYS, Key
from whisperengine.errors import NotFoundError, PermissionDenied, RequestError

FIELDS = ("name", "scope", "person", "character")

routes = web.RouteTableDef()


@routes.get("/api/keys")
async def list_keys(request: web.Request) -> web.Response:
    found = await keys.all_keys(request.app[CONTEXT].ready().pool)
    return web.json_response({"success": True, "keys": [shown(key) for key in found]})


@routes.post("/api/keys")
async def create(request: web.Request) -> web.Response:
    """`scope` is chat or admin, `person` and `character` tie a chat key. The key itself is in this answer alone."""
    context = request.app[CONTEXT]
    parts = context.ready()
    body = await json_object(request)
    given: dict[str, str] = {}
    for name in FIELDS:
        value = body.get(name)
        if value is not None and not isinstance(value, str):
            raise RequestError(f"{name} must be a text.", code="invalid_field")
        given[name] = clean_id(value, name) if value else ""
    if given["character"]:
        await parts.cast.get(given["character"])
    text, key = await keys.create(
        parts.pool,
        given["name"],
        given["scope"] or "chat",
        person=given["person"],
        character=given["character"],
    )
    return web.json_response({"success": True, "key": text, **shown(key)}, status=201)


@routes.delete("/api/keys/{prefix}")
async def revoke(request: web.Request) -> web.Response:
    context = request.app[CONTEXT]
    key = await keys.revoke(context.ready().pool, request.match_info["prefix"])
    if key is None:
        raise NotFoundError("There is no such key in force. List them with GET /api/keys.", code="unknown_key")
    request.app[CALLERS].forget()
    return web.json_response({"success": True, **shown(key)})


def shown(key: Key) -> dict[str, Any]:
    """A key as it may be seen: never its text or hash."""
    fields = {name: value for name, value in asdict(key).items() if name != "key_id"}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in fields.items()}


@routes.post("/api/session")
async def log_in(request: web.Request) -> web.Response:
    """For the admin key in `Authorization`, a cookie that pages of other origins can neither read nor have sent."""
    context = request.app[CONTEXT]
    caller = request[CALLER]
    if not caller.subject:
        raise PermissionDenied("No key is needed here, so there is nothing to log in to.", code="no_key_needed")
    token = await keys.open_session(context.ready().pool, caller.key_id, context.config.api_key)
    response = web.json_response({"success": True})
    response.set_cookie(
        COOKIE,
        token,
        max_age=SESSION_DAYS * 86_400,
        path="/",
        httponly=True,
        samesite="Strict",
        secure=is_secure(request, context.config),
    )
    return response


@routes.delete("/api/session")
async def log_out(request: web.Request) -> web.Response:
    context = request.app[CONTEXT]
    token = request.cookies.get(COOKIE)
    if token:
        await keys.close_session(context.ready().pool, token, context.config.api_key)
        request.app[CALLERS].forget()
    response = web.json_response({"success": True})
    response.del_cookie(COOKIE, path="/")
    return response
