"""Settings at run time, through the API of real services on a real database."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.support import service as services
from tests.support.llm_stub import LLMStub, error_body, refuses, says
from tests.support.service import Client
from whisperengine.config import Config
from whisperengine.settings.settings import Settings

SECRET = "sk-the-secret-of-this-test-0123456789"
HI = {"user_id": "sam", "message": "Hi"}


@pytest.fixture
def settings(database: str, tmp_path: Path) -> Config:
    return services.test_config(database_url=database, home=tmp_path)


@pytest.fixture
async def service(settings: Config) -> AsyncIterator[Client]:
    async with services.running(settings) as client:
        yield client


async def patch(client: Client, **changes: Any) -> tuple[int, Any]:
    named = {key.replace("__", "."): value for key, value in changes.items()}
    status, body, _ = await client.request("PATCH", "/api/settings", json={"changes": named})
    return status, body


async def setting(client: Client, key: str) -> dict[str, Any]:
    _, body = await client.get("/api/settings")
    return next(each for each in body["settings"] if each["key"] == key)


async def until(there: Callable[[], Any]) -> None:
    async with asyncio.timeout(30):
        while True:
            if await there():
                return
            await asyncio.sleep(0.05)


async def everything_stored(dsn: str) -> str:
    """Every row of the tables of this chapter, as text."""
    connection = await asyncpg.connect(dsn)
    try:
        tables = ("settings", "settings_audit")
        rows = [await connection.fetch(f"select t::text from {table} t") for table in tables]
    finally:
        await connection.close()
    return repr(rows)


async def test_a_change_is_in_force_at_once_and_told_with_its_source(service: Client):
    assert (await setting(service, "limits.person_day"))["source"] == "default"
    status, _ = await patch(service, limits__person_day=1)
    assert status == 200
    changed = await setting(service, "limits.person_day")
    assert (changed["value"], changed["source"], changed["set"], changed["fixed"]) == (1, "stored", True, False)
    assert [(await service.post("/api/chat", HI))[0] for _ in range(2)] == [200, 429]


async def test_null_and_an_empty_text_go_back_to_the_default(service: Client):
    for nothing in (None, ""):
        await patch(service, llm__temperature=1.5)
        await patch(service, llm__temperature=nothing)
        back = await setting(service, "llm.temperature")
        assert (back["value"], back["source"]) == (0.7, "default")


async def test_two_replicas_on_one_database_see_a_change(settings: Config):
    async with services.running(settings) as one, services.running(settings) as other:
        await patch(one, memory__learning="off", llm__key=SECRET)

        async def seen() -> bool:
            return (await setting(other, "memory.learning"))["value"] == "off"

        await until(seen)
        assert (await setting(other, "llm.key"))["set"]


async def test_a_replica_whose_connection_was_lost_catches_up(settings: Config, database: str):
    async with services.running(settings) as one, services.running(settings) as other:
        connection = await asyncpg.connect(database)
        try:
            gone = await connection.fetchval(
                "select count(*) from (select pg_terminate_backend(pid) from pg_stat_activity "
                "where application_name = 'whisperengine_settings' and datname = current_database()) t"
            )
        finally:
            await connection.close()
        assert gone == 2
        await patch(one, llm__model="after-the-break")

        async def seen() -> bool:
            return (await setting(other, "llm.model"))["value"] == "after-the-break"

        await until(seen)


async def test_another_model_answers_from_the_next_turn_on(service: Client, llm_stub: LLMStub):
    llm_stub.will(says("From the new one."))
    offline = await service.say("Hello")
    await patch(service, llm__kind="local", llm__url=llm_stub.url, llm__model="stub-model", llm__key=SECRET)
    answer = await service.say("Hello again")
    assert (offline["response"] == "From the new one.", answer["response"]) == (False, "From the new one.")
    assert llm_stub.completions[-1].headers["Authorization"] == f"Bearer {SECRET}"


async def test_what_the_environment_sets_is_fixed_and_wins(settings: Config, service: Client):
    await patch(service, llm__temperature=1.5)
    given = replace(settings, llm_temperature=0.2, given=frozenset({"llm_temperature"}))
    async with services.running(given) as fixed:
        shown = await setting(fixed, "llm.temperature")
        assert (shown["value"], shown["source"], shown["fixed"]) == (0.2, "environment", True)
        status, body = await patch(fixed, llm__temperature=0.9)
        assert (status, body["code"]) == (400, "invalid_setting")
        assert "LLM_TEMPERATURE" in body["problems"][0]["message"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("llm.temperature", 2.5),
        ("llm.temperature", True),
        ("llm.temperature", "warm"),
        ("llm.temperature", "nan"),
        ("llm.max_tokens", 1.5),
        ("llm.vision", 1),
        ("llm.vision", "maybe"),
        ("memory.learning", "sometimes"),
        ("llm.url", "ftp://host"),
        ("llm.url", "http://user:pass@host/v1"),
        ("llm.model", "two\nlines"),
        ("llm.model", "x" * 30_000),
        ("llm.model", {"a": 1}),
        ("llm.key", "split\r\nHost: elsewhere"),
        ("llm.endpoints", [{"model": "m"}]),
        ("llm.endpoints", [{"url": "http://127.0.0.1/v1", "surprise": 1}]),
        ("llm.endpoints", [{"url": "http://a/v1", "name": "n"}, {"url": "http://b/v1", "name": "n"}]),
        ("llm.endpoints", "[" * 10_000),
        ("no.such", 1),
        ("POSTGRES_PASSWORD", "x"),
    ],
)
async def test_a_wrong_value_is_refused_with_the_reason_and_nothing_is_changed(offline: Client, key: str, value: Any):
    changes = {"llm.model": "right", key: value} if key != "llm.model" else {key: value}
    status, body, _ = await offline.request("PATCH", "/api/settings", json={"changes": changes})
    assert (status, body["code"]) == (400, "invalid_setting")
    assert [problem["key"] for problem in body["problems"]] == [key]
    assert (await setting(offline, "llm.model"))["source"] == "default"


async def test_a_secret_is_in_no_answer_log_audit_or_table(
    service: Client, settings: Config, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    endpoint = {"url": "http://127.0.0.1:9/v1", "model": "m", "key": SECRET}
    bodies = [
        await patch(service, llm__key=SECRET),
        await patch(service, llm__endpoints=[endpoint]),
        await patch(service, llm__endpoints=[{**endpoint, "max_tokens": 0}]),
        await patch(service, llm__key=SECRET + "\n"),
        await patch(service, llm__temperature=SECRET),
        await service.get("/api/settings"),
        await service.get("/api/settings/audit"),
        await service.post("/api/settings/llm/test", {"endpoint": 0}),
        await service.get("/status"),
    ]
    assert [status for status, _ in bodies] == [200, 200, 400, 400, 400, 200, 200, 200, 200]
    assert [body for body in bodies if SECRET in repr(body)] == []
    assert SECRET not in caplog.text
    assert SECRET not in await everything_stored(settings.database_url)
    shown = await setting(service, "llm.endpoints")
    assert shown["value"] == [{"url": "http://127.0.0.1:9/v1", "model": "m", "fallback": True, "key_set": True}]


async def test_the_audit_tells_who_when_and_what_but_no_secret(settings: Config):
    async with services.running(replace(settings, api_key="admin-of-the-environment")) as client:
        client.session.headers["Authorization"] = "Bearer admin-of-the-environment"
        await patch(client, llm__model="a", llm__key=SECRET)
        await patch(client, llm__model="b", llm__key=None)
        await patch(client, llm__model="b")
        _, body = await client.get("/api/settings/audit")
    told = [(each["key"], each["before"], each["after"]) for each in body["entries"]]
    assert sorted(told[:2]) == [("llm.key", "(set)", "(not set)"), ("llm.model", "a", "b")]
    assert sorted(told[2:], key=str) == [("llm.key", "(not set)", "(set)"), ("llm.model", None, "a")]
    assert {each["by"] for each in body["entries"]} == {"key:environment"}
    assert all(each["at"].startswith("20") for each in body["entries"])


async def test_a_lost_key_is_told_with_the_next_step_and_everything_else_goes_on(service: Client, settings: Config):
    await patch(service, llm__key=SECRET, llm__model="kept")
    (settings.home / "secret.key").unlink()
    async with services.running(settings) as client:
        broken = await setting(client, "llm.key")
        assert broken["set"] is False
        assert "secret.key is gone" in broken["problem"]
        assert (await setting(client, "llm.model"))["value"] == "kept"
        assert (await client.post("/api/chat", HI))[0] == 200
        assert (await patch(client, llm__key=SECRET))[0] == 200
        mended = await setting(client, "llm.key")
        assert (mended["set"], mended["problem"]) == (True, None)


async def test_a_wrong_key_is_told_and_the_right_one_brings_the_secret_back(settings: Config):
    right, wrong = (replace(settings, secret_key=letter * 32) for letter in "rw")
    async with services.running(right) as client:
        await patch(client, llm__key=SECRET)
    assert not (settings.home / "secret.key").exists()
    async with services.running(wrong) as client:
        assert "WHISPERENGINE_SECRET_KEY" in (await setting(client, "llm.key"))["problem"]
    async with services.running(right) as client:
        assert (await setting(client, "llm.key"))["problem"] is None


async def test_a_sealed_secret_moved_to_another_setting_does_not_open(service: Client, settings: Config):
    await patch(service, llm__key=SECRET)
    connection = await asyncpg.connect(settings.database_url)
    await connection.execute("insert into settings (key, sealed) select 'llm.endpoints', sealed from settings")
    await connection.close()
    async with services.running(settings) as client:
        assert "another key" in (await setting(client, "llm.endpoints"))["problem"]


async def test_a_stored_value_that_is_no_longer_allowed_is_told_and_left_out(settings: Config, database: str):
    connection = await asyncpg.connect(database)
    await connection.execute("insert into settings (key, value) values ('llm.temperature', '99'), ('from.later', 'x')")
    await connection.close()
    async with services.running(settings) as client:
        shown = await setting(client, "llm.temperature")
    assert shown["value"] == 0.7
    assert "0 to 2" in shown["problem"]


async def test_a_key_does_not_follow_to_another_host(service: Client, settings: Config, llm_stub: LLMStub):
    await patch(service, llm__kind="local", llm__url="http://127.0.0.1:9/v1", llm__key=SECRET)
    status, body = await patch(service, llm__url=llm_stub.url)
    assert (status, body["problems"][0]["key"]) == (400, "llm.key")
    await service.post("/api/settings/llm/test", {"url": llm_stub.url})
    assert llm_stub.completions
    assert not any("Authorization" in request.headers for request in llm_stub.requests)
    assert (await patch(service, llm__url=llm_stub.url, llm__key=None))[0] == 200

    environment = replace(settings, llm_client_type="local", llm_api_key=SECRET, given=frozenset({"llm_api_key"}))
    async with services.running(environment) as fixed:
        status, body = await patch(fixed, llm__url="http://127.0.0.1:7/v1")
    assert (status, body["problems"][0]["key"]) == (400, "llm.url")


async def test_the_key_of_a_further_endpoint_stays_where_it_was_given(service: Client):
    kept = {"url": "http://127.0.0.1:9/v1", "model": "m"}
    await patch(service, llm__endpoints=[{**kept, "key": SECRET}])
    await patch(service, llm__endpoints=[{**kept, "model": "n", "key_set": True}])
    assert (await setting(service, "llm.endpoints"))["value"][0]["key_set"]
    status, body = await patch(service, llm__endpoints=[{"url": "http://127.0.0.1:8/v1", "key_set": True}])
    assert (status, "another address" in body["problems"][0]["message"]) == (400, True)
    await patch(service, llm__endpoints=[{**kept, "key": None}])
    assert not (await setting(service, "llm.endpoints"))["value"][0]["key_set"]


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/v1",
        "http://[::ffff:169.254.169.254]/v1",
        "http://[fd00:ec2::254]/v1",
        "http://[fe80::1]/v1",
        "http://2852039166/v1",
        "http://0xa9.0xfe.0xa9.0xfe/v1",
        "http://metadata.google.internal/v1",
        "http://METADATA.google.internal./v1",
        "http://100.100.100.200/v1",
    ],
)
async def test_metadata_addresses_are_never_asked(offline: Client, url: str):
    status, body = await patch(offline, llm__url=url)
    assert (status, body["code"]) == (400, "invalid_setting")
    status, body = await patch(offline, llm__endpoints=[{"url": url}])
    assert (status, body["code"]) == (400, "invalid_setting")
    status, body = await offline.post("/api/settings/llm/test", {"url": url})
    assert (status, body["reachable"], "metadata addresses are not allowed" in body["summary"]) == (200, False, True)


async def test_all_or_nothing_when_two_change_at_once(settings: Config, database: str):
    pool = await asyncpg.create_pool(database, min_size=2)
    try:
        each = [Settings(settings) for _ in range(2)]
        await asyncio.gather(
            *(
                one.change(pool, {"llm.model": str(n), "bot": "x"} if n == 1 else {"llm.model": "0"}, "me")
                for n, one in enumerate(each)
            ),
            return_exceptions=True,
        )
        await asyncio.gather(*(one.read(pool) for one in each))
    finally:
        await pool.close()
    assert [one.config.llm_model for one in each] == ["0", "0"]


async def test_the_test_of_an_endpoint_says_what_works(offline: Client, llm_stub: LLMStub):
    status, body = await offline.post("/api/settings/llm/test", {"url": llm_stub.url})
    assert status == 200
    assert (body["reachable"], body["authorised"], body["streams"], body["next_step"]) == (True, True, True, None)
    assert body["models"] == ["text-embedding-stub", "stub-model"]
    assert (body["model"], body["latency_ms"] > 0) == ("stub-model", True)


async def test_the_test_of_an_endpoint_says_what_does_not_work(offline: Client, llm_stub: LLMStub):
    _, body = await offline.post("/api/settings/llm/test", {"url": f"http://127.0.0.1:{services.free_port()}/v1"})
    assert (body["reachable"], body["models"], "Start the server" in body["next_step"]) == (False, [], True)
    llm_stub.will(refuses(401, error_body("Incorrect API key provided.", "invalid_api_key")))
    _, body = await offline.post("/api/settings/llm/test", {"url": llm_stub.url, "key": SECRET})
    assert (body["reachable"], body["authorised"], "valid key" in body["next_step"]) == (True, False, True)
    assert SECRET not in repr(body)
    llm_stub.will(refuses(404, error_body("The model `x` does not exist", "model_not_found")))
    _, body = await offline.post("/api/settings/llm/test", {"url": llm_stub.url, "model": "x"})
    assert (body["authorised"], "Choose one of the models" in body["next_step"]) == (True, True)


@pytest.mark.parametrize(
    "url", ["nonsense", "http://", "http://[::1", "ftp://host/v1", "http://a b/v1", "http://x:99999/v1"]
)
async def test_the_test_of_what_is_no_address_says_so(offline: Client, url: str):
    status, body = await offline.post("/api/settings/llm/test", {"url": url})
    assert (status, body["reachable"], bool(body["next_step"])) == (200, False, True)


async def test_the_test_of_an_endpoint_that_there_is_not_is_refused(offline: Client):
    status, body = await offline.post("/api/settings/llm/test", {"endpoint": 3})
    assert (status, body["code"]) == (404, "unknown_endpoint")


async def test_servers_of_this_machine_are_listed(offline: Client):
    status, body = await offline.get("/api/settings/llm/found")
    assert status == 200
    assert all(each["url"].startswith("http://127.0.0.1:") for each in body["servers"])
