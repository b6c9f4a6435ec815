"""GET /docs: a page about the API, made from its description. It holds no script and loads nothing."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from html import escape
from typing import Any

from aiohttp import web

from whisperengine.api.description import DOCUMENT, Content, describe
from whisperengine.api.schemas import STRING

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 0 auto; padding: 1rem; }
summary { cursor: pointer; padding: .35rem 0; overflow-wrap: anywhere; }
details { border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); }
details > div { padding: 0 0 1rem 1rem; overflow-x: auto; }
code { font-family: ui-monospace, monospace; font-size: .9em; }
.method { display: inline-block; min-width: 4.5rem; font-weight: 700; }
table { border-collapse: collapse; }
th, td { text-align: left; vertical-align: top; padding: .2rem 1rem .2rem 0; }
pre { overflow-x: auto; }
"""
_STYLE_SHA256 = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = f"default-src 'none'; style-src 'sha256-{_STYLE_SHA256}'; frame-ancestors 'none'; base-uri 'none'"

routes = web.RouteTableDef()


@routes.get("/docs")
@describe("The API as a page to read", answers=Content({"text/html": STRING}))
async def docs(request: web.Request) -> web.Response:
    return web.Response(
        text=page(request.app[DOCUMENT]),
        content_type="text/html",
        charset="utf-8",
        headers={"Content-Security-Policy": _POLICY},
    )


def page(document: Mapping[str, Any]) -> str:
    """The whole page as HTML."""
    operations: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            operations.setdefault(operation["tags"][0], []).append(_operation(method.upper(), path, operation))
    groups = "".join(
        f'<h2 id="{escape(tag)}">{escape(tag)}</h2>{"".join(operations[tag])}' for tag in sorted(operations)
    )
    parts = "".join(
        f'<details id="{escape(name)}"><summary><code>{escape(name)}</code></summary>'
        f"<div>{_schema(schema)}</div></details>"
        for name, schema in document["components"]["schemas"].items()
    )
    contents = " · ".join(f'<a href="#{escape(tag)}">{escape(tag)}</a>' for tag in sorted(operations))
    info = document["info"]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(info['title'])} API</title><style>{_STYLE}</style></head><body><main>"
        f"<h1>{escape(info['title'])} API {escape(info['version'])}</h1><p>{escape(info['description'])} "
        'For programs: <a href="/openapi.json">openapi.json</a>.</p>'
        f'<nav>{contents} · <a href="#parts">parts</a></nav>{groups}'
        f'<h2 id="parts">Parts</h2>{parts}</main></body></html>'
    )


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    pieces = [
        f"<p>{escape(paragraph)}</p>" for paragraph in operation.get("description", "").split("\n\n") if paragraph
    ]
    if not operation["security"]:
        pieces.append("<p>Needs no key.</p>")
    if parameters := operation.get("parameters"):
        rows = "".join(
            f"<tr><td><code>{escape(each['name'])}</code></td><td>{each['in']}</td><td>{_kind(each['schema'])}</td>"
            f"<td>{escape(each.get('description', ''))}</td></tr>"
            for each in parameters
        )
        pieces.append(f"<h4>Parameters</h4><table>{rows}</table>")
    if "requestBody" in operation:
        pieces.append(f"<h4>Body</h4>{_content(operation['requestBody']['content'])}")
    for status, answer in operation["responses"].items():
        pieces.append(f"<h4>{status} {escape(answer['description'])}</h4>{_content(answer.get('content', {}))}")
    return (
        f'<details><summary><span class="method">{method}</span> <code>{escape(path)}</code> '
        f"{escape(operation['summary'])}</summary><div>{''.join(pieces)}</div></details>"
    )


def _content(content: Mapping[str, Any]) -> str:
    return "".join(f"<p><code>{escape(kind)}</code></p>{_schema(media['schema'])}" for kind, media in content.items())


def _schema(schema: Mapping[str, Any]) -> str:
    if "properties" not in schema:
        return f"<p>{_kind(schema)} {escape(schema.get('description', ''))}</p>"
    required = schema.get("required", ())
    rows = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{_kind(part)}</td>"
        f"<td>{'required' if name in required else ''}</td>"
        f"<td>{escape(part.get('description', ''))}{_inner(part)}</td></tr>"
        for name, part in schema["properties"].items()
    )
    return f"<table>{rows}</table>"


def _inner(schema: Mapping[str, Any]) -> str:
    inner = schema.get("items", schema)
    return _schema(inner) if "properties" in inner else ""


def _kind(schema: Mapping[str, Any]) -> str:
    """What a value is, in a few words."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(_kind(option) for option in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"<code>{escape(json.dumps(option))}</code>" for option in schema["enum"][:20])
    types = schema.get("type", "anything")
    words = " or ".join([types] if isinstance(types, str) else types)
    if "items" in schema:
        words += f" of {_kind(schema['items'])}"
    limits = [f"{schema[key]} {said}" for key, said in _LIMITS.items() if key in schema]
    if "default" in schema:
        limits.append(f"{escape(json.dumps(schema['default']))} when absent")
    return words + (f" ({', '.join(limits)})" if limits else "")


_LIMITS = {
    "minimum": "at least",
    "maximum": "at most",
    "maxLength": "characters at most",
    "minItems": "items at least",
    "maxItems": "items at most",
}
