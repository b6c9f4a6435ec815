"""POST /api/chat and its batch, as callers see them."""

from __future__ import annotations

import asyncio
import io
import socket

import asyncpg

from tests.support.llm_stub import LLMStub, refuses, says
from tests.support.service import Client

BASIC = {"success", "response", "timestamp", "bot_name", "processing_time_ms", "memory_stored"}


async def test_a_message_is_answered_with_the_documented_fields_at_each_level(talking: Client, llm_stub: LLMStub):
    llm_stub.will(says("That is wonderful news!"))
    basic = await talking.say("I got the job!", metadata_level="basic")
    assert basic.keys() >= BASIC
    assert "metadata" not in basic
    assert basic["response"] == "That is wonderful news!"
    standard = await talking.say("Really, I did!")
    assert set(standard["metadata"]["ai_components"]) >= {
        "emotion_data",
        "emotion_analysis",
        "bot_emotion",
        "relationship_state",
    }
    assert standard["metadata"]["security_validation"]["is_safe"] is True
    extended = await talking.say("Believe me, I did!", metadata_level="EXTENDED")
    assert extended["user_facts"]["interaction_count"] == 3
    assert set(extended["relationship_metrics"]) == {"affection", "trust", "attunement"}
    assert extended["metadata"]["vector_memory"].keys() >= {"memories_retrieved", "memories", "search_method"}
    assert extended["metadata"]["processing_pipeline"]["model_ms"] >= 0


async def test_an_answer_whose_feeling_nobody_waits_for_is_read_behind_the_talk(
    talking: Client, llm_stub: LLMStub, database: str
):
    llm_stub.will(says("I am so happy, that is wonderful news!"))
    said = await talking.say("I got the job!", metadata_level="basic")
    connection = await asyncpg.connect(database)
    read = (
        "select m.feeling from embeddings join messages m using (user_id, character_id, message_id) "
        "where message_id = $1"
    )
    async with asyncio.timeout(60):
        while not (feeling := await connection.fetchval(read, int(said["response_id"]))):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await connection.close()
    assert feeling == "joy"


async def test_the_model_is_told_the_character_the_earlier_talk_and_the_message_last(
    talking: Client, llm_stub: LLMStub
):
    llm_stub.will(says("Hello Sam."))
    await talking.say("My name is Sam.")
    await talking.say("What is my name?")
    messages = llm_stub.completions[-1].body["messages"]
    assert messages[0]["role"] == "system"
    assert "<character>" in messages[0]["content"]
    assert [message["content"] for message in messages[-3:]] == ["My name is Sam.", "Hello Sam.", "What is my name?"]


async def test_the_stable_part_of_the_prompt_is_byte_identical_from_turn_to_turn(talking: Client, llm_stub: LLMStub):
    for text in ("I am so sad today", "I won the lottery!!!", "What did I say?"):
        await talking.say(text)
    stable = {call.body["messages"][0]["content"].split("</character>")[0] for call in llm_stub.completions}
    assert len(stable) == 1


async def test_the_last_message_is_answered_anew_and_the_first_answer_is_gone(talking: Client, llm_stub: LLMStub):
    llm_stub.will(says("I am a walnut."), says("I am a person."), says("I am a poet."), says("You asked who I am."))
    await talking.say("Who are you?")
    status, second = await talking.post("/api/chat/regenerate", {"user_id": "sam"})
    assert (status, second["response"]) == (200, "I am a person.")
    streamed = await talking.stream({"user_id": "sam"}, "/api/chat/regenerate")
    assert streamed[-1][1]["response"] == "I am a poet."
    await talking.say("What did I ask?")
    told = [message["content"] for message in llm_stub.completions[-1].body["messages"]]
    assert told[-3:] == ["Who are you?", "I am a poet.", "What did I ask?"]
    assert not any("walnut" in text or "I am a person" in text for text in told)


async def test_when_the_model_fails_the_message_to_answer_anew_is_kept_once(talking: Client, llm_stub: LLMStub):
    llm_stub.will(says("I am a walnut."), refuses(401), says("I am a person."))
    await talking.say("Who are you?")
    status, _ = await talking.post("/api/chat/regenerate", {"user_id": "sam"})
    assert status == 502
    status, answer = await talking.post("/api/chat/regenerate", {"user_id": "sam"})
    assert (status, answer["response"]) == (200, "I am a person.")
    _, listed = await talking.get("/api/users/sam/messages")
    assert sorted(message["content"] for message in listed["messages"]) == ["I am a person.", "Who are you?"]


async def test_where_nothing_was_said_there_is_nothing_to_answer_anew(talking: Client):
    status, refused = await talking.post("/api/chat/regenerate", {"user_id": "sam"})
    assert (status, refused["code"]) == (404, "nothing_said")


async def test_a_streamed_answer_brings_its_tokens_and_then_the_whole(talking: Client, llm_stub: LLMStub):
    llm_stub.will(says("One two three."))
    events = await talking.stream({"user_id": "sam", "message": "Count."})
    assert [name for name, _ in events[:-1]] == ["token"] * (len(events) - 1)
    assert "".join(data["token"] for _, data in events[:-1]) == "One two three."
    name, done = events[-1]
    assert name == "done"
    assert done["response"] == "One two three."
    assert done["memory_stored"] is True


async def test_a_character_is_chosen_by_name_and_remembers_for_itself(
    talking: Client, llm_stub: LLMStub, database: str
):
    answer = await talking.say("Hi there", character="assistant")
    assert answer["bot_name"] == "assistant"
    status, body = await talking.post("/api/chat", {"user_id": "sam", "message": "hi", "character": "nobody_here"})
    assert (status, body["code"]) == (404, "unknown_character")
    assert "assistant" in body["error"]


async def test_turns_of_one_person_are_answered_in_order(talking: Client, llm_stub: LLMStub, database: str):
    texts = [f"Message number {number}" for number in range(8)]
    await asyncio.gather(*(talking.say(text) for text in texts))
    connection = await asyncpg.connect(database)
    rows = await connection.fetch("select role from messages order by message_id")
    await connection.close()
    assert [row["role"] for row in rows] == ["person", "character"] * 8


async def test_a_batch_answers_each_item_and_reports_the_faulty_ones(talking: Client, llm_stub: LLMStub):
    items = [{"user_id": "a", "message": "hi"}, {"message": "x"}, {"user_id": "b", "message": "hello"}, 7]
    status, body = await talking.post("/api/chat/batch", {"messages": items, "metadata_level": "basic"})
    assert status == 200
    assert body["total_processed"] == 4
    assert [result["success"] for result in body["results"]] == [True, False, True, False]
    assert [result["index"] for result in body["results"]] == [0, 1, 2, 3]
    assert body["results"][1]["error"] == "user_id and message are required"


async def test_one_persons_items_of_a_batch_are_taken_in_order(talking: Client, llm_stub: LLMStub, database: str):
    items = [{"user_id": "a", "message": f"number {number}"} for number in range(5)]
    await talking.post("/api/chat/batch", {"messages": items})
    connection = await asyncpg.connect(database)
    rows = await connection.fetch("select content from messages where role = 'person' order by message_id")
    await connection.close()
    assert [row["content"] for row in rows] == [item["message"] for item in items]


BAD_INPUT = (
    (b"", 400, "invalid_json"),
    (b"{", 400, "invalid_json"),
    (b"[]", 400, "invalid_json"),
    (b"null", 400, "invalid_json"),
    (b'"\xff"', 400, "invalid_json"),
    (b"[" * 100_000, 400, "invalid_json"),
    (b"{}", 400, "user_id_required"),
    (b'{"user_id": "u"}', 400, "message_required"),
    (b'{"user_id": "", "message": "x"}', 400, "user_id_required"),
    (b'{"user_id": 7, "message": "x"}', 400, "invalid_field"),
    (b'{"user_id": "u", "message": ["x"]}', 400, "invalid_field"),
    (b'{"user_id": "u", "message": "x", "metadata_level": "all"}', 400, "invalid_metadata_level"),
    (b'{"user_id": "u", "message": "x", "metadata_level": 3}', 400, "invalid_field"),
    (b'{"user_id": "u", "message": "x", "stream": "yes"}', 400, "invalid_field"),
    (b'{"user_id": "u", "message": "x", "context": "dm"}', 400, "invalid_field"),
    (b'{"user_id": "u", "message": "x", "character": "nobody"}', 404, "unknown_character"),
    (b'{"user_id": "u\\u0000", "message": "x"}', 400, "user_id_invalid"),
    (b'{"user_id": "u", "message": "\\u0000 \\u0007"}', 400, "message_required"),
    (b'{"user_id": "' + b"u" * 201 + b'", "message": "x"}', 400, "user_id_too_long"),
    (b'{"user_id": "u", "message": "' + b"x" * 8001 + b'"}', 413, "message_too_long"),
    (b'{"user_id": "u", "message": "' + b"x" * 1_000_000 + b'"}', 413, "message_too_long"),
    (b'{"user_id": "u", "message": "' + b"x" * 10_000_000 + b'"}', 413, "too_large"),
)


async def test_bad_input_gets_its_status_and_the_one_error_form_and_nothing_is_stored(talking: Client, database: str):
    for body, status, code in BAD_INPUT:
        got, answer, headers = await talking.request("POST", "/api/chat", data=io.BytesIO(body))
        assert (got, answer["success"], answer["code"]) == (status, False, code), body[:80]
        assert answer["error"]
        assert headers["X-Request-Id"]
    connection = await asyncpg.connect(database)
    assert await connection.fetchval("select count(*) from messages") == 0
    await connection.close()
    assert (await talking.say("Still there?"))["success"] is True


async def test_a_bad_batch_is_refused_as_a_whole(talking: Client):
    for messages, code in ((None, "messages_required"), ([], "messages_required"), ([{}] * 11, "batch_too_long")):
        status, answer = await talking.post("/api/chat/batch", {"messages": messages})
        assert (status, answer["code"]) == (400, code)


async def test_odd_text_is_stored_as_clean_text_and_answered(talking: Client, llm_stub: LLMStub, database: str):
    await talking.request(
        "POST", "/api/chat", data=b'{"user_id": "u", "message": "a\\u0000b \\ud83d c\\u202e \\ud83d\\ude00\\r\\nd"}'
    )
    connection = await asyncpg.connect(database)
    stored = await connection.fetchval("select content from messages where role = 'person'")
    await connection.close()
    assert stored == "a b \ufffd c \U0001f600\nd"
    assert llm_stub.completions[-1].body["messages"][-1]["content"] == stored


async def test_five_hundred_silent_connections_keep_nobody_from_being_answered(talking: Client, llm_stub: LLMStub):
    host, port = talking.url.removeprefix("http://").split(":")
    silent = [socket.create_connection((host, int(port))) for _ in range(500)]
    try:
        assert (await talking.say("Hello?"))["success"] is True
    finally:
        for connection in silent:
            connection.close()


async def test_unknown_paths_and_methods_answer_in_the_one_error_form(talking: Client):
    assert (await talking.get("/nothing"))[1]["code"] == "not_found"
    status, body, headers = await talking.request("GET", "/api/chat")
    assert (status, body["code"], headers["Allow"]) == (405, "method_not_allowed", "POST")
