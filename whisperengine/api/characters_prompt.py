"""/api/characters/{name}/prompt: what the model would be told, part by part."""

from __future__ import annotations

from dataclasses import asdict

from aiohttp import web

from whisperengine.api import character_schemas as schemas
from whisperengine.api.characters import checked, definition_body, found
from whisperengine.api.context import CONTEXT
from whisperengine.api.description import check_body, describe, queried
from whisperengine.chat.preview import Preview, preview

UNNAMED = "unnamed"

routes = web.RouteTableDef()


@routes.get("/api/characters/{name}/prompt")
@describe("The prompt of a message to a character", query=schemas.PROMPT_QUERY, answers=schemas.PROMPT)
async def show(request: web.Request) -> web.Response:
    """Nothing is stored, and no model is asked."""
    parts = request.app[CONTEXT].ready()
    character = await found(request, parts)
    query = queried(request)
    shown = await preview(
        parts.turns,
        character.definition,
        character=character,
        platform_user_id=query["user_id"] or "",
        message=query["message"] or "",
        channel=query["channel"] or "",
    )
    return _answer(shown)


@routes.post("/api/characters/prompt")
@describe("The prompt of a message to a character that is not saved", body=schemas.PROMPT_BODY, answers=schemas.PROMPT)
async def imagine(request: web.Request) -> web.Response:
    """Nobody is remembered by a character that there is not yet."""
    parts = request.app[CONTEXT].ready()
    body, document = await definition_body(request)
    check_body(request, {**body, "definition": {}})
    definition = await checked({"name": UNNAMED, **document})
    shown = await preview(
        parts.turns, definition, platform_user_id=body.get("user_id") or "", message=body.get("message") or ""
    )
    return _answer(shown)


def _answer(shown: Preview) -> web.Response:
    return web.json_response({"success": True, **asdict(shown)})
