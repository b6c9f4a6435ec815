"""The bots' heart on the real parts: what a Discord message does to turns and memory."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable
from dataclasses import replace
from typing import Any

import pytest

from tests.support import service as services
from tests.support.llm_stub import LLMStub
from tests.support.service_fixtures import with_model
from whisperengine import app
from whisperengine.api.context import Parts
from whisperengine.characters import store
from whisperengine.chat.incoming import Incoming
from whisperengine.chat.taken import Turn
from whisperengine.discord import adapter_records
from whisperengine.discord.adapter import Adapter
from whisperengine.discord.heart import Asker, Picture
from whisperengine.errors import NotFoundError, RequestError, TooLargeError, TooManyRequests
from whisperengine.memory import links, people
from whisperengine.memory.export import Intake

ANNA = Asker(user="5", name="Anna", character="assistant", channel="discord:7")


@pytest.fixture
async def parts(database: str) -> AsyncIterator[Parts]:
    async with app.opened(services.test_config(database_url=database), lambda _: None) as opened:
        yield opened


@pytest.fixture
async def talking_parts(database: str, llm_stub: LLMStub) -> AsyncIterator[Parts]:
    """The same with a language model, which is asked for answers alone."""
    config = replace(with_model(database, llm_stub.url), learning="patterns")
    async with app.opened(config, lambda _: None) as opened:
        yield opened


async def plain(turn: Awaitable[Turn]) -> Turn:
    return await turn


def heart_of(parts: Parts, **settings: Any) -> Adapter:
    config = services.test_config(**settings)
    return Adapter(parts.pool, "", parts.turns, parts.cast, parts.voice, lambda: config, plain)


def message(text: str, key: str, **fields: Any) -> Incoming:
    return Incoming(
        **{
            "platform": "discord",
            "platform_user_id": ANNA.user,
            "character": ANNA.character,
            "text": text,
            "channel": ANNA.channel,
            "display_name": "Anna",
            "idempotency_key": key,
            **fields,
        }
    )


async def said(parts: Parts) -> list[str]:
    rows = await parts.pool.fetch("select content from messages where role = 'person' order by message_id")
    return [row["content"] for row in rows]


async def test_a_message_that_comes_again_is_the_same_also_when_it_reads_otherwise(parts: Parts) -> None:
    heart = heart_of(parts)
    first = await heart.answer(message("Ask @someone about it", "1"))
    assert await heart.answer(message("Ask @someone about it", "1")) == first
    await heart.answer(message("Ask @Ben about it", "1"))
    assert await said(parts) == ["Ask @Ben about it"]


async def all_of(heart: Adapter, *texts: str) -> None:
    for text in texts:
        await heart.answer(message(text, text))


async def test_a_persons_limit_holds_on_discord_too(parts: Parts) -> None:
    heart = heart_of(parts, limit_person_minute=1)
    await heart.answer(message("one", "1"))
    with pytest.raises(TooManyRequests, match="Write again in"):
        await all_of(heart, "two", "three")
    await heart.answer(message("somebody else", "9", platform_user_id="6"))


async def test_what_strangers_and_unknown_messages_are_asked_about_is_nothing(parts: Parts) -> None:
    heart = heart_of(parts)
    for asker in (replace(ANNA, user="404"), replace(ANNA, request_key="404")):
        assert await heart.memories(asker, "", 5) == []
        assert await heart.facts(asker) == []
        assert await heart.forget(asker, "") is False
        assert await heart.forget(asker, "12x") is False
        assert "forgotten" in await heart.why(asker)
        assert await heart.mood(asker) == "We have not talked yet."
        await heart.edited(asker, "other words")
        await heart.deleted(asker)
        await heart.answer_deleted(asker)
        await heart.feedback(asker, "👍", True)
        with pytest.raises(NotFoundError, match="forgotten"):
            await heart.regenerate(asker)
    assert await heart.erase(replace(ANNA, user="404")) == 0
    assert b'"records"' in await heart.export(replace(ANNA, user="404"))


async def test_an_archived_character_forgets_what_is_deleted(parts: Parts) -> None:
    heart = heart_of(parts)
    await heart.answer(message("Forget me not.", "1", character="halcyon"))
    character = await store.get(parts.pool, "halcyon")
    assert character
    await parts.pool.execute("update characters set archived_at = now() where name = 'halcyon'")
    parts.cast.forget("halcyon")
    await heart.deleted(replace(ANNA, character="halcyon", request_key="1"))
    assert await said(parts) == []
    assert "halcyon" not in [portrait.slug for portrait in await heart.characters()]
    assert await heart.portrait("halcyon") is None


async def test_a_fact_can_be_found_and_forgotten(parts: Parts) -> None:
    heart = heart_of(parts)
    await heart.remember(replace(ANNA, shared=True), "Ben wrote: the party is on Friday")
    (fact,) = await heart.memories(ANNA, "party", 5)
    assert fact.text == "Ben wrote: the party is on Friday"
    assert await heart.forget(ANNA, fact.id) is True
    assert await heart.facts(ANNA) == []


async def test_two_accounts_become_one_person_by_a_code_and_two_again(parts: Parts) -> None:
    heart, ben = heart_of(parts), replace(ANNA, user="6", name="Ben")
    await heart.answer(message("I keep bees.", "1"))
    await heart.answer(message("I keep goats.", "2", platform_user_id="6", display_name="Ben"))
    told = await heart.link(ANNA, "")
    with pytest.raises(RequestError):
        await heart.link(ben, "2222-2222")
    code = next(word.rstrip(".") for word in told.split() if "-" in word)
    assert "same person" in await heart.link(ben, code.lower())
    assert {memory.text for memory in await heart.memories(ben, "", 5)} == {"I keep bees.", "I keep goats."}
    await heart.link(ben, "split")
    assert [memory.text for memory in await heart.memories(ben, "", 5)] == ["I keep goats."]
    assert [memory.text for memory in await heart.memories(ANNA, "", 5)] == ["I keep bees."]


async def test_a_name_told_elsewhere_is_not_used_where_others_read(talking_parts: Parts, llm_stub: LLMStub) -> None:
    """Also when the account is joined to one that bears the name."""
    parts, heart = talking_parts, heart_of(talking_parts)
    elsewhere = {"platform": "api", "platform_user_id": "sam", "channel": "api:default"}
    await parts.turns.take(message("My name is Penelope.", "1", display_name="Penelope", **elsewhere))
    await heart.answer(message("Hello.", "1"))
    await heart.link(ANNA, (await links.start(parts.pool, "api", "sam")).code)
    await heart.answer(message("What is my name?", "2"))
    assert "Penelope" in str(llm_stub.completions[-1].body["messages"])
    for number in range(3, 5):
        await heart.answer(message("What is my name?", str(number), channel="discord:8", shared=True))
        assert "Penelope" not in str(llm_stub.completions[-1].body["messages"])
    await heart.regenerate(replace(ANNA, request_key="4", channel="discord:8", shared=True))
    assert "Penelope" not in str(llm_stub.completions[-1].body["messages"])
    assert "with Anna" in str(llm_stub.completions[-1].body["messages"])


async def test_pictures_reach_a_model_that_sees(talking_parts: Parts, llm_stub: LLMStub) -> None:
    picture = Picture(name="reef.png", media_type="image/png", content=b"\x89PNG")
    await heart_of(talking_parts).answer(message("What is this?", "1"), pictures=(picture,))
    content = llm_stub.completions[-1].body["messages"][-1]["content"]
    assert content[-1] == {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}}
    portraits = await heart_of(talking_parts, llm_vision=True).characters()
    assert all(portrait.sees_pictures for portrait in portraits)


async def test_reactions_are_exported_and_come_back(parts: Parts) -> None:
    heart = heart_of(parts)
    await heart.answer(message("hello", "1"))
    await heart.feedback(replace(ANNA, request_key="1"), "👍", True)
    records = json.loads(await heart.export(ANNA))["records"]
    assert [record["reactions"] for record in records if record["type"] == "message"][1][0]["emoji"] == "👍"
    await heart.erase(ANNA)
    person = await people.resolve(parts.pool, "discord", ANNA.user)
    async with parts.pool.acquire() as connection, connection.transaction():
        known = {row["name"]: row["id"] for row in await connection.fetch("select name, id from characters")}
        intake = Intake(connection, person.user_id, known)
        for record in records:
            await intake.take(record)
    assert await parts.pool.fetchval("select emoji from reactions where user_id = $1", person.user_id) == "👍"


async def test_an_export_that_discord_would_not_take_says_where_it_is_to_be_had(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    heart = heart_of(parts)
    await heart.answer(message("hello", "1"))
    monkeypatch.setattr(adapter_records, "EXPORT_BYTES", 300)
    with pytest.raises(TooLargeError, match="whisperengine user export 5 --platform discord"):
        await heart.export(ANNA)
