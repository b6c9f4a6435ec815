"""The gateway of the fake Discord: strict about everything that the documentation asks of a client."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import socket
import struct
import sys
import time
import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import WSMsgType, web

from tests.support.discord_world import GUILDS, MESSAGE_CONTENT, Session, World

SENDABLE = {1, 2, 3, 4, 6, 8, 31, 43}
FLUSH = zlib.Z_SYNC_FLUSH


@dataclass
class Connect:
    """One attempt of a client: when, where, what it opened with, and the code with which it closed or answered a
    close.
    """

    at: float
    path: str
    opened: str = ""
    opened_at: float = 0.0
    ready_at: float = 0.0
    client_code: int | None = None
    sends: int = 0
    heartbeats: int = 0
    ended_at: float = 0.0


class Gateway:
    """`plan` decides what happens to the next connections: each entry is a fault that one connection meets, "" for
    none.

    Faults at connect: "503", "hang", "no-hello", "reconnect" (op 7 first), "close:CODE" (right after HELLO), "drop"
    (TCP closed at once).
    Faults at the opening: "invalid" (op 9 false), "invalid-resumable", "resume-close:CODE" (only a RESUME is answered
    so), "no-ready".
    """

    def __init__(self, world: World, url: Callable[[], str]) -> None:
        self._world = world
        self._url = url
        self.plan: deque[str] = deque()
        self.always = ""
        self.connects: list[Connect] = []
        self.sockets: set[Connection] = set()
        self.compressed = 0
        self.shutdown_expected = False
        self.shards = 1
        self.presences: list[dict[str, Any]] = []

    def reset_faults(self) -> None:
        self.plan.clear()
        self.always = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        fault = self.plan.popleft() if self.plan else self.always
        connect = Connect(time.monotonic(), request.path)
        self.connects.append(connect)
        try:
            if fault == "503":
                return web.Response(status=503)
            if fault == "hang":
                await asyncio.sleep(3600)
            if fault == "drop":
                _abort(request, reset=False)
                return web.Response()
            if request.query.get("v") != "10" or request.query.get("encoding") != "json":
                self._world.breach("gateway opened without v=10&encoding=json", request.path_qs)
            if not re.match(r"DiscordBot \(\S+,? \S+\)|.*aiohttp", request.headers.get("User-Agent", "")):
                self._world.breach("gateway opened without a User-Agent")
            return await Connection(self, self._world, connect, fault, request).run()
        finally:
            connect.ended_at = time.monotonic()

    def info(self, remaining: int) -> dict[str, Any]:
        times = self._world.times
        return {
            "url": self._url() + "/gateway",
            "shards": self.shards,
            "session_start_limit": {
                "total": times.start_total,
                "remaining": remaining,
                "reset_after": int(times.start_reset * 1000),
                "max_concurrency": times.max_concurrency,
            },
        }

    def resume_url(self) -> str:
        return self._url() + "/resume"

    async def close(self, code: int | None) -> None:
        """Close every connection with `code`, or without a close frame."""
        for connection in list(self.sockets):
            await connection.end(code)

    def reset(self) -> None:
        """Break every TCP connection."""
        for connection in list(self.sockets):
            connection.abort()

    async def send(self, op: int, data: Any = None) -> None:
        for connection in list(self.sockets):
            await connection.send({"op": op, "d": data, "s": None, "t": None})

    async def send_raw(self, payload: str | bytes, *, framed: bool = False) -> None:
        """Garbage: text goes through the compression like any payload, unless `framed`, then as it is."""
        for connection in list(self.sockets):
            await connection.send_raw(payload, framed=framed)

    def silence(self, *, events: bool) -> None:
        """Silence every present connection."""
        for connection in self.sockets:
            connection.silence(events=events)

    def expire_sessions(self) -> None:
        for session in self._world.sessions.values():
            session.alive = False


class Connection:
    def __init__(self, gateway: Gateway, world: World, connect: Connect, fault: str, request: web.Request) -> None:
        self._gateway = gateway
        self._world = world
        self._connect = connect
        self._fault = fault
        self._request = request
        self._socket = web.WebSocketResponse(timeout=2, max_msg_size=0)
        self._deflate = zlib.compressobj() if request.query.get("compress") == "zlib-stream" else None
        self._outbox: asyncio.Queue[Any] = asyncio.Queue()
        self._sent_at: deque[float] = deque()
        self._session: Session | None = None
        self._last_beat = time.monotonic()
        self._beat_seq: int = -1
        self._closing = False
        self._ended = asyncio.Event()
        self._reading: asyncio.Task[None]
        self.acks = True
        self.mute = False

    @property
    def session(self) -> Session | None:
        return self._session

    async def run(self) -> web.WebSocketResponse:
        await self._socket.prepare(self._request)
        if self._deflate:
            self._gateway.compressed += 1
        tasks = [asyncio.create_task(self._pump()), asyncio.create_task(self._watch())]
        self._gateway.sockets.add(self)
        self._reading = asyncio.create_task(self._read())
        try:
            await asyncio.wait({self._reading})
            if not self._reading.cancelled():
                self._reading.result()
        finally:
            self._reading.cancel()
            self._gateway.sockets.discard(self)
            if self._closing:
                # The close frame must be out before the handler returns, or aiohttp sends one of its own.
                await self._ended.wait()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._left()
        return self._socket

    async def _read(self) -> None:
        await self._greet()
        async for frame in self._socket:
            text = frame.data
            if frame.type is not WSMsgType.TEXT:
                # Not what is documented, but Discord reads it.
                self._world.breach("a frame that is not text")
                text = frame.data.decode("utf-8", "replace")
            await self._received(text)

    async def _greet(self) -> None:
        if self._fault == "no-hello":
            return
        if self._fault == "reconnect":
            await self.send({"op": 7, "d": None, "s": None, "t": None})
            return
        interval = int(self._world.times.heartbeat_interval * 1000)
        await self.send({"op": 10, "d": {"heartbeat_interval": interval}, "s": None, "t": None})
        self._last_beat = time.monotonic()
        if self._fault.startswith("close:"):
            await self.end(int(self._fault[6:]))

    def _left(self) -> None:
        if self._session and self._session.deliver == self.deliver:
            self._session.deliver = None
            self._session.left_at = time.monotonic()
        code = self._socket.close_code
        if self._closing:
            return
        self._connect.client_code = code
        if code in (1000, 1001):
            if not self._gateway.shutdown_expected:
                self._world.breach("closed with 1000 or 1001 although no shutdown", str(code))
            if self._session:
                self._session.alive = False

    async def _received(self, text: str) -> None:
        world = self._world
        now = time.monotonic()
        self._connect.sends += 1
        self._sent_at.append(now)
        while self._sent_at[0] <= now - world.times.send_window:
            self._sent_at.popleft()
        if len(self._sent_at) > world.times.send_limit:
            world.breach("more than 120 sends in 60 s", str(len(self._sent_at)))
            return await self.end(4008)
        if len(text.encode()) > 4096:
            world.breach("a payload over 4096 bytes")
            return await self.end(4002)
        try:
            payload = json.loads(text)
            op, data = payload["op"], payload["d"]
        except (ValueError, KeyError, TypeError):
            world.breach("a payload that cannot be decoded")
            return await self.end(4002)
        if op not in SENDABLE:
            world.breach("an unknown op", str(op))
            return await self.end(4001)
        if op == 1:
            return await self._heartbeat(data)
        if op == 2:
            return await self._identify(data)
        if op == 6:
            return await self._resume(data)
        if self._session is None:
            world.breach("a send before IDENTIFY", str(op))
            return await self.end(4003)
        if op == 3:
            if set(data) != {"since", "activities", "status", "afk"}:
                world.breach("a presence without its four keys", str(sorted(data)))
            self._gateway.presences.append(data)
        return None

    async def _heartbeat(self, data: Any) -> None:
        self._connect.heartbeats += 1
        self._last_beat = time.monotonic()
        # Before RESUME the server cannot know which session a beat speaks of.
        known = self._session.seq if self._session else sys.maxsize
        if data is not None and (not isinstance(data, int) or not self._beat_seq <= data <= known):
            self._world.breach("a heartbeat with a wrong sequence number", f"{data} of {known}")
        if isinstance(data, int) and self._session:
            self._beat_seq = data
        if self.acks:
            await self.send({"op": 11, "d": None, "s": None, "t": None})

    async def _identify(self, data: Any) -> None:
        world = self._world
        self._connect.opened, self._connect.opened_at = "identify", time.monotonic()
        if self._session:
            world.breach("IDENTIFY twice on one connection")
            return await self.end(4005)
        if self._connect.path != "/gateway":
            world.breach("IDENTIFY on the resume url")
        bot = world.bots.get(str(data.get("token", "")))
        if bot is None or bot.revoked:
            return await self.end(4004)
        properties = data.get("properties")
        if not isinstance(properties, dict) or not {"os", "browser", "device"} <= set(properties):
            world.breach("IDENTIFY without properties")
        intents = data.get("intents")
        if not isinstance(intents, int) or intents < 0 or intents >> 26:
            world.breach("IDENTIFY without usable intents")
            return await self.end(4013)
        bot.identifies += 1
        if bot.identifies > world.times.start_remaining:
            world.breach("the daily budget of IDENTIFY is overdrawn")
            bot.revoked = True
            return await self.end(4004)
        if intents & MESSAGE_CONTENT and not bot.content:
            return await self.end(4014)
        shard = tuple(data.get("shard") or (0, 1))
        if len(shard) != 2 or not 0 <= shard[0] < shard[1]:
            world.breach("an invalid shard", str(shard))
            return await self.end(4010)
        bucket = shard[0] % world.times.max_concurrency
        now = time.monotonic()
        if now - bot.identified_at.get(bucket, -1e9) < world.times.identify_gap:
            world.breach("IDENTIFY sooner than 5 s after the last", f"{now - bot.identified_at[bucket]:.3f} s")
            bot.identified_at[bucket] = now
            return await self._invalid(False)
        bot.identified_at[bucket] = now
        if self._fault == "invalid":
            return await self._invalid(False)
        if self._fault == "no-ready":
            return None
        if data.get("presence"):
            self._gateway.presences.append(data["presence"])
        session = Session(secrets.token_hex(8), bot, (shard[0], shard[1]), intents)
        world.sessions[session.id] = session
        self._attach(session)
        guilds = [
            guild for guild in world.guilds.values() if (int(guild["id"]) >> 22) % session.shard[1] == session.shard[0]
        ]
        ready = {
            "v": 10,
            "user": {**bot.user, "mfa_enabled": False, "verified": True, "flags": 0},
            "session_id": session.id,
            "resume_gateway_url": self._gateway.resume_url(),
            "guilds": [{"id": guild["id"], "unavailable": True} for guild in guilds],
            "shard": list(session.shard),
            "application": {"id": bot.id, "flags": 0},
            "private_channels": [],
            "relationships": [],
            "user_settings": {},
        }
        world.dispatch(session, "READY", ready)
        if intents & GUILDS:
            for guild in guilds:
                world.dispatch(session, "GUILD_CREATE", guild)
        self._connect.ready_at = time.monotonic()
        return None

    async def _resume(self, data: Any) -> None:
        world = self._world
        self._connect.opened, self._connect.opened_at = "resume", time.monotonic()
        if self._session:
            world.breach("RESUME twice on one connection")
            return await self.end(4005)
        if self._fault.startswith("resume-close:"):
            return await self.end(int(self._fault[13:]))
        if self._fault in ("invalid", "invalid-resumable"):
            return await self._invalid(self._fault == "invalid-resumable")
        if self._fault == "no-ready":
            return None
        session = world.sessions.get(str(data.get("session_id")))
        if session is None or not session.alive or session.bot.token != data.get("token"):
            return await self._invalid(False)
        if session.left_at and not session.deliver and time.monotonic() - session.left_at > world.times.session_life:
            session.alive = False
            return await self._invalid(False)
        seq = data.get("seq")
        if not isinstance(seq, int) or seq > session.seq:
            session.alive = False
            return await self.end(4007)
        self._attach(session)
        self._beat_seq = seq
        for number, name, event in session.events:
            if number > seq:
                self.deliver(number, name, event)
        world.dispatch(session, "RESUMED", {"_trace": []})
        self._connect.ready_at = time.monotonic()
        return None

    def _attach(self, session: Session) -> None:
        self._session = session
        session.deliver = self.deliver

    async def _invalid(self, resumable: bool) -> None:
        await self.send({"op": 9, "d": resumable, "s": None, "t": None})

    def deliver(self, seq: int, name: str, data: Any) -> None:
        self._outbox.put_nowait({"op": 0, "s": seq, "t": name, "d": data})

    async def send(self, payload: dict[str, Any]) -> None:
        await self._outbox.put(payload)

    async def send_raw(self, payload: str | bytes, *, framed: bool) -> None:
        await self._outbox.put((payload, framed))

    async def _pump(self) -> None:
        while True:
            item = await self._outbox.get()
            try:
                if not self.mute and not self._socket.closed:
                    await self._transmit(item)
            except (ConnectionError, RuntimeError):
                self.mute = True
            finally:
                self._outbox.task_done()

    async def _transmit(self, item: Any) -> None:
        if item is None:
            return
        if isinstance(item, tuple):
            payload, framed = item
            if framed:
                await (self._socket.send_str(payload) if isinstance(payload, str) else self._socket.send_bytes(payload))
                return
            text = payload if isinstance(payload, bytes) else payload.encode()
        else:
            text = json.dumps(item, separators=(",", ":")).encode()
        if self._deflate is None:
            await self._socket.send_str(text.decode("utf-8", "replace"))
        else:
            await self._socket.send_bytes(self._deflate.compress(text) + self._deflate.flush(FLUSH))

    async def _watch(self) -> None:
        times = self._world.times
        while True:
            looked = time.monotonic()
            await asyncio.sleep(times.heartbeat_interval / 4)
            # A beat that came while this loop itself was held up lies unread: that time is not the client's.
            self._last_beat += max(0.0, time.monotonic() - looked - times.heartbeat_interval / 4)
            if time.monotonic() - self._last_beat > times.heartbeat_interval + times.heartbeat_tolerance:
                if not self.mute:  # a zombie ends nothing: the client has to notice
                    self._world.breach("a heartbeat is late", f"{time.monotonic() - self._last_beat:.2f} s")
                    await self.end(4000)
                return

    def silence(self, *, events: bool) -> None:
        """From now on acknowledge no heartbeat; without `events` send nothing at all."""
        self.acks, self.mute = False, not events

    async def cut(self, how: str) -> None:
        """End it by a close code, "none" (no code), "reset", "op 7", "op 9 true" or "op 9 false"."""
        if how == "reset":
            self.abort()
        elif how.startswith("op"):
            op, data = (7, None) if how == "op 7" else (9, how == "op 9 true")
            await self.send({"op": op, "d": data, "s": None, "t": None})
        else:
            await self.end(None if how == "none" else int(how))

    async def end(self, code: int | None) -> None:
        if self._closing:
            return
        self._closing = True
        if not self.mute:
            await self._outbox.join()
        try:
            if self._reading is not asyncio.current_task():
                # aiohttp tells the code of the peer's answer only to a close that nobody disturbs by reading.
                self._reading.cancel()
                await asyncio.wait({self._reading})
            if code is None:
                _abort(self._request, reset=False)
            else:
                await self._socket.close(code=code)
                self._connect.client_code = self._socket.close_code
        finally:
            self._ended.set()

    def abort(self) -> None:
        self._closing = True
        self._ended.set()
        _abort(self._request, reset=True)


def _abort(request: web.Request, *, reset: bool) -> None:
    transport = request.transport
    if transport is None:
        return
    if reset:
        raw = transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    else:
        transport.close()
