"""A running service for a command: the one on the configured port, or one opened while the command needs it."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from whisperengine import app
from whisperengine.config import Config
from whisperengine.errors import WhisperEngineError


class Service:
    """Calls a service; what it refuses is raised with its own words."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session, self.url = session, url

    async def call(
        self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None, **query: Any
    ) -> Any:
        """The JSON answer. Raises WhisperEngineError with the service's sentence and details."""
        params = {name: str(value) for name, value in query.items() if value not in (None, "")}
        try:
            async with self.session.request(
                method, self.url + path, json=body, params=params, headers=headers
            ) as response:
                answer = await response.json()
        except (aiohttp.ClientError, ValueError) as error:
            raise WhisperEngineError(
                f"The service at {self.url} does not answer ({type(error).__name__}). Look at its log, then try again."
            ) from None
        if response.status >= 400:
            details = {name: value for name, value in answer.items() if name not in ("success", "error", "code")}
            text = answer.get("error", f"status {response.status}")
            raise WhisperEngineError(text, code=answer.get("code"), details=details)
        return answer


def address(config: Config, port: int) -> str:
    """URL under which this machine reaches a service that is bound as configured."""
    host = "127.0.0.1" if config.http_host in ("0.0.0.0", "::", "localhost") else config.http_host
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


async def answers(session: aiohttp.ClientSession, url: str) -> bool:
    """Whether a service of ours listens there."""
    try:
        async with session.get(f"{url}/health", timeout=aiohttp.ClientTimeout(total=5)) as response:
            return response.status == 200 and (await response.json()).get("service") == "WhisperEngine"
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return False


@asynccontextmanager
async def service(config: Config, url: str = "") -> AsyncIterator[Service]:
    """The service at `url`, or the running one, or one of our own.

    Raises WhisperEngineError when `url` does not answer.
    """
    headers = {"Authorization": f"Bearer {config.api_key}"} if config.api_key else None
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=5)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session:
        running = url or address(config, config.http_port)
        if await answers(session, running):
            yield Service(session, running)
            return
        if url:
            raise WhisperEngineError(f"No service answers at {url}. Start one with `whisperengine serve`.")
        print("No service is running; opening one for this command…", file=sys.stderr)
        async with app.running(config) as port:
            yield Service(session, f"http://127.0.0.1:{port}")
