"""/api/users: what is kept of a person can be seen, changed, taken away and brought back."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from tests.support.llm_stub import LLMStub, says
from tests.support.service import Client


@asynccontextmanager
async def connected(database: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database)
    try:
        yield connection
    finally:
        await connection.close()


async def count(database: str, table: str) -> int:
    async with connected(database) as connection:
        return await connection.fetchval(f"select count(*) from {table}")


def words(record: dict) -> dict:
    """A record without what is read from an answer a moment after it is stored."""
    return {name: value for name, value in record.items() if name not in ("feeling", "intensity")}


async def test_messages_are_paged_newest_first(offline: Client):
    for number in range(5):
        await offline.say(f"Message {number}")
    _, page = await offline.get("/api/users/sam/messages?limit=4")
    assert [row["role"] for row in page["messages"]] == ["character", "person"] * 2
    _, rest = await offline.get(f"/api/users/sam/messages?before={page['next_before']}")
    assert len(rest["messages"]) == 6
    assert rest["messages"][-1]["content"] == "Message 0"


async def test_memories_are_searched_with_their_scores(offline: Client):
    await offline.say("My dog is called Biscuit.")
    await offline.say("The tax office opens at nine.")
    _, found = await offline.get("/api/users/sam/memories", params={"q": "the name of my dog"})
    first = found["memories"][0]
    assert "Biscuit" in first["content"]
    assert first["scores"]["lexical"] > 0


async def test_a_memory_is_pinned_edited_and_deleted_and_recall_follows(offline: Client):
    said = await offline.say("My dog is called Biscuit.")
    path = f"/api/users/sam/memories/{said['message_id']}"
    assert (await offline.request("PATCH", path, json={"pinned": True}))[0] == 200
    assert (await offline.request("PATCH", path, json={"content": "My dog is called Waffle."}))[0] == 200
    _, found = await offline.get("/api/users/sam/memories", params={"q": "what is my dog called"})
    contents = [memory["content"] for memory in found["memories"]]
    assert "My dog is called Waffle." in contents
    assert not any("Biscuit" in content for content in contents if content.startswith("My dog"))
    status, body, _ = await offline.request("DELETE", path)
    assert (status, len(body["deleted"])) == (200, 2)
    _, found = await offline.get("/api/users/sam/memories", params={"q": "what is my dog called"})
    assert found["memories"] == []
    assert (await offline.request("DELETE", path))[0] == 404


async def test_facts_are_added_edited_and_forgotten_by_the_person(offline: Client):
    await offline.say("Hello")
    status, added = await offline.post("/api/users/sam/facts", {"text": "I play the cello."})
    assert (status, added["new"]) == (201, True)
    assert (await offline.post("/api/users/sam/facts", {"text": "I play the cello."}))[1]["new"] is False
    path = f"/api/users/sam/facts/{added['fact_id']}"
    _, changed, _ = await offline.request("PATCH", path, json={"text": "I play the viola.", "pinned": True})
    assert changed["fact"]["text"] == "I play the viola."
    assert changed["fact"]["pinned"] is True
    assert (await offline.request("DELETE", path))[0] == 200
    assert (await offline.get("/api/users/sam/facts"))[1]["facts"] == []


async def test_relationship_and_feelings_can_be_followed_over_time(offline: Client):
    for _ in range(3):
        await offline.say("Thank you, I love talking to you!")
    _, body = await offline.get("/api/users/sam/relationship")
    assert body["relationship"]["interactions"] == 3
    assert len(body["relationship"]["steps"]) == 3
    _, body = await offline.get("/api/users/sam/emotions")
    assert [row["role"] for row in body["emotions"]].count("person") == 3


async def test_an_export_holds_every_word_and_can_be_imported_under_another_name(talking: Client, llm_stub: LLMStub):
    llm_stub.will(says("Penelope, a fine name."))
    await talking.say("My sister's name is Penelope.", context={"user_name": "Sam"})
    await talking.post("/api/users/sam/facts", {"text": "I play the cello."})
    _, text = await talking.get("/api/users/sam/export?format=ndjson")
    records = [json.loads(line) for line in text.splitlines()]
    assert [record["type"] for record in records] == [
        "person",
        "conversation",
        "relationship",
        "message",
        "message",
        "fact",
    ]
    status, document = await talking.get("/api/users/sam/export")
    assert status == 200
    assert [words(record) for record in document["records"]] == [words(record) for record in records]

    for added in (2, 0):
        status, body = await talking.post("/api/users/sam-again/records", {"records": records})
        assert (status, body["added"]["message"]) == (200, added)
    _, again = await talking.get("/api/users/sam-again/messages")
    assert [row["content"] for row in again["messages"]] == ["Penelope, a fine name.", "My sister's name is Penelope."]
    assert (await talking.get("/api/users/sam-again/facts"))[1]["facts"][0]["text"] == "I play the cello."


async def test_a_damaged_export_is_refused_and_nothing_of_it_is_stored(offline: Client, database: str):
    person = {"type": "person", "format": "whisperengine-person", "version": 1, "display_name": "", "time_zone": "UTC"}
    talk = {"type": "conversation", "character": "assistant", "last_at": "2026-01-01T00:00:00+00:00"}
    for bad in ("x", {}, {"type": "message"}, {"type": "relationship", "trust": "much"}, {**person, "version": 99}):
        status, body = await offline.post("/api/users/sam/records", {"records": [person, talk, bad]})
        assert (status, body["code"]) == (400, "invalid_export"), bad
    assert await count(database, "conversations") == 0


async def test_erasing_a_person_leaves_no_trace_in_any_table(talking: Client, llm_stub: LLMStub, database: str):
    llm_stub.will(says("I will keep xylotomy in mind."), says("Fine."))
    await talking.say("My secret word is xylotomy.", user="erin-4711")
    await talking.say("Another one.", user="other")
    await talking.post("/api/users/erin-4711/facts", {"text": "xylotomy matters"})
    async with connected(database) as connection:
        user_id = await connection.fetchval("select user_id from identities where platform_user_id = 'erin-4711'")
        vectors = await connection.fetch("select embedding::text from embeddings where user_id = $1", user_id)
        assert vectors

        status, body, _ = await talking.request("DELETE", "/api/users/erin-4711")
        assert status == 200
        assert body["deleted"]["messages"] == 2
        tables = await connection.fetch(
            "select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace"
        )
        for table in tables:
            rows = [str(row[0]) for row in await connection.fetch(f"select t::text from {table['relname']} t")]
            for trace in (str(user_id), "erin-4711", "xylotomy", *(vector[0] for vector in vectors)):
                assert not any(trace in row for row in rows), (table["relname"], trace)
        assert await connection.fetchval("select count(*) from messages") == 2
    assert (await talking.get("/api/users/erin-4711"))[0] == 404
    assert (await talking.say("Hello again", user="erin-4711", metadata_level="extended"))["user_facts"][
        "interaction_count"
    ] == 1


async def test_past_talk_is_taken_in_once_and_recalled(offline: Client):
    messages = [
        {"said_at": f"2024-03-0{day}T10:00:00+00:00", "role": "person", "text": text, "key": f"k{day}"}
        for day, text in enumerate(("I adopted a parrot named Kiwi.", "The parrot learned to whistle."), 1)
    ]
    for stored in (2, 0):
        _, body = await offline.post("/api/users/sam/history", {"messages": messages})
        assert (body["stored"], body["known"]) == (stored, 2 - stored)
    answer = await offline.say("What is the name of my parrot?", metadata_level="extended")
    assert "Kiwi" in answer["metadata"]["vector_memory"]["memories"][0]["content"]


async def test_a_person_who_never_was_here_is_not_found_and_wrong_fields_are_named(offline: Client):
    assert (await offline.get("/api/users/nobody"))[1]["code"] == "unknown_user"
    await offline.say("Hello")
    for method, path, body, code in (
        ("PATCH", "/api/users/sam", {"time_zone": "Atlantis"}, "invalid_time_zone"),
        ("PATCH", "/api/users/sam/memories/1", {}, "nothing_to_change"),
        ("PATCH", "/api/users/sam/memories/x", {"pinned": True}, "invalid_field"),
        ("PATCH", "/api/users/sam/memories/1", {"pinned": "yes"}, "invalid_field"),
        ("DELETE", "/api/users/sam/facts/99999999999999999999", None, "invalid_field"),
        ("GET", "/api/users/sam/messages?limit=x", None, "invalid_field"),
        ("GET", "/api/users/sam/messages?character=nobody", None, "unknown_character"),
        ("POST", "/api/users/sam/history", {"messages": [{"text": "x"}]}, "invalid_field"),
    ):
        _, answer, _ = await offline.request(method, path, json=body)
        assert answer["code"] == code, path


async def test_name_and_time_zone_are_set_by_the_person(talking: Client, llm_stub: LLMStub):
    await talking.say("Hello")
    body = {"display_name": "Aiko", "time_zone": "Asia/Tokyo"}
    status, answer, _ = await talking.request("PATCH", "/api/users/sam", json=body)
    assert (status, answer["time_zone"]) == (200, "Asia/Tokyo")
    await talking.say("What time is it?")
    assert "Aiko" in llm_stub.completions[-1].body["messages"][0]["content"]
