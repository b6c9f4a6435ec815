"""People who talk: each says one thing after the other, with a key of its own, until it is answered."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import aiohttp

PATIENCE = aiohttp.ClientTimeout(total=150)
LONGER = "and then there was more to tell about the garden, the trains and the weather of last week. "


@dataclass
class Person:
    """`told` is what was acknowledged, in order: the words and the answer. `served` is when the latest acknowledged
    request had been sent (monotonic seconds).
    """

    number: int
    random: random.Random
    streams: bool
    told: list[tuple[str, str]] = field(default_factory=list)
    asking: str = ""
    served: float = 0.0
    refusals: Counter[str] = field(default_factory=Counter)

    @property
    def name(self) -> str:
        return f"person-{self.number}"

    @property
    def mark(self) -> str:
        return f"mark{self.number}x"

    async def talk(self, session: aiohttp.ClientSession, url: Callable[[], str], over: asyncio.Event) -> None:
        """Until `over`; what is being asked then is still asked until it is answered."""
        while not over.is_set():
            length = self.random.choice((0, 0, 0, 1, 5, 20))
            self.asking = f"This is {self.mark} turn {len(self.told)}. {LONGER * length}".strip()
            answer = await self._answered(session, url)
            self.told.append((self.asking, answer))
            self.asking = ""
            await asyncio.sleep(self.random.uniform(0.05, 0.4))

    async def _answered(self, session: aiohttp.ClientSession, url: Callable[[], str]) -> str:
        body = {"user_id": self.name, "message": self.asking, "metadata_level": "basic", "stream": self.streams}
        headers = {"Idempotency-Key": f"{self.number}-{len(self.told)}"}
        while True:
            began = time.monotonic()
            try:
                async with session.post(url() + "/api/chat", json=body, headers=headers, timeout=PATIENCE) as response:
                    answer = _result(response.content_type, await response.text())
            except (aiohttp.ClientError, TimeoutError) as error:
                self.refusals[type(error).__name__] += 1
            else:
                if "response" in answer:
                    self.served = began
                    return answer["response"]
                self.refusals[answer.get("code", "no word")] += 1
            await asyncio.sleep(self.random.uniform(0.1, 0.3))

    async def hang_up(self, session: aiohttp.ClientSession, url: Callable[[], str]) -> None:
        """Ask what is being asked once more, and go away in the middle of it."""
        body = {"user_id": self.name, "message": self.asking or "Nothing.", "stream": True}
        if not self.asking:
            return
        headers = {"Idempotency-Key": f"{self.number}-{len(self.told)}"}
        try:
            async with session.post(url() + "/api/chat", json=body, headers=headers, timeout=PATIENCE) as response:
                await response.content.readany()
        except (aiohttp.ClientError, TimeoutError) as error:
            self.refusals[type(error).__name__] += 1


def _result(kind: str, text: str) -> dict[str, str]:
    """The document of an answer, or the last event of a stream; empty where neither came whole."""
    if kind == "text/event-stream":
        lines = text.strip().rpartition("\n\n")[2].split("\n")
        if lines[0] not in ("event: done", "event: error"):
            return {}
        text = lines[1].removeprefix("data: ")
    try:
        return json.loads(text)
    except ValueError:
        return {}
