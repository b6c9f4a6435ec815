"""The HTTP application."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from aiohttp import web

import whisperengine.api
from whisperengine.api import characters_files, openapi, page
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
    for module in _modules():
        app.add_routes(module.routes)
    undecided = {f"{route.method} {route.resource.canonical}" for route in app.router.routes() if route.resource}
    undecided = {route for route in undecided if not route.startswith("HEAD ")} - ACCESS.keys()
    if undecided:
        raise RuntimeError(f"who may call {', '.join(sorted(undecided))}? Decide in api/access.py")
    app.on_startup.append(page.open_page)
    app[DOCUMENT] = openapi.document(app)
    return app


def _modules() -> Iterator[Any]:
    """The modules beside this one that have routes, by name."""
    for found in pkgutil.iter_modules(whisperengine.api.__path__, "whisperengine.api."):
        module = import_module(found.name)
        if hasattr(module, "routes"):
            yield module
