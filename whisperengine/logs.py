"""The log: lines for people or one JSON object each, with the request that they belong to.

What people say never stands in it. Messages of exceptions quote what they failed on (a statement its values, a parser
its text), so of an exception only its kind, its code and its places in the code are written.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime

REQUEST: ContextVar[str] = ContextVar("request", default="")
"""The request that is being answered: the `X-Request-Id` of its answer."""

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def configure(level: str, form: str) -> None:
    """Log to standard error; `form` is text or json."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JSONLines() if form == "json" else Lines())
    handler.addFilter(_worth_a_line)
    logging.basicConfig(level=level.upper(), handlers=[handler])


def plain(text: str) -> str:
    """`text` as one line: whoever chose a part of it cannot begin a line of their own."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape", "surrogatepass").decode(), text)


def causes(error: BaseException) -> list[str]:
    """An exception and what led to it as lines, without its words: what kind it is, and where it came from."""
    lines: list[str] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        lines.append(("" if len(seen) == 1 else "caused by ") + _named(current))
        lines.extend(
            f"  {frame.filename}:{frame.lineno} in {frame.name}"
            for frame in traceback.extract_tb(current.__traceback__)
        )
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return lines


def _named(error: BaseException) -> str:
    code = getattr(error, "code", None) or getattr(error, "sqlstate", None) or getattr(error, "errno", None)
    return type(error).__name__ + (f" ({plain(str(code))})" if isinstance(code, (str, int)) else "")


def _worth_a_line(record: logging.LogRecord) -> bool:
    """Bytes that are no HTTP are the sender's mistake, answered with 400; aiohttp would write a traceback for each."""
    error = record.exc_info[1] if record.exc_info else None
    return not type(error).__module__.startswith("aiohttp.http_exceptions")


class Lines(logging.Formatter):
    """`2026-01-01 10:00:00.000 WARNING whisperengine.db: message [request]`; what belongs to it follows indented."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(" ", "milliseconds")[:23]
        request = REQUEST.get()
        line = f"{at} {record.levelname:7} {record.name}: {plain(record.getMessage())}"
        lines = [f"{line} [{request}]" if request else line]
        if record.exc_info and record.exc_info[1]:
            lines.extend(f"    {each}" for each in causes(record.exc_info[1]))
        return "\n".join(lines)


class JSONLines(logging.Formatter):
    """Objects with time, level, logger, message, and where there are any request and error (a list of lines)."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request := REQUEST.get():
            entry["request"] = request
        if record.exc_info and record.exc_info[1]:
            entry["error"] = causes(record.exc_info[1])
        return json.dumps(entry)
