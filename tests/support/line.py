"""A line between the service and what it needs, over which every byte goes, and all that can happen to a line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import parse_qs, urlsplit

GARBAGE = b"\xff"
PIECE = 65_536


class Line:
    """`target` is a Unix socket's path or a host and port. Each kind of trouble lasts until it is taken back."""

    def __init__(self, target: str | tuple[str, int]) -> None:
        self._target = target
        self._open: set[_Carried] = set()
        self._carrying: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._flowing = asyncio.Event()
        self._flowing.set()
        self.port = 0
        self.delay = 0.0
        """Seconds that each piece waits."""
        self.piece = PIECE
        """Most bytes that go on at once."""
        self.garbled = 0
        """So many of the coming answers are replaced by garbage of the same length."""

    async def mend(self) -> None:
        """Take new connections."""
        if self._server is None:
            self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Break what is open and refuse what is new."""
        if self._server:
            self._server.close()
            self._server = None
        self.break_all()

    def break_all(self) -> None:
        """Break what is open."""
        for carried in list(self._open):
            carried.abort()

    def freeze(self) -> None:
        """Nothing arrives, and nobody is told."""
        self._flowing.clear()

    def thaw(self) -> None:
        self._flowing.set()

    def lose_all(self) -> None:
        """What is open stays open for both ends, and nothing ever arrives over it: a firewall has forgotten it."""
        for carried in self._open:
            carried.lost = True

    async def ended(self) -> None:
        """All that was cut has gone, down to its sockets."""
        if self._carrying:
            await asyncio.wait(self._carrying)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._carrying.add(task)
        task.add_done_callback(self._carrying.discard)
        try:
            if isinstance(self._target, str):
                behind, before = await asyncio.open_unix_connection(self._target)
            else:
                behind, before = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        carried = _Carried(writer, before)
        self._open.add(carried)
        try:
            await asyncio.gather(
                self._pump(carried, reader, before, False),
                self._pump(carried, behind, writer, True),
            )
        finally:
            self._open.discard(carried)
            await carried.closed()

    async def _pump(
        self, carried: _Carried, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answers: bool
    ) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(self.piece):
                await self._flowing.wait()
                if self.delay:
                    await asyncio.sleep(self.delay)
                if carried.lost:
                    continue
                if answers and self.garbled:
                    self.garbled -= 1
                    data = GARBAGE * len(data)
                writer.write(data)
                await writer.drain()
        carried.abort()


class _Carried:
    """One connection: its two ends."""

    def __init__(self, *ends: asyncio.StreamWriter) -> None:
        self._ends = ends
        self.lost = False

    def abort(self) -> None:
        for end in self._ends:
            end.transport.abort()

    async def closed(self) -> None:
        self.abort()
        for end in self._ends:
            with suppress(ConnectionError):
                await end.wait_closed()


def socket_of(dsn: str) -> str:
    """The Unix socket that a DSN of the embedded PostgreSQL names."""
    place = {name: values[0] for name, values in parse_qs(urlsplit(dsn).query).items()}
    return f"{place['host']}/.s.PGSQL.{place.get('port', '5432')}"


def by_way_of(dsn: str, line: Line) -> str:
    """The same database by way of the line."""
    parts = urlsplit(dsn)
    login = parts.netloc.rpartition("@")[0]
    return parts._replace(netloc=f"{login}@127.0.0.1:{line.port}", query="").geturl()


@asynccontextmanager
async def line_to(target: str | tuple[str, int]) -> AsyncIterator[Line]:
    line = Line(target)
    await line.mend()
    try:
        yield line
    finally:
        line.thaw()
        await line.cut()
        await line.ended()
