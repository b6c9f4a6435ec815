"""The HTTP application."""

from __future__ import annotations

from aiohttp import web

from whisperengine.api import (
    bans,
    characters,
    characters_avatar,
    characters_files,
    characters_prompt,
    characters_versions,
    chat,
    discord,
    greetings,
    intake,
    keys,
    links,
    metrics,
    openai,
    openapi,
    page,
    people,
    reference,
    settings,
    system,
    try_character,
    usage,
)
from whisperengine.api.access import ACCESS
from whisperengine.api.answers import BODY_BYTES, errors
from whisperengine.api.callers import CALLERS, Callers
from whisperengine.api.context import CONTEXT, Context
from whisperengine.api.description import DOCUMENT
from whisperengine.api.doors import doors

KEEPALIVE_SECONDS = 75.0
LINE_BYTES = 32_768
"""Longest request line: a text of QUERY_CHARS takes twelve bytes for each character at worst."""


def application(context: Context) -> web.Application:
    """All routes behind the doors and the one error form."""
    app = web.Application(middlewares=[errors, doors], client_max_size=BODY_BYTES)
    app[CONTEXT] = context
    app[CALLERS] = Callers(context.config)
    app[characters_files.DESK] = characters_files.Desk()
    for module in (
        bans,
        characters,
        characters_avatar,
        characters_files,
        characters_prompt,
        characters_versions,
        chat,
        discord,
        greetings,
        intake,
        keys,
        links,
        metrics,
        openai,
        openapi,
        page,
        people,
        reference,
        settings,
        system,
        try_character,
        usage,
    ):
        app.add_routes(module.routes)
    undecided = {f"{route.method} {route.resource.canonical}" for route in app.router.routes() if route.resource}
    undecided = {route for route in undecided if not route.startswith("HEAD ")} - ACCESS.keys()
    if undecided:
        raise RuntimeError(f"who may call {', '.join(sorted(undecided))}? Decide in api/access.py")
    app.on_startup.append(page.open_page)
    app[DOCUMENT] = openapi.document(app)
    return app
