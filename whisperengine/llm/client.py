"""Any OpenAI-compatible /chat/completions, streamed: one request per answer, repeated only before the first token."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import random
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import aiohttp

from whisperengine.errors import LLMBadAnswer, LLMError, LLMRateLimited, LLMUnknownModel, LLMUnreachable
from whisperengine.llm.endpoint import Endpoint
from whisperengine.llm.failures import Failures, retry_after
from whisperengine.llm.model_names import first_chat_model, listed
from whisperengine.llm.patience import Patience
from whisperengine.llm.reception import MAX_DOCUMENT_BYTES, Reception
from whisperengine.llm.transport import Transport, read_document

log = logging.getLogger(__name__)

MAX_REFUSAL_BYTES = 64 << 10
MAX_PAUSE = 30.0
"""Seconds: an endpoint that asks for a longer pause is not asked again; the error says how long it wants."""
USAGE_GRACE = 1.0
"""Seconds after the end of the answer in which its token counts may still come."""
BODY_END_GRACE = 0.25
"""Seconds after [DONE] in which the body's own end may still come."""


@dataclass(frozen=True, slots=True)
class Completion:
    """A whole answer. Times count from the start of the call, failed attempts included.

    `finish_reason` is "stop", or "length" where a limit cut the answer (the model's, or ours of 200,000 characters), or
    "tool_calls" where the model asks for `tool_calls` instead of (or besides) saying something.
    Token counts are None where the endpoint reports none.
    """

    text: str
    finish_reason: str
    model: str
    prompt_tokens: int | None
    completion_tokens: int | None
    first_token_ms: float
    total_ms: float
    attempts: int
    tool_calls: tuple[Mapping[str, Any], ...] = ()


class LLMClient:
    """Asks endpoints for answers, and remembers what each of them does not accept."""

    def __init__(self, session: aiohttp.ClientSession | None = None, *, backoff: float = 0.5) -> None:
        """`session` stays the caller's; without one the client keeps its own. `backoff`: seconds before attempt two."""
        self._transport = Transport(session)
        self._backoff = backoff
        self._first_models: dict[Endpoint, str] = {}
        self._substitutes: dict[tuple[str, str], dict[str, str]] = {}

    async def __aenter__(self) -> LLMClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._transport.close()

    def complete(self, endpoint: Endpoint, messages: Sequence[Mapping[str, Any]], **parameters: Any) -> Answer:
        """Ask for an answer; nothing is sent before its first piece is awaited.

        `messages` are OpenAI's and sent as they are; `parameters` go into the request body over the endpoint's own
        (None removes one).

            async with client.complete(endpoint, messages) as answer:
                async for piece in answer:
                    ...
            answer.completion.text
        """
        return Answer(self, endpoint, messages, parameters)

    async def models(self, endpoint: Endpoint) -> list[str]:
        """Names of all models that the endpoint lists, in its order. One attempt. Raises LLMError."""
        return await self._models(endpoint, asyncio.get_running_loop().time() + endpoint.timeout)

    async def _models(self, endpoint: Endpoint, deadline: float) -> list[str]:
        failures = Failures(endpoint)
        response = await self._transport.send("GET", "models", endpoint, failures, deadline)
        body = await read_document(response, MAX_DOCUMENT_BYTES, failures, deadline)
        if response.status != 200:
            raise failures.refused(response.status, body, wait=retry_after(response.headers))
        names = listed(body)
        if names is None:
            raise failures.bad("it sent no list of models")
        return names

    async def _first_model(self, endpoint: Endpoint, deadline: float) -> str:
        if endpoint not in self._first_models:
            name = first_chat_model(await self._models(endpoint, deadline))
            if not name:
                raise Failures(endpoint).unknown_model("")
            self._first_models[endpoint] = name
        return self._first_models[endpoint]

    def _pause(self, attempt: int, asked: float | None) -> float:
        """Seconds after attempt number `attempt`: what the endpoint asks for, else doubling up to 8 s, with jitter."""
        if asked is not None:
            return asked
        return min(8.0, self._backoff * 2 ** (attempt - 1)) * random.uniform(0.5, 1.0)

    async def _open(
        self, endpoint: Endpoint, model: str, body: Mapping[str, Any], failures: Failures, deadline: float
    ) -> aiohttp.ClientResponse:
        """A response with status 200. Parameters that the endpoint refuses are replaced, and that is remembered."""
        known = self._substitutes.setdefault((endpoint.url, model), {})
        substitutes = dict(known)
        while True:
            sent = _substituted(body, substitutes)
            data = json.dumps(sent, ensure_ascii=False).encode("utf-8", "replace")
            response = await self._transport.send("POST", "chat/completions", endpoint, failures, deadline, data)
            if response.status == 200:
                known.update(substitutes)
                return response
            said = await read_document(response, MAX_REFUSAL_BYTES, failures, deadline)
            error = failures.refused(response.status, said, model=model, wait=retry_after(response.headers))
            if isinstance(error, LLMUnknownModel):
                self._first_models.pop(endpoint, None)
            refused = _refused_parameter(sent, said) if response.status in (400, 422) else None
            if refused is None or not isinstance(error, LLMBadAnswer):
                raise error
            substitutes.update(refused)


class Answer:
    """One answer being received: an async context manager and an async iterator over pieces of its text.

    Raises LLMError, whose `partial` is the text that had come. Leaving the context, or cancelling the task, closes
    the request at once.
    """

    def __init__(
        self,
        client: LLMClient,
        endpoint: Endpoint,
        messages: Sequence[Mapping[str, Any]],
        parameters: Mapping[str, Any],
    ) -> None:
        self._client = client
        self._endpoint = endpoint
        self._failures = Failures(endpoint, messages)
        self._body = {
            "messages": messages,
            "stream": True,
            "stream_options": {"include_usage": True},
            "temperature": endpoint.temperature,
            "max_tokens": endpoint.max_tokens,
            **parameters,
        }
        self._reception = Reception(self._failures, endpoint.model, bool(self._body.get("tools")))
        self._completion: Completion | None = None
        self._deadline = self._started = self._first = 0.0
        self._pieces = self._receive()

    async def __aenter__(self) -> Answer:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pieces.aclose()

    def __aiter__(self) -> AsyncGenerator[str, None]:
        return self._pieces

    @property
    def completion(self) -> Completion:
        """The whole answer, once the iteration has come to its end."""
        if self._completion is None:
            raise RuntimeError("the answer has not been received to its end; iterate it first")
        return self._completion

    async def _receive(self) -> AsyncGenerator[str, None]:
        self._started = time.perf_counter()
        self._deadline = asyncio.get_running_loop().time() + self._endpoint.timeout
        try:
            for attempt in itertools.count(1):
                try:
                    async with aclosing(self._attempt()) as pieces:
                        async for piece in pieces:
                            self._first = self._first or time.perf_counter()
                            yield piece
                    self._complete(attempt)
                    return
                except (LLMUnreachable, LLMRateLimited) as error:
                    pause = self._client._pause(attempt, error.retry_after)
                    left = self._deadline - asyncio.get_running_loop().time()
                    if self._first or attempt > self._endpoint.retries or pause > MAX_PAUSE or pause >= left:
                        raise
                    log.warning("%s: %s, attempt %d; next in %.1f s", self._failures.host, error.code, attempt, pause)
                await asyncio.sleep(pause)
        except LLMError as error:
            error.partial = self._reception.text
            raise

    async def _attempt(self) -> AsyncGenerator[str, None]:
        model = self._endpoint.model or await self._client._first_model(self._endpoint, self._deadline)
        self._reception = Reception(self._failures, model, bool(self._body.get("tools")))
        body = {"model": model, **self._body}
        response = await self._client._open(self._endpoint, model, body, self._failures, self._deadline)
        patience = Patience(response.content)
        try:
            while not self._reception.over and (chunk := await self._read(patience)):
                for piece in self._reception.feed(chunk):
                    yield piece
            for piece in self._reception.close():
                yield piece
            if self._reception.ended:
                await self._read_to_end(response)
        finally:
            patience.end()
            response.close()

    async def _read(self, patience: Patience) -> bytes:
        """The next piece of the body, empty at its end; after the answer's last word any trouble is its end."""
        now = asyncio.get_running_loop().time()
        finished = bool(self._reception.finish_reason)
        idle = USAGE_GRACE if finished else self._endpoint.idle_timeout
        limit = min(self._deadline, now + idle) if finished or self._first else self._deadline
        try:
            return await patience.read(limit)
        except TimeoutError as error:
            if finished:
                return b""
            silent = limit < self._deadline
            waited = f"fell silent for {idle:g} s" if silent else f"did not finish within {self._endpoint.timeout:g} s"
            raise self._failures.timeout(waited) from error
        except (aiohttp.ClientError, OSError) as error:
            if finished:
                return b""
            raise self._failures.broken("the connection was cut") from error

    async def _read_to_end(self, response: aiohttp.ClientResponse) -> None:
        # Only a body read to its end leaves the connection open for the next request; the end comes with [DONE].
        try:
            async with asyncio.timeout(BODY_END_GRACE):
                while not response.content.at_eof():
                    await response.content.readany()
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            log.debug("%s did not end its response: %s", self._failures.host, type(error).__name__)

    def _complete(self, attempts: int) -> None:
        got = self._reception
        self._completion = Completion(
            text=got.text,
            finish_reason=got.finish_reason or "stop",
            model=got.model,
            prompt_tokens=got.prompt_tokens,
            completion_tokens=got.completion_tokens,
            first_token_ms=(self._first - self._started) * 1000,
            total_ms=(time.perf_counter() - self._started) * 1000,
            attempts=attempts,
            tool_calls=tuple(got.tool_calls),
        )


def _substituted(body: Mapping[str, Any], substitutes: Mapping[str, str]) -> dict[str, Any]:
    """The body without what is None, and with `substitutes` in place (an empty one drops the parameter)."""
    renamed = ((substitutes.get(name, name), value) for name, value in body.items())
    return {name: value for name, value in renamed if name and value is not None}


def _refused_parameter(sent: Mapping[str, Any], said: Any) -> dict[str, str] | None:
    """What to replace after a 400 or 422: the parameter it names, else stream_options, which older servers lack."""
    text = json.dumps(said, default=str)
    if "max_tokens" in sent and "max_completion_tokens" in text:
        return {"max_tokens": "max_completion_tokens"}
    for name in ("response_format", "stream_options", "temperature", "max_tokens"):
        if name in sent and name in text:
            return {name: ""}
    return next(({name: ""} for name in ("stream_options", "response_format") if name in sent), None)
