"""Who answers: the configured models in order, one found on this machine, or the offline mode."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from whisperengine.config import Config
from whisperengine.llm import choosing, detect, offline
from whisperengine.llm.choosing import Section
from whisperengine.llm.client import LLMClient
from whisperengine.llm.detect import LocalServer
from whisperengine.llm.endpoint import Endpoint, endpoint_of
from whisperengine.llm.fallback import Fallback
from whisperengine.settings.settings import Settings

log = logging.getLogger(__name__)

OFFLINE = "offline"
LOOK_AGAIN_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Spoken:
    """A whole answer; `llm` is the model's name or `offline`, `cost` in the currency of the configured prices."""

    text: str
    llm: str
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    finish_reason: str = "stop"
    tool_calls: tuple[Mapping[str, Any], ...] = ()
    cost: float | None = None


class Voice:
    """Chooses endpoints and streams from them. One per process.

    `model` is the `model` section of the character that speaks, where it has one.
    """

    def __init__(self, settings: Settings, client: LLMClient) -> None:
        self._settings, self._client = settings, client
        self._fallback = Fallback(client)
        self._found: LocalServer | None = None
        self._looked_at = -LOOK_AGAIN_SECONDS
        self._looking = asyncio.Lock()

    def budget(self, model: Section | None = None) -> int:
        """Tokens that a prompt may have, the answer's being reserved."""
        return choosing.prompt_budget(self._settings.config, model or {})

    async def endpoints(self, model: Section | None = None) -> list[Endpoint]:
        """Where answers come from now, in the order in which they are asked; empty means offline.

        Looks for a local server at most every 30 seconds, and never for a disabled model.
        """
        config = self._settings.config
        found = choosing.configured(config) or await self._detected(config)
        return choosing.for_character(config, found, model) if model else found

    async def endpoint(self) -> Endpoint | None:
        """The one to ask outside of a conversation; None means offline."""
        return self._fallback.first_usable(await self.endpoints())

    async def _detected(self, config: Config) -> list[Endpoint]:
        if config.llm_client_type == "disabled" or not config.llm_autodetect:
            return []
        async with self._looking:
            if not self._found and time.monotonic() - self._looked_at >= LOOK_AGAIN_SECONDS:
                self._looked_at = time.monotonic()
                self._found = await detect.usable_server(self._client)
                if self._found:
                    log.info("a language model was found at %s: %s", self._found.url, self._found.model)
        return _of_found(config, self._found)

    def describe(self) -> dict[str, Any]:
        """What /status shows: mode, host and model of who is asked first, and how each endpoint stands; never a key."""
        config = self._settings.config
        configured = choosing.configured(config)
        may_find = config.llm_autodetect and config.llm_client_type != "disabled"
        endpoints = configured or (_of_found(config, self._found) if may_find else [])
        first = self._fallback.first_usable(endpoints)
        if first is None:
            return {"mode": OFFLINE, "host": None, "model": None, "endpoints": []}
        return {
            "mode": "configured" if configured else "detected",
            "host": first.host,
            "model": first.model or None,
            "endpoints": [self._standing(each) for each in endpoints],
        }

    def _standing(self, endpoint: Endpoint) -> dict[str, Any]:
        breaker = self._fallback.breaker(endpoint)
        return {
            "host": endpoint.host,
            "model": endpoint.model or None,
            "state": str(breaker.state),
            "failures": breaker.failures,
            "retry_in": breaker.retry_in,
            "last_error": breaker.last_error,
        }

    async def speak(
        self,
        messages: list[dict[str, Any]],
        scene: Callable[[], offline.OfflineScene],
        on_token: Callable[[str], Awaitable[None]] | None,
        parameters: Mapping[str, Any] | None = None,
        model: Section | None = None,
    ) -> Spoken:
        """The answer to `messages`, handed on piece by piece; `scene` is asked for only when no model is connected.

        `parameters` go into the model request over the character's and the configured ones.

        Raises LLMError.
        """
        endpoints = await self.endpoints(model)
        if not endpoints:
            text = offline.answer(scene())
            if on_token:
                for piece in re.findall(r"\S+\s*|\s+", text):
                    await on_token(piece)
            return Spoken(text, OFFLINE)
        asked = self._fallback.ask(endpoints, messages, {**choosing.parameters(model or {}), **(parameters or {})})
        async with aclosing(asked):
            async for piece in asked:
                if on_token:
                    await on_token(piece)
        completion = asked.completion
        assert completion is not None
        return Spoken(
            completion.text,
            completion.model,
            completion.prompt_tokens,
            completion.completion_tokens,
            completion.finish_reason,
            completion.tool_calls,
            asked.endpoint.cost(completion.prompt_tokens, completion.completion_tokens),
        )


def _of_found(config: Config, found: LocalServer | None) -> list[Endpoint]:
    return [endpoint_of(config, url=found.url, model=found.model)] if found else []
