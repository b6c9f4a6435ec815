"""/api/users/{user_id}/relationship and emotions: how a person and a character stand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from aiohttp import web

from whisperengine.api.description import describe, queried
from whisperengine.api.person import LIMIT, LISTED, PAGE_MOST, WHOSE, row_body, rows_body, whose
from whisperengine.api.person_schemas import EMOTION, RELATIONSHIP
from whisperengine.api.schemas import integer, list_of, success
from whisperengine.memory import browse

routes = web.RouteTableDef()


@routes.get("/api/users/{user_id}/relationship")
@describe(
    "How the two stand",
    query=LISTED,
    answers=success({"relationship": {"anyOf": [RELATIONSHIP, {"type": "null"}]}}),
)
async def relationship(request: web.Request) -> web.Response:
    parts, person, character_id = await whose(request)
    found = await browse.relationship(parts.pool, person.user_id, character_id, queried(request)["limit"])
    return web.json_response({"success": True, "relationship": row_body(found) if found else None})


@routes.get("/api/users/{user_id}/emotions")
@describe(
    "The feeling of each message, oldest first",
    query={
        **WHOSE,
        "limit": {**LIMIT, "default": PAGE_MOST},
        "days": integer(1, 36_500, "How far back.", default=90),
    },
    answers=success({"emotions": list_of(EMOTION)}),
)
async def emotions(request: web.Request) -> web.Response:
    parts, person, character_id = await whose(request)
    query = queried(request)
    since = datetime.now(UTC) - timedelta(days=query["days"])
    rows = await browse.feelings(parts.pool, person.user_id, character_id, since, query["limit"])
    return web.json_response({"success": True, "emotions": rows_body(rows)})
