"""A language model that answers people with their own mark, notices whose words it is shown, and errs on demand."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from collections import deque
from collections.abc import Callable
from typing import Any

from aiohttp import web

from tests.support.llm_stub import (
    CONTEXT_TOO_LONG,
    Behaviour,
    chunk,
    cut,
    document,
    endless,
    error_body,
    event,
    rate_limited,
    refuses,
    says,
    sends,
    silent,
    web_page,
)

MARK = re.compile(r"\bmark\d+x\b")
ASKED = re.compile(r"(mark\d+x) turn (\d+)")


class Model:
    """`errors` are the behaviours of the coming requests of conversations; without any it answers well."""

    def __init__(self) -> None:
        self.errors: deque[Behaviour] = deque()
        self.mixed: list[str] = []
        """Prompts that showed one person's words to another, by their marks."""
        self.delay = 0.05
        self._numbers = itertools.count(1)

    async def answer(self, request: web.Request, _: Any) -> web.StreamResponse:
        body = await request.json()
        shown = " ".join(json.dumps(message.get("content")) for message in body["messages"])
        marks = sorted(set(MARK.findall(shown)))
        if len(marks) > 1:
            self.mixed.append(", ".join(marks))
        if "response_format" in body:
            return await says('{"facts": []}')(request, body)
        if self.errors:
            return await self.errors.popleft()(request, body)
        asked = ASKED.findall(str(body["messages"][-1]["content"]))
        mark, turn = asked[-1] if asked else ("nobody", "0")
        number = next(self._numbers)
        words = " ".join(f"word{each}" for each in range(number % 40))
        text = f"Answer {number} to {mark}, its turn being {turn}. {words}".strip()
        return await says(text, delay=self.delay)(request, body)


def raw(data: bytes) -> Behaviour:
    """These bytes in place of an HTTP answer, then the end of the connection."""

    async def behave(request: web.Request, body: Any) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.write(data)
        request.transport.close()
        await asyncio.sleep(0)
        return web.Response()

    return behave


def _body(data: bytes, kind: str = "application/json", **headers: str) -> Behaviour:
    async def behave(request: web.Request, body: Any) -> web.StreamResponse:
        return web.Response(body=data, content_type=kind, headers=headers)

    return behave


def _stream(*chunks: Any, done: bool = True) -> Behaviour:
    return sends(*(event(each) for each in chunks), *([event("[DONE]")] if done else []))


WRONG: dict[str, Callable[[], Behaviour]] = {
    "an empty answer": lambda: says(""),
    "an empty document": lambda: document(""),
    "only white space": lambda: says(" \n\t "),
    "only reasoning": lambda: says("", reasoning="Let me think about it"),
    "thinking that never ends": lambda: says("<think> I wonder"),
    "a cut in the middle": cut,
    "a cut before the first byte": lambda: raw(b""),
    "a web page": web_page,
    "something that is not HTTP": lambda: raw(b"\x00\x01SSH-2.0-nonsense\r\n\r\n"),
    "headers without an end": lambda: raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-Half: "),
    "a length that is not kept": lambda: raw(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{"),
    "a chunk that is not kept": lambda: raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\ndata"),
    "a chunk size that is none": lambda: raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\ndata\r\n"),
    "status 500": lambda: refuses(500, error_body("The server had an error", None, "server_error")),
    "status 502 with a page": lambda: refuses(502, "<html>Bad gateway</html>"),
    "status 503 at once": lambda: refuses(503, "", {"Retry-After": "0"}),
    "status 400 without a reason": lambda: refuses(400, ""),
    "a redirect": lambda: refuses(302, "", {"Location": "http://127.0.0.1:9/v1"}),
    "status 204": lambda: refuses(204, ""),
    "an empty body": lambda: _body(b""),
    "a rate limit": lambda: rate_limited("0"),
    "a rate limit without a time": rate_limited,
    "a refused key": lambda: refuses(401, error_body("Incorrect API key provided.", "invalid_api_key")),
    "no such model": lambda: refuses(404, error_body("The model does not exist", "model_not_found")),
    "a prompt too long": lambda: refuses(400, CONTEXT_TOO_LONG),
    "filtered content": lambda: says("I should", finish="content_filter"),
    "half of a JSON text": lambda: sends(event('{"choices": [')),
    "JSON that is only a number": lambda: _stream(7),
    "JSON a thousand deep": lambda: sends(event("[" * 5_000)),
    "choices that are no list": lambda: _stream({"choices": "none"}),
    "no choices at all": lambda: _stream({"choices": []}),
    "content that is a number": lambda: _stream(chunk(42), chunk(finish="stop")),
    "an error in the stream": lambda: _stream(chunk("Well"), {"error": {"message": "out of memory", "code": 500}}),
    "an end before the beginning": lambda: _stream(),
    "a stream without its end": lambda: _stream(chunk("I was just"), done=False),
    "bytes that are no UTF-8": lambda: sends(b"data: {\xff\xfe\n\n"),
    "an event of two megabytes": lambda: sends(b"data: " + b"x" * (2 << 20)),
    "a call of tools nobody offered": lambda: _stream(
        chunk(tool_calls=[{"index": 0, "id": "1", "function": {"name": "rm", "arguments": "{"}}]),
        chunk(finish="tool_calls"),
    ),
    "NUL and half characters": lambda: says("Odd \0 \ud83d words."),
    "silence": lambda: silent,
    "words without end": endless,
}
"""What is wrong, and how it is made."""
