"""/api/usage: what the models used and cost."""

from __future__ import annotations

from aiohttp import web

from whisperengine.api.context import CONTEXT
from whisperengine.api.description import describe, queried
from whisperengine.api.schemas import INTEGER, NUMBER, STRING, integer, list_of, nullable, object_of, success
from whisperengine.db.pool import reachable
from whisperengine.memory import usage

_TOKENS = {"prompt_tokens": INTEGER, "completion_tokens": INTEGER, "cost": NUMBER}
_TOTALS = {"turns": INTEGER, **_TOKENS, "learning": object_of({"requests": INTEGER, **_TOKENS})}
REPORT = success(
    {
        "days": list_of(object_of({"day": STRING, **_TOTALS})),
        "by_character": list_of(object_of({"character": STRING, **_TOTALS})),
        "by_person": list_of(
            object_of({"platform": nullable(STRING), "user_id": nullable(STRING), "display_name": STRING, **_TOTALS})
        ),
    }
)

routes = web.RouteTableDef()


@routes.get("/api/usage")
@describe(
    "Turns, tokens and cost", query={"days": integer(1, 3660, "Days back, today included.", default=30)}, answers=REPORT
)
async def report(request: web.Request) -> web.Response:
    """By day (UTC), by character, and of the hundred people who used most. Tokens are what the endpoints reported; the
    cost is by the prices that were set at the time. `learning` is what facts and summaries were asked for with, beside
    the answers.
    """
    context = request.app[CONTEXT]
    with reachable(context.config.dsn):
        found = await usage.report(context.ready().pool, queried(request)["days"])
    return web.json_response({"success": True, **found})
