"""One connection to the gateway."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer

from tests.support.discord_client import QUICK
from whisperengine.discord.link import IDENTIFY, Hooks, Link
from whisperengine.discord.session import How
from whisperengine.discord.transport import client_session


async def identify() -> tuple[int, dict[str, Any]]:
    return IDENTIFY, {}


# A connection whose shard does nothing.
SILENT = Hooks(
    greeted=lambda: None,
    opening=identify,
    dispatch=lambda name, data, seq: False,
    sequence=lambda: None,
    presence=lambda: None,
    latency=lambda seconds: None,
)


async def test_the_answer_to_a_close_is_waited_for_before_the_connection_goes() -> None:
    """A connection that is dropped with something unread in it is reset, and the close that said 1000 may be lost."""
    seen: list[tuple[Any, bool]] = []

    async def gateway(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(autoclose=False)
        await socket.prepare(request)
        await socket.send_json({"op": 10, "d": {"heartbeat_interval": 45_000}})
        greeted.set()
        while (frame := await socket.receive()).type is WSMsgType.TEXT:
            pass
        await asyncio.sleep(0.1)
        seen.append((frame.data, request.transport is None or request.transport.is_closing()))
        await socket.close(code=frame.data)
        return socket

    greeted = asyncio.Event()
    app = web.Application()
    app.router.add_get("/", gateway)
    async with TestServer(app) as server, client_session() as http:
        socket = await http.ws_connect(server.make_url("/"), autoclose=False)
        stop: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        link = asyncio.create_task(Link(socket, SILENT, QUICK, lambda: 0.5).run(stop, 10))
        await greeted.wait()
        stop.set_result(1000)
        assert (await link).how is How.STOPPED
    assert seen == [(1000, False)]
