"""Fixtures of a running service; imported where they are used: unit tests should not pay for the whole program."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support import service as services
from tests.support.llm_stub import LLMStub
from whisperengine.config import Config


@pytest.fixture
async def offline(database: str) -> AsyncIterator[services.Client]:
    """A service without a language model, on a database of its own."""
    async with services.running(services.test_config(database_url=database)) as client:
        yield client


@pytest.fixture
async def talking(database: str, llm_stub: LLMStub) -> AsyncIterator[services.Client]:
    """A service whose language model is `llm_stub`, on a database of its own; it tries a failed request once more."""
    async with services.running(with_model(database, llm_stub.url)) as client:
        yield client


@pytest.fixture
def home() -> Iterator[Path]:
    """A WHISPERENGINE_HOME that the user of the embedded PostgreSQL can reach."""
    folder = Path(tempfile.mkdtemp(prefix="whisperengine-test-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
async def processes(home: Path) -> AsyncIterator[Callable[..., services.Process]]:
    """Makes processes of the service on one home, without a language model; they are ended with the test."""
    made: list[services.Process] = []

    def make(**environ: str) -> services.Process:
        made.append(services.Process(home, **{"LLM_CLIENT_TYPE": "disabled", **environ}))
        return made[-1]

    yield make
    for process in made:
        await process.close()


def with_model(database: str, url: str) -> Config:
    return replace(
        services.test_config(database_url=database),
        llm_client_type="local",
        llm_url=url,
        llm_model="stub-model",
        llm_retries=1,
        llm_timeout=5.0,
        llm_connect_timeout=2.0,
    )
