"""What the routes need of the running service.

`app.py` fills it in; until then `starting` says what is being waited for.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web

from whisperengine.api.counters import Counters
from whisperengine.api.traces import Traces
from whisperengine.config import Config
from whisperengine.errors import PermissionDenied, Unavailable, WhisperEngineError

if TYPE_CHECKING:
    import asyncpg

    from whisperengine.chat.cast import Cast
    from whisperengine.chat.turn import Turns
    from whisperengine.chat.voice import Voice
    from whisperengine.inference.encoder import Encoder
    from whisperengine.settings.settings import Settings


@dataclass(slots=True)
class Parts:
    """The opened parts of a service that is ready."""

    pool: asyncpg.Pool
    encoder: Encoder
    cast: Cast
    voice: Voice
    turns: Turns
    settings: Settings
    schema_version: int


NO_DISCORD: dict[str, Any] = {"enabled": False, "problem": None, "next_step": None, "bots": []}


@dataclass(slots=True)
class Context:
    """`start` is what environment and defaults say."""

    start: Config
    starting: WhisperEngineError | None = None
    parts: Parts | None = None
    stopping: bool = False
    """/ready says no; what is under way goes on, and what comes in is still answered."""
    ending: bool = False
    """The time for that is over."""
    under_way: set[asyncio.Task[Any]] = field(default_factory=set)
    """The tasks that answer requests now."""
    started_at: float = field(default_factory=time.time)
    counters: Counters = field(default_factory=Counters)
    traces: Traces | None = None
    discord: Callable[[], dict[str, Any]] = lambda: dict(NO_DISCORD)
    """What the bots say of themselves: the body of GET /api/discord."""

    @property
    def config(self) -> Config:
        """What is in force now, settings that were changed since the start included."""
        return self.parts.settings.config if self.parts else self.start

    def ready(self) -> Parts:
        """The parts; raises the reason (503) while the service is not ready."""
        if self.parts is None:
            raise self.starting or Unavailable(
                "The service is starting. Try again in a second.", code="starting", retry_after=1
            )
        return self.parts


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls. `subject` names the key in limits and logs; `person` and `character` are the only ones that it may
    speak for and with.
    """

    scope: str
    subject: str = ""
    key_id: int | None = None
    person: str | None = None
    character: str | None = None

    def speaks_for(self, user_id: str) -> str:
        """The person that a request is about: `user_id`, or where none is named the key's own ("" when it is free).

        Raises PermissionDenied for somebody else than the key is tied to.
        """
        if self.person is not None and user_id not in ("", self.person):
            raise PermissionDenied(f"This key speaks for {self.person!r} alone. Use that user_id or another key.")
        return user_id or self.person or ""

    def speaks_with(self, character: str) -> str:
        """The same for the character."""
        if self.character is not None and character not in ("", self.character):
            raise PermissionDenied(f"This key speaks with {self.character!r} alone. Use that name or another key.")
        return character or self.character or ""


def stopping() -> Unavailable:
    """What a request is told that could not be answered before the end."""
    return Unavailable(
        "The service is stopping. Send the same request again in a moment.", code="stopping", retry_after=5
    )


CONTEXT = web.AppKey("context", Context)
REQUEST_ID = web.RequestKey("request_id", str)
ORIGIN = web.RequestKey("origin", str)
CALLER = web.RequestKey("caller", Caller)
ADDRESS = web.RequestKey("address", str)
RATE = web.RequestKey("rate", dict)
