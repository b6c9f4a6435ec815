"""The fake Discord itself: the most used client must find it a Discord, and no fault in it must go unrecorded."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.support.discord_server import DiscordServer
from tests.support.discord_world import Times


@pytest.fixture
async def server() -> AsyncIterator[DiscordServer]:
    times = Times(identify_gap=5.0, heartbeat_interval=0.5, heartbeat_tolerance=0.5)
    async with DiscordServer(times, house_rules=False) as server:
        yield server


async def test_discord_py_connects_reads_answers_and_resumes(server: DiscordServer) -> None:
    server.world.add_bot("token", "LibraryBot")
    _, (channel,) = server.world.add_guild("Reef")
    anna = server.world.add_user("Anna")
    gateway = f"ws://127.0.0.1:{server.port}/gateway"
    arguments = ("-m", "tests.support.discord_py_client", "--base", server.base, "--gateway", gateway)
    running = await asyncio.create_subprocess_exec(sys.executable, *arguments, stderr=asyncio.subprocess.DEVNULL)
    try:
        await server.until(lambda: server.gateway.connects and server.gateway.connects[-1].ready_at, 30)
        server.world.say(channel, anna, "hello")
        await server.until(lambda: len(server.world.posted()) == 1)
        await server.until(lambda: server.gateway.connects[0].heartbeats >= 2)
        await server.gateway.close(4000)
        server.world.say(channel, anna, "meanwhile")
        await server.until(lambda: len(server.world.posted()) == 2, 20)
        await server.gateway.send(7)
        server.world.say(channel, anna, "again")
        await server.until(lambda: len(server.world.posted()) == 3, 20)
        assert server.breaches == []
    finally:
        if running.returncode is None:
            running.kill()
        await running.wait()
    assert [connect.opened for connect in server.gateway.connects] == ["identify", "resume", "resume"]
    assert server.world.typing
    assert [message["content"] for message in server.world.posted()] == ["echo hello", "echo meanwhile", "echo again"]


class Raw:
    """A client that does what it should not."""

    def __init__(self, http: aiohttp.ClientSession, server: DiscordServer) -> None:
        self._http = http
        self._server = server
        self.received: list[dict[str, Any]] = []

    async def open(self, path: str = "/gateway", query: str = "v=10&encoding=json") -> aiohttp.ClientWebSocketResponse:
        headers = {"User-Agent": "DiscordBot (x, 1)"}
        url = f"ws://127.0.0.1:{self._server.port}{path}?{query}"
        return await self._http.ws_connect(url, headers=headers)

    def identify(self, **changes: Any) -> dict[str, Any]:
        properties = {"os": "x", "browser": "x", "device": "x"}
        return {"op": 2, "d": {"token": "token", "intents": 513, "properties": properties, **changes}}


@pytest.fixture
async def raw(server: DiscordServer) -> AsyncIterator[Raw]:
    server.world.add_bot("token", "Rude")
    async with aiohttp.ClientSession() as http:
        yield Raw(http, server)


async def closed_with(socket: aiohttp.ClientWebSocketResponse) -> int | None:
    async for _ in socket:
        continue
    return socket.close_code


@pytest.mark.parametrize(
    ("payloads", "code", "breach"),
    [
        ([{"op": 3, "d": {}}], 4003, "a send before IDENTIFY"),
        ([{"op": 77, "d": {}}], 4001, "an unknown op 77"),
        (["{"], 4002, "cannot be decoded"),
        ([{"op": 1, "d": "x" * 5000}], 4002, "over 4096 bytes"),
        (["identify", {"op": 1, "d": 12}], None, "wrong sequence number"),
        (["identify", "identify"], 4005, "IDENTIFY twice"),
        (["identify", {"op": 3, "d": {"status": "online"}}], None, "without its four keys"),
        ([{"op": 1, "d": None}] * 121, 4008, "more than 120 sends"),
    ],
)
async def test_breaches_on_the_gateway_are_recorded(
    server: DiscordServer, raw: Raw, payloads: list[Any], code: int | None, breach: str
) -> None:
    socket = await raw.open()
    for payload in payloads:
        given = raw.identify() if payload == "identify" else payload
        await socket.send_str(given if isinstance(given, str) else json.dumps(given))
    if code is None:
        await server.until(lambda: server.breaches)
        await socket.close(code=4000)
    else:
        assert await closed_with(socket) == code
    assert any(breach in recorded for recorded in server.breaches)


@pytest.mark.parametrize(
    ("path", "query", "changes", "breach"),
    [
        ("/resume", "v=10&encoding=json", {}, "IDENTIFY on the resume url"),
        ("/gateway", "v=9&encoding=json", {}, "without v=10"),
        ("/gateway", "v=10&encoding=json", {"properties": {}}, "without properties"),
        ("/gateway", "v=10&encoding=json", {"intents": "all"}, "without usable intents"),
        ("/gateway", "v=10&encoding=json", {"shard": [3, 2]}, "an invalid shard"),
    ],
)
async def test_faulty_openings_are_recorded(
    server: DiscordServer, raw: Raw, path: str, query: str, changes: dict[str, Any], breach: str
) -> None:
    socket = await raw.open(path, query)
    await socket.send_json(raw.identify(**changes))
    await server.until(lambda: server.breaches)
    await socket.close(code=4000)
    assert breach in server.breaches[0]


async def test_identifies_that_follow_too_closely_and_closes_with_1000_are_recorded(
    server: DiscordServer, raw: Raw
) -> None:
    for _ in range(2):
        socket = await raw.open()
        await socket.send_json(raw.identify())
        await socket.receive()
        await socket.receive()
        await socket.close(code=1000)
    await server.until(lambda: len(server.breaches) == 3)
    assert sorted(breach.split(" 0.")[0] for breach in server.breaches) == [
        "IDENTIFY sooner than 5 s after the last",
        *["closed with 1000 or 1001 although no shutdown 1000"] * 2,
    ]


async def test_missing_heartbeats_are_recorded(server: DiscordServer, raw: Raw) -> None:
    socket = await raw.open()
    assert await closed_with(socket) == 4000
    assert "a heartbeat is late" in server.breaches[0]


async def test_breaches_of_rest_are_recorded(server: DiscordServer, raw: Raw) -> None:
    server.rest._house_rules = True
    _, (channel,) = server.world.add_guild("Reef")
    url = f"{server.base}/channels/{channel}/messages"
    good = {"Authorization": "Bot token", "User-Agent": "DiscordBot (x, 1)"}
    plain = {"content": "x", "nonce": "1", "enforce_nonce": True, "allowed_mentions": {"parse": []}}
    wrong: list[tuple[dict[str, str], dict[str, Any], int, str]] = [
        ({**good, "User-Agent": "curl"}, plain, 200, "User-Agent"),
        (good, {**plain, "content": "x" * 2001}, 400, "over 2,000 characters"),
        (good, {**plain, "content": " "}, 400, "an empty message"),
        (good, {**plain, "allowed_mentions": None}, 200, "may ping people"),
        (good, {**plain, "nonce": None}, 200, "without nonce"),
        (good, plain, 429, "into a known limit"),
    ]
    async with aiohttp.ClientSession() as http:
        for number, (headers, body, status, breach) in enumerate(wrong, 1):
            async with http.post(url, headers=headers, json=body) as response:
                assert response.status == status
            assert len(server.breaches) == number
            assert breach in server.breaches[-1]


async def test_the_server_runs_as_a_process_and_takes_orders() -> None:
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.discord_server", "--port", "0", stdout=asyncio.subprocess.PIPE
    )
    try:
        assert running.stdout is not None
        where = json.loads(await running.stdout.readline())
        async with aiohttp.ClientSession() as http:

            async def order(do: str, on: str = "world", **arguments: Any) -> Any:
                async with http.post(
                    where["control"] + "/run", json={"on": on, "do": do, "with": arguments}
                ) as response:
                    return await response.json()

            _, (channel,) = await order("add_guild", name="Reef")
            anna = await order("add_user", name="Anna")
            message = await order("say", channel_id=channel, user=anna, content="hello")
            assert int(message) >> 22 <= int(time.time() * 1000)
            await order("fail", on="rest", method="POST", path="/messages$", kind="502")
            await order("set", on="gateway", always="503")
            async with http.get(where["control"] + "/report") as response:
                assert (await response.json())["breaches"] == []
    finally:
        running.terminate()
        await running.wait()
