"""Joining over HTTP and in the terminal; every process knows of it, also in the middle of a turn."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from aiohttp import web

from tests.support import service as services
from tests.support.llm_stub import Behaviour, LLMStub, says
from tests.support.service import Client
from whisperengine import cli
from whisperengine.memory import people


async def linked(client: Client, keeper: str = "sam", other: str = "sammy") -> None:
    _, given = await client.post(f"/api/users/{keeper}/link", None)
    status, body = await client.post(f"/api/users/{other}/link/redeem", {"code": given["code"]})
    assert status == 200, body


async def contents(client: Client, user: str) -> list[str]:
    _, page = await client.get(f"/api/users/{user}/messages")
    return [row["content"] for row in page["messages"] if row["role"] == "person"]


async def test_two_names_become_one_person_and_two_again(offline: Client):
    await offline.say("My dog is called Biscuit.", user="sam")
    await offline.say("I live in Porto.", user="sammy")
    await linked(offline)
    assert (
        await contents(offline, "sam")
        == await contents(offline, "sammy")
        == [
            "I live in Porto.",
            "My dog is called Biscuit.",
        ]
    )
    await offline.say("Together now.", user="sammy")
    assert (await offline.request("DELETE", "/api/users/sam/link?linked_id=sammy"))[0] == 200
    assert await contents(offline, "sammy") == ["I live in Porto."]
    assert await contents(offline, "sam") == ["Together now.", "My dog is called Biscuit."]
    status, body, _ = await offline.request("DELETE", "/api/users/sam/link?linked_id=sammy")
    assert (status, body["code"]) == (404, "unknown_user")
    status, body, _ = await offline.request("DELETE", "/api/users/sammy/link")
    assert (status, body["code"]) == (409, "not_linked")


async def test_what_is_wrong_with_a_code_is_said(offline: Client):
    await offline.say("Hello", user="sam")
    _, given = await offline.post("/api/users/sam/link", None)
    for user, code, status, reason in (
        ("sam", given["code"], 409, "same_account"),
        ("sammy", "AAAA-AAAA", 404, "unknown_code"),
        ("sammy", "", 400, "code_required"),
    ):
        answered, body = await offline.post(f"/api/users/{user}/link/redeem", {"code": code})
        assert (answered, body["success"]) == (status, False), body
        assert body["code"] == reason or status == 400


async def test_every_replica_knows_at_once_who_was_joined_and_split(offline: Client, database: str):
    async with services.running(services.test_config(database_url=database)) as other:
        for user in ("sam", "sammy"):
            await other.say(f"This is {user}.", user=user)
        await linked(offline)
        await other.say("Said over there.", user="sammy")
        assert "Said over there." in await contents(offline, "sam")
        await offline.request("DELETE", "/api/users/sammy/link")
        async with asyncio.timeout(60):
            # The word of a split travels: nobody vanished, so that nothing but the word tells it.
            while "Said alone." not in await contents(offline, "sammy"):
                await other.say("Said alone.", user="sammy")
                await asyncio.sleep(0.05)


async def test_a_turn_that_meets_a_person_who_is_gone_looks_again_without_any_word(offline: Client, database: str):
    async with services.running(services.test_config(database_url=database)) as other:
        for user in ("sam", "sammy"):
            await other.say(f"This is {user}.", user=user)
        connection = await asyncpg.connect(database)
        try:
            # Until it listens again, this process hears nothing.
            await connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1", people.CHANNEL
            )
        finally:
            await connection.close()
        await linked(offline)
        assert (await other.say("Still here.", user="sammy"))["success"]
        assert "Still here." in await contents(offline, "sam")


async def test_a_person_joined_while_the_model_speaks_is_answered_where_they_are_now(
    talking: Client, llm_stub: LLMStub
):
    await talking.say("This is sam.", user="sam")
    asked, joined = asyncio.Event(), asyncio.Event()
    llm_stub.will(waits(asked, joined, says("Here I am.")), says("Fine."))
    speaking = asyncio.create_task(talking.say("Where are you?", user="sammy"))
    await asked.wait()
    await linked(talking)
    joined.set()
    assert (await speaking)["response"] == "Here I am."
    _, page = await talking.get("/api/users/sam/messages?limit=2")
    assert [row["content"] for row in page["messages"]] == ["Here I am.", "Where are you?"]
    assert page["messages"][0]["reply_to"] == page["messages"][1]["message_id"]


async def test_a_person_erased_while_the_model_speaks_leaves_nothing(talking: Client, llm_stub: LLMStub):
    asked, erased = asyncio.Event(), asyncio.Event()
    llm_stub.will(waits(asked, erased, says("Too late.")))
    body = {"user_id": "sammy", "message": "Forget me."}
    speaking = asyncio.create_task(talking.post("/api/chat", body))
    await asked.wait()
    await talking.request("DELETE", "/api/users/sammy")
    erased.set()
    status, answer = await speaking
    assert (status, answer["code"]) == (404, "unknown_user")
    assert (await talking.get("/api/users/sammy"))[0] == 404


async def test_the_terminal_links_and_splits(offline: Client, capsys: pytest.CaptureFixture[str]):
    for user in ("sam", "sammy"):
        await offline.say(f"This is {user}.", user=user)

    def run(*words: str) -> str:
        assert cli.main(["user", *words, "--url", offline.url]) == 0
        return capsys.readouterr().out

    code = (await asyncio.to_thread(run, "link", "sam")).split()[0]
    assert "same person" in await asyncio.to_thread(run, "redeem", "sammy", code)
    assert len(await contents(offline, "sam")) == 2
    assert "of its own" in await asyncio.to_thread(run, "split", "sammy")
    assert len(await contents(offline, "sam")) == 1


def waits(asked: asyncio.Event, until: asyncio.Event, then: Behaviour) -> Behaviour:
    async def behave(request: web.Request, body: object) -> web.StreamResponse:
        asked.set()
        await until.wait()
        return await then(request, body)

    return behave
