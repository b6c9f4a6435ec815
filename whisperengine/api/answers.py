"""The one form of errors, and JSON in and out."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from whisperengine.api.context import CONTEXT, REQUEST_ID
from whisperengine.api.doors import cors_headers
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


def error_response(error: WhisperEngineError) -> web.Response:
    headers = {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(max(1, round(error.retry_after)))
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return web.json_response(error_body(error), status=error.status, headers=headers)


@web.middleware
async def errors(request: web.Request, handler) -> web.StreamResponse:
    """Every failure leaves in the one form, with a request id that the log knows too."""
    request_id = request[REQUEST_ID] = secrets.token_hex(8)
    request.app[CONTEXT].counters.requests += 1
    try:
        response = await handler(request)
    except WhisperEngineError as error:
        if error.status >= 500:
            log.warning("request %s: %s", request_id, error.code)
        response = error_response(error)
    except web.HTTPException as error:
        text, code = _HTTP_TEXTS.get(error.status, (error.reason, "http_error"))
        response = web.json_response({"success": False, "error": text, "code": code}, status=error.status)
        if "Allow" in error.headers:
            response.headers["Allow"] = error.headers["Allow"]
    except (ConnectionResetError, asyncio.CancelledError):
        raise
    except Exception:
        log.exception("request %s failed", request_id)
        text = f"Something went wrong in the service. The log has the cause under request {request_id}."
        response = web.json_response({"success": False, "error": text, "code": "internal_error"}, status=500)
    if not response.prepared:
        response.headers["X-Request-Id"] = request_id
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Cache-Control"] = "no-store"
        response.headers.update(cors_headers(request))
    return response


async def json_object(request: web.Request) -> dict[str, Any]:
    """The body as a JSON object. Raises RequestError for anything else, TooLargeError over 1 MiB."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            raw = await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise TooLargeError(_HTTP_TEXTS[413][0]) from None
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
