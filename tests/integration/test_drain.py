"""How the service ends, and how it bears a database that is away: as a process of its own, with real signals."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from tests.support.line import Line, by_way_of, line_to, socket_of
from tests.support.llm_stub import LLMStub, chunk, event, says, sends
from tests.support.service import Client, Process

BRIEF = sends(*(part for number in range(20) for part in (event(chunk(f"{number} ")), 0.05)), event("[DONE]"))
"""An answer of one second."""
UNENDING = sends(*(part for word in ("One", " two", " three") for part in (event(chunk(word)), 0.05)), 600.0)
"""Three words, and then nothing for as long as anybody waits."""


@pytest.fixture
async def started(home: Path, database: str, llm_stub: LLMStub) -> AsyncIterator[Callable]:
    """Starts `serve` on the test's database with the stub as its model."""
    made: list[Process] = []

    async def start(**environ: str) -> Process:
        settings = {
            "DATABASE_URL": database,
            "LLM_CHAT_API_URL": llm_stub.url,
            "LLM_CHAT_MODEL": "stub-model",
            "SHUTDOWN_GRACE": "20",
            **environ,
        }
        made.append(Process(home, **settings))
        await made[-1].start()
        return made[-1]

    yield start
    for process in made:
        await process.close()


async def begun(session: aiohttp.ClientSession, process: Process) -> aiohttp.ClientResponse:
    """A streamed answer of which the first words have come."""
    response = await session.post(
        process.url + "/api/chat", json={"user_id": "sam", "message": "Talk.", "stream": True}
    )
    await response.content.readuntil(b"event: token")
    return response


async def not_ready(session: aiohttp.ClientSession, process: Process) -> dict:
    """What /ready says, once it says no."""
    async with asyncio.timeout(20):
        while True:
            async with session.get(process.url + "/ready") as response:
                if response.status == 503:
                    return await response.json()


async def stored(database: str) -> list[tuple[str, bool]]:
    connection = await asyncpg.connect(database)
    rows = await connection.fetch("select role, interrupted from messages order by message_id")
    await connection.close()
    return [tuple(row) for row in rows]


async def test_after_sigterm_ready_says_no_and_an_answer_under_way_is_told_to_its_end(
    started: Callable, llm_stub: LLMStub, database: str
):
    process = await started()
    llm_stub.will(BRIEF)
    async with aiohttp.ClientSession() as session:
        answer = await begun(session, process)
        process.process.terminate()
        assert (await not_ready(session, process))["code"] == "stopping"
        text = (await answer.read()).decode()
    assert "event: done" in text
    assert await process.process.wait() == 0
    assert await stored(database) == [("person", False), ("character", False)]


async def test_when_the_grace_is_over_streams_end_with_an_error_and_what_was_said_is_kept_as_interrupted(
    started: Callable, llm_stub: LLMStub, database: str
):
    process = await started(SHUTDOWN_GRACE="0.5")
    llm_stub.will(UNENDING)
    async with aiohttp.ClientSession() as session:
        answer = await begun(session, process)
        process.process.terminate()
        last = (await answer.read()).decode().strip().split("\n\n")[-1].split("\n")
    assert last[0] == "event: error"
    assert json.loads(last[1].removeprefix("data: "))["code"] == "stopping"
    assert await process.process.wait() == 0
    assert await stored(database) == [("person", False), ("character", True)]


async def test_when_the_grace_is_over_a_plain_request_is_told_to_come_again(started: Callable, llm_stub: LLMStub):
    process = await started(SHUTDOWN_GRACE="0.5")
    llm_stub.will(sends(600.0))
    async with aiohttp.ClientSession() as session:
        asking = asyncio.create_task(
            session.post(process.url + "/api/chat", json={"user_id": "sam", "message": "Hello?"})
        )
        async with asyncio.timeout(20):
            while not llm_stub.completions:  # noqa: ASYNC110 (the stub tells nobody)
                await asyncio.sleep(0.02)
        process.process.terminate()
        answer = await asking
        assert (answer.status, (await answer.json())["code"]) == (503, "stopping")
        assert answer.headers["Retry-After"]
    assert await process.process.wait() == 0


async def test_a_second_signal_ends_at_once(started: Callable, llm_stub: LLMStub, database: str):
    process = await started(SHUTDOWN_GRACE="3600")
    llm_stub.will(UNENDING)
    async with aiohttp.ClientSession() as session:
        answer = await begun(session, process)
        process.process.terminate()
        await not_ready(session, process)
        process.process.send_signal(signal.SIGTERM)
        assert b"event: error" in await answer.read()
    assert await process.process.wait() == 0
    assert await stored(database) == [("person", False), ("character", True)]


@pytest.fixture
async def proxy(database: str) -> AsyncIterator[Line]:
    async with line_to(socket_of(database)) as proxy:
        yield proxy


async def test_while_the_database_is_away_every_request_is_told_when_to_come_again_and_then_all_goes_on(
    started: Callable, llm_stub: LLMStub, database: str, proxy: Line
):
    process = await started(DATABASE_URL=by_way_of(database, proxy))
    async with aiohttp.ClientSession() as session:
        client = Client(session, process.url)
        llm_stub.will(says("Hello."))
        await client.say("Hi")
        await proxy.cut()
        for method, path, body in (
            ("POST", "/api/chat", {"user_id": "sam", "message": "Hi"}),
            ("POST", "/v1/chat/completions", {"messages": [{"role": "user", "content": "Hi"}]}),
            ("GET", "/v1/models", None),
            ("GET", "/api/users/sam", None),
            ("GET", "/api/users/sam/facts", None),
            ("GET", "/api/keys", None),
            ("GET", "/api/characters", None),
            ("GET", "/ready", None),
        ):
            status, answer, headers = await client.request(method, path, json=body)
            assert status == 503, (path, answer)
            assert path == "/ready" or headers["Retry-After"], path
        assert (await client.get("/health"))[0] == 200
        assert (await client.get("/status"))[0] == 200
        await proxy.mend()
        async with asyncio.timeout(60):
            while (await client.get("/ready"))[0] != 200:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        llm_stub.will(says("Here again."))
        assert (await client.say("Are you there?"))["response"] == "Here again."
        # What is done beside the conversation goes on as well.
        async with asyncio.timeout(60):
            connection = await asyncpg.connect(database)
            while await connection.fetchval("select count(*) from embeddings") < 4:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
            await connection.close()
