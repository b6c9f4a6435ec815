"""Several endpoints in order: when one fails before its first token the next is asked, and failing ones are left
alone for a while.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from whisperengine.errors import LLMContentFiltered, LLMContextTooLong, LLMError
from whisperengine.llm.breaker import Breaker, State
from whisperengine.llm.client import Completion, LLMClient
from whisperengine.llm.endpoint import Endpoint

log = logging.getLogger(__name__)

BREAKERS_KEPT = 1_000

# What the request is to blame for, not the endpoint.
_OF_THE_REQUEST = (LLMContentFiltered, LLMContextTooLong)


class Fallback:
    """Asks endpoints in order, with a circuit breaker for each. One per process."""

    def __init__(self, client: LLMClient) -> None:
        self._client = client
        self._breakers: dict[tuple[str, str, str], Breaker] = {}

    def breaker(self, endpoint: Endpoint) -> Breaker:
        breaker = self._breakers.get(endpoint.identity)
        if breaker is None:
            while len(self._breakers) >= BREAKERS_KEPT:
                self._breakers.pop(next(iter(self._breakers)))
            breaker = self._breakers[endpoint.identity] = Breaker()
        return breaker

    def first_usable(self, endpoints: Sequence[Endpoint]) -> Endpoint | None:
        """The first that is not left alone at the moment, else the first."""
        usable = (each for each in endpoints if self.breaker(each).state is not State.OPEN)
        return next(usable, endpoints[0] if endpoints else None)

    def ask(
        self, endpoints: Sequence[Endpoint], messages: Sequence[Mapping[str, Any]], parameters: Mapping[str, Any]
    ) -> Asked:
        """Nothing is sent before the first piece is awaited."""
        return Asked(self, self._client, endpoints, messages, parameters)


class Asked:
    """An answer being received: an async iterator over its pieces; close it with `aclose` (contextlib.aclosing).

    `endpoint` is who answers or failed last; `completion` the whole answer once the iteration has come to its end.
    Raises the LLMError of the last endpoint that was asked, `partial` included.
    """

    def __init__(
        self,
        fallback: Fallback,
        client: LLMClient,
        endpoints: Sequence[Endpoint],
        messages: Sequence[Mapping[str, Any]],
        parameters: Mapping[str, Any],
    ) -> None:
        self._fallback, self._client = fallback, client
        self._messages, self._parameters = messages, parameters
        self._endpoints = endpoints
        self._pieces = self._receive()
        self._spoken = False
        self.endpoint = endpoints[0]
        self.completion: Completion | None = None

    def __aiter__(self) -> AsyncGenerator[str, None]:
        return self._pieces

    async def aclose(self) -> None:
        await self._pieces.aclose()

    async def _receive(self) -> AsyncGenerator[str, None]:
        left = list(self._endpoints)
        error: LLMError | None = None
        while left:
            chosen = next((each for each in left if self._fallback.breaker(each).admit()), None)
            if chosen is None:
                if error is not None:
                    raise error
                # All are left alone; a try is worth more than an error without one.
                chosen = min(left, key=lambda each: self._fallback.breaker(each).retry_in or 0.0)
            left.remove(chosen)
            self.endpoint = chosen
            try:
                # Whoever has another to turn to does not wait for a second attempt.
                async with aclosing(self._from(replace(chosen, retries=0) if left else chosen)) as pieces:
                    async for piece in pieces:
                        yield piece
                return
            except LLMError as failure:
                if self._spoken or not left or isinstance(failure, LLMContentFiltered):
                    raise
                log.warning("%s: %s; the next endpoint is asked", chosen.host, failure.code)
                error = failure

    async def _from(self, endpoint: Endpoint) -> AsyncGenerator[str, None]:
        breaker = self._fallback.breaker(endpoint)
        try:
            async with self._client.complete(endpoint, self._messages, **self._parameters) as answer:
                async for piece in answer:
                    self._spoken = True
                    yield piece
        except LLMError as error:
            if isinstance(error, _OF_THE_REQUEST):
                breaker.gave_up()
            else:
                breaker.failed(error.code, error.retry_after)
            raise
        except BaseException:
            breaker.gave_up()
            raise
        self.completion = answer.completion
        breaker.succeeded()
