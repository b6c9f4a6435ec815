"""Who answers: the configured model, one found on this machine, or the offline mode."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from whisperengine.config import Config
from whisperengine.llm import detect, offline
from whisperengine.llm.client import LLMClient
from whisperengine.llm.endpoint import Endpoint, endpoint_of

log = logging.getLogger(__name__)

OFFLINE = "offline"
LOOK_AGAIN_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Spoken:
    """A whole answer; `llm` is the model's name or `offline`."""

    text: str
    llm: str
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    finish_reason: str = "stop"
    tool_calls: tuple[Mapping[str, Any], ...] = ()


class Voice:
    """Chooses the endpoint and streams from it. One per process."""

    def __init__(self, config: Config, client: LLMClient) -> None:
        self._config, self._client = config, client
        self._found: Endpoint | None = None
        self._looked_at = -LOOK_AGAIN_SECONDS
        self._looking = asyncio.Lock()

    @property
    def prompt_tokens(self) -> int:
        """Tokens that a prompt may have, the answer's being reserved."""
        return max(self._config.llm_context_tokens - self._config.llm_max_tokens, 256)

    @property
    def _configured(self) -> bool:
        config = self._config
        return bool(
            config.llm_base_url
            and (config.llm_url or config.llm_api_key or config.llm_model or config.llm_client_type != "local")
        )

    async def endpoint(self) -> Endpoint | None:
        """Where answers come from now; None means offline.

        Looks for a local server at most every 30 seconds, and never for a disabled model.
        """
        if self._configured:
            return endpoint_of(self._config)
        if self._found or self._config.llm_client_type == "disabled" or not self._config.llm_autodetect:
            return self._found
        async with self._looking:
            if not self._found and time.monotonic() - self._looked_at >= LOOK_AGAIN_SECONDS:
                self._looked_at = time.monotonic()
                found = await detect.usable_server(self._client)
                if found:
                    self._found = endpoint_of(self._config, url=found.url, model=found.model)
                    log.info("a language model was found at %s: %s", self._found.host, found.model)
        return self._found

    def describe(self) -> dict[str, Any]:
        """What /status shows: mode, host and model, never the key."""
        endpoint = endpoint_of(self._config) if self._configured else self._found
        if endpoint is None:
            return {"mode": OFFLINE, "host": None, "model": None}
        return {
            "mode": "configured" if self._configured else "detected",
            "host": endpoint.host,
            "model": endpoint.model or None,
        }

    async def speak(
        self,
        messages: list[dict[str, Any]],
        scene: Callable[[], offline.OfflineScene],
        on_token: Callable[[str], Awaitable[None]] | None,
        parameters: Mapping[str, Any] | None = None,
    ) -> Spoken:
        """The answer to `messages`, handed on piece by piece; `scene` is asked for only when no model is connected.

        `parameters` go into the model request over the configured ones.

        Raises LLMError.
        """
        endpoint = await self.endpoint()
        if endpoint is None:
            text = offline.answer(scene())
            if on_token:
                for piece in re.findall(r"\S+\s*|\s+", text):
                    await on_token(piece)
            return Spoken(text, OFFLINE)
        async with self._client.complete(endpoint, messages, **(parameters or {})) as answer:
            async for piece in answer:
                if on_token:
                    await on_token(piece)
        completion = answer.completion
        return Spoken(
            completion.text,
            completion.model,
            completion.prompt_tokens,
            completion.completion_tokens,
            completion.finish_reason,
            completion.tool_calls,
        )
