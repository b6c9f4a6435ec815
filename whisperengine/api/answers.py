"""The one form of errors, and JSON in and out."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from whisperengine.api.context import CONTEXT, RATE, REQUEST_ID
from whisperengine.api.doors import SECURITY_HEADERS, cors_headers
from whisperengine.errors import RequestError, TooLargeError, WhisperEngineError

log = logging.getLogger(__name__)

BODY_BYTES = 1024 * 1024
BODY_SECONDS = 30.0

_HTTP_TEXTS = {
    404: ("There is no such path. See docs/api.md for the routes.", "not_found"),
    405: ("This path does not take that method.", "method_not_allowed"),
    413: (f"The request is larger than {BODY_BYTES // 1024} KiB. Send less.", "too_large"),
}


def timestamp() -> str:
    """Now, ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def error_body(error: WhisperEngineError) -> dict[str, Any]:
    return {"success": False, "error": str(error), "code": error.code}


def openai_error(error: WhisperEngineError) -> dict[str, Any]:
    """The same error as OpenAI's clients read it. `param` is the path of a wrong field."""
    kind = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}.get(error.status)
    if kind is None:
        kind = "invalid_request_error" if error.status < 500 else "server_error"
    code = "invalid_api_key" if error.status == 401 else error.code
    return {"error": {"message": str(error), "type": kind, "param": getattr(error, "param", None), "code": code}}


def error_response(request: web.Request, error: WhisperEngineError) -> web.Response:
    headers = {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(max(1, round(error.retry_after)))
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
    request.app[CONTEXT].counters.requests += 1
    try:
        response = await handler(request)
    except WhisperEngineError as error:
        if error.status >= 500 and error.code != "starting":
            log.warning("request %s: %s", request_id, error.code)
        response = error_response(request, error)
    except web.HTTPException as error:
        text, code = _HTTP_TEXTS.get(error.status, (error.reason, "http_error"))
        response = error_response(request, _PlainError(error.status, text, code))
        if "Allow" in error.headers:
            response.headers["Allow"] = error.headers["Allow"]
    except (ConnectionResetError, asyncio.CancelledError):
        raise
    except Exception:
        log.exception("request %s failed", request_id)
        text = f"Something went wrong in the service. The log has the cause under request {request_id}."
        response = error_response(request, _PlainError(500, text, "internal_error"))
    if not response.prepared:
        response.headers["X-Request-Id"] = request_id
        response.headers.update(SECURITY_HEADERS)
        response.headers["Cache-Control"] = "no-store"
        response.headers.update(cors_headers(request))
        response.headers.update(request.get(RATE, {}))
    return response


async def json_object(request: web.Request, most: int = BODY_BYTES) -> dict[str, Any]:
    """The body as a JSON object. Raises RequestError for anything else, TooLargeError over `most` bytes."""
    raw = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while chunk := await request.content.readany():
                raw += chunk
                if len(raw) > most:
                    raise TooLargeError(f"The request is larger than {most // 1024} KiB. Send less.")
    except TimeoutError:
        raise RequestError("The body did not arrive in 30 seconds. Send it again.", code="body_timeout") from None
    try:
        value = json.loads(raw.decode("utf-8"))
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise RequestError("Invalid JSON in request body", code="invalid_json") from None
    if not isinstance(value, dict):
        raise RequestError(
            'The body must be a JSON object such as {"user_id": "me", "message": "hi"}.', code="invalid_json"
        )
    return value
