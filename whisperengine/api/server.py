"""The HTTP application."""

from __future__ import annotations

from aiohttp import web

from whisperengine.api import bans, chat, intake, keys, openai, people, system
from whisperengine.api.access import ACCESS
from whisperengine.api.answers import BODY_BYTES, errors
from whisperengine.api.callers import CALLERS, Callers
from whisperengine.api.context import CONTEXT, Context
from whisperengine.api.doors import doors

KEEPALIVE_SECONDS = 75.0


def application(context: Context) -> web.Application:
    """All routes behind the doors and the one error form."""
    app = web.Application(middlewares=[errors, doors], client_max_size=BODY_BYTES)
    app[CONTEXT] = context
    app[CALLERS] = Callers(context.config)
    for module in (bans, chat, intake, keys, openai, people, system):
        app.add_routes(module.routes)
    undecided = {f"{route.method} {route.resource.canonical}" for route in app.router.routes() if route.resource}
    undecided = {route for route in undecided if not route.startswith("HEAD ")} - ACCESS.keys()
    if undecided:
        raise RuntimeError(f"who may call {', '.join(sorted(undecided))}? Decide in api/access.py")
    return app
