"""OpenAI's own npm package, unmodified, against the service."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support import service as services
from tests.support.llm_stub import LLMStub, cut, says
from tests.support.service import Client
from tests.support.service_fixtures import with_model

SOURCE = Path(__file__).parents[1] / "support" / "npm_openai"
KEY = "the-right-key"
Run = Callable[..., Awaitable[list[Any]]]


@pytest.fixture(scope="module")
def package(repository: Path) -> Path:
    """A folder with the package installed as the lock file has it, once for each state of that file."""
    lock = (SOURCE / "package-lock.json").read_bytes()
    folder = repository / ".cache" / "npm" / hashlib.sha256(lock).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as mine:
        fcntl.flock(mine, fcntl.LOCK_EX)
        if not (folder / "node_modules" / ".package-lock.json").exists():
            for name in ("package.json", "package-lock.json", ".npmrc"):
                shutil.copy(SOURCE / name, folder)
            asyncio.run(_install(folder))
        shutil.copy(SOURCE / "client.mjs", folder)
    return folder


async def _install(folder: Path) -> None:
    process = await asyncio.create_subprocess_exec("npm", "ci", "--no-audit", "--no-fund", cwd=folder)
    assert await process.wait() == 0


@pytest.fixture
async def client(database: str, llm_stub: LLMStub) -> AsyncIterator[Client]:
    settings = replace(with_model(database, llm_stub.url), api_key=KEY)
    async with services.running(settings) as client:
        yield client


@pytest.fixture
def run(package: Path, client: Client) -> Run:
    """Runs steps in a client process of its own; returns what came of each."""

    async def run(*script: tuple[str, dict[str, Any]] | tuple[str]) -> list[Any]:
        process = await asyncio.create_subprocess_exec(
            "node",
            "client.mjs",
            cwd=package,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        asked = {"baseURL": client.url + "/v1", "apiKey": KEY, "script": script}
        told, trouble = await process.communicate(json.dumps(asked).encode())
        assert process.returncode == 0, trouble.decode()
        return json.loads(told)

    return run


async def stored(client: Client) -> list[str]:
    _, body = await client.get("/api/users/sam/messages", headers={"Authorization": f"Bearer {KEY}"})
    return [message["content"] for message in reversed(body["messages"])]


async def test_models_chat_streaming_and_embeddings(run: Run, llm_stub: LLMStub):
    llm_stub.will(says("Hello Sam."), says("One two three."))
    models, said, streamed, floats, packed = await run(
        ("models",),
        ("say", {"text": "Hi, I am Sam."}),
        ("stream", {"text": "Count."}),
        ("embed", {"input": ["a cat", "tax law"], "encoding": "float"}),
        ("embed", {"input": "a cat"}),
    )
    assert "assistant" in models["names"]
    assert models["one"] == "assistant"
    assert (said["text"], said["finish"]) == ("Hello Sam.", "stop")
    assert said["usage"]["total_tokens"] == said["usage"]["prompt_tokens"] + said["usage"]["completion_tokens"] > 0
    assert "".join(streamed["pieces"]) == "One two three."
    assert len(streamed["pieces"]) > 1
    assert streamed["usage"]["completion_tokens"] > 0
    assert (floats, packed) == ([384, 384], [384])


async def test_errors_are_the_packages_own_classes(run: Run, llm_stub: LLMStub):
    hello = [{"role": "user", "content": "Hi"}]
    llm_stub.will(cut())
    unknown, forbidden, wrong, broken = await run(
        ("fail", {"model": "gpt-4o", "messages": hello}),
        ("fail", {"key": "sk-wrong", "messages": hello}),
        ("fail", {"messages": [{"role": "king", "content": "x"}]}),
        ("fail", {"messages": hello, "stream": True}),
    )
    assert (unknown["kind"], unknown["status"], unknown["code"]) == ("NotFoundError", 404, "model_not_found")
    assert (forbidden["kind"], forbidden["status"], forbidden["code"]) == (
        "AuthenticationError",
        401,
        "invalid_api_key",
    )
    assert (wrong["kind"], wrong["status"], wrong["param"]) == ("BadRequestError", 400, "messages[0].role")
    assert "cut" in broken["message"]


async def test_a_regenerated_answer_and_an_edited_message_leave_what_the_client_shows(
    run: Run, client: Client, llm_stub: LLMStub
):
    llm_stub.will(says("First."), says("Second."), says("Second, better."), says("Other."))
    results = await run(
        ("say", {"text": "One."}),
        ("say", {"text": "Two."}),
        ("regenerate",),
        ("edit", {"turn": 1, "text": "Two, in other words."}),
    )
    assert [each["text"] for each in results] == ["First.", "Second.", "Second, better.", "Other."]
    assert await stored(client) == ["One.", "First.", "Two, in other words.", "Other."]


async def test_twenty_turns_over_two_client_processes_are_one_memory(run: Run, client: Client, llm_stub: LLMStub):
    llm_stub.will(says("I see."))
    first = ["My cat is called Pepper.", *(f"Number {number} is a nice number." for number in range(9))]
    second = [*(f"Tell me about the colour {number}." for number in range(9)), "What is my cat called?"]
    await run(*(("say", {"text": text}) for text in first))
    await run(*(("say", {"text": text}) for text in second))
    assert len(await stored(client)) == 40
    prompt = json.dumps(llm_stub.completions[-1].body["messages"])
    assert "Pepper" in prompt
