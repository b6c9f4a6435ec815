"""/api/keys and /api/session: keys are made, listed and revoked; a browser that shows one gets a cookie."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from typing import Any

from aiohttp import web

from whisperengine.api.answers import json_object
from whisperengine.api.callers import CALLERS, COOKIE, OPEN, is_secure, key_required
from whisperengine.api.context import ADDRESS, CALLER, CONTEXT
from whisperengine.api.description import describe
from whisperengine.api.schemas import BOOLEAN, STRING, TIME, line, list_of, nullable, object_of, one_of, string, success
from whisperengine.chat.incoming import clean_id
from whisperengine.db import keys
from whisperengine.db.keys import SESSION_DAYS, Key
from whisperengine.errors import AuthenticationError, NotFoundError, PermissionDenied

FIELDS = ("name", "scope", "person", "character")
KEY = {
    "prefix": STRING,
    "name": STRING,
    "scope": one_of(*keys.SCOPES),
    **dict.fromkeys(("person", "character"), nullable(STRING)),
    "created_at": TIME,
    **dict.fromkeys(("last_used_at", "revoked_at"), nullable(TIME)),
}
NEW_KEY = {
    "anyOf": [
        object_of(
            {
                "name": line("For the list.", empty=True),
                "scope": one_of("admin"),
                **dict.fromkeys(("person", "character"), string(enum=[""])),
            },
            required=("scope",),
        ),
        object_of(
            {
                "name": line("For the list.", empty=True),
                "scope": one_of("chat"),
                "person": line("The only one that it speaks for.", empty=True),
                "character": line("The only one that it speaks with.", empty=True),
            },
            required=(),
        ),
    ],
    "_errors": {
        "anyOf": (
            "invalid_field",
            "name must be a line of text, scope chat or admin; only a key of the scope chat can be tied to a person or "
            "a character.",
        )
    },
}

routes = web.RouteTableDef()


@routes.get("/api/keys")
@describe("All keys, newest first", answers=success({"keys": list_of(object_of(KEY, title="Key"))}))
async def list_keys(request: web.Request) -> web.Response:
    found = await keys.all_keys(request.app[CONTEXT].ready().pool)
    return web.json_response({"success": True, "keys": [shown(key) for key in found]})


@routes.post("/api/keys")
@describe(
    "Make a key",
    body=NEW_KEY,
    answers={201: success({"key": STRING, **KEY})},
    fails=(404,),
)
async def create(request: web.Request) -> web.Response:
    """The key itself is in this answer alone."""
    context = request.app[CONTEXT]
    parts = context.ready()
    body = await json_object(request)
    given = {name: clean_id(value, name) if (value := body.get(name)) else "" for name in FIELDS}
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
@describe("Put a key out of force", answers=success(KEY))
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


@routes.get("/api/session")
@describe(
    "Who one is here",
    answers=success(
        {
            "authenticated": BOOLEAN,
            "required": BOOLEAN,
            "scope": nullable(one_of(*keys.SCOPES)),
            **dict.fromkeys(("person", "character"), nullable(STRING)),
        }
    ),
    fails=(429, 503),
)
async def who(request: web.Request) -> web.Response:
    """Whether a key is needed, and what the one that is shown may do; `scope` is null when none in force is."""
    config = request.app[CONTEXT].config
    required = key_required(config)
    caller = None
    if config.auth == "on":
        with suppress(AuthenticationError):
            caller = await request.app[CALLERS].of(request, request[ADDRESS])
    known = caller or (None if required else OPEN)
    return web.json_response(
        {
            "success": True,
            "authenticated": caller is not None,
            "required": required,
            "scope": known.scope if known else None,
            "person": known.person if known else None,
            "character": known.character if known else None,
        }
    )


@routes.post("/api/session")
@describe("Log a browser in")
async def log_in(request: web.Request) -> web.Response:
    """For the key in `Authorization`, a cookie that may do the same.

    Pages of other origins can neither read nor send it.
    """
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
@describe("Log a browser out")
async def log_out(request: web.Request) -> web.Response:
    context = request.app[CONTEXT]
    token = request.cookies.get(COOKIE)
    if token:
        await keys.close_session(context.ready().pool, token, context.config.api_key)
        request.app[CALLERS].forget()
    response = web.json_response({"success": True})
    response.del_cookie(COOKIE, path="/")
    return response
