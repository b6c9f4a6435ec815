"""Nothing that is told in private surfaces elsewhere: in what a model is told, in answers, in logs, figures and spans.

Every private text holds a word of its own; where it must not be, all of these words are looked for.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from tests.support import service as services
from tests.support.llm_stub import LLMStub, refuses, says
from tests.support.service import Client
from tests.support.service_fixtures import with_model
from whisperengine import app, logs
from whisperengine.chat.incoming import Incoming
from whisperengine.chat.taken import Turn
from whisperengine.config import Config
from whisperengine.discord.adapter import Adapter
from whisperengine.discord.heart import Asker
from whisperengine.learning import patterns
from whisperengine.memory import facts

GUILD = {"channel_type": "guild", "channel_id": "hall"}
DM = {"channel_type": "dm", "channel_id": "home", "user_name": "Penelope"}
QUESTIONS = (
    "What do you know of me? Tell me everything: sister, dog, city, secret, salary and illness.",
    "What did I tell you last?",
    "What did you answer me when I told you my secret yesterday?",
)
# Told in private: the word that marks it, and how it is told.
TOLD = {
    "Xanthippe": "My sister's name is Xanthippe.",
    "Quetzal": "My dog is called Quetzal.",
    "Ouagadougou": "I live in Ouagadougou.",
    "xylotomy": "My secret is xylotomy, and I am so afraid of it that I cannot stop crying.",
}
ANSWERED, ENTERED, SUMMARISED = "borborygmus", "zugzwang", "sesquipedalian"
MARKERS = (*TOLD, ANSWERED, ENTERED, SUMMARISED, "Penelope")


def settings(database: str, stub: LLMStub) -> Config:
    """A model that is asked for answers alone, and waited for on a busy machine too."""
    config = with_model(database, stub.url)
    return replace(config, learning="patterns", llm_retries=0, llm_timeout=60.0, llm_connect_timeout=30.0)


@pytest.fixture
async def talking(database: str, llm_stub: LLMStub) -> AsyncIterator[Client]:
    async with services.running(settings(database, llm_stub)) as client:
        yield client


@asynccontextmanager
async def connected(database: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database)
    try:
        yield connection
    finally:
        await connection.close()


def leaks(text: str) -> list[str]:
    """The words that stand in a text and should not, in whatever spelling."""
    folded = text.casefold()
    return [marker for marker in MARKERS if marker.casefold() in folded]


def asked(stub: LLMStub) -> str:
    """The last request for an answer."""
    return json.dumps(stub.completions[-1].body, ensure_ascii=False)


async def tell(client: Client, stub: LLMStub, database: str, user: str = "sam") -> None:
    """Everything that a person can tell in private, and all that the service makes of it."""
    stub.will(says(f"Ah, {ANSWERED}. I keep it to myself."))
    for text in TOLD.values():
        await client.say(text, user=user, context=DM)
    assert (await client.post(f"/api/users/{user}/facts", {"text": f"I fear {ENTERED}."}))[0] == 201
    async with connected(database) as connection, connection.transaction():
        # At once, not when the worker comes to it.
        row = await connection.fetchrow(
            "select user_id, character_id, message_id from messages join identities using (user_id) "
            "where platform_user_id = $1 order by message_id limit 1",
            user,
        )
        assert row
        for text in TOLD.values():
            for found in patterns.find(text, row["message_id"], datetime.now(UTC)):
                await facts.learn(connection, row["user_id"], row["character_id"], found, False)
        await connection.execute(
            "insert into summaries (user_id, character_id, summary_id, channel, shared, first_message_id, "
            "last_message_id, messages, text, origin) select user_id, character_id, 1, channel, shared, "
            "min(message_id), max(message_id), count(*), $2, 'quotes' from messages join identities using (user_id) "
            "where platform_user_id = $1 group by user_id, character_id, channel, shared",
            user,
            f"The person spoke of {SUMMARISED}.",
        )


async def test_what_was_told_in_private_is_there_in_private_and_nowhere_else(
    talking: Client, llm_stub: LLMStub, database: str
):
    await tell(talking, llm_stub, database)
    llm_stub.will(says("I see."))
    await talking.say(QUESTIONS[0], context=DM)
    assert set(leaks(asked(llm_stub))) >= {"Xanthippe", "Quetzal", "Ouagadougou", ANSWERED, ENTERED, "Penelope"}

    for question in QUESTIONS:
        answer = await talking.say(question, context=GUILD, metadata_level="extended")
        assert not leaks(asked(llm_stub)), question
        assert not leaks(json.dumps(answer)), question
    status, again = await talking.post("/api/chat/regenerate", {"user_id": "sam", "context": GUILD})
    assert status == 200
    assert not leaks(asked(llm_stub) + json.dumps(again))
    # In front of others, with a name that others see.
    await talking.say(QUESTIONS[0], context={**GUILD, "user_name": "Sammy"})
    assert not leaks(asked(llm_stub))
    assert "Sammy" in asked(llm_stub)


async def test_the_hour_in_front_of_others_does_not_tell_a_time_zone_that_was_told_in_private(
    talking: Client, llm_stub: LLMStub
):
    llm_stub.will(says("I see."))
    await talking.say("Hello.", context=DM)
    status, _, _ = await talking.request("PATCH", "/api/users/sam", json={"time_zone": "Pacific/Kiritimati"})
    assert status == 200

    async def clock(place: dict[str, str]) -> datetime:
        await talking.say("What time is it?", context=place)
        found = re.search(r"It is (\w+, \d+ \w+ \d+, \d+:\d+)", asked(llm_stub))
        assert found
        return datetime.strptime(found[1], "%A, %d %B %Y, %H:%M").replace(tzinfo=UTC)

    hall = await clock(GUILD)
    assert await clock(DM) - hall > timedelta(hours=13)
    assert abs(datetime.now(UTC) - hall) < timedelta(hours=1)


async def test_what_one_person_told_reaches_no_other_person_and_no_other_character(
    talking: Client, llm_stub: LLMStub, database: str
):
    await tell(talking, llm_stub, database)
    llm_stub.will(says("I see."))
    for question in QUESTIONS:
        for fields in ({"user": "ben"}, {"user": "sam", "character": "mira_okafor"}):
            answer = await talking.say(question, metadata_level="extended", **fields)
            assert set(leaks(asked(llm_stub) + json.dumps(answer))) <= (
                {"Penelope"} if fields["user"] == "sam" else set()
            )
        for user in ("ben", "", "SAM"):
            body = {"model": "assistant", "user": user, "messages": [{"role": "user", "content": question}]}
            status, answer = await talking.post("/v1/chat/completions", body)
            assert status == 200
            assert not leaks(asked(llm_stub) + json.dumps(answer))
    for path in (
        "messages",
        "memories?q=secret",
        "facts",
        "summaries",
        "emotions",
        "relationship",
        "export",
        "channels",
    ):
        status, body = await talking.get(f"/api/users/ben/{path}")
        assert status == 200
        assert not leaks(json.dumps(body)), path
    for user in ("ben", "nobody"):
        status, body = await talking.get(
            "/api/characters/assistant/prompt", params={"user_id": user, "message": "secret"}
        )
        assert status == 200
        assert not leaks(json.dumps(body))
    _, body = await talking.get("/api/characters/assistant/prompt", params={"user_id": "sam", "message": "my secret"})
    assert "xylotomy" in leaks(json.dumps(body))


async def test_an_answer_that_was_thrown_away_is_never_told_again(talking: Client, llm_stub: LLMStub):
    llm_stub.will(says(f"First, {ANSWERED}."), says("Second."))
    said = await talking.say("Hello there", context=DM)
    await talking.post("/api/chat/regenerate", {"user_id": "sam", "context": DM})
    await talking.say("What did you say?", context=DM)
    assert ANSWERED not in asked(llm_stub)
    path = f"/api/users/sam/memories/{said['message_id']}"
    await talking.request("PATCH", path, json={"content": "Hello xylotomy"})
    await talking.request("PATCH", path, json={"content": "Hello again"})
    await talking.say("What did I say?", context=DM)
    assert "xylotomy" not in asked(llm_stub)


async def everything(database: str) -> str:
    """All rows of all tables as text."""
    async with connected(database) as connection:
        tables = await connection.fetch(
            "select relname from pg_class where relkind = 'r' and relnamespace = current_schema()::regnamespace"
        )
        texts = [
            await connection.fetchval(f"select coalesce(string_agg(t::text, ' '), '') from {name} t")
            for (name,) in tables
        ]
    return "\n".join(texts)


async def test_of_an_erased_person_no_word_is_left_in_any_table_or_prompt(
    talking: Client, llm_stub: LLMStub, database: str
):
    await tell(talking, llm_stub, database)
    assert set(leaks(await everything(database))) == set(MARKERS)
    status, _, _ = await talking.request("DELETE", "/api/users/sam")
    assert status == 200
    assert not leaks(await everything(database))
    llm_stub.will(says("I see."))
    await talking.say(QUESTIONS[0], context={"channel_id": "home"})
    assert not leaks(asked(llm_stub))


async def test_of_a_message_that_is_taken_back_no_word_is_left(talking: Client, llm_stub: LLMStub, database: str):
    await tell(talking, llm_stub, database)
    _, page = await talking.get("/api/users/sam/messages?limit=100")
    for row in page["messages"]:
        if row["role"] == "person":
            assert (await talking.request("DELETE", f"/api/users/sam/memories/{row['message_id']}"))[0] == 200
    assert set(leaks(await everything(database))) == {ENTERED, "Penelope"}


@contextmanager
def logged() -> Iterator[list[str]]:
    """Every line of the program's own log, as it would be written, at the level at which most is said."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(logs.Lines().format(record))  # type: ignore[method-assign]
    logger = logging.getLogger("whisperengine")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def echoes() -> list[Any]:
    """Model servers that say back what they were asked, in every way to fail."""
    words = " ".join(TOLD.values())
    return [
        refuses(status, {"error": {"message": f"cannot handle: {words}", "type": words, "code": words}})
        for status in (400, 401, 404, 422, 500)
    ]


async def test_no_word_is_in_logs_figures_or_errors(talking: Client, llm_stub: LLMStub, database: str):
    with logged() as lines:
        await tell(talking, llm_stub, database)
        secret = {"user_id": "sam", "message": TOLD["xylotomy"]}
        for echo in echoes():
            llm_stub.will(echo)
            status, body = await talking.post("/api/chat", secret)
            assert status >= 500
            assert not leaks(json.dumps(body)), body
        llm_stub.will(says("I see."))
        keyed = {"Idempotency-Key": "one"}
        await talking.post("/api/chat", secret, headers=keyed)
        refused = [
            await talking.post("/api/chat", {**secret, "message": TOLD["Quetzal"]}, headers=keyed),
            await talking.post("/api/chat", {**secret, "message": TOLD["Quetzal"] * 1000}),
            await talking.post("/api/chat", {**secret, "metadata_level": 7}),
            await talking.post(
                "/v1/chat/completions", {"messages": [{"role": "user", "content": "xylotomy"}], "tools": 3}
            ),
            await talking.post("/api/users/sam/records", {"records": [{"type": "message", "content": "xylotomy"}]}),
        ]
        for status, body in refused:
            assert 400 <= status < 500
            assert not leaks(json.dumps(body)), body
        await talking.request("POST", "/api/chat", data='{"user_id": "sam", "message": "xylotomy', headers=keyed)
        await talking.stream({**secret, "metadata_level": "extended"})
        await talking.get("/api/users/sam/export")
        await talking.get("/api/users/sam/memories", params={"q": "xylotomy"})
        for path in ("/metrics", "/status", "/health", "/ready", "/api/bot-info", "/api/settings/audit"):
            status, body = await talking.get(path)
            assert status == 200, path
            assert not leaks(json.dumps(body)), path
        await talking.request("DELETE", "/api/users/sam")
    assert len(lines) >= len(echoes())
    assert not leaks("\n".join(lines))


async def test_on_discord_a_place_where_others_read_is_told_nothing_of_direct_messages(
    database: str, llm_stub: LLMStub
):
    config = settings(database, llm_stub)
    async with app.opened(config, lambda _: None) as parts:

        async def counted(turn: Awaitable[Turn]) -> Turn:
            return await turn

        heart = Adapter(parts.pool, "", parts.turns, parts.cast, parts.voice, lambda: config, counted)
        asker = Asker(user="7", name="", character="assistant", channel="discord:8", shared=True, request_key="99")

        def message(text: str, key: str, **fields: Any) -> Incoming:
            known = {"platform": "discord", "platform_user_id": "7", "character": "assistant", "text": text}
            return Incoming(**known, idempotency_key=key, **fields)

        llm_stub.will(says(f"Ah, {ANSWERED}."))
        for number, text in enumerate(TOLD.values()):
            await heart.answer(message(text, str(number), channel="discord:dm", display_name="Penelope"))
        llm_stub.will(says("I see."))
        await heart.answer(message(QUESTIONS[0], "99", channel="discord:8", shared=True, scene="Eve: hello all"))
        assert "Eve: hello all" in asked(llm_stub)
        assert not leaks(asked(llm_stub))
        await heart.regenerate(asker)
        assert not leaks(asked(llm_stub))
        assert not leaks(await heart.why(asker))
