"""The one form of errors, and JSON in and out."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage

from whisperengine import logs
from whisperengine.api import traces
from whisperengine.api.context import CONTEXT, RATE, REQUEST_ID, stopping
from whisperengine.api.description import DOCUMENT, check_body
from whisperengine.api.doors import SECURITY_HEADERS, cors_headers
from whisperengine.db.pool import LOST, unavailable
from whisperengine.errors import RequestError, TooLargeError, WhisperEngineError

log = logging.getLogger(__name__)

BODY_BYTES = 1024 * 1024
BODY_SECONDS = 30.0
RETRY_SECONDS = 5.0
"""What a 503 says in `Retry-After` where nobody knows better."""

_HTTP_TEXTS = {
    404: ("There is no such path. See docs/api.md for the routes.", "not_found"),
    405: ("This path does not take that method.", "method_not_allowed"),
    413: (f"The request is larger than {BODY_BYTES // 1024} KiB. Send less.", "too_large"),
}


def timestamp() -> str:
    """Now, ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def error_body(error: WhisperEngineError) -> dict[str, Any]:
    return {"success": False, "error": str(error), "code": error.code, **error.details}


def openai_error(error: WhisperEngineError) -> dict[str, Any]:
    """The same error as OpenAI's clients read it. `param` is the path of a wrong field."""
    kind = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}.get(error.status)
    if kind is None:
        kind = "invalid_request_error" if error.status < 500 else "server_error"
    code = "invalid_api_key" if error.status == 401 else error.code
    return {"error": {"message": str(error), "type": kind, "param": getattr(error, "param", None), "code": code}}


def error_response(request: web.Request, error: WhisperEngineError) -> web.Response:
    headers = {}
    wait = error.retry_after
    if wait is None and error.status == 503:
        wait = RETRY_SECONDS
    if wait is not None:
        headers["Retry-After"] = str(max(1, round(wait)))
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    body = openai_error(error) if request.path.startswith("/v1/") else error_body(error)
    return web.json_response(body, status=error.status, headers=headers)


class _PlainError(WhisperEngineError):
    """A failure that has no class of its own, with the status that it is answered with."""

    def __init__(self, status: int, message: str, code: str) -> None:
        super().__init__(message, code=code)
        self.status = status


@web.middleware
async def errors(request: web.Request, handler) -> web.StreamResponse:
    """Every failure leaves in the one form, with a request id that the log knows too."""
    request_id = request[REQUEST_ID] = secrets.token_hex(8)
    logs.REQUEST.set(request_id)
    traces.PARENT.set(request.headers.get("traceparent", ""))
    context = request.app[CONTEXT]
    task = asyncio.current_task()
    assert task is not None
    context.under_way.add(task)
    try:
        response = await handler(request)
    except WhisperEngineError as error:
        if error.status >= 500 and error.code != "starting":
            context.counters.failed(error)
            log.warning("%s %s failed: %s", request.method, _route(request), error.code)
        response = error_response(request, error)
    except web.HTTPException as error:
        text, code = _HTTP_TEXTS.get(error.status, (error.reason, "http_error"))
        response = error_response(request, _PlainError(error.status, text, code))
        if isinstance(error, web.HTTPMethodNotAllowed):
            # aiohttp also names the methods of routes that the path would fit as a name.
            described = request.app[DOCUMENT]["paths"].get(request.path, error.allowed_methods)
            response.headers["Allow"] = ", ".join(sorted(method.upper() for method in described))
    except asyncio.CancelledError:
        if not context.ending or request.writer.output_size:
            raise
        task.uncancel()
        response = error_response(request, stopping())
    except ConnectionResetError:
        raise
    except BadHttpMessage:
        response = error_response(
            request,
            RequestError("A part of the body has headers that cannot be read. Send it anew.", code="invalid_body"),
        )
    except LOST as error:
        away = unavailable(context.config.dsn, error)
        context.counters.failed(away)
        response = error_response(request, away)
        log.warning("%s %s failed: the database is away (%s)", request.method, _route(request), type(error).__name__)
    except Exception:
        log.exception("%s %s failed", request.method, _route(request))
        text = f"Something went wrong in the service. The log has the cause under request {request_id}."
        failure = _PlainError(500, text, "internal_error")
        context.counters.failed(failure)
        response = error_response(request, failure)
    finally:
        context.under_way.discard(task)
    context.counters.answers[response.status] += 1
    if context.stopping:
        # The next request is for another process.
        response.force_close()
    if not response.prepared:
        response.headers["X-Request-Id"] = request_id
        for name, value in SECURITY_HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers.update(cors_headers(request))
        response.headers.update(request.get(RATE, {}))
    return response


def _route(request: web.Request) -> str:
    """The route, not the path: that may name a person."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else "an unknown path"


async def body_bytes(request: web.Request, most: int = BODY_BYTES, seconds: float = BODY_SECONDS) -> bytearray:
    """The body as it came. Raises TooLargeError over `most` bytes, RequestError when it takes longer than `seconds`."""
    raw = bytearray()
    try:
        async with asyncio.timeout(seconds):
            while chunk := await request.content.readany():
                raw += chunk
                if len(raw) > most:
                    raise TooLargeError(f"The request is larger than {most // 1024} KiB. Send less.")
    except TimeoutError:
        raise RequestError(
            f"The body did not arrive in {seconds:g} seconds. Send it again.", code="body_timeout"
        ) from None
    return raw


async def json_object(
    request: web.Request, most: int = BODY_BYTES, *, absent: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The body as a JSON object, as the route's description has it. `absent` fills in what the body leaves out.

    Raises RequestError for anything else, TooLargeError over `most` bytes.
    """
    raw = await body_bytes(request, most)
    try:
        value = json.loads(raw.decode("utf-8"), parse_constant=_no_number)
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise RequestError("Invalid JSON in request body", code="invalid_json") from None
    if not isinstance(value, dict):
        raise RequestError(
            'The body must be a JSON object such as {"user_id": "me", "message": "hi"}.', code="invalid_json"
        )
    if absent:
        value = {**absent, **{name: item for name, item in value.items() if item is not None or name not in absent}}
    check_body(request, value)
    return value


def _no_number(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
