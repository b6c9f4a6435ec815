"""A TCP door to a PostgreSQL that listens on a Unix socket; it can be shut and opened again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import parse_qs, urlsplit


class TCPProxy:
    """`cut()` breaks every connection and refuses new ones, as a database that has gone; `mend()` brings it back."""

    def __init__(self, dsn: str) -> None:
        parts = urlsplit(dsn)
        place = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self._socket = f"{place['host']}/.s.PGSQL.{place.get('port', '5432')}"
        self._parts = parts
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    @property
    def dsn(self) -> str:
        """The database by way of this door."""
        login = self._parts.netloc.rpartition("@")[0]
        return self._parts._replace(netloc=f"{login}@127.0.0.1:{self.port}", query="").geturl()

    async def mend(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        if self._server:
            self._server.close()
            self._server = None
        for writer in list(self._open):
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            behind, before = await asyncio.open_unix_connection(self._socket)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, before}
        try:
            await asyncio.gather(_pump(reader, before), _pump(behind, writer))
        finally:
            self._open -= {writer, before}
            writer.transport.abort()
            before.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()


@asynccontextmanager
async def door(dsn: str) -> AsyncIterator[TCPProxy]:
    proxy = TCPProxy(dsn)
    await proxy.mend()
    try:
        yield proxy
    finally:
        await proxy.cut()
