"""Finds a language model server on this machine, so that nothing needs to be configured where one runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from whisperengine.errors import LLMError
from whisperengine.llm.client import LLMClient
from whisperengine.llm.endpoint import Endpoint
from whisperengine.llm.model_names import first_chat_model

log = logging.getLogger(__name__)

# 127.0.0.1, not localhost: these servers bind IPv4 loopback by default, and a name costs a look-up.
CANDIDATES = (
    ("Ollama", "http://127.0.0.1:11434/v1"),
    ("LM Studio", "http://127.0.0.1:1234/v1"),
    ("llama.cpp", "http://127.0.0.1:8080/v1"),
)


@dataclass(frozen=True, slots=True)
class LocalServer:
    """A server that answered. `model` is its first chat model, empty when it has none (Ollama with nothing pulled);
    `models` all that it lists.
    """

    name: str
    url: str
    model: str
    models: tuple[str, ...] = ()


async def local_servers(
    client: LLMClient, candidates: Sequence[tuple[str, str]] = CANDIDATES, timeout: float = 0.3
) -> list[LocalServer]:
    """The candidates that answer GET /models in the OpenAI form within `timeout` seconds, in the given order.

    All are asked at once and no key is sent. Never raises for a server that is absent or something else.
    """
    found = await asyncio.gather(*(_probe(client, name, url, timeout) for name, url in candidates))
    return [server for server in found if server]


async def usable_server(
    client: LLMClient, candidates: Sequence[tuple[str, str]] = CANDIDATES, timeout: float = 0.3
) -> LocalServer | None:
    """The first local server that has a chat model; None when there is none."""
    servers = await local_servers(client, candidates, timeout)
    return next((server for server in servers if server.model), None)


async def _probe(client: LLMClient, name: str, url: str, timeout: float) -> LocalServer | None:
    try:
        names = await client.models(Endpoint(url, connect_timeout=timeout, timeout=timeout))
    except LLMError as error:
        log.debug("no %s at %s: %s", name, url, error.code)
        return None
    return LocalServer(name, url, first_chat_model(names), tuple(names))
