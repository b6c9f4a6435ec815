"""How long to wait for the next piece of a body, without setting a clock for each."""

from __future__ import annotations

import asyncio

import aiohttp


class Patience:
    """Reads a body whose pieces come in time. Its timer is set anew only when it goes off, twice or so in an answer: a
    timer for each piece costs more than reading it.
    """

    def __init__(self, content: aiohttp.StreamReader) -> None:
        self._content = content
        self._loop = asyncio.get_running_loop()
        self._limit = 0.0
        self._waiting = False
        self._timer: asyncio.TimerHandle | None = None

    async def read(self, limit: float) -> bytes:
        """What has come, or comes next; empty at the end of the body.

        Raises TimeoutError when nothing has come at `limit` (loop time); the body is of no use afterwards.
        """
        self._limit = limit
        if self._timer is None or limit < self._timer.when():
            self._set()
        self._waiting = True
        try:
            return await self._content.readany()
        finally:
            self._waiting = False

    def end(self) -> None:
        if self._timer:
            self._timer.cancel()

    def _set(self) -> None:
        self.end()
        self._timer = self._loop.call_at(self._limit, self._go_off)

    def _go_off(self) -> None:
        self._timer = None
        if not self._waiting:
            return
        if self._loop.time() < self._limit:
            self._set()
        else:
            self._content.set_exception(TimeoutError("nothing came"))
