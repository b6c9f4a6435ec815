"""/api/bans: people who are not answered."""

from __future__ import annotations

from aiohttp import web

from whisperengine.api.answers import json_object
from whisperengine.api.context import CALLER, CONTEXT
from whisperengine.api.description import describe
from whisperengine.api.schemas import TIME, line, list_of, object_of, one_of, string, success
from whisperengine.chat.incoming import clean_id
from whisperengine.db import limits
from whisperengine.errors import NotFoundError

REASON_CHARS = 500
WHOM = {"platform": one_of("api", "discord"), "user_id": line()}
BAN = object_of(
    {"platform": string(), "platform_user_id": string(), "reason": string(), "banned_by": string(), "banned_at": TIME}
)

routes = web.RouteTableDef()


@routes.get("/api/bans")
@describe("Who is banned", answers=success({"bans": list_of(BAN)}))
async def list_bans(request: web.Request) -> web.Response:
    found = await limits.bans(request.app[CONTEXT].ready().pool)
    return web.json_response(
        {"success": True, "bans": [{**ban, "banned_at": ban["banned_at"].isoformat()} for ban in found]}
    )


@routes.put("/api/bans/{platform}/{user_id}")
@describe(
    "Ban a person",
    path=WHOM,
    body=object_of({"reason": string("For the list alone.", maxLength=REASON_CHARS)}, required=()),
)
async def ban(request: web.Request) -> web.Response:
    platform, user_id = _whom(request)
    reason = (await json_object(request)).get("reason") or ""
    reason = " ".join(reason.replace("\0", " ").split())
    await limits.ban(request.app[CONTEXT].ready().pool, platform, user_id, reason, request[CALLER].subject or "api")
    return web.json_response({"success": True})


@routes.delete("/api/bans/{platform}/{user_id}")
@describe("Lift a ban", path=WHOM)
async def unban(request: web.Request) -> web.Response:
    if not await limits.unban(request.app[CONTEXT].ready().pool, *_whom(request)):
        raise NotFoundError("There is no such ban. List them with GET /api/bans.", code="unknown_ban")
    return web.json_response({"success": True})


def _whom(request: web.Request) -> tuple[str, str]:
    return clean_id(request.match_info["platform"], "platform"), clean_id(request.match_info["user_id"], "user_id")
