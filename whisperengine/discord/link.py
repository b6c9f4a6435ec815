"""One websocket connection to the gateway, from its opening to its only close.

Reading, beating and sending are tasks that may each find a reason to end the connection; they say so by `_finish`.
Only `run` closes the socket: when two tasks close one aiohttp socket, the wrong code goes out first.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp

from whisperengine.discord.inflate import Inflater, Undecodable
from whisperengine.discord.pace import Heartbeat, SlidingLog, Timing, send_limiter
from whisperengine.discord.problems import DiscordError
from whisperengine.discord.session import Ending, How

log = logging.getLogger(__name__)

DISPATCH, HEARTBEAT, IDENTIFY, PRESENCE, RESUME = 0, 1, 2, 3, 6
RECONNECT, INVALID_SESSION, HELLO, HEARTBEAT_ACK = 7, 9, 10, 11

MAX_SEND = 4096
KEEP_SESSION = 4000
END_SESSION = 1000
# How long the peer may take to answer a close: none when it is known to be deaf.
CLOSE_GRACE = 1.0
DEAF_GRACE = 0.2
PRESENCE_GAP = 4.0


@dataclass(frozen=True, slots=True)
class Hooks:
    """What a connection asks of its shard: what to send first, and who takes what comes.

    `opening` returns (op, d) of IDENTIFY or RESUME when it may be sent; `dispatch` takes (t, d, s) and returns True
    when the session stands.
    """

    greeted: Callable[[], None]
    opening: Callable[[], Awaitable[tuple[int, dict[str, Any]]]]
    dispatch: Callable[[str, Any, int | None], bool]
    sequence: Callable[[], int | None]
    presence: Callable[[], dict[str, Any] | None]
    latency: Callable[[float], None]


class Link:
    def __init__(
        self, socket: aiohttp.ClientWebSocketResponse, hooks: Hooks, timing: Timing, chance: Callable[[], float]
    ) -> None:
        self._socket = socket
        self._hooks = hooks
        self._timing = timing
        self._chance = chance
        self._end: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._tasks: list[asyncio.Task[None]] = []
        self._heartbeat: Heartbeat | None = None
        self._limiter: SlidingLog | None = None
        self._asked = asyncio.Event()
        self._presence_changed = asyncio.Event()
        self._order = asyncio.Lock()
        self._deadline: asyncio.TimerHandle | None = None
        self._oddities = 0
        self.settled = False

    async def run(self, stop: asyncio.Future[int], hello_within: float) -> Ending:
        """Serve the connection until it ends or `stop` is set (its result is the close code). Closes the socket."""
        self._expect(hello_within, Ending(How.UNREACHABLE))
        self._start(self._read())
        try:
            await asyncio.wait({self._end, stop}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if self._deadline:
                self._deadline.cancel()
            self._finish(Ending(How.STOPPED))
            reading, *others = self._tasks
            await _cancelled(others)
            # The reader goes last. Were it cancelled before, aiohttp would drop the connection without waiting for the
            # answer to the close, and with something unread in it the close itself may never arrive.
            await self._close(stop)
            await _cancelled([reading])
        return self._end.result() if self._end.done() and not stop.done() else Ending(How.STOPPED)

    async def send(self, op: int, data: Any) -> None:
        """Send when the limit of the connection allows it, in the order of the calls. Raises DiscordError."""
        text = json.dumps({"op": op, "d": data}, ensure_ascii=False, separators=(",", ":"))
        if len(text.encode()) > MAX_SEND:
            raise DiscordError(
                f"A gateway payload (op {op}) is larger than {MAX_SEND} bytes. Shorten the presence of the character."
            )
        async with self._order:
            # Beats sent meanwhile take places too, so one wait may not be enough.
            while self._limiter and (delay := self._limiter.delay(time.monotonic())):  # noqa: ASYNC110
                await asyncio.sleep(delay)
            await self._write(text)

    def leave(self) -> None:
        """Give the connection up for another one."""
        self._finish(Ending(How.RECONNECT))

    def presence_changed(self) -> None:
        self._presence_changed.set()

    async def _close(self, stop: asyncio.Future[int]) -> None:
        code = stop.result() if stop.done() and not stop.cancelled() else KEEP_SESSION
        deaf = self._end.done() and self._end.result().how in (How.ZOMBIE, How.UNREACHABLE)
        # The timeout cancels aiohttp's wait for the peer's answer, and aiohttp then drops the transport.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DEAF_GRACE if deaf else CLOSE_GRACE):
                await self._socket.close(code=code)

    def _finish(self, ending: Ending) -> None:
        if not self._end.done():
            self._end.set_result(ending)

    def _expect(self, seconds: float, otherwise: Ending) -> None:
        if self._deadline:
            self._deadline.cancel()
        self._deadline = asyncio.get_running_loop().call_later(seconds, self._finish, otherwise)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or (error := task.exception()) is None:
            return
        if not isinstance(error, DiscordError):
            log.error("discord.gateway: the connection failed on our side", exc_info=error)
        self._finish(Ending(How.CLOSED))

    async def _read(self) -> None:
        inflater = Inflater()
        while not self._end.done():
            frame = await self._socket.receive()
            if self._end.done():
                return
            try:
                if frame.type is aiohttp.WSMsgType.BINARY:
                    payload = inflater.feed(frame.data)
                    if payload is None:
                        continue
                elif frame.type is aiohttp.WSMsgType.TEXT:
                    payload = frame.data
                elif frame.type is aiohttp.WSMsgType.CLOSE:
                    self._finish(Ending(How.CLOSED, frame.data or None))
                    return
                else:
                    self._finish(Ending(How.CLOSED))
                    return
                message = json.loads(payload)
            except (Undecodable, ValueError, RecursionError) as error:
                log.warning("discord.gateway: a payload could not be decoded (%s)", type(error).__name__)
                self._finish(Ending(How.GARBLED))
                return
            self._receive(message)

    def _receive(self, message: Any) -> None:
        if not isinstance(message, dict):
            self._odd("no object")
            return
        op, data = message.get("op"), message.get("d")
        if op == DISPATCH:
            seq, name = message.get("s"), message.get("t")
            seq = seq if isinstance(seq, int) and not isinstance(seq, bool) and seq >= 0 else None
            if not isinstance(name, str):
                self._odd("a dispatch without a name")
                return
            if self._hooks.dispatch(name, data, seq) and not self.settled:
                self.settled = True
                if self._deadline:
                    self._deadline.cancel()
            return
        if op == HEARTBEAT_ACK:
            if self._heartbeat:
                self._heartbeat.acknowledged(time.monotonic())
                if self._heartbeat.latency is not None:
                    self._hooks.latency(self._heartbeat.latency)
            return
        if op == HEARTBEAT:
            self._asked.set()
            return
        if op == RECONNECT:
            self._finish(Ending(How.RECONNECT))
            return
        if op == INVALID_SESSION:
            self._finish(Ending(How.INVALID, resumable=data is not False))
            return
        if op == HELLO:
            self._hello(data)
            return
        self._odd("an unknown op")
        return

    def _hello(self, data: Any) -> None:
        interval = data.get("heartbeat_interval") if isinstance(data, dict) else None
        if isinstance(interval, bool) or not isinstance(interval, int | float) or not 0 < interval <= 3_600_000:
            log.warning("discord.gateway: HELLO without a usable heartbeat interval")
            self._finish(Ending(How.GARBLED))
            return
        if self._heartbeat:
            self._odd("a second HELLO")
            return
        if self._deadline:
            self._deadline.cancel()
        self._heartbeat = Heartbeat(interval / 1000, time.monotonic(), self._chance())
        self._limiter = send_limiter(interval / 1000)
        self._hooks.greeted()
        self._start(self._beat(self._heartbeat, self._limiter))
        self._start(self._open())
        return

    async def _open(self) -> None:
        try:
            op, data = await self._hooks.opening()
        except DiscordError as error:
            log.warning("discord.gateway: not identified: %s", error)
            self._finish(Ending(How.UNREADY))
            return
        self._expect(self._timing.ready, Ending(How.UNREADY))
        await self.send(op, data)
        await self._announce()

    async def _announce(self) -> None:
        while True:
            await self._presence_changed.wait()
            self._presence_changed.clear()
            # Only the last presence counts; Discord drops changes that follow too closely.
            if self.settled and (presence := self._hooks.presence()):
                await self.send(PRESENCE, presence)
                await asyncio.sleep(PRESENCE_GAP)

    async def _beat(self, heartbeat: Heartbeat, limiter: SlidingLog) -> None:
        while True:
            wait = heartbeat.next_at - time.monotonic()
            if wait > 0:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._asked.wait()
            now = time.monotonic()
            if self._asked.is_set():
                self._asked.clear()
                # A server that asks without end must not make us break its own limit.
                if limiter.delay(now, urgent=True):
                    continue
                heartbeat.asked(now)
            elif now < heartbeat.next_at:
                continue
            elif not heartbeat.due(now):
                self._finish(Ending(How.ZOMBIE))
                return
            await self._write(json.dumps({"op": HEARTBEAT, "d": self._hooks.sequence()}))

    async def _write(self, text: str) -> None:
        if self._limiter:
            self._limiter.record(time.monotonic())
        try:
            await self._socket.send_str(text)
        except (aiohttp.ClientError, ConnectionError) as error:
            self._finish(Ending(How.CLOSED))
            raise DiscordError("The connection to Discord broke. It is being restored; nothing to do.") from error

    def _odd(self, what: str) -> None:
        self._oddities += 1
        if self._oddities in (1, 10, 100, 1000):
            log.warning("discord.gateway: ignored %s (%d oddities on this connection)", what, self._oddities)


async def _cancelled(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
