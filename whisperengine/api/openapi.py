"""GET /openapi.json: OpenAPI 3.1, written from the descriptions that check the requests."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from aiohttp import web

import whisperengine
from whisperengine.api.access import ACCESS, Access
from whisperengine.api.callers import COOKIE
from whisperengine.api.description import DOCUMENT, Content, Description, describe, description_of
from whisperengine.api.schemas import ERROR, OBJECT, OPENAI_ERROR, Schema, line

_TITLE = re.compile(r"[A-Z][A-Za-z0-9]+")
_NAMELESS = re.compile(r"[^A-Za-z0-9]+")
_SERVED_OUTSIDE = ("/api/", "/v1/", "/health", "/ready", "/status", "/metrics", "/openapi.json", "/docs")

routes = web.RouteTableDef()


@routes.get("/openapi.json")
@describe("This description", answers=OBJECT)
async def openapi_json(request: web.Request) -> web.Response:
    return web.json_response(request.app[DOCUMENT])


def undescribed(app: web.Application) -> list[str]:
    """Routes of the API that have no description."""
    return sorted(route for route, handler in _served(app) if description_of(handler) is None)


def document(app: web.Application) -> dict[str, Any]:
    """The description of all routes of the API."""
    parts: dict[str, Any] = {}
    paths: dict[str, dict[str, Any]] = {}
    for route, handler in _served(app):
        description = description_of(handler)
        if description is not None:
            method, path = route.split(" ", 1)
            paths.setdefault(path, {})[method.lower()] = _operation(method, path, description, parts)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "WhisperEngine",
            "version": whisperengine.__version__,
            "description": "Characters that remember. Errors have one form; under /v1/ they have OpenAI's.",
        },
        "paths": dict(sorted(paths.items())),
        "components": {
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "A key of `whisperengine key create`."},
                "session": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "Of POST /api/session."},
            },
            "schemas": dict(sorted(parts.items())),
        },
    }


def _served(app: web.Application) -> list[tuple[str, Any]]:
    return [
        (f"{route.method} {route.resource.canonical}", route.handler)
        for route in app.router.routes()
        if route.resource and route.method not in ("HEAD", "OPTIONS")
        if route.resource.canonical.startswith(_SERVED_OUTSIDE)
    ]


def _operation(method: str, path: str, description: Description, parts: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": f"{method.lower()}_{_NAMELESS.sub('_', path).strip('_')}",
        "summary": description.summary,
        "tags": [_tag(path)],
    }
    if description.text:
        operation["description"] = description.text
    parameters = _parameters(path, description, parts)
    if parameters:
        operation["parameters"] = parameters
    if description.body is not None:
        operation["requestBody"] = {
            "required": description.body_required,
            "content": _content(description.body, parts, request=True),
        }
    access = ACCESS.get(f"{method} {path}", Access.ADMIN)
    operation["security"] = [] if access is Access.OPEN else [{"key": []}, {"session": []}]
    operation["responses"] = _responses(path, description, access, bool(parameters), parts)
    return operation


def _tag(path: str) -> str:
    first, _, rest = path.strip("/").partition("/")
    return {"api": rest.partition("/")[0], "v1": "openai"}.get(first, "service")


def _parameters(path: str, description: Description, parts: dict[str, Any]) -> list[dict[str, Any]]:
    found = [("path", name, description.path.get(name, line())) for name in re.findall(r"\{(\w+)(?::[^}]*)?\}", path)]
    found += [("query", name, schema) for name, schema in description.query.items()]
    found += [("header", name, schema) for name, schema in description.headers.items()]
    return [
        {
            "name": name,
            "in": where,
            "required": where == "path",
            **({"description": schema["description"]} if "description" in schema else {}),
            "schema": _shown({key: value for key, value in schema.items() if key != "description"}, parts),
        }
        for where, name, schema in found
    ]


def _responses(
    path: str, description: Description, access: Access, has_parameters: bool, parts: dict[str, Any]
) -> dict[str, Any]:
    error = _shown(OPENAI_ERROR if path.startswith("/v1/") else ERROR, parts)
    fails = {403, *description.fails}
    if access is not Access.OPEN:
        fails |= {401, 429, 503}
    if description.body is not None or has_parameters:
        fails.add(400)
    if description.body is not None:
        fails.add(413)
    if "{" in path:
        fails.add(404)
    answers: dict[int, Any] = {}
    for status in fails:
        answers[status] = {
            "description": HTTPStatus(status).phrase,
            "content": {"application/json": {"schema": error}},
        }
    for status, answer in description.answers.items():
        answers[status] = {"description": HTTPStatus(status).phrase}
        if answer is not None:
            answers[status]["content"] = _content(answer, parts)
    return {str(status): answer for status, answer in sorted(answers.items())}


def _content(given: Schema | Content, parts: dict[str, Any], *, request: bool = False) -> dict[str, Any]:
    media = given.media if isinstance(given, Content) else {"application/json": given}
    return {kind: {"schema": _shown(schema, parts, request=request)} for kind, schema in media.items()}


def _shown(schema: Any, parts: dict[str, Any], *, request: bool = False) -> Any:
    """A schema as it is told: objects with a title as named parts, without our own keywords.

    In bodies null stands for whatever may be absent.
    """
    if not isinstance(schema, Mapping):
        return schema
    shown: dict[str, Any] = {}
    for keyword, value in schema.items():
        if keyword.startswith(("_", "$")):
            continue
        if keyword == "properties":
            required = schema.get("required", ())
            value = {
                name: _absent(part, parts) if request and name not in required else _shown(part, parts, request=request)
                for name, part in value.items()
            }
        elif keyword in ("items", "additionalProperties"):
            value = _shown(value, parts, request=request)
        elif keyword == "anyOf":
            value = [_shown(option, parts, request=request) for option in value]
        elif keyword == "required" and not value:
            continue
        shown[keyword] = value
    title = schema.get("title", "")
    if schema.get("type") != "object" or not _TITLE.fullmatch(title):
        return shown
    if parts.setdefault(title, shown) != shown:
        title += "Input" if request else "Output"
        parts[title] = shown
    return {"$ref": f"#/components/schemas/{title}"}


def _absent(schema: Schema, parts: dict[str, Any]) -> Any:
    shown = _shown(schema, parts, request=True)
    if not schema or "null" in shown.get("type", ()):
        return shown
    if "type" not in shown or "enum" in shown:
        return {"anyOf": [shown, {"type": "null"}]}
    types = shown["type"]
    return {**shown, "type": [*([types] if isinstance(types, str) else types), "null"]}
