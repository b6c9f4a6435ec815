"""/api/discord: how the bots are."""

from __future__ import annotations

from aiohttp import web

from whisperengine.api.context import CONTEXT
from whisperengine.api.description import describe
from whisperengine.api.schemas import flag, integer, list_of, nullable, object_of, one_of, string, success

SHARD = object_of(
    {
        "id": integer(0, 2**31 - 1),
        "state": string(),
        "latency_ms": nullable(integer(0, 2**31 - 1)),
        "guilds": integer(0, 2**31 - 1),
    }
)
BOT = object_of(
    {
        "character": string("Slug of the character that it is where nobody chose another."),
        "name": string("Its user name on Discord."),
        "application_id": nullable(string()),
        "invite_url": nullable(string("Adds it to a server, with the permissions that it uses.")),
        "state": one_of("starting", "connecting", "ready", "standby", "stopped"),
        "problem": nullable(string("What is wrong.")),
        "next_step": nullable(string("What to do about it.")),
        "shards": list_of(SHARD),
        "guilds": integer(0, 2**31 - 1, "Servers that its shards in this process serve."),
        "waiting": integer(0, 2**31 - 1, "Messages that wait for their turn."),
        "dropped": integer(0, 2**31 - 1, "Messages that are not answered because their channel was too far behind."),
        "problems": list_of(
            object_of({"where": string("Id of a channel, or `model`, `token`, `commands`."), "problem": string()})
        ),
    }
)

routes = web.RouteTableDef()


@routes.get("/api/discord")
@describe(
    "How the Discord bots are",
    answers=success(
        {
            "enabled": flag(),
            "problem": nullable(string("What is wrong with Discord as a whole.")),
            "next_step": nullable(string()),
            "bots": list_of(BOT),
        }
    ),
)
async def bots(request: web.Request) -> web.Response:
    """Each bot of this process with its shards, the link that invites it, and what is wrong with what to do next."""
    return web.json_response({"success": True, **request.app[CONTEXT].discord()})
