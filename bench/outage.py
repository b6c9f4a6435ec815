"""What the service needs is gone for a minute: what do callers get meanwhile, and how soon is anybody answered after?

    python bench/outage.py [--seconds 60]

One service as a process, PostgreSQL and a model that takes 0.3 s behind lines that refuse every connection or fall
silent. Twenty people send a message each ten seconds, one after the other, and send it again, with the same key, until
it is answered; all that they get is counted. At the end each message must have been answered once. Prints a table and
one JSON line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import asyncpg

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.support.line import Line, by_way_of, line_to, socket_of
from tests.support.llm_stub import LLMStub, says
from tests.support.service import Process
from whisperengine.db import migrate
from whisperengine.db.embedded import EmbeddedPostgres

PEOPLE = 20
EVERY_SECONDS = 10.0
AGAIN_SECONDS = 1.0
BEFORE_SECONDS, AFTER_SECONDS = 5.0, 15.0


@dataclass(frozen=True)
class Heard:
    """One answer to one request. Times are monotonic seconds."""

    sent: float
    came: float
    what: str
    retry_after: int | None


class Callers:
    def __init__(self, url: str) -> None:
        self._url = url
        self.heard: list[Heard] = []
        self.messages: Counter[str] = Counter()
        self._over = asyncio.Event()

    async def talk(self, session: aiohttp.ClientSession, number: int) -> None:
        await asyncio.sleep(number * EVERY_SECONDS / PEOPLE)
        turn = 0
        while not self._over.is_set():
            person = f"person-{number}"
            self.messages[person] += 1
            while not await self._answered(session, person, turn):  # noqa: ASYNC110
                await asyncio.sleep(AGAIN_SECONDS)
            turn += 1
            await asyncio.sleep(EVERY_SECONDS)

    async def _answered(self, session: aiohttp.ClientSession, person: str, turn: int) -> bool:
        body = {"user_id": person, "message": f"Message {turn}"}
        sent = time.monotonic()
        async with session.post(
            self._url + "/api/chat", json=body, headers={"Idempotency-Key": f"turn-{turn}"}
        ) as response:
            answer: dict[str, Any] = await response.json()
        what = f"{response.status} {answer.get('code', 'answered')}"
        retry_after = response.headers.get("Retry-After")
        self.heard.append(Heard(sent, time.monotonic(), what, int(retry_after) if retry_after else None))
        return response.status == 200

    def stop(self) -> None:
        self._over.set()


def refused(line: Line) -> tuple[Callable[[], Awaitable[None]], Callable[[], Awaitable[None]]]:
    return line.cut, line.mend


def silent(line: Line) -> tuple[Callable[[], Awaitable[None]], Callable[[], Awaitable[None]]]:
    async def freeze() -> None:
        line.freeze()

    async def thaw() -> None:
        line.thaw()

    return freeze, thaw


def summary(name: str, callers: Callers, began: float, ended: float) -> dict[str, Any]:
    """Of the requests that were answered while the outage lasted, and of what came after it."""
    during = [each for each in callers.heard if began <= each.came <= ended]
    kinds = Counter(each.what for each in during if not each.what.startswith("200"))
    without = sum(each.retry_after is None for each in during if each.what.startswith("503"))
    after = [each.came - ended for each in callers.heard if each.came > ended and each.what.startswith("200")]
    last = [each.came - ended for each in callers.heard if each.came > ended and not each.what.startswith("200")]
    return {
        "outage": name,
        "answered_meanwhile": sum(each.what.startswith("200") for each in during),
        "refused": dict(kinds.most_common()),
        "503_without_retry_after": without,
        "slowest_refusal_s": round(max((each.came - each.sent for each in during), default=0.0), 2),
        "first_answer_after_s": round(min(after), 2) if after else None,
        "last_refusal_after_s": round(max(last, default=0.0), 2),
    }


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    seconds = parser.parse_args().seconds
    rows = []
    async with AsyncExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        home.chmod(0o711)
        stub = LLMStub(record=False)
        await stack.enter_async_context(stub.serving())
        stub.will(says("I see.", delay=0.3))
        place = urlsplit(stub.url)
        model = await stack.enter_async_context(line_to((place.hostname or "", place.port or 0)))
        postgres = EmbeddedPostgres(home / "db")
        dsn = await asyncio.to_thread(postgres.start, 300)
        stack.push_async_callback(asyncio.to_thread, postgres.stop)
        await migrate.up(dsn)
        database = await stack.enter_async_context(line_to(socket_of(dsn)))
        service = Process(
            home / "service",
            DATABASE_URL=by_way_of(dsn, database),
            LLM_CLIENT_TYPE="local",
            LLM_CHAT_API_URL=f"http://127.0.0.1:{model.port}/v1",
            LLM_CHAT_MODEL="stub-model",
        )
        stack.push_async_callback(service.close)
        await service.start()
        callers = Callers(service.url)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        talks = [asyncio.create_task(callers.talk(session, number)) for number in range(PEOPLE)]
        for name, (take_away, give_back) in {
            "database refuses": refused(database),
            "database is silent": silent(database),
            "model refuses": refused(model),
            "model is silent": silent(model),
        }.items():
            await asyncio.sleep(BEFORE_SECONDS)
            began = time.monotonic()
            await take_away()
            await asyncio.sleep(seconds)
            ended = time.monotonic()
            await give_back()
            await asyncio.sleep(AFTER_SECONDS)
            rows.append(summary(name, callers, began, ended))
            callers.heard.clear()
            print(*(f"{key}: {value}" for key, value in rows[-1].items()), sep="\n    ", flush=True)
        callers.stop()
        await asyncio.gather(*talks)
        connection = await asyncpg.connect(dsn)
        answered = await connection.fetchval("select count(distinct reply_to) from messages where role = 'character'")
        stored = await connection.fetchval("select count(*) from messages")
        await connection.close()
    said = sum(callers.messages.values())
    print(f"{said} messages, {answered} answered, {stored - 2 * said} rows too many")
    print(json.dumps({"bench": "outage", "seconds": seconds, "messages": said, "answered": answered, "rows": rows}))
    if answered != said or stored != 2 * said:
        sys.exit(1)


if __name__ == "__main__":
    asyncio.run(main())
