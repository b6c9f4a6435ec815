"""GET /api/characters/{name}/greetings: what a character says before anything was said."""

from __future__ import annotations

from datetime import UTC, datetime

from aiohttp import web

from whisperengine.api.context import CALLER, CONTEXT
from whisperengine.api.description import describe, queried
from whisperengine.api.schemas import STRING, line, list_of, success
from whisperengine.chat.greetings import greetings
from whisperengine.chat.situation import local
from whisperengine.db.pool import reachable

routes = web.RouteTableDef()


@routes.get("/api/characters/{name}/greetings")
@describe(
    "First messages of a talk",
    query={
        "user_name": line("What the character calls the person.", empty=True),
        "time_zone": line("The person's time zone, such as Europe/Lisbon.", empty=True),
    },
    answers=success({"greetings": list_of(STRING, "The greeting, then its alternates; empty when there is none.")}),
)
async def show(request: web.Request) -> web.Response:
    """One of them may be stored as the first message with `POST /api/users/{user_id}/history`."""
    context = request.app[CONTEXT]
    name = request[CALLER].speaks_with(request.match_info["name"])
    with reachable(context.config.dsn):
        character = await context.ready().cast.get(name)
    query = queried(request)
    here = local(datetime.now(UTC), query["time_zone"] or "UTC")
    found = greetings(character.definition, query["user_name"] or "", here)
    return web.json_response({"success": True, "greetings": list(found)})
