"""The pieces of JSON Schema from which routes describe what they take and give.

Beside the keywords of `characters/validation.py` a schema may hold two of our own, which are not shown:
`_form` says in words what `pattern` wants, `_errors` gives keywords an error of their own as (code, text).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from whisperengine.chat.incoming import ID_CHARS, PLAIN_LINE, VISIBLE

QUERY_CHARS = 1_000
"""Longest text in a query: a request line has an end (`server.LINE_BYTES`)."""

Schema = Mapping[str, Any]

ANY: Schema = {}
OBJECT: Schema = {"type": "object"}
BOOLEAN: Schema = {"type": "boolean"}
INTEGER: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
STRING: Schema = {"type": "string"}
TIME: Schema = {"type": "string", "format": "date-time"}
ID: Schema = {
    "type": "string",
    "pattern": r"^(?:[0-9]{1,18}|[1-8][0-9]{18}|9[01][0-9]{17})$",
    "_errors": {"pattern": ("invalid_field", "An id is a number of up to 19 digits. Send it as it was given.")},
    "description": "A 64-bit number as text.",
}


def line(description: str = "", most: int = ID_CHARS, *, empty: bool = False, **keywords: Any) -> Schema:
    """A name or an id: one line of characters that can be seen; with `empty` also the empty text, for none."""
    pattern = f"^({PLAIN_LINE[1:-1]})?$" if empty else PLAIN_LINE
    form = "text without control characters"
    return said({"type": "string", "maxLength": most, "pattern": pattern, "_form": form, **keywords}, description)


def header(description: str = "") -> Schema:
    """A line as a header of the request carries it: without blanks before it."""
    return line(description, empty=True, pattern=f"^({PLAIN_LINE[3:-1]})?$")


def text(most: int, description: str = "", **keywords: Any) -> Schema:
    """Words of which something is left when what cannot be seen is taken away."""
    form = "text that can be read"
    return said({"type": "string", "maxLength": most, "pattern": VISIBLE, "_form": form, **keywords}, description)


def string(description: str = "", **keywords: Any) -> Schema:
    return said({"type": "string", **keywords}, description)


def integer(least: int, most: int, description: str = "", **keywords: Any) -> Schema:
    return said({"type": "integer", "minimum": least, "maximum": most, **keywords}, description)


def number(least: float, most: float, description: str = "", **keywords: Any) -> Schema:
    return said({"type": "number", "minimum": least, "maximum": most, **keywords}, description)


def one_of(*options: str, description: str = "", **keywords: Any) -> Schema:
    return said({"type": "string", "enum": list(options), **keywords}, description)


def flag(description: str = "", **keywords: Any) -> Schema:
    return said({"type": "boolean", **keywords}, description)


def list_of(items: Schema, description: str = "", **keywords: Any) -> Schema:
    return said({"type": "array", "items": items, **keywords}, description)


def object_of(
    properties: Mapping[str, Schema], required: Iterable[str] | None = None, description: str = "", **keywords: Any
) -> Schema:
    """An object. `required`: all properties when None. With a `title` it becomes a named part of the description."""
    names = list(properties if required is None else required)
    return said({"type": "object", "properties": dict(properties), "required": names, **keywords}, description)


def success(
    properties: Mapping[str, Schema] | None = None, required: Iterable[str] | None = None, **keywords: Any
) -> Schema:
    """An answer: an object with `success` beside `properties`, all of them required when `required` is None."""
    names = list((properties or {}) if required is None else required)
    return object_of(
        {"success": {"type": "boolean", "enum": [True]}, **(properties or {})}, ["success", *names], **keywords
    )


def nullable(schema: Schema) -> Schema:
    """For answers. In bodies null may stand for every property that is not required."""
    if "enum" in schema or "type" not in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    types = schema["type"]
    return {**schema, "type": [*([types] if isinstance(types, str) else types), "null"]}


def said(schema: Schema, description: str) -> Schema:
    return {**schema, "description": description} if description else schema


EVENTS = object_of(
    {
        "event": one_of("token", "done", "error"),
        "data": string("JSON: {token}, then the whole answer, or the error."),
    },
    title="AnswerEvent",
)
OPENAI_EVENTS = object_of({"data": string("A chunk as JSON, an error, or `[DONE]` at the end.")}, title="OpenAIEvent")
ERROR = object_of(
    {
        "success": {"type": "boolean", "enum": [False]},
        "error": string("What is wrong and what to do next."),
        "code": string("The same for programs, in snake_case."),
    },
    title="Error",
)
OPENAI_ERROR = object_of(
    {
        "error": object_of(
            {"message": STRING, "type": STRING, "param": nullable(STRING), "code": STRING},
        )
    },
    title="OpenAIError",
)
