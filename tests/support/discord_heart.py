"""A heart for tests of the bot: remembers what it was asked, and answers at once, slowly or not at all."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from whisperengine.chat.incoming import Incoming
from whisperengine.discord.heart import Asker, Ban, Memory, OnToken, Picture, Portrait, Spoken
from whisperengine.errors import WhisperEngineError


@dataclass
class StubHeart:
    """Answers "answer to TEXT", or what `says` holds for a text; `delay` seconds per answer, `pieces` of it at a
    time.
    """

    delay: float = 0.0
    pieces: int = 1
    says: dict[str, str] = field(default_factory=dict)
    emoji: str | None = None
    failure: WhisperEngineError | None = None
    heard: list[Incoming] = field(default_factory=list)
    pictures: list[tuple[Picture, ...]] = field(default_factory=list)
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    banned: dict[str, str] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    portraits: dict[str, Portrait] = field(
        default_factory=lambda: {
            "elena": Portrait(slug="elena", name="Elena", doing="watching the reef", sees_pictures=True),
            "marcus": Portrait(slug="marcus", name="Marcus", summary="thinks"),
        }
    )

    async def answer(
        self, incoming: Incoming, on_token: OnToken | None = None, pictures: tuple[Picture, ...] = ()
    ) -> Spoken:
        self.heard.append(incoming)
        self.pictures.append(pictures)
        if self.failure:
            raise self.failure
        key = incoming.idempotency_key or ""
        text = self.answers.get(key) or self.says.get(incoming.text, f"answer to {incoming.text}")
        for index in range(self.pieces):
            await asyncio.sleep(self.delay / self.pieces)
            piece = text[len(text) * index // self.pieces : len(text) * (index + 1) // self.pieces]
            if on_token:
                await on_token(piece)
        self.answers[key] = text
        return Spoken(text=text, emoji=self.emoji)

    def texts(self) -> list[str]:
        return [incoming.text for incoming in self.heard]

    async def regenerate(self, asker: Asker, on_token: OnToken | None = None) -> Spoken:
        self.calls.append(("regenerate", asker.request_key))
        return Spoken(text="another answer")

    async def edited(self, asker: Asker, text: str) -> None:
        self.calls.append(("edited", asker.request_key, text))

    async def deleted(self, asker: Asker) -> None:
        self.calls.append(("deleted", asker.request_key))

    async def answer_deleted(self, asker: Asker) -> None:
        self.calls.append(("answer deleted", asker.request_key))

    async def feedback(self, asker: Asker, emoji: str, added: bool) -> None:
        self.calls.append(("feedback", asker.request_key, emoji, added))

    async def portrait(self, character: str) -> Portrait | None:
        return self.portraits.get(character)

    async def characters(self) -> list[Portrait]:
        return list(self.portraits.values())

    async def remember(self, asker: Asker, text: str) -> None:
        self.calls.append(("remember", asker.user, text))

    async def memories(self, asker: Asker, query: str, limit: int) -> list[Memory]:
        self.calls.append(("memories", asker.user, query))
        return [Memory(id="m1", text="likes tea", when="yesterday")]

    async def forget(self, asker: Asker, memory: str) -> bool:
        self.calls.append(("forget", asker.user, memory, asker.request_key))
        return memory in ("m1", "")

    async def facts(self, asker: Asker) -> list[str]:
        return ["likes tea", "has a cat"]

    async def mood(self, asker: Asker) -> str:
        await asyncio.sleep(self.delay)
        return "I feel calm."

    async def why(self, asker: Asker) -> str:
        return f"because of {asker.request_key}"

    async def export(self, asker: Asker) -> bytes:
        return json.dumps({"user": asker.user}).encode()

    async def erase(self, asker: Asker) -> int:
        self.calls.append(("erase", asker.user))
        return 7

    async def link(self, asker: Asker, code: str) -> str:
        return f"joined by {code}" if code else "enter CODE elsewhere"

    async def is_banned(self, user: str) -> bool:
        return user in self.banned

    async def ban(self, user: str, reason: str, by: str) -> None:
        self.banned[user] = reason

    async def unban(self, user: str) -> bool:
        return self.banned.pop(user, None) is not None

    async def bans(self) -> list[Ban]:
        return [Ban(user=user, reason=reason, since="today") for user, reason in self.banned.items()]

    async def status(self) -> dict[str, str]:
        return {"model": "stub"}
