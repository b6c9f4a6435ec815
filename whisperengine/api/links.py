"""/api/users/{user_id}/link: one person on several platforms."""

from __future__ import annotations

from aiohttp import web

from whisperengine.api.answers import json_object
from whisperengine.api.context import CONTEXT, Parts
from whisperengine.api.description import describe, queried
from whisperengine.api.schemas import STRING, TIME, line, object_of, success
from whisperengine.chat.incoming import clean_id
from whisperengine.db.limits import is_banned
from whisperengine.errors import NotFoundError, PermissionDenied
from whisperengine.memory import links, people

PLATFORM = {"platform": line("Whose name for the person the id is: api or discord.", default="api")}

routes = web.RouteTableDef()


@routes.post("/api/users/{user_id}/link")
@describe(
    "Get a code that joins another platform's account to this one",
    query=PLATFORM,
    answers=success({"code": STRING, "expires_at": TIME}),
)
async def start(request: web.Request) -> web.Response:
    """The code lasts ten minutes, is good for one account, and replaces the one before it."""
    parts, platform, user_id = _who(request)
    found = await links.start(parts.pool, platform, user_id)
    return web.json_response({"success": True, "code": found.code, "expires_at": found.expires_at.isoformat()})


@routes.post("/api/users/{user_id}/link/redeem")
@describe(
    "Join the person that a code was given to",
    query=PLATFORM,
    body=object_of({"code": line("As it was shown; case and dashes do not matter.")}),
    fails=(409,),
)
async def redeem(request: web.Request) -> web.Response:
    """Everything that is kept of this account becomes the other's; `DELETE` on `link` gives it back."""
    parts, platform, user_id = _who(request)
    if await is_banned(parts.pool, platform, user_id):
        raise PermissionDenied("This account is banned. It cannot join another one.", code="banned")
    await links.join(parts.pool, platform, user_id, (await json_object(request))["code"])
    return web.json_response({"success": True})


@routes.delete("/api/users/{user_id}/link")
@describe(
    "Split a joined account off again",
    query={
        **PLATFORM,
        "linked_platform": line("Platform of the account to split off; this one when absent."),
        "linked_id": line("Its id; `user_id` itself when absent."),
    },
    fails=(409,),
)
async def split(request: web.Request) -> web.Response:
    """What the account had brought along goes back to it; what was said while joined stays."""
    parts, platform, user_id = _who(request)
    query = queried(request)
    whose = query["linked_platform"] or platform, clean_id(query["linked_id"] or user_id, "linked_id")
    person, other = await people.find(parts.pool, platform, user_id), await people.find(parts.pool, *whose)
    if person is None or other is None or person.user_id != other.user_id:
        raise NotFoundError(
            f"{whose[1]!r} on {whose[0]} is not known as {user_id!r}. GET /api/users/… lists the identities.",
            code="unknown_user",
        )
    await links.split(parts.pool, *whose)
    return web.json_response({"success": True})


def _who(request: web.Request) -> tuple[Parts, str, str]:
    parts = request.app[CONTEXT].ready()
    return parts, queried(request)["platform"], clean_id(request.match_info["user_id"], "user_id")
