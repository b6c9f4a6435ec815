"""Several processes of the service on one database: to the people who talk, they are one."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from collections.abc import Callable
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest

from tests.support.llm_stub import LLMStub, says, silent
from tests.support.service import Process
from whisperengine.db import migrate
from whisperengine.db.migration_files import load_migrations
from whisperengine.errors import SchemaError

Make = Callable[..., Process]


@pytest.fixture
async def replicas(database: str, llm_stub: LLMStub, processes: Make) -> Callable[..., Any]:
    """Starts so many processes on the test's database; each answer of their model differs from all others."""

    async def start(number: int, **environ: str) -> list[Process]:
        made = [
            processes(
                DATABASE_URL=database,
                LLM_CLIENT_TYPE="local",
                LLM_CHAT_API_URL=llm_stub.url,
                LLM_CHAT_MODEL="stub-model",
                **environ,
            )
            for _ in range(number)
        ]
        await asyncio.gather(*(each.start() for each in made))
        return made

    return start


def numbered(stub: LLMStub, **options: float) -> None:
    """From now on the model says `Answer 1.`, `Answer 2.` and so on."""
    numbers = count(1)

    async def behave(request: Any, body: Any) -> Any:
        return await says(f"Answer {next(numbers)}.", **options)(request, body)

    stub.will(behave)


async def say(
    session: aiohttp.ClientSession, replica: Process, user: str, text: str, key: str = ""
) -> tuple[int, dict[str, Any]]:
    headers = {"Idempotency-Key": key} if key else {}
    body = {"user_id": user, "message": text}
    async with session.post(replica.url + "/api/chat", json=body, headers=headers) as response:
        return response.status, await response.json()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110 (what another process does sets no event here)
            await asyncio.sleep(0.01)


async def stored(database: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(database)
    try:
        return await connection.fetch(
            "select i.platform_user_id as user, m.message_id, m.role, m.content, m.reply_to "
            "from messages m join identities i using (user_id) order by i.platform_user_id, m.message_id"
        )
    finally:
        await connection.close()


def assert_each_answered_once(rows: list[asyncpg.Record], said: dict[str, list[str]]) -> None:
    for user, texts in said.items():
        own = [row for row in rows if row["user"] == user]
        asked = {row["message_id"]: row["content"] for row in own if row["role"] == "person"}
        answers = Counter(row["reply_to"] for row in own if row["role"] == "character")
        assert Counter(asked.values()) == Counter(texts)
        assert answers == dict.fromkeys(asked, 1)


@pytest.mark.parametrize("number", [2, 3])
async def test_a_message_that_reaches_all_replicas_at_once_is_answered_once(
    database: str, llm_stub: LLMStub, replicas: Callable[..., Any], number: int
):
    services = await replicas(number)
    numbered(llm_stub, delay=0.2)
    async with aiohttp.ClientSession() as session:
        for turn in range(3):
            answers = await asyncio.gather(
                *(say(session, each, "sam", f"Message {turn}", key=f"turn-{turn}") for each in services)
            )
            assert [status for status, _ in answers] == [200] * number
            assert len({body["response"] for _, body in answers}) == 1
    assert_each_answered_once(await stored(database), {"sam": [f"Message {turn}" for turn in range(3)]})


async def test_a_talk_that_wanders_between_replicas_is_one_talk(
    database: str, llm_stub: LLMStub, replicas: Callable[..., Any]
):
    services = await replicas(3)
    numbered(llm_stub)
    texts = [f"Message {turn}" for turn in range(9)]
    answers = []
    async with aiohttp.ClientSession() as session:
        for turn, text in enumerate(texts):
            status, body = await say(session, services[turn % 3], "sam", text)
            assert status == 200, body
            answers.append(body["response"])
            asked = str(llm_stub.completions[-1].body["messages"])
            assert all(earlier in asked for earlier in answers[:-1])
    spoken = [row["content"] for row in await stored(database)]
    assert spoken == [text for pair in zip(texts, answers, strict=True) for text in pair]


async def test_people_who_talk_through_all_replicas_at_once_keep_their_order(
    database: str, llm_stub: LLMStub, replicas: Callable[..., Any]
):
    services = await replicas(2)
    numbered(llm_stub)
    people = [f"person-{number}" for number in range(8)]
    texts = [f"Message {turn}" for turn in range(6)]

    async def talk(session: aiohttp.ClientSession, number: int) -> None:
        for turn, text in enumerate(texts):
            status, body = await say(session, services[(number + turn) % 2], people[number], text)
            assert status == 200, body

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(talk(session, number) for number in range(len(people))))
    rows = await stored(database)
    assert_each_answered_once(rows, dict.fromkeys(people, texts))
    for person in people:
        assert [row["content"] for row in rows if row["user"] == person and row["role"] == "person"] == texts


async def test_messages_of_one_person_that_reach_two_replicas_at_once_are_answered_one_after_the_other(
    database: str, llm_stub: LLMStub, replicas: Callable[..., Any]
):
    services = await replicas(2)
    numbers = count(1)
    asked, open_now, most = [], 0, 0

    async def behave(request: Any, body: Any) -> Any:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        asked.append(str(body["messages"]))
        try:
            return await says(f"Answer {next(numbers)}.", delay=0.15)(request, body)
        finally:
            open_now -= 1

    llm_stub.will(behave)
    texts = [f"Message {number}" for number in range(10)]
    async with aiohttp.ClientSession() as session:
        answers = await asyncio.gather(
            *(say(session, services[number % 2], "sam", text) for number, text in enumerate(texts))
        )
    assert [status for status, _ in answers] == [200] * 10
    assert (len(asked), most) == (10, 1)
    rows = await stored(database)
    assert_each_answered_once(rows, {"sam": texts})
    assert [row["role"] for row in rows] == ["person", "character"] * 10
    assert all(answer["reply_to"] == message["message_id"] for message, answer in pairwise(rows) if answer["reply_to"])
    for number, prompt in enumerate(asked):
        assert all(f"Answer {earlier}." in prompt for earlier in range(1, number + 1))


async def test_a_replica_that_is_killed_in_the_middle_of_a_turn_does_not_hold_up_the_person_for_long(
    database: str, llm_stub: LLMStub, replicas: Callable[..., Any]
):
    first, second = await replicas(2)
    llm_stub.will(silent, says("I am here."))
    async with aiohttp.ClientSession() as session:
        unanswered = asyncio.create_task(say(session, first, "sam", "Are you there?"))
        await until(lambda: bool(llm_stub.completions))
        await first.kill()
        with pytest.raises(aiohttp.ClientError):
            await unanswered
        async with asyncio.timeout(60):
            status, body = await say(session, second, "sam", "And now?")
    assert (status, body["response"]) == (200, "I am here.")


async def test_turns_of_a_replica_that_is_killed_are_answered_once_by_another(
    database: str, llm_stub: LLMStub, replicas: Callable[..., Any]
):
    first, second = await replicas(2)
    numbered(llm_stub, delay=1.0)
    people = [f"person-{number}" for number in range(6)]

    async def ask(session: aiohttp.ClientSession, person: str) -> str:
        """What a client does: the same request, with the same key, to whoever is there."""
        try:
            status, body = await say(session, first, person, "Hello.", key="one")
        except aiohttp.ClientError:
            status, body = await say(session, second, person, "Hello.", key="one")
        assert status == 200, body
        return body["response"]

    async with aiohttp.ClientSession() as session:
        turns = [asyncio.create_task(ask(session, person)) for person in people]
        await until(lambda: len(llm_stub.completions) >= len(people))
        await first.kill()
        answers = await asyncio.gather(*turns)
        assert len(set(answers)) == len(people)
        # Asked once more, each gives the answer that it gave.
        for person, answer in zip(people, answers, strict=True):
            assert (await say(session, second, person, "Hello.", key="one"))[1]["response"] == answer
    assert_each_answered_once(await stored(database), {person: ["Hello."] for person in people})


async def test_a_limit_counts_the_turns_of_all_replicas(llm_stub: LLMStub, replicas: Callable[..., Any]):
    services = await replicas(3, LIMIT_PERSON_PER_DAY="4")
    async with aiohttp.ClientSession() as session:
        answers = [await say(session, services[turn % 3], "sam", f"Message {turn}") for turn in range(12)]
    statuses = Counter(status for status, _ in answers)
    # A day may end in the middle of the test; no more than two of them pass.
    assert statuses[429] >= 4
    assert statuses[200] in (4, 5, 6, 7, 8)


async def test_replicas_serve_on_while_a_newer_release_migrates_and_new_ones_join(
    database: str, llm_stub: LLMStub, replicas: Callable[..., Any], repository: Path, tmp_path: Path
):
    first, second = await replicas(2)
    numbered(llm_stub)
    newest = len(load_migrations())
    files = tmp_path / "sql"
    shutil.copytree(repository / "sql", files)
    (files / f"{newest + 1:04}_next.sql").write_text(
        "alter table messages add column mood_of_the_next_release text;\n"
        "create table of_the_next_release (id bigint primary key);\n"
    )
    said: list[str] = []
    migrated = asyncio.Event()

    async def talk(session: aiohttp.ClientSession) -> None:
        after = 0
        for turn in count():
            text = f"Message {turn}"
            status, body = await say(session, (first, second)[turn % 2], "sam", text)
            assert status == 200, body
            said.append(text)
            after += migrated.is_set()
            if after > 5:
                return

    async with aiohttp.ClientSession() as session:
        talking = asyncio.create_task(talk(session))
        await until(lambda: len(said) >= 3)
        await migrate.up(database, directory=files)
        migrated.set()
        await talking
        assert (await migrate.status(database, directory=files)).version == newest + 1
        [third] = await replicas(1)
        assert (await say(session, third, "sam", "And here?"))[0] == 200
    assert_each_answered_once(await stored(database), {"sam": [*said, "And here?"]})

    (files / f"{newest + 2:04}_break.sql").write_text("-- migrate: breaking\ndrop table of_the_next_release;\n")
    await migrate.up(database, directory=files)
    connection = await asyncpg.connect(database)
    with pytest.raises(SchemaError, match="shuts out older programs"):
        await migrate.check(connection)
    await connection.close()
