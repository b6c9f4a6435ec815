"""A language model server for tests: real HTTP, the OpenAI protocol, and every way to misbehave.

In a test, with the fixture of `llm_fixture.py`, one behaviour for each request, the last one for all that follow:

    llm_stub.will(rate_limited("0"), says("Hello."))

As a process: `python -m tests.support.llm_stub --port 0 --behave cut says` prints its base URL and serves until it is
ended. While it runs, POST /_stub/behave with a JSON list of names changes what it does, and GET /_stub/requests tells
what it was asked.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

DEFAULT_TEXT = "I hear you. Tell me more about it."
MODEL = "stub-model"


@dataclass(frozen=True)
class Recorded:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any
    connection: int
    """Port of the asker's end."""


Behaviour = Callable[[web.Request, Any], Awaitable[web.StreamResponse]]


def tokens_of(text: str) -> list[str]:
    """Words with the space before them: what models stream, roughly."""
    words = text.split(" ")
    return [words[0], *(f" {word}" for word in words[1:])]


def chunk(content: Any = None, *, finish: str | None = None, **delta: Any) -> dict[str, Any]:
    if content is not None:
        delta["content"] = content
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "stub-1", "object": "chat.completion.chunk", "created": 1, "model": MODEL, "choices": [choice]}


def usage_chunk(prompt_tokens: int, completion_tokens: int) -> dict[str, Any]:
    usage = {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    }
    return {**chunk(), "choices": [], "usage": usage}


def event(data: Any, end: str = "\n\n") -> bytes:
    return f"data: {data if isinstance(data, str) else json.dumps(data)}{end}".encode()


async def _begin(request: web.Request, headers: dict[str, str] | None = None) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", **(headers or {})})
    await response.prepare(request)
    return response


def says(
    text: str = DEFAULT_TEXT, *, delay: float = 0.0, token_delay: float = 0.0, finish: str = "stop", reasoning: str = ""
) -> Behaviour:
    """A whole answer: streamed, or as one document where the request does not ask for a stream. Delays in seconds."""

    async def behave(request: web.Request, body: Any) -> web.StreamResponse:
        await asyncio.sleep(delay)
        if not body.get("stream"):
            return await document(text, finish=finish)(request, body)
        pieces = tokens_of(text)
        response = await _begin(request)
        await response.write(event(chunk("", role="assistant")))
        for thought in tokens_of(reasoning) if reasoning else []:
            await response.write(event(chunk(reasoning_content=thought)))
        for piece in pieces:
            await response.write(event(chunk(piece)))
            if token_delay:
                await asyncio.sleep(token_delay)
        await response.write(event(chunk(finish=finish)))
        if (body.get("stream_options") or {}).get("include_usage"):
            await response.write(event(usage_chunk(11, len(pieces))))
        await response.write(event("[DONE]"))
        return response

    return behave


def instant(text: str = DEFAULT_TEXT) -> Behaviour:
    """The same stream, made once and sent in one piece: for benchmarks."""
    pieces = tokens_of(text)
    events = [chunk("", role="assistant"), *map(chunk, pieces), chunk(finish="stop"), usage_chunk(11, len(pieces))]
    stream = b"".join(map(event, events)) + event("[DONE]")

    async def behave(request: web.Request, body: Any) -> web.StreamResponse:
        return web.Response(body=stream, content_type="text/event-stream")

    return behave


def document(text: str = DEFAULT_TEXT, *, finish: str = "stop") -> Behaviour:
    """One JSON document, whether a stream was asked for or not."""

    async def behave(request: web.Request, body: Any) -> web.StreamResponse:
        message = {"role": "assistant", "content": text}
        return web.json_response(
            {
                "id": "stub-1",
                "object": "chat.completion",
                "model": MODEL,
                "choices": [{"index": 0, "message": message, "finish_reason": finish}],
                "usage": {"prompt_tokens": 11, "completion_tokens": len(tokens_of(text)), "total_tokens": 0},
            }
        )

    return behave


def sends(*parts: bytes | float, headers: dict[str, str] | None = None, cut: bool = False) -> Behaviour:
    """Raw bytes of a stream, numbers being pauses in seconds; `cut` drops the connection where a stream would end."""

    async def behave(request: web.Request, body: Any) -> web.StreamResponse:
        response = await _begin(request, headers)
        for part in parts:
            if isinstance(part, bytes):
                await response.write(part)
            else:
                await asyncio.sleep(part)
        if cut and request.transport:
            request.transport.close()
        return response

    return behave


def cut(text: str = "This sentence will never be") -> Behaviour:
    """Some tokens, then the connection is gone."""
    return sends(*(event(chunk(piece)) for piece in tokens_of(text)), cut=True)


def refuses(status: int, body: Any = "", headers: dict[str, str] | None = None) -> Behaviour:
    """A status with a JSON body, or with text where `body` is a string."""

    async def behave(request: web.Request, _: Any) -> web.StreamResponse:
        if isinstance(body, str):
            return web.Response(status=status, text=body, headers=headers)
        return web.json_response(body, status=status, headers=headers)

    return behave


def error_body(message: str, code: str | None = None, kind: str = "invalid_request_error") -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def rate_limited(retry_after: str | None = None) -> Behaviour:
    body = error_body("Rate limit reached for requests", "rate_limit_exceeded", "requests")
    return refuses(429, body, {"Retry-After": retry_after} if retry_after else None)


def web_page() -> Behaviour:
    async def behave(request: web.Request, body: Any) -> web.StreamResponse:
        return web.Response(text="<!doctype html><title>Welcome</title>", content_type="text/html")

    return behave


def endless(token: str = " word") -> Behaviour:
    """Never stops talking."""

    async def behave(request: web.Request, body: Any) -> web.StreamResponse:
        response = await _begin(request)
        block = event(chunk(token)) * 64
        while True:
            await response.write(block)

    return behave


async def silent(request: web.Request, body: Any) -> web.StreamResponse:
    """Takes the request and never answers."""
    await asyncio.Event().wait()
    raise AssertionError


CONTEXT_TOO_LONG = error_body(
    "This model's maximum context length is 4096 tokens. However, your messages resulted in 5201 tokens. Please reduce "
    "the length of the messages.",
    "context_length_exceeded",
)

BEHAVIOURS: dict[str, Callable[[], Behaviour]] = {
    "says": says,
    "instant": instant,
    "slow": lambda: says(delay=1.0),
    "tokens": lambda: says(token_delay=0.05),
    "document": document,
    "cut": cut,
    "html": web_page,
    "empty": lambda: says(""),
    "rate-limited": lambda: rate_limited("0"),
    "rate-limited-long": lambda: rate_limited("600"),
    "unauthorized": lambda: refuses(401, error_body("Incorrect API key provided.", "invalid_api_key")),
    "unknown-model": lambda: refuses(404, error_body(f"The model `{MODEL}` does not exist", "model_not_found")),
    "context-too-long": lambda: refuses(400, CONTEXT_TOO_LONG),
    "content-filter": lambda: says("I should", finish="content_filter"),
    "server-error": lambda: refuses(500, error_body("The server had an error", None, "server_error")),
    "bad-json": lambda: sends(event('{"choices": [')),
    "huge-line": lambda: sends(b"data: " + b"x" * (2 << 20)),
    "endless": endless,
    "silent": lambda: silent,
}


@dataclass
class LLMStub:
    """`url` is the base URL once the stub serves; `requests` all that was asked, newest last."""

    models: list[str] = field(default_factory=lambda: ["text-embedding-stub", MODEL])
    record: bool = True
    url: str = ""
    requests: list[Recorded] = field(default_factory=list)
    finished: int = 0
    """Answers, or attempts at one, that are no longer under way."""

    def __post_init__(self) -> None:
        self._behaviours: list[Behaviour] = [says()]
        self._one_finished = asyncio.Event()

    def will(self, *behaviours: Behaviour) -> None:
        """One behaviour for each coming request, in order; the last stays."""
        self._behaviours = list(behaviours)

    async def until_finished(self, count: int, timeout: float = 20.0) -> None:
        """Wait until `count` answers have ended by themselves or because the asker went away."""
        async with asyncio.timeout(timeout):
            while self.finished < count:
                self._one_finished.clear()
                await self._one_finished.wait()

    @property
    def completions(self) -> list[Recorded]:
        return [request for request in self.requests if request.path.endswith("/chat/completions")]

    @contextlib.asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncIterator[LLMStub]:
        """Serve on 127.0.0.1 for as long as the context lasts; port 0 takes any free one."""
        app = web.Application(client_max_size=64 << 20)
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/_stub/behave", self._behave)
        app.router.add_get("/_stub/requests", self._requests)
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        try:
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
            yield self
        finally:
            await runner.cleanup()

    async def _note(self, request: web.Request) -> Any:
        raw = await request.read()
        if not self.record:
            return {}
        body = json.loads(raw) if raw else None
        port = request.get_extra_info("peername")[1]
        self.requests.append(Recorded(request.method, request.path_qs, dict(request.headers), body, port))
        return body

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        body = await self._note(request)
        behave = self._behaviours.pop(0) if len(self._behaviours) > 1 else self._behaviours[0]
        try:
            return await behave(request, body)
        finally:
            self.finished += 1
            self._one_finished.set()

    async def _models(self, request: web.Request) -> web.Response:
        await self._note(request)
        data = [{"id": name, "object": "model", "owned_by": "stub"} for name in self.models] or None
        return web.json_response({"object": "list", "data": data})

    async def _behave(self, request: web.Request) -> web.Response:
        self.will(*(BEHAVIOURS[name]() for name in await request.json()))
        return web.json_response({"ok": True})

    async def _requests(self, request: web.Request) -> web.Response:
        return web.json_response([{"path": each.path, "body": each.body} for each in self.requests])


@contextlib.contextmanager
def unanswered_port() -> Iterator[int]:
    """A port of 127.0.0.1 on which a connection is neither accepted nor refused: the queue of its listener is full."""
    with contextlib.ExitStack() as sockets:
        listener = sockets.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(listener.getsockname())
        yield listener.getsockname()[1]


async def _serve(port: int, names: list[str]) -> None:
    stub = LLMStub(record="instant" not in names)
    stub.will(*(BEHAVIOURS[name]() for name in names))
    async with stub.serving(port):
        print(stub.url, flush=True)
        await asyncio.Event().wait()


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.support.llm_stub", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes any free port")
    parser.add_argument("--behave", nargs="+", default=["instant"], choices=sorted(BEHAVIOURS), metavar="NAME")
    options = parser.parse_args(arguments)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(options.port, options.behave))


if __name__ == "__main__":
    main(sys.argv[1:])
