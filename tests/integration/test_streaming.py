"""Listeners who go away, who fall silent, and who read slowly."""

from __future__ import annotations

import asyncio
import json
import socket

import aiohttp
import asyncpg
import pytest

from tests.support.llm_stub import LLMStub, chunk, endless, event, says, sends
from tests.support.service import Client
from whisperengine.api import events

SLOW = sends(*(part for word in ("One", " two", " three") for part in (event(chunk(word)), 0.05)), 600.0)
"""Three words, and then nothing for as long as anybody waits."""


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting times of a test."""
    monkeypatch.setattr(events, "KEEP_ALIVE_SECONDS", 0.2)
    monkeypatch.setattr(events, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(events, "WRITE_SECONDS", 0.5)


async def leave_after(client: Client, path: str, body: dict, mark: bytes) -> None:
    """Read a stream until `mark` has come, then close the connection."""
    async with client.session.post(client.url + path, json=body) as response:
        seen = b""
        while mark not in seen:
            seen += await response.content.readany()
        response.close()


async def rows(database: str, count: int) -> list[tuple[str, str, bool]]:
    """Messages (role, content, interrupted), once there are `count` of them."""
    connection = await asyncpg.connect(database)
    try:
        async with asyncio.timeout(20):
            while True:
                found = await connection.fetch("select role, content, interrupted from messages order by message_id")
                if len(found) >= count:
                    return [tuple(row) for row in found]
                await asyncio.sleep(0.02)
    finally:
        await connection.close()


@pytest.mark.parametrize("path", ["/api/chat", "/v1/chat/completions"])
async def test_a_listener_who_goes_away_ends_the_model_request_and_what_was_said_is_kept_as_interrupted(
    talking: Client, llm_stub: LLMStub, database: str, path: str
):
    llm_stub.will(SLOW)
    body = {
        "user_id": "sam",
        "message": "Count.",
        "stream": True,
        "model": "assistant",
        "messages": [{"role": "user", "content": "Count."}],
    }
    await leave_after(talking, path, body, b"three")
    await llm_stub.until_finished(1)
    assert await rows(database, 2) == [("person", "Count.", False), ("character", "One two three", True)]


async def test_an_interrupted_answer_is_begun_anew_for_the_same_request_and_told_to_the_model_for_the_next(
    talking: Client, llm_stub: LLMStub, database: str
):
    body = {"user_id": "sam", "message": "Count."}
    key = {"Idempotency-Key": "k"}
    llm_stub.will(SLOW)
    async with talking.session.post(talking.url + "/api/chat", json={**body, "stream": True}, headers=key) as response:
        await response.content.readuntil(b"three")
        response.close()
    await rows(database, 2)
    llm_stub.will(says("One two three four."))
    status, answer = await talking.post("/api/chat", body, headers=key)
    assert (status, answer["response"], answer["repeated"]) == (200, "One two three four.", False)
    assert await rows(database, 2) == [("person", "Count.", False), ("character", "One two three four.", False)]


async def test_a_stopped_answer_of_an_openai_client_stays_in_its_talk(
    talking: Client, llm_stub: LLMStub, database: str
):
    history = [{"role": "user", "content": "Count."}]
    llm_stub.will(SLOW)
    body = {"model": "assistant", "user": "sam", "messages": history, "stream": True}
    await leave_after(talking, "/v1/chat/completions", body, b"two")
    await rows(database, 2)
    llm_stub.will(says("Good."))
    history += [{"role": "assistant", "content": "One two"}, {"role": "user", "content": "Enough."}]
    assert (await talking.post("/v1/chat/completions", {**body, "stream": False}))[0] == 200
    kept = await rows(database, 4)
    assert [content for _, content, _ in kept[2:]] == ["Enough.", "Good."]
    assert kept[1][1].startswith("One two")


@pytest.mark.parametrize("path", ["/api/chat", "/v1/chat/completions"])
async def test_a_silence_is_filled_with_comments_that_event_readers_ignore(
    talking: Client, llm_stub: LLMStub, patient: None, path: str
):
    llm_stub.will(sends(0.6, event(chunk("Hello.")), event(chunk(finish="stop")), event("[DONE]")))
    body = {"user_id": "sam", "message": "Hi", "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
    async with talking.session.post(talking.url + path, json=body) as response:
        text = await response.text()
    assert text.startswith(": ")
    assert text.count(": still here\n\n") >= 2
    assert "Hello." in text


async def test_an_error_after_a_comment_is_an_event(talking: Client, llm_stub: LLMStub, patient: None):
    llm_stub.will(sends(0.5, cut=True))
    async with talking.session.post(
        talking.url + "/api/chat", json={"user_id": "sam", "message": "Hi", "stream": True}
    ) as response:
        text = await response.text()
    last = text.strip().split("\n\n")[-1].split("\n")
    assert last[0] == "event: error"
    assert json.loads(last[1][6:])["success"] is False


async def test_a_listener_who_reads_nothing_is_given_up_and_the_model_is_not_asked_for_more(
    talking: Client, llm_stub: LLMStub, database: str, patient: None
):
    llm_stub.will(endless())
    host, port = talking.url.removeprefix("http://").split(":")
    body = json.dumps({"user_id": "sam", "message": "Talk.", "stream": True}).encode()
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.setblocking(False)
        await asyncio.get_running_loop().sock_connect(deaf, (host, int(port)))
        head = f"POST /api/chat HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        await asyncio.get_running_loop().sock_sendall(deaf, head + body)
        await llm_stub.until_finished(1)
        kept = await rows(database, 2)
    assert kept[1][2] is True
    llm_stub.will(says("Here."))
    assert (await talking.say("Still there?"))["response"] == "Here."


async def test_a_listener_who_leaves_before_the_first_word_leaves_the_message_unanswered(
    talking: Client, llm_stub: LLMStub, database: str
):
    llm_stub.will(sends(600.0))
    with pytest.raises(asyncio.TimeoutError):
        await talking.session.post(
            talking.url + "/api/chat",
            json={"user_id": "sam", "message": "Hello?", "stream": True},
            timeout=aiohttp.ClientTimeout(total=1.0),
        )
    await llm_stub.until_finished(1)
    assert await rows(database, 1) == [("person", "Hello?", False)]
    llm_stub.will(says("Yes."))
    await talking.say("Hello?")
    assert len(await rows(database, 2)) == 2
