"""Every route for every kind of caller, and the ways round a door that callers try."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from tests.support import service as services
from tests.support.llm_stub import LLMStub
from tests.support.service import Client
from tests.support.service_fixtures import with_model
from whisperengine.api.access import ACCESS, Access
from whisperengine.api.callers import address_of
from whisperengine.api.context import Context
from whisperengine.api.server import application

ENVIRONMENT = "the-key-of-the-environment"
# What each kind of caller may reach.
EVERYTHING = {Access.OPEN, Access.CHAT, Access.PERSON, Access.ADMIN}
CALLERS = {
    "nobody": {Access.OPEN},
    "a wrong key": {Access.OPEN},
    "a revoked key": {Access.OPEN},
    "a chat key": {Access.OPEN, Access.CHAT},
    "a chat key of the person": {Access.OPEN, Access.CHAT, Access.PERSON},
    "a chat key of somebody else": {Access.OPEN, Access.CHAT},
    "a chat key of a character": {Access.OPEN, Access.CHAT},
    "an admin key": EVERYTHING,
    "the key of the environment": EVERYTHING,
    "a session": EVERYTHING,
    "a session that is over": {Access.OPEN},
}
NAMES = {"user_id": "sam", "model": "assistant", "name": "assistant"}
UNKNOWN = {"nobody", "a wrong key", "a revoked key", "a session that is over"}


@asynccontextmanager
async def guarded(database: str, **fields) -> AsyncIterator[Client]:
    settings = services.test_config(database_url=database, api_key=ENVIRONMENT, **fields)
    async with services.running(settings) as client:
        yield client


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


ADMIN = bearer(ENVIRONMENT)


async def new_key(client: Client, **fields) -> str:
    status, body = await client.post("/api/keys", fields, headers=ADMIN)
    assert status == 201, body
    return body["key"]


async def new_session(client: Client) -> str:
    status, _, headers = await client.request("POST", "/api/session", headers=ADMIN)
    assert status == 200
    return headers["Set-Cookie"].split(";")[0]


async def shown_by(client: Client, kind: str) -> dict[str, str]:
    """The headers of a kind of caller."""
    match kind:
        case "nobody":
            return {}
        case "a wrong key":
            return bearer("we_00000000_" + "x" * 43)
        case "a revoked key":
            key = await new_key(client, scope="admin")
            await client.request("DELETE", f"/api/keys/{key[:11]}", headers=ADMIN)
            return bearer(key)
        case "a chat key":
            return bearer(await new_key(client))
        case "a chat key of the person":
            return bearer(await new_key(client, person="sam"))
        case "a chat key of somebody else":
            return bearer(await new_key(client, person="bob"))
        case "a chat key of a character":
            return bearer(await new_key(client, character="assistant"))
        case "an admin key":
            return bearer(await new_key(client, scope="admin"))
        case "the key of the environment":
            return ADMIN
        case "a session":
            return {"Cookie": await new_session(client), "Origin": client.url}
        case _:
            cookie = await new_session(client)
            await client.request("DELETE", "/api/session", headers={**ADMIN, "Cookie": cookie})
            return {"Cookie": cookie, "Origin": client.url}


@pytest.mark.parametrize("kind", CALLERS)
async def test_each_kind_of_caller_reaches_what_it_may_and_nothing_else(database: str, kind: str):
    async with guarded(database) as client:
        await client.post("/api/chat", {"user_id": "sam", "message": "Hi"}, headers=ADMIN)
        # Logging out last: it ends the caller's own session.
        for route, access in sorted(ACCESS.items(), key=lambda item: item[0] == "DELETE /api/session"):
            headers = await shown_by(client, kind)
            method, path = route.split()
            path = re.sub(r"\{(\w+)\}", lambda name: NAMES.get(name[1], "1"), path)
            status, body, _ = await client.request(method, path, headers=headers)
            if access in CALLERS[kind]:
                assert status not in (401, 403), (route, body)
            else:
                # Whoever keeps showing wrong keys is told to stop.
                assert status in ((401, 429) if kind in UNKNOWN else (403,)), (route, body)


def test_every_route_has_a_decision_and_every_decision_a_route():
    app = application(Context(services.test_config()))
    served = {f"{route.method} {route.resource.canonical}" for route in app.router.routes() if route.resource}
    assert {route for route in served if not route.startswith("HEAD ")} == set(ACCESS)


async def test_a_key_is_shown_once_and_kept_as_a_hash(database: str):
    async with guarded(database) as client:
        key = await new_key(client, name="tavern")
        assert (await client.get("/v1/models", headers=bearer(key)))[0] == 200
        _, listed = await client.get("/api/keys", headers=ADMIN)
    assert [(row["prefix"], row["name"], row["scope"]) for row in listed["keys"]] == [(key[:11], "tavern", "chat")]
    assert listed["keys"][0]["last_used_at"]
    assert key not in str(listed)
    connection = await asyncpg.connect(database)
    assert key.split("_", 2)[2] not in str(await connection.fetch("select api_keys::text from api_keys"))
    await connection.close()


async def test_a_key_that_is_revoked_elsewhere_is_refused_within_seconds(database: str):
    async with guarded(database) as client, guarded(database) as other:
        key = await new_key(client)
        assert (await other.get("/v1/models", headers=bearer(key)))[0] == 200
        await client.request("DELETE", f"/api/keys/{key[:11]}", headers=ADMIN)
        assert (await client.get("/v1/models", headers=bearer(key)))[0] == 401
        async with asyncio.timeout(20):
            while True:
                status, _ = await other.get("/v1/models", headers=bearer(key))
                if status == 401:
                    return
                await asyncio.sleep(0.1)


async def test_a_tied_key_speaks_for_its_person_and_with_its_character_alone(database: str):
    async with guarded(database) as client:
        person = bearer(await new_key(client, person="sam"))
        character = bearer(await new_key(client, character="assistant"))
        say = {"message": "Hi", "messages": [{"role": "user", "content": "Hi"}]}
        for path, name in (("/api/chat", "user_id"), ("/v1/chat/completions", "user")):
            assert (await client.post(path, {**say, name: "bob"}, headers=person))[0] == 403
            assert (await client.post(path, {**say, name: "sam"}, headers=person))[0] == 200
            assert (await client.post(path, say, headers=person))[0] == 200
        for path, name in (("/api/chat", "character"), ("/v1/chat/completions", "model")):
            assert (await client.post(path, {**say, "user_id": "x", name: "nova"}, headers=character))[0] == 403
            assert (await client.post(path, {**say, "user_id": "x"}, headers=character))[0] == 200
        batch = {"messages": [{"user_id": "bob", "message": "Hi"}, {"user_id": "sam", "message": "Hi"}]}
        _, body = await client.post("/api/chat/batch", batch, headers=person)
        assert [result["success"] for result in body["results"]] == [False, True]
        header = {**person, "X-User-Id": "bob"}
        assert (await client.post("/v1/chat/completions", say, headers=header))[0] == 403
        assert (await client.get("/api/users/sam?platform=discord", headers=person))[0] == 403
        _, models = await client.get("/v1/models", headers=character)
        assert [model["id"] for model in models["data"]] == ["assistant"]


async def test_keys_without_a_person_do_not_share_the_memory_of_nobody(database: str, llm_stub: LLMStub):
    settings = replace(with_model(database, llm_stub.url), api_key=ENVIRONMENT)
    async with services.running(settings) as client:
        for text in ("My secret is Rosebud.", "What is my secret?"):
            headers = bearer(await new_key(client))
            body = {"model": "assistant", "messages": [{"role": "user", "content": text}]}
            assert (await client.post("/v1/chat/completions", body, headers=headers))[0] == 200
    assert "Rosebud" not in str(llm_stub.completions[-1].body)


@pytest.mark.parametrize(
    "fields", [{"scope": "root"}, {"scope": "admin", "person": "sam"}, {"name": 7}, {"character": "nobody_here"}]
)
async def test_a_key_that_makes_no_sense_is_not_made(database: str, fields: dict):
    async with guarded(database) as client:
        status, _ = await client.post("/api/keys", fields, headers=ADMIN)
        assert status in (400, 404)
        assert (await client.get("/api/keys", headers=ADMIN))[1]["keys"] == []


async def test_guessing_keys_is_stopped_and_does_not_lock_out_who_is_known(database: str):
    async with guarded(database) as client:
        known = bearer(await new_key(client))
        assert (await client.get("/v1/models", headers=known))[0] == 200
        statuses = [
            (await client.get("/v1/models", headers=bearer(f"we_{number:08}_guess")))[0] for number in range(25)
        ]
        assert statuses == [401] * 20 + [429] * 5
        _, _, headers = await client.request("GET", "/v1/models", headers=bearer("we_00000000_guess"))
        assert 0 < int(headers["Retry-After"]) <= 60
        assert (await client.get("/v1/models", headers=known))[0] == 200
        assert (await client.get("/status", headers=ADMIN))[0] == 200


async def test_a_sessions_cookie_is_out_of_reach_for_scripts_and_other_sites(database: str):
    async with guarded(database) as client:
        _, _, headers = await client.request("POST", "/api/session", headers=ADMIN)
        cookie = headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        session = {"Cookie": cookie.split(";")[0]}
        assert (await client.get("/api/keys", headers=session))[0] == 200
        # What a browser sends to change something names its page; a page of another origin is refused.
        for origin, status in (({}, 403), ({"Origin": "https://evil.example"}, 403), ({"Origin": client.url}, 201)):
            assert (await client.post("/api/keys", {}, headers={**session, **origin}))[0] == status


async def test_a_session_ends_with_the_key_that_opened_it(database: str):
    async with guarded(database) as client:
        key = await new_key(client, scope="admin")
        _, _, headers = await client.request("POST", "/api/session", headers=bearer(key))
        session = {"Cookie": headers["Set-Cookie"].split(";")[0]}
        assert (await client.get("/status", headers=session))[0] == 200
        await client.request("DELETE", f"/api/keys/{key[:11]}", headers=ADMIN)
        assert (await client.get("/status", headers=session))[0] == 401


async def test_on_loopback_without_a_key_any_key_opens_what_is_open_but_a_revoked_one_nothing(database: str):
    async with services.running(services.test_config(database_url=database)) as client:
        assert (await client.get("/status", headers=bearer("sk-whatever")))[0] == 200
        _, made = await client.post("/api/keys", {"person": "sam"})
        key = bearer(made["key"])
        assert (await client.get("/status", headers=key))[0] == 403
        await client.request("DELETE", f"/api/keys/{made['prefix']}")
        assert (await client.get("/v1/models", headers=key))[0] == 401


async def test_every_answer_carries_the_security_headers(database: str):
    async with guarded(database) as client:
        for path in ("/health", "/nothing", "/v1/models"):
            _, _, headers = await client.request("GET", path)
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["X-Frame-Options"] == "DENY"
            assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


class FakePeer:
    """What `address_of` reads of a request."""

    def __init__(self, remote: str, *forwarded: str) -> None:
        from multidict import CIMultiDict

        self.remote = remote
        self.headers = CIMultiDict([("X-Forwarded-For", value) for value in forwarded])


@pytest.mark.parametrize(
    ("remote", "forwarded", "address"),
    [
        ("10.0.0.1", ("203.0.113.7",), "203.0.113.7"),
        ("10.0.0.1", ("1.1.1.1, 203.0.113.7, 10.0.0.2",), "203.0.113.7"),
        ("10.0.0.1", ("1.1.1.1", "203.0.113.7"), "203.0.113.7"),
        ("198.51.100.1", ("203.0.113.7",), "198.51.100.1"),
        ("10.0.0.1", ("nonsense",), "10.0.0.1"),
        ("10.0.0.1", (), "10.0.0.1"),
        ("10.0.0.1", ("10.0.0.9",), "10.0.0.9"),
    ],
)
def test_only_trusted_proxies_are_believed_about_addresses(remote: str, forwarded: tuple[str, ...], address: str):
    config = services.test_config(trusted_proxies=("10.0.0.0/8",))
    assert address_of(FakePeer(remote, *forwarded), config) == address  # type: ignore[arg-type]
    plain = services.test_config()
    assert address_of(FakePeer(remote, *forwarded), plain) == remote  # type: ignore[arg-type]


async def test_behind_a_proxy_even_loopback_asks_for_a_key(database: str):
    settings = services.test_config(database_url=database, trusted_proxies=("127.0.0.1/32",))
    async with services.running(settings) as client:
        assert (await client.get("/status"))[0] == 401


@pytest.mark.parametrize(
    "raw",
    [
        b"POST /api/chat HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX",
        b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n",
        b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: +5\r\n\r\nhello",
        b"GET /status HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
        b"GET /status HTTP/1.1\r\nHost: localhost\r\nX-Bad\x00: 1\r\n\r\n",
    ],
)
async def test_requests_that_two_servers_would_read_differently_are_refused(offline: Client, raw: bytes):
    host, port = offline.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(raw)
    async with asyncio.timeout(20):
        status = (await reader.readline()).split()[1]
    writer.close()
    assert status == b"400"


async def test_headers_cannot_be_injected_through_what_a_caller_sends(offline: Client):
    _, _, headers = await offline.request(
        "POST", "/api/chat", json={"user_id": "u\r\nSet-Cookie: a=b", "message": "x", "character": "a\r\nX-Evil: 1"}
    )
    assert "Set-Cookie" not in headers
    assert "X-Evil" not in headers


async def test_bound_to_the_network_the_first_admin_key_is_made_and_printed_once(home: Path, database: str):
    async def run() -> tuple[str, services.Process]:
        process = services.Process(home, LLM_CLIENT_TYPE="disabled", DATABASE_URL=database, HEALTH_CHECK_HOST="0.0.0.0")
        await process.start()
        async with asyncio.timeout(20), aiohttp.ClientSession() as session:
            while True:
                log = process.log()
                if "Ready at" in log:
                    break
                await asyncio.sleep(0.02)
            found = re.search(r"we_\S+", log)
            key = found[0] if found else ""
            assert (await session.get(process.url + "/status")).status == 401
            if key:
                assert (await session.get(process.url + "/status", headers=bearer(key))).status == 200
        return key, process

    for expected in (True, False):
        key, process = await run()
        assert bool(key) is expected
        assert await process.stop() == 0
        await process.close()


async def test_the_key_command_makes_lists_and_revokes_keys(database: str):
    async def command(client: Client, *arguments: str) -> str:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "whisperengine", "key", *arguments, "--url", client.url),
            env={**os.environ, "WHISPERENGINE_API_KEY": ENVIRONMENT, "DOTENV_PATH": os.devnull},
            cwd=services.REPOSITORY,
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await process.communicate()
        assert process.returncode == 0
        return out.decode().strip()

    async with guarded(database) as client:
        key = await command(client, "create", "tavern", "--user", "sam")
        assert (await client.get("/v1/models", headers=bearer(key)))[0] == 200
        assert (
            await command(client, "list") == f"{key[:11]}  chat   used {datetime.now(UTC):%Y-%m-%d}  person sam  tavern"
        )
        await command(client, "revoke", key[:11])
        assert (await client.get("/v1/models", headers=bearer(key)))[0] == 401
        assert "revoked" in await command(client, "list")
