"""What a route takes and gives: said once beside the handler, held against every request, and told in /openapi.json."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from aiohttp import web

from whisperengine.api.schemas import Schema, line, success
from whisperengine.characters.validation import Problem, problems_of
from whisperengine.errors import RequestError, TooLargeError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_WHOLE = re.compile(r"-?[0-9]{1,18}")
_REAL = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?")
_HALF_PAIR = re.compile("[\ud800-\udfff]")
_FLAGS = {"true": True, "1": True, "false": False, "0": False}


class FieldError(RequestError):
    """A field of a request is wrong; `param` is its path, such as `messages[0].role`."""

    code = "invalid_field"

    def __init__(self, param: str, message: str, *, code: str | None = None) -> None:
        super().__init__(f"{param} {message}", code=code)
        self.param = param


@dataclass(frozen=True, slots=True)
class Content:
    """A body or answer that is not (only) JSON: media types with their schemas."""

    media: Mapping[str, Schema]


@dataclass(frozen=True, slots=True)
class Description:
    """Of one route. `body` is what `json_object` checks; `answers` by status, None for an answer without a body."""

    summary: str
    text: str
    body: Schema | Content | None
    body_required: bool
    path: Mapping[str, Schema]
    query: Mapping[str, Schema]
    headers: Mapping[str, Schema]
    answers: Mapping[int, Schema | Content | None]
    fails: tuple[int, ...] = field(default=())


DESCRIPTION = web.RequestKey("description", Description)
DOCUMENT = web.AppKey("openapi", dict)
QUERY = web.RequestKey("query", dict)


def describe(
    summary: str,
    *,
    body: Schema | Content | None = None,
    body_required: bool = True,
    path: Mapping[str, Schema] | None = None,
    query: Mapping[str, Schema] | None = None,
    headers: Mapping[str, Schema] | None = None,
    answers: Mapping[int, Schema | Content | None] | Schema | Content | None = None,
    fails: tuple[int, ...] = (),
) -> Callable[[Handler], Handler]:
    """Describe a handler. Its docstring becomes the longer text.

    Parameters are checked before the handler runs, a JSON body when it calls `json_object`. What `path` does not
    name is a line of text. `answers` is a schema for 200, or schemas by status; `fails` names statuses beside those
    that every route may answer with.
    """
    if answers is None:
        answers = {200: success()}
    elif isinstance(answers, Content) or not all(isinstance(status, int) for status in answers):
        answers = {200: answers}  # type: ignore[dict-item]

    def describing(handler: Handler) -> Handler:
        description = Description(
            summary,
            inspect.cleandoc(handler.__doc__ or ""),
            body,
            body_required,
            path or {},
            query or {},
            headers or {},
            answers,  # type: ignore[arg-type]
            fails,
        )

        @wraps(handler)
        async def checking(request: web.Request) -> web.StreamResponse:
            request[DESCRIPTION] = description
            request[QUERY] = _checked(request, description)
            return await handler(request)

        checking.description = description  # type: ignore[attr-defined]
        return checking

    return describing


def description_of(handler: Any) -> Description | None:
    return getattr(handler, "description", None)


def queried(request: web.Request) -> dict[str, Any]:
    """The parameters of the query as their schemas have them: numbers and booleans parsed, defaults filled in, None
    for what is absent.
    """
    return request[QUERY]


def check_body(request: web.Request, body: Any) -> None:
    """Raises RequestError for the first thing in a JSON body that the route's description does not allow."""
    description = request.get(DESCRIPTION)
    if description is None or description.body is None:
        return
    schema = description.body
    if isinstance(schema, Content):
        schema = schema.media.get("application/json", {})
    check(body, schema, strict=request.path.startswith("/v1/"))


def check(value: Any, schema: Schema, *, strict: bool = False) -> None:
    """Raises RequestError for the first thing in `value` that `schema` does not allow.

    `strict`: under /v1 clients know one code for every wrong field.
    """
    for problem in problems_of(value, schema):
        raise _refusal(problem, strict)


def _checked(request: web.Request, description: Description) -> dict[str, Any]:
    for name, value in request.match_info.items():
        _parameter(name, value, description.path.get(name, _LINE))
    for name, schema in description.headers.items():
        if name in request.headers:
            _parameter(name, request.headers[name], schema)
    return {name: _from_query(request, name, schema) for name, schema in description.query.items()}


def _from_query(request: web.Request, name: str, schema: Schema) -> Any:
    given = request.query.getall(name, [])
    if not given:
        return schema.get("default")
    if len(given) > 1:
        raise FieldError(name, "is given more than once. Give it once.")
    return _parameter(name, given[0], schema)


def _parameter(name: str, given: str, schema: Schema) -> Any:
    """The value of a parameter, parsed. Raises RequestError."""
    if _HALF_PAIR.search(given):
        raise FieldError(name, "holds bytes that are no UTF-8. Send plain text.")
    value: Any = given
    match schema.get("type"):
        case "integer" if _WHOLE.fullmatch(given):
            value = int(given)
        case "number" if _REAL.fullmatch(given):
            value = float(given)
        case "boolean":
            value = _FLAGS.get(given.lower(), given)
    check({name: value}, {"properties": {name: schema}, "required": [name]})
    return value


def _refusal(problem: Problem, strict: bool) -> RequestError:
    name = re.split(r"[.\[]", problem.path)[-1].rstrip("]")
    own = problem.schema.get("_errors", {}).get(problem.keyword)
    if own is not None:
        code, text = own
        return TooLargeError(text, code=code) if problem.keyword == "maxLength" else RequestError(text, code=code)
    if problem.cause is not None:
        return _refusal(problem.cause, strict)
    missing = problem.keyword == "required" or (
        problem.keyword in ("pattern", "minLength") and not problem.value.strip("' ")
    )
    if missing:
        return FieldError(
            problem.path, "is required", code=None if strict or name != problem.path else f"{name}_required"
        )
    allowed, code = problem.allowed, None
    if "_form" in problem.schema:
        allowed = problem.schema["_form"] if problem.keyword == "pattern" else allowed
        code = {"maxLength": f"{name}_too_long", "pattern": f"{name}_invalid"}.get(problem.keyword)
    return FieldError(problem.path, f"is {problem.value}, but must be {allowed}.", code=None if strict else code)


_LINE = line()
