"""/health, /ready, /status, /metrics, /api/bot-info, and who is let in."""

from __future__ import annotations

import pytest

from tests.support import service as services
from tests.support.service import Client


async def test_a_service_without_discord_is_healthy_and_ready(offline: Client):
    status, body = await offline.get("/health")
    assert (status, body["status"]) == (200, "healthy")
    status, body = await offline.get("/ready")
    assert (status, body["status"]) == (200, "ready")


async def test_status_and_bot_info_name_the_character_and_the_model(offline: Client):
    status, body = await offline.get("/status")
    assert status == 200
    assert "/api/chat" in body["api"]["endpoints"]
    assert body["character"]["has_personality"] is True
    assert body["llm"]["mode"] == "offline"
    status, body = await offline.get("/api/bot-info")
    assert (status, body["bot_name"], body["status"]) == (200, "assistant", "online")


async def test_metrics_are_json_and_prometheus_text_when_asked_for(offline: Client):
    await offline.say("Hello")
    status, body = await offline.get("/metrics")
    assert (status, body["turns"], body["bot_status"]) == (200, 1, "ready")
    assert body["memory_usage_mb"] > 10
    status, text = await offline.get("/metrics", headers={"Accept": "text/plain"})
    assert status == 200
    assert "whisperengine_turns_total 1\n" in text


async def test_a_page_of_another_origin_is_refused_and_gets_no_cors_headers(offline: Client):
    status, body, headers = await offline.request(
        "POST", "/api/chat", json={"user_id": "u", "message": "x"}, headers={"Origin": "https://evil.example"}
    )
    assert (status, body["code"]) == (403, "origin_not_allowed")
    assert "Access-Control-Allow-Origin" not in headers


async def test_an_allowed_origin_gets_its_preflight_and_its_headers(database: str):
    settings = services.test_config(database_url=database, allowed_origins=("https://chat.example",))
    origin = {"Origin": "https://chat.example"}
    async with services.running(settings) as client:
        status, _, headers = await client.request(
            "OPTIONS", "/api/chat", headers={**origin, "Access-Control-Request-Method": "POST"}
        )
        assert (status, headers["Access-Control-Allow-Origin"]) == (200, "https://chat.example")
        status, _, headers = await client.request("POST", "/api/chat", json={"user_id": "u"}, headers=origin)
        assert (status, headers["Access-Control-Allow-Origin"]) == (400, "https://chat.example")


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "a@127.0.0.1", "127.0.0.1/x", ""])
async def test_a_rebound_host_name_is_refused(offline: Client, host: str):
    status, body, _ = await offline.request("GET", "/status", headers={"Host": host})
    assert (status, body["code"]) == (403, "host_not_allowed")


@pytest.mark.parametrize("host", ["localhost:9090", "127.0.0.1", "[::1]:9090", "192.168.0.7:9090"])
async def test_addresses_and_localhost_are_hosts_that_nobody_can_rebind(offline: Client, host: str):
    status, _, _ = await offline.request("GET", "/status", headers={"Host": host})
    assert status == 200


async def test_a_configured_key_is_asked_for_everywhere_but_at_health_and_ready(database: str):
    async with services.running(services.test_config(database_url=database, api_key="right-key")) as client:
        assert (await client.get("/health"))[0] == 200
        assert (await client.get("/ready"))[0] == 200
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic right-key"}):
            status, body, answer = await client.request("GET", "/status", headers=headers)
            assert (status, body["code"], answer["WWW-Authenticate"]) == (401, "unauthorized", "Bearer")
        assert (await client.get("/status", headers={"Authorization": "Bearer right-key"}))[0] == 200
