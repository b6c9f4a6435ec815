"""The HTTP application."""

from __future__ import annotations

from aiohttp import web

from whisperengine.api import chat, intake, people, system
from whisperengine.api.answers import BODY_BYTES, errors
from whisperengine.api.context import CONTEXT, Context
from whisperengine.api.doors import doors

KEEPALIVE_SECONDS = 75.0


def application(context: Context) -> web.Application:
    """All routes behind the doors and the one error form."""
    app = web.Application(middlewares=[errors, doors], client_max_size=BODY_BYTES)
    app[CONTEXT] = context
    for module in (chat, intake, people, system):
        app.add_routes(module.routes)
    return app
