"""The service for tests: in this process on a test's own database, or as a process of its own that can be killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp

from whisperengine import app, config
from whisperengine.config import Config

REPOSITORY = Path(__file__).parents[2]


@dataclass
class Client:
    """Calls a service as `curl` would."""

    session: aiohttp.ClientSession
    url: str

    async def request(self, method: str, path: str, **options: Any) -> tuple[int, Any, Any]:
        """Status, body (JSON where it is JSON) and headers."""
        async with self.session.request(method, self.url + path, **options) as response:
            text = await response.text()
            body = json.loads(text) if response.content_type == "application/json" else text
            return response.status, body, response.headers

    async def get(self, path: str, **options: Any) -> tuple[int, Any]:
        status, body, _ = await self.request("GET", path, **options)
        return status, body

    async def post(self, path: str, body: Any, **options: Any) -> tuple[int, Any]:
        status, answer, _ = await self.request("POST", path, json=body, **options)
        return status, answer

    async def say(self, text: str, user: str = "sam", **fields: Any) -> dict[str, Any]:
        """The answer to a message that must succeed."""
        status, body = await self.post("/api/chat", {"user_id": user, "message": text, **fields})
        assert status == 200, body
        return body

    async def stream(self, body: dict[str, Any], path: str = "/api/chat") -> list[tuple[str, Any]]:
        """The events of a streamed answer."""
        async with self.session.post(self.url + path, json={**body, "stream": True}) as response:
            assert response.content_type == "text/event-stream", await response.text()
            blocks = (await response.text()).strip().split("\n\n")
        return [(block.split("\n")[0][7:], json.loads(block.split("\n")[1][6:])) for block in blocks]


def test_config(**fields: Any) -> Config:
    """Defaults for tests: nothing on this machine is used but the model files."""
    return replace(
        config.Config(),
        model_cache_dir=config.load().models_dir,
        llm_client_type="disabled",
        llm_autodetect=False,
        http_port=0,
        pool_size=6,
        **fields,
    )


test_config.__test__ = False  # type: ignore[attr-defined]


@asynccontextmanager
async def running(settings: Config) -> AsyncIterator[Client]:
    """A service in this process."""
    async with app.running(settings) as port, aiohttp.ClientSession() as session:
        yield Client(session, f"http://127.0.0.1:{port}")


class Process:
    """`whisperengine serve` as a process of its own, in a process group of its own."""

    def __init__(self, home: Path, **environ: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.command = (sys.executable, "-m", "whisperengine", "serve")
        self.environ = {
            **os.environ,
            "WHISPERENGINE_HOME": str(home),
            "MODEL_CACHE_DIR": str(config.load().models_dir),
            "HEALTH_CHECK_PORT": str(self.port),
            "LLM_AUTODETECT": "0",
            "DOTENV_PATH": os.devnull,
            **environ,
        }
        self.process: asyncio.subprocess.Process | None = None
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (closed by close())

    async def start(self) -> None:
        """Returns when /ready says so; fails with the log when the process ends before."""
        self.process = await asyncio.create_subprocess_exec(
            *self.command,
            env=self.environ,
            cwd=REPOSITORY,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )
        async with aiohttp.ClientSession() as session:
            while True:
                if self.process.returncode is not None:
                    raise AssertionError(self.log())
                try:
                    async with session.get(self.url + "/ready") as response:
                        if response.status == 200:
                            return
                except aiohttp.ClientError:
                    # Not listening yet.
                    await asyncio.sleep(0)
                await asyncio.sleep(0.05)

    def log(self) -> str:
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    async def kill(self) -> None:
        """kill -9, nothing else."""
        assert self.process
        self.process.kill()
        await self.process.wait()

    async def interrupt(self) -> int:
        """Ctrl-C in the terminal: SIGINT to the process group; returns the exit code."""
        assert self.process
        os.killpg(self.process.pid, signal.SIGINT)
        return await self.process.wait()

    async def close(self) -> None:
        """End it whatever state it is in."""
        if self.process and self.process.returncode is None:
            await self.kill()
        self._log.close()

    async def stop(self) -> int:
        assert self.process
        if self.process.returncode is None:
            self.process.terminate()
        return await self.process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
