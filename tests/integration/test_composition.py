"""Prompts as the running service composes them: what is kept between turns, and characters that are not saved."""

from __future__ import annotations

import json
from typing import Any

import asyncpg
import pytest

from tests.support.llm_stub import LLMStub, refuses, says
from tests.support.service import Client

LORE = {
    "entries": [
        {"id": "seal", "keys": ["seal"], "content": "Grey seals pup in November.", "sticky": 2},
        {"id": "storm", "keys": [], "content": "A storm wrecked the old pier last winter.", "meaning": 0.3},
    ]
}
MIRA: dict[str, Any] = {
    "identity": {"full_name": "Mira", "description": "A lighthouse keeper."},
    "conversation": {"post_history_instructions": "Stay on the harbour wall."},
    "lorebook": LORE,
}


async def made(client: Client, **fields: Any) -> None:
    status, body = await client.post("/api/characters", {"name": "mira", "definition": {**MIRA, **fields}})
    assert status == 201, body


async def said(client: Client, text: str, **fields: Any) -> dict[str, Any]:
    return await client.say(text, character="mira", **fields)


def last(stub: LLMStub) -> list[dict[str, str]]:
    return stub.completions[-1].body["messages"]


async def states(database: str) -> dict[str, Any]:
    connection = await asyncpg.connect(database)
    try:
        return json.loads(await connection.fetchval("select state from relationships"))
    finally:
        await connection.close()


async def test_an_entry_that_was_spoken_of_stays_for_its_turns(talking: Client, llm_stub: LLMStub, database: str):
    await made(talking)
    seen = []
    for text in ("Look, a seal!", "Nice.", "Yes.", "Well."):
        await said(talking, text, context={"channel_id": text[0]})
        seen.append("Grey seals" in last(llm_stub)[0]["content"])
    assert seen == [True, True, True, False]
    assert (await states(database))["private"]["lore"] == {"id:seal": [1, 1]}


async def test_an_entry_enters_by_its_meaning_alone(talking: Client, llm_stub: LLMStub):
    await made(talking)
    await said(talking, "What happened to the jetty in the bad weather?")
    assert "wrecked the old pier" in last(llm_stub)[0]["content"]
    await said(talking, "What is your favourite book?", user="ann")
    assert "wrecked the old pier" not in last(llm_stub)[0]["content"]


async def test_what_was_stirred_in_private_does_not_show_in_front_of_others(talking: Client, llm_stub: LLMStub):
    await made(talking)
    await said(talking, "A seal! And my dog died today. I am so sad, I cannot stop crying.")
    assert "Just now you feel" in last(llm_stub)[0]["content"]
    await said(talking, "Hm.")
    assert "Just now you feel" in last(llm_stub)[0]["content"]
    await said(talking, "Hm.", context={"channel_type": "guild", "channel_id": "hall"})
    assert "Just now you feel" not in last(llm_stub)[0]["content"]
    assert "Grey seals" not in last(llm_stub)[0]["content"]


async def test_a_message_whose_turn_failed_is_told_the_same_way_again(talking: Client, llm_stub: LLMStub):
    await made(talking, conversation={"post_history_instructions": "{{roll:d1000000}}"})
    llm_stub.will(refuses(401))
    for _ in range(2):
        await talking.post("/api/chat", {"user_id": "sam", "character": "mira", "message": "A seal!"})
        llm_stub.will(says("Where?"))
    failed, again = (call.body["messages"] for call in llm_stub.completions)
    assert failed == again
    await said(talking, "A seal!")
    assert last(llm_stub)[-1] != again[-1]


async def test_a_characters_own_model_settings_go_into_the_request(talking: Client, llm_stub: LLMStub):
    await made(talking, model={"temperature": 0.25, "max_tokens": 77})
    await said(talking, "Hello")
    assert (llm_stub.completions[-1].body["temperature"], llm_stub.completions[-1].body["max_tokens"]) == (0.25, 77)


async def test_a_character_that_is_not_saved_answers_and_nothing_is_kept(
    talking: Client, llm_stub: LLMStub, database: str
):
    llm_stub.will(says("I keep the light."))
    body = {
        "definition": MIRA,
        "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ahoy"}],
        "message": "Who are you?",
    }
    status, answer = await talking.post("/api/characters/try", body)
    assert (status, answer["response"], answer["memory_stored"]) == (200, "I keep the light.", False)
    messages = last(llm_stub)
    assert "A lighthouse keeper." in messages[0]["content"]
    assert [message["content"] for message in messages[1:]] == [
        "Hi",
        "Ahoy",
        "Who are you?\n\n<note>\nStay on the harbour wall.\n</note>",
    ]
    connection = await asyncpg.connect(database)
    try:
        assert await connection.fetchval("select count(*) from messages") == 0
        assert await connection.fetchval("select count(*) from users") == 0
    finally:
        await connection.close()


async def test_a_character_that_is_not_saved_answers_in_pieces(talking: Client, llm_stub: LLMStub):
    llm_stub.will(says("One two three."))
    events = await talking.stream({"definition": MIRA, "message": "Count.", "stream": True}, "/api/characters/try")
    assert [name for name, _ in events[:-1]] == ["token"] * (len(events) - 1)
    assert "".join(data["token"] for _, data in events[:-1]) == "One two three."
    assert (events[-1][0], events[-1][1]["response"]) == ("done", "One two three.")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"definition": {"identity": {"age": []}}}, "invalid_character"),
        ({"definition": 3}, "invalid_json"),
        ({"message": " "}, "message_required"),
        ({"messages": [{"role": "system", "content": "obey"}]}, "invalid_field"),
    ],
)
async def test_a_request_that_cannot_be_tried_is_refused_with_the_reason(
    offline: Client, change: dict[str, Any], code: str
):
    status, body = await offline.post("/api/characters/try", {"definition": MIRA, "message": "Hi", **change})
    assert (status, body["code"]) == (400, code)


async def test_what_a_character_keeps_of_a_person_is_exported_and_taken_back(talking: Client, database: str):
    await made(talking)
    await said(talking, "Look, a seal!")
    kept = await states(database)
    _, document = await talking.get("/api/users/sam/export")
    relationship = next(record for record in document["records"] if record["type"] == "relationship")
    assert relationship["state"] == kept
    await talking.request("DELETE", "/api/users/sam")
    status, _ = await talking.post("/api/users/ann/records", {"records": document["records"]})
    assert (status, await states(database)) == (200, kept)


async def test_the_prompt_of_a_message_is_shown_by_sections_and_nothing_is_kept(
    talking: Client, llm_stub: LLMStub, database: str
):
    await made(talking)
    await said(talking, "My boat is called Wanderer.", context={"user_name": "Sam"})
    asked, kept = len(llm_stub.completions), await states(database)
    status, body = await talking.get("/api/characters/mira/prompt?user_id=sam&message=A%20seal!")
    assert status == 200, body
    sections = {section["name"]: section for section in body["sections"]}
    assert "You are talking with Sam." in sections["situation"]["text"]
    assert "Wanderer" in sections["recent talk"]["text"]
    assert sections["lore: seal"]["text"] == "Grey seals pup in November."
    assert (sections["message"]["text"], sections["message"]["required"]) == ("A seal!", True)
    assert "harbour wall" in sections["closing note"]["text"]
    assert sum(section["tokens"] for section in body["sections"]) == body["tokens"] <= body["budget"]
    assert (len(llm_stub.completions), await states(database)) == (asked, kept)


async def test_the_prompt_of_a_definition_that_is_not_saved_is_shown(offline: Client):
    body = {"definition": {**MIRA, "identity": {"description": "long " * 20_000}}, "message": "Hi"}
    status, body = await offline.post("/api/characters/prompt", body)
    assert status == 200, body
    identity = next(section for section in body["sections"] if section["name"] == "identity")
    assert "larger than the model" in identity["cut"]


async def test_the_greetings_are_shown_and_one_that_was_stored_begins_the_talk(talking: Client, llm_stub: LLMStub):
    talk = {"greeting": "Ahoy {{user}}.", "alternate_greetings": ["{{char}} waves."]}
    await made(talking, conversation={**MIRA["conversation"], **talk})
    status, body = await talking.get("/api/characters/mira/greetings?user_name=Sam")
    assert (status, body["greetings"]) == (200, ["Ahoy Sam.", "Mira waves."])
    opening = {"role": "character", "text": "Ahoy Sam.", "said_at": "2026-06-01T10:00:00Z", "key": "opening"}
    status, body = await talking.post(
        "/api/users/sam/history", {"character": "mira", "channel": "api:default", "messages": [opening]}
    )
    assert status == 200, body
    await said(talking, "Hello to you.")
    assert [message["content"] for message in last(llm_stub)[-2:]] == [
        "Ahoy Sam.",
        "Hello to you.\n\n<note>\nStay on the harbour wall.\n</note>",
    ]
