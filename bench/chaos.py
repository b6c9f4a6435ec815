"""Each part is killed in turn while people talk: is an answered turn lost or doubled, and how long does nobody answer?

    python bench/chaos.py [--seconds 600] [--people 20]

Two replicas as processes, one embedded PostgreSQL behind a line that can be cut, a model that takes 0.3 s. People send
each message until it is answered, with the same key, to whichever replica is there. What a fault costs is the longest
that anybody waited for an answer, retries and the model's 0.3 s included, until everybody was served again.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.support.line import Line, by_way_of, line_to, socket_of
from tests.support.llm_stub import LLMStub, says
from tests.support.service import REPOSITORY, Process
from whisperengine.db import migrate
from whisperengine.db.embedded import EmbeddedPostgres

PAUSE = 10.0
"""Seconds of quiet after everybody is served again."""
OUTAGE = 3.0

Fault = Callable[[], Awaitable[None]]


class World:
    """The service with its parts, and the people who use it."""

    def __init__(self, home: Path, postgres: EmbeddedPostgres, dsn: str, proxy: Line, stub: LLMStub) -> None:
        self.home, self.postgres, self.dsn, self.proxy = home, postgres, dsn, proxy
        self.answers: dict[str, dict[str, str]] = defaultdict(dict)
        self.served: dict[str, float] = {}
        self.retries = 0
        self.longest_wait = 0.0
        self.replicas = [
            Process(
                home / "replica",
                DATABASE_URL=by_way_of(dsn, proxy),
                LLM_CLIENT_TYPE="local",
                LLM_CHAT_API_URL=stub.url,
                LLM_CHAT_MODEL="stub-model",
            )
            for _ in range(2)
        ]
        self._turns = itertools.count()

    async def talk(self, session: aiohttp.ClientSession, person: str, until: float) -> None:
        for number in itertools.count():
            if time.monotonic() > until:
                return
            text = f"Message {number} of {person}"
            self.answers[person][text] = await self._answered(session, person, text)
            await asyncio.sleep(random.uniform(0.5, 2.0))

    async def _answered(self, session: aiohttp.ClientSession, person: str, text: str) -> str:
        body = {"user_id": person, "message": text}
        asked = time.monotonic()
        while True:
            began = time.monotonic()
            replica = self.replicas[next(self._turns) % 2]
            try:
                async with session.post(
                    replica.url + "/api/chat", json=body, headers={"Idempotency-Key": text}
                ) as response:
                    answer = await response.json()
                    if response.status == 200:
                        self.served[person] = began
                        self.longest_wait = max(self.longest_wait, time.monotonic() - asked)
                        return answer["response"]
            except (aiohttp.ClientError, TimeoutError):
                self.retries += 1
            await asyncio.sleep(0.2)

    async def kill_service(self) -> None:
        replica = self.replicas[0]
        await replica.kill()
        await replica.start()
        self.replicas.reverse()

    async def kill_database(self) -> None:
        pid = int((self.home / "db/postgres/data/postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        while self.postgres.alive:  # noqa: ASYNC110 (its guard takes a moment to notice)
            await asyncio.sleep(0.01)
        await asyncio.to_thread(self.postgres.start, 300)

    async def cut_network(self) -> None:
        await self.proxy.cut()
        await asyncio.sleep(OUTAGE)
        await self.proxy.mend()

    async def kill_migration(self) -> None:
        """A migration of a newer release dies half-way, then runs whole."""
        files = self.home / "sql"
        number = len(list(files.glob("0*.sql"))) + 1
        table = f"chaos_{number}"
        (files / f"{number:04}_{table}.sql").write_text(f"create table {table} (id int); select pg_sleep(2);\n")
        command = (sys.executable, "-m", "whisperengine", "migrate", "--directory", str(files), "up")
        environ = {**self.replicas[0].environ, "DATABASE_URL": by_way_of(self.dsn, self.proxy)}
        process = await asyncio.create_subprocess_exec(
            *command, cwd=REPOSITORY, env=environ, stdout=asyncio.subprocess.PIPE
        )
        await asyncio.sleep(2.5)
        process.kill()
        await process.communicate()
        process = await asyncio.create_subprocess_exec(
            *command, cwd=REPOSITORY, env=environ, stdout=asyncio.subprocess.PIPE
        )
        await process.communicate()
        assert process.returncode == 0

    async def everybody_served_after(self, moment: float) -> None:
        while any(self.served.get(person, 0.0) < moment for person in self.answers):  # noqa: ASYNC110
            await asyncio.sleep(0.05)

    async def compare(self) -> dict[str, int]:
        """What the database holds, against what people were told."""
        connection = await asyncpg.connect(self.dsn)
        rows = await connection.fetch(
            "select i.platform_user_id, m.content, array_remove(array_agg(a.content), null) from messages m "
            "join identities i using (user_id) left join messages a on a.user_id = m.user_id and "
            "a.character_id = m.character_id and a.reply_to = m.message_id where m.role = 'person' group by 1, 2, "
            "m.message_id"
        )
        await connection.close()
        stored: dict[tuple[str, str], list[list[str]]] = defaultdict(list)
        for person, text, answers in rows:
            stored[person, text].append(answers)
        told = {(person, text): answer for person, own in self.answers.items() for text, answer in own.items()}
        return {
            "turns": len(told),
            "retries": self.retries,
            "lost": sum(answer not in itertools.chain(*stored[key]) for key, answer in told.items()),
            "doubled": sum(len(stored[key]) > 1 or len(stored[key][0]) > 1 for key in told if stored[key]),
        }


async def run(seconds: float, people: int, home: Path) -> dict[str, Any]:
    postgres = EmbeddedPostgres(home / "db")
    dsn = await asyncio.to_thread(postgres.start, 300)
    stub = LLMStub(record=False)
    numbers = itertools.count(1)

    async def answer(request: Any, body: Any) -> Any:
        return await says(f"Answer {next(numbers)}.", delay=0.3)(request, body)

    stub.will(answer)
    waits: dict[str, list[float]] = defaultdict(list)
    try:
        await migrate.up(dsn)
        await asyncio.to_thread(shutil.copytree, REPOSITORY / "sql", home / "sql")
        async with line_to(socket_of(dsn)) as proxy, stub.serving(), aiohttp.ClientSession() as session:
            world = World(home, postgres, dsn, proxy, stub)
            await asyncio.gather(*(replica.start() for replica in world.replicas))
            until = time.monotonic() + seconds
            talks = [asyncio.create_task(world.talk(session, f"person-{n}", until)) for n in range(people)]
            faults: list[tuple[str, Fault]] = [
                ("service", world.kill_service),
                ("database", world.kill_database),
                ("network", world.cut_network),
                ("migration", world.kill_migration),
            ]
            for name, fault in itertools.cycle(faults):
                await asyncio.sleep(PAUSE)
                if time.monotonic() > until - 3 * PAUSE:
                    break
                world.longest_wait = 0.0
                await fault()
                await world.everybody_served_after(time.monotonic())
                waits[name].append(round(world.longest_wait, 1))
                print(f"{name}: nobody waited longer than {waits[name][-1]} s", file=sys.stderr)
            await asyncio.gather(*talks)
            result = await world.compare()
            for replica in world.replicas:
                await replica.close()
    finally:
        await asyncio.to_thread(postgres.stop)
    return {"bench": "chaos", "people": people, "seconds": seconds, **result, "longest_wait_seconds": dict(waits)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--people", type=int, default=20)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="whisperengine-chaos-") as folder:
        Path(folder).chmod(0o711)
        result = asyncio.run(run(args.seconds, args.people, Path(folder)))
    print(json.dumps(result))
    for name, value in result.items():
        print(f"{name:16} {value}")


if __name__ == "__main__":
    main()
