"""How often somebody may speak: counted over replicas, told in headers, and who may not at all."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from tests.support import service as services
from tests.support.llm_stub import LLMStub, chunk, event, says, sends
from tests.support.service import Client
from tests.support.service_fixtures import with_model
from whisperengine.db import limits
from whisperengine.db.pool import open_pool

HI = {"user_id": "sam", "message": "Hi", "messages": [{"role": "user", "content": "Hi"}], "user": "sam"}


@pytest.mark.parametrize("window", ["minute", "day"])
@pytest.mark.parametrize("kind", ["key", "person", "address"])
async def test_beyond_a_limit_comes_429_with_the_time_to_wait_whichever_replica_is_asked(
    database: str, kind: str, window: str
):
    settings = services.test_config(database_url=database, api_key="the-key", **{f"limit_{kind}_{window}": 3})
    async with AsyncExitStack() as stack:
        replicas = [await stack.enter_async_context(services.running(settings)) for _ in range(2)]
        answers = []
        for number in range(7):
            path = ("/api/chat", "/v1/chat/completions")[number % 2]
            answers.append(
                await replicas[number % 2].request("POST", path, json=HI, headers={"Authorization": "Bearer the-key"})
            )
    # A window may end in the middle of the test; seven turns pass three in two of them all the same.
    statuses = [status for status, _, _ in answers]
    assert statuses[0] == 200
    assert 429 in statuses
    for status, body, headers in answers:
        assert headers["RateLimit-Limit"] == "3"
        assert 0 < int(headers["RateLimit-Reset"]) <= 86_400
        if status == 429:
            assert headers["Retry-After"] == headers["RateLimit-Reset"]
            assert headers["RateLimit-Remaining"] == "0"
            assert (body["error"]["code"] if isinstance(body["error"], dict) else body["code"]) == "rate_limited"


async def test_one_persons_limit_is_not_anothers(database: str):
    settings = services.test_config(database_url=database, limit_person_day=1)
    async with services.running(settings) as client:
        assert [(await client.post("/api/chat", HI))[0] for _ in range(2)] == [200, 429]
        assert (await client.post("/api/chat", {**HI, "user_id": "bob"}))[0] == 200


async def test_a_turn_that_is_refused_leaves_nothing_behind(database: str):
    settings = services.test_config(database_url=database, limit_person_day=1)
    async with services.running(settings) as client:
        await client.post("/api/chat", HI)
        await client.post("/api/chat", {**HI, "message": "Again"})
        _, page = await client.get("/api/users/sam/messages")
    assert len(page["messages"]) == 2


async def test_without_limits_no_limit_is_told(offline: Client):
    _, _, headers = await offline.request("POST", "/api/chat", json=HI)
    assert "RateLimit-Limit" not in headers


async def test_streams_that_are_open_at_once_are_limited_and_free_their_place(database: str, llm_stub: LLMStub):
    held = sends(event(chunk("Once")), 600.0)
    llm_stub.will(held, held, says("Here."))
    settings = replace(with_model(database, llm_stub.url), limit_address_streams=2)
    async with services.running(settings) as client:
        open_ones = []
        for name in ("ann", "bob"):
            response = await client.session.post(client.url + "/api/chat", json={**HI, "user_id": name, "stream": True})
            await response.content.readuntil(b"Once")
            open_ones.append(response)
        status, body = await client.post("/api/chat", {**HI, "stream": True})
        assert (status, body["code"]) == (429, "too_many_streams")
        assert (await client.post("/api/chat", HI))[0] == 200
        open_ones[0].close()
        async with asyncio.timeout(20):
            while True:
                async with client.session.post(client.url + "/api/chat", json={**HI, "stream": True}) as response:
                    if response.status == 200:
                        assert "Here." in await response.text()
                        break
                await asyncio.sleep(0.05)
        open_ones[1].close()


async def test_who_is_banned_is_not_answered_on_any_route_until_the_ban_is_lifted(offline: Client):
    status, _, _ = await offline.request("PUT", "/api/bans/api/sam", json={"reason": "spam"})
    assert status == 200
    for path in ("/api/chat", "/v1/chat/completions"):
        assert (await offline.post(path, HI))[0] == 403
    _, body = await offline.post("/api/chat/batch", {"messages": [HI, {**HI, "user_id": "bob"}]})
    assert [result["success"] for result in body["results"]] == [False, True]
    _, listed = await offline.get("/api/bans")
    assert [(ban["platform"], ban["platform_user_id"], ban["reason"]) for ban in listed["bans"]] == [
        ("api", "sam", "spam")
    ]
    assert (await offline.request("DELETE", "/api/bans/api/sam"))[0] == 200
    assert (await offline.request("DELETE", "/api/bans/api/sam"))[0] == 404
    assert (await offline.post("/api/chat", HI))[0] == 200


async def test_turns_at_once_are_all_counted(database: str):
    pool = await open_pool(database, 6)
    try:
        limit = [limits.Limit("person:x", limits.DAY, 10)]
        found = await asyncio.gather(*(limits.take(pool, "api", "x", limit) for _ in range(30)))
        assert sum(not standing.exceeded for standing in found) == 10
        assert sorted(standing.remaining for standing in found) == list(range(-20, 10))
    finally:
        await pool.close()


async def test_what_no_window_counts_is_swept(database: str):
    pool = await open_pool(database, 2)
    try:
        await limits.take(pool, "api", "x", [limits.Limit("person:x", limits.DAY, 10)])
        await pool.execute("insert into turn_counts values ('old', 60, now() - interval '3 days', 1)")
        await pool.execute("insert into open_streams values ('old', 1, now() - interval '1 second')")
        await limits.sweep(pool)
        assert await pool.fetchval("select string_agg(subject, ',') from turn_counts") == "person:x"
        assert await pool.fetchval("select count(*) from open_streams") == 0
    finally:
        await pool.close()


async def test_a_stream_that_is_refused_for_its_turn_takes_no_place(database: str):
    settings = services.test_config(database_url=database, limit_person_day=1, limit_address_streams=5)
    async with services.running(settings) as client:
        statuses = [(await client.request("POST", "/api/chat", json={**HI, "stream": True}))[0] for _ in range(2)]
    assert statuses == [200, 429]
    pool = await open_pool(database, 2)
    assert await pool.fetchval("select count(*) from open_streams") == 0
    await pool.close()
