"""A service with everything that it needs, people who talk to it, and hands on every part."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import psutil

from tests.faults.invariants import broken, settled
from tests.faults.model import Model
from tests.faults.people import Person
from tests.support.line import Line, by_way_of, line_to, socket_of
from tests.support.llm_stub import LLMStub
from tests.support.service import Process
from whisperengine.db import migrate
from whisperengine.db.embedded import EmbeddedPostgres

DISK_BYTES = 400 << 20
TIMEOUT = 5.0
"""Seconds that the service gives the model for an answer."""


@dataclass
class World:
    """`database` is the line to a PostgreSQL of our own; None where the service runs its own. `disk` says that the
    home is a small file system of its own, which can be filled.
    """

    home: Path
    random: random.Random
    model: Model
    model_line: Line
    session: aiohttp.ClientSession
    service: Process
    dsn: str
    database: Line | None
    postgres: EmbeddedPostgres | None
    disk: bool
    people: list[Person] = field(default_factory=list)
    _over: asyncio.Event = field(default_factory=asyncio.Event)
    _talks: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def kind(self) -> str:
        return "own" if self.database is None else "apart"

    def url(self) -> str:
        return self.service.url

    @property
    def postmaster(self) -> int:
        """Process id of PostgreSQL's first process."""
        root = self.home / ("postgres" if self.postgres is None else "db/postgres")
        return int((root / "data/postmaster.pid").read_text().split()[0])

    def backends(self) -> list[int]:
        """Process ids of PostgreSQL's processes that serve the service."""
        with suppress(psutil.NoSuchProcess):
            children = psutil.Process(self.postmaster).children()
            return [each.pid for each in children if "postgres: postgres" in " ".join(each.cmdline())]
        return []

    def start_talking(self) -> None:
        self._talks = [asyncio.create_task(each.talk(self.session, self.url, self._over)) for each in self.people]

    async def stop_talking(self) -> None:
        """Everybody's last turn is answered first."""
        self._over.set()
        await asyncio.gather(*self._talks)

    async def all_served(self, since: float, limit: float) -> float | None:
        """Seconds from `since` until each person was given an answer to something said after it; None past `limit`."""
        while time.monotonic() < since + limit:
            if all(person.served > since for person in self.people):
                return time.monotonic() - since
            for talk in self._talks:
                if talk.done():
                    talk.result()
            await asyncio.sleep(0.02)
        return None

    async def broken(self) -> list[str]:
        """Sentences about what should be true and is not."""
        mixed, self.model.mixed = self.model.mixed, []
        found = [f"a prompt showed the words of {marks} together" for marks in mixed]
        internal = sum(person.refusals.pop("internal_error", 0) for person in self.people)
        if internal:
            found.append(f"{internal} requests ended as internal_error")
        return [*found, *await broken(self.dsn, self.people)]

    async def settled(self) -> list[str]:
        """What is left undone, after a time, when nobody talks any more."""
        self.model.errors.clear()
        return [*await settled(self.dsn), *await self.broken()]

    async def start_postgres(self) -> None:
        """What a supervisor does when PostgreSQL has been killed."""
        assert self.postgres
        while self.postgres.alive:  # noqa: ASYNC110 (a process that ends sets no event here)
            await asyncio.sleep(0.01)
        await asyncio.to_thread(self.postgres.start, 300)

    async def start_again(self) -> None:
        """What a supervisor does when the service's process has ended."""
        await self.service.start()


@asynccontextmanager
async def world(home: Path, seed: int, *, people: int, apart: bool) -> AsyncIterator[World]:
    """`apart`: with PostgreSQL as another program, reached by a line. Otherwise the service runs its own, on a small
    file system where this user may make one.
    """
    home.mkdir()
    home.chmod(0o711)
    async with AsyncExitStack() as stack:
        disk = not apart and await asyncio.to_thread(_mount, home)
        if disk:
            stack.callback(_unmount, home)
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
        stub, model = LLMStub(record=False), Model()
        await stack.enter_async_context(stub.serving())
        stub.will(model.answer)
        place = urlsplit(stub.url)
        model_line = await stack.enter_async_context(line_to((place.hostname or "", place.port or 0)))
        environ = {
            "LLM_CLIENT_TYPE": "local",
            "LLM_CHAT_API_URL": f"http://127.0.0.1:{model_line.port}/v1",
            "LLM_CHAT_MODEL": "stub-model",
            "LLM_REQUEST_TIMEOUT": f"{TIMEOUT:g}",
            "LLM_RETRIES": "1",
            "SHUTDOWN_GRACE": "5",
        }
        postgres = database = None
        if apart:
            # Processes are killed here, not machines: what was written survives without being forced to the disk.
            postgres = EmbeddedPostgres(home / "db", settings={"fsync": "off"})
            dsn = await asyncio.to_thread(postgres.start, 300)
            stack.push_async_callback(asyncio.to_thread, postgres.stop)
            await migrate.up(dsn)
            database = await stack.enter_async_context(line_to(socket_of(dsn)))
            environ["DATABASE_URL"] = by_way_of(dsn, database)
        service = Process(home / "service" if apart else home, **environ)
        stack.push_async_callback(service.close)
        await service.start()
        if not apart:
            dsn = EmbeddedPostgres(home).running() or ""
        chance = random.Random(f"{seed}/{apart}")
        made = World(home, chance, model, model_line, session, service, dsn, database, postgres, disk)
        made.people = [Person(n, random.Random(f"{seed}/{n}"), streams=n % 2 == 1) for n in range(people)]
        made.start_talking()
        try:
            yield made
        finally:
            for talk in made._talks:
                talk.cancel()
            await asyncio.wait(made._talks)


def _mount(home: Path) -> bool:
    """A small file system at `home`, where this user may mount one."""
    if os.geteuid() != 0:
        return False
    options = ["-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=711", "tmpfs", str(home)]
    return subprocess.run(["mount", *options], stderr=subprocess.DEVNULL).returncode == 0


def _unmount(home: Path) -> None:
    # Lazily: what was killed may still hold a file for a moment.
    subprocess.run(["umount", "--lazy", str(home)], check=True)
