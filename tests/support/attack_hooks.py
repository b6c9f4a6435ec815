"""What schemathesis cannot learn from the description: who and what exists, and how a talk must end."""

from __future__ import annotations

import itertools
from typing import Any

import schemathesis

KNOWN = {"user_id": "sam", "name": "assistant", "model": "assistant", "platform": "api"}
_numbers = itertools.count(1)


@schemathesis.hook
def map_path_parameters(context: Any, path_parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    """Every second name is one that exists: others are answered 404 and go no further."""
    for name, value in (path_parameters or {}).items():
        if name in KNOWN and isinstance(value, str) and len(value) % 2:
            path_parameters[name] = KNOWN[name]  # type: ignore[index]
    return path_parameters


@schemathesis.hook
def map_query(context: Any, query: dict[str, Any] | None) -> dict[str, Any] | None:
    for name, value in (("platform", "api"), ("character", "assistant")):
        if query and name in query and isinstance(query[name], str) and len(query[name]) % 2:
            query[name] = value
    return query


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:
    """JSON Schema cannot say that the last message is a person's; the description says it in words."""
    if context.operation.path == "/v1/chat/completions" and isinstance(body, dict):
        messages = body.get("messages")
        if isinstance(messages, list) and messages and all(isinstance(message, dict) for message in messages):
            messages.append({"role": "user", "content": "Hello"})
            body["model"] = "assistant"
    return body


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Each case from an address of its own: wrong keys are among the checks, and many from one address are braked."""
    number = next(_numbers)
    case.headers["X-Forwarded-For"] = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
