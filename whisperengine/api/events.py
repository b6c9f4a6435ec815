"""An answer as server-sent events, bound to a listener who may be slow or may go away."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

from aiohttp import web

from whisperengine.api.context import CONTEXT, RATE, REQUEST_ID, stopping
from whisperengine.api.doors import SECURITY_HEADERS, cors_headers
from whisperengine.errors import WhisperEngineError

KEEP_ALIVE_SECONDS = 15.0
LOOK_SECONDS = 0.5
WRITE_SECONDS = 30.0
"""Longest that a listener may leave what was written unread; the model waits with it."""
BUFFER_BYTES = 16_384
"""Unread bytes beyond which writing waits."""

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
"""Made once: json.dumps with options of its own makes an encoder for each word."""

T = TypeVar("T")


class ListenerGone(ConnectionError):
    """Nobody reads any more."""


class EventStream:
    """Nothing is sent before the first event, so that what fails until then can fail as a plain answer.

    During a silence of 15 seconds a comment is sent: proxies close connections that say nothing for long.
    """

    def __init__(self, request: web.Request) -> None:
        self._request = request
        self._quiet_since = asyncio.get_running_loop().time()
        self.response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream",
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",
                **SECURITY_HEADERS,
                "X-Request-Id": request[REQUEST_ID],
                **cors_headers(request),
            }
        )

    @property
    def begun(self) -> bool:
        return self.response.prepared

    async def send(self, data: Mapping[str, Any] | str, name: str = "") -> None:
        """One event. Raises ListenerGone when the listener has gone or reads nothing for 30 seconds."""
        text = data if isinstance(data, str) else _encode(data)
        await self._write((f"event: {name}\n" if name else "") + f"data: {text}\n\n")

    async def _write(self, text: str) -> None:
        self._quiet_since = asyncio.get_running_loop().time()
        transport = self._request.transport
        if transport is None or transport.is_closing():
            raise ListenerGone
        try:
            if self.response.prepared and transport.get_write_buffer_size() == 0:
                # Nothing to wait for, so no clock to set: ten thousand words a second come by here.
                await self.response.write(text.encode("utf-8", "replace"))
                return
            async with asyncio.timeout(WRITE_SECONDS):
                if not self.response.prepared:
                    self._bound(transport)
                    self.response.headers.update(self._request.get(RATE, {}))
                    await self.response.prepare(self._request)
                await self.response.write(text.encode("utf-8", "replace"))
        except TimeoutError:
            transport.abort()
            raise ListenerGone from None
        except ConnectionError:
            raise ListenerGone from None

    def _bound(self, transport: asyncio.Transport) -> None:
        """Keep little for a slow reader, here and in the kernel, which else takes megabytes before anybody waits."""
        transport.set_write_buffer_limits(high=BUFFER_BYTES)
        connection = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)

    async def during(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`, which may `send`; cancels it and raises ListenerGone when the listener goes away."""
        task = asyncio.ensure_future(work)
        watch = asyncio.ensure_future(self._watch())
        try:
            try:
                await asyncio.wait({task, watch}, return_when=asyncio.FIRST_COMPLETED)
            except asyncio.CancelledError:
                own = asyncio.current_task()
                if not self._request.app[CONTEXT].ending or own is None:
                    raise
                own.uncancel()
                raise stopping() from None
            if not task.done():
                raise ListenerGone
            try:
                return task.result()
            except WhisperEngineError as error:
                if self.begun and error.status >= 500:
                    # It leaves as an event, not as an answer that is counted.
                    self._request.app[CONTEXT].counters.failed(error)
                raise
        finally:
            for each in (task, watch):
                each.cancel()
            # What was said until now is being stored; nothing is left running behind an answer.
            await asyncio.wait({task, watch})
            with contextlib.suppress(BaseException):
                task.exception()

    async def _watch(self) -> None:
        """Ends when the listener has gone."""
        loop = asyncio.get_running_loop()
        while (transport := self._request.transport) is not None and not transport.is_closing():
            await asyncio.sleep(LOOK_SECONDS)
            if loop.time() - self._quiet_since >= KEEP_ALIVE_SECONDS:
                try:
                    await self._write(": still here\n\n")
                except ListenerGone:
                    return

    async def end(self) -> web.StreamResponse:
        with contextlib.suppress(ConnectionError):
            await self.response.write_eof()
        return self.response

    def left(self) -> web.StreamResponse:
        """What a handler returns when the listener has gone; nobody reads it."""
        return self.response if self.begun else web.Response(status=499)
