"""/openapi.json is true: requests that are made from it, by the hundred, are answered as it says."""

from __future__ import annotations

import asyncio
import re

from tests.support import service as services
from tests.support.attack import KEY, attack, seed
from tests.support.service import Client

QUICK = ("--phases=fuzzing", "--max-examples=3", "--generation-deterministic", "--no-shrink", "--continue-on-failure")


async def test_a_few_hundred_generated_requests_find_no_difference_and_no_failure(database: str):
    settings = services.test_config(database_url=database, api_key=KEY, trusted_proxies=("127.0.0.1",))
    async with services.running(settings) as client:
        await seed(client.url)
        code, report = await asyncio.to_thread(attack, client.url, *QUICK)
    assert code == 0, report
    generated = re.search(r"(\d+) generated", report)
    assert generated, report
    assert int(generated[1]) >= 200


async def test_the_description_and_its_page_are_open_and_the_page_may_load_nothing(database: str):
    settings = services.test_config(database_url=database, api_key=KEY)
    async with services.running(settings) as client:
        status, document = await client.get("/openapi.json")
        assert (status, document["openapi"]) == (200, "3.1.0")
        status, page, headers = await client.request("GET", "/docs")
        assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert "default-src 'none'; style-src 'sha256-" in headers["Content-Security-Policy"]
        assert "/api/chat" in page


async def test_a_session_says_who_one_is(database: str):
    settings = services.test_config(database_url=database, api_key=KEY)
    admin = {"Authorization": f"Bearer {KEY}"}
    async with services.running(settings) as client:
        _, nobody = await client.get("/api/session")
        assert (nobody["authenticated"], nobody["required"], nobody["scope"]) == (False, True, None)
        _, _, headers = await client.request("POST", "/api/session", headers=admin)
        cookie = {"Cookie": headers["Set-Cookie"].split(";")[0]}
        _, known = await client.get("/api/session", headers=cookie)
        assert (known["authenticated"], known["scope"], known["person"]) == (True, "admin", None)
        _, made = await client.post("/api/keys", {"person": "sam"}, headers=admin)
        _, tied = await client.get("/api/session", headers={"Authorization": f"Bearer {made['key']}"})
        assert (tied["scope"], tied["person"], tied["character"]) == ("chat", "sam", None)
        _, wrong = await client.get("/api/session", headers={"Authorization": "Bearer we_00000000_wrong"})
        assert (wrong["authenticated"], wrong["scope"]) == (False, None)


async def test_where_no_key_is_needed_a_session_says_so(offline: Client):
    _, told = await offline.get("/api/session")
    assert (told["authenticated"], told["required"], told["scope"]) == (False, False, "admin")


async def test_a_parameter_is_given_once_and_within_its_limits(offline: Client):
    await offline.say("Hello")
    for query in ("limit=0", "limit=501", "limit=1&limit=2", "limit=1.5", "before=abc", "channel=%00"):
        status, body = await offline.get(f"/api/users/sam/messages?{query}")
        assert (status, body["success"]) == (400, False), query
        assert query.partition("=")[0] in body["error"] or "id" in body["error"]
