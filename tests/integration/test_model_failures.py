"""The model's endpoint fails in every way: the message is kept once, the caller learns why, a retry answers once."""

from __future__ import annotations

import asyncpg
import pytest

from tests.support import service as services
from tests.support.llm_stub import (
    Behaviour,
    LLMStub,
    chunk,
    cut,
    event,
    rate_limited,
    refuses,
    says,
    sends,
    silent,
    web_page,
)
from tests.support.service import Client
from tests.support.service_fixtures import with_model

FAILURES = {
    "html": (web_page(), 502, "llm_bad_answer"),
    "empty": (says(""), 502, "llm_bad_answer"),
    "cut": (cut(), 503, "llm_unreachable"),
    "server_error": (refuses(500), 503, "llm_unreachable"),
    "unauthorized": (refuses(401), 502, "llm_unauthorized"),
    "rate_limited": (rate_limited("0"), 503, "llm_rate_limited"),
    "silent": (silent, 504, "llm_timeout"),
    "garbage": (sends(b"data: {\xff\xfe\n\n"), 502, "llm_bad_answer"),
    "tools nobody offered": (
        sends(
            event(chunk(tool_calls=[{"index": 0, "id": "1", "function": {"name": "rm", "arguments": "{}"}}])),
            event(chunk(finish="tool_calls")),
            event("[DONE]"),
        ),
        502,
        "llm_bad_answer",
    ),
}


async def rows(database: str) -> list[tuple[str, str]]:
    connection = await asyncpg.connect(database)
    found = await connection.fetch("select role, content from messages order by message_id")
    await connection.close()
    return [tuple(row) for row in found]


@pytest.mark.parametrize("name", FAILURES)
async def test_a_failed_turn_keeps_the_message_once_and_a_retry_with_its_key_answers_it_once(
    talking: Client, llm_stub: LLMStub, database: str, name: str
):
    behaviour: Behaviour
    behaviour, status, code = FAILURES[name]
    llm_stub.will(behaviour)
    body = {"user_id": "sam", "message": "Remember that I moved to Lisbon."}
    key = {"Idempotency-Key": "turn-1"}
    got, answer, headers = await talking.request("POST", "/api/chat", json=body, headers=key)
    assert (got, answer["code"]) == (status, code), answer
    assert answer["success"] is False
    assert ("Retry-After" in headers) == (status == 503)
    assert await rows(database) == [("person", body["message"])]

    llm_stub.will(says("Lisbon, how lovely."))
    got, first = await talking.post("/api/chat", body, headers=key)
    assert got == 200, first
    got, second = await talking.post("/api/chat", body, headers=key)
    assert got == 200
    assert (first["repeated"], second["repeated"]) == (False, True)
    assert first["response_id"] == second["response_id"]
    assert await rows(database) == [("person", body["message"]), ("character", "Lisbon, how lovely.")]


async def test_the_same_words_again_after_a_failure_are_the_same_message_even_without_a_key(
    talking: Client, llm_stub: LLMStub, database: str
):
    llm_stub.will(refuses(401), says("Here I am."))
    await talking.post("/api/chat", {"user_id": "sam", "message": "Are you there?"})
    await talking.say("Are you there?")
    assert await rows(database) == [("person", "Are you there?"), ("character", "Here I am.")]
    await talking.say("Are you there?")
    assert len(await rows(database)) == 4


async def test_a_key_used_for_other_words_is_a_conflict(talking: Client, llm_stub: LLMStub):
    key = {"Idempotency-Key": "k"}
    await talking.post("/api/chat", {"user_id": "sam", "message": "one"}, headers=key)
    status, body = await talking.post("/api/chat", {"user_id": "sam", "message": "two"}, headers=key)
    assert (status, body["code"]) == (409, "idempotency_key_reused")


async def test_an_endpoint_that_asks_to_wait_is_waited_for(talking: Client, llm_stub: LLMStub):
    llm_stub.will(rate_limited("0"), says("Now."))
    assert (await talking.say("Go on"))["response"] == "Now."


async def test_a_stream_that_is_cut_ends_with_an_error_event_and_is_not_stored_as_an_answer(
    talking: Client, llm_stub: LLMStub, database: str
):
    llm_stub.will(cut())
    events = await talking.stream({"user_id": "sam", "message": "Tell me."})
    assert events[0][0] == "token"
    name, data = events[-1]
    assert (name, data["success"], data["code"]) == ("error", False, "llm_unreachable")
    assert await rows(database) == [("person", "Tell me.")]


async def test_an_endpoint_that_is_down_is_reported_with_its_host_and_without_its_key(database: str):
    settings = with_model(database, f"http://127.0.0.1:{services.free_port()}/v1")
    async with services.running(settings) as client:
        status, body = await client.post("/api/chat", {"user_id": "sam", "message": "Hello?"})
    assert (status, body["code"]) == (503, "llm_unreachable")
    assert "127.0.0.1" in body["error"]
    assert await rows(database) == [("person", "Hello?")]
