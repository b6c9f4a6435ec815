"""What the routes need of the running service.

`app.py` fills it in; until then `starting` says what is being waited for.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import web

from whisperengine.config import Config
from whisperengine.errors import PermissionDenied, WhisperEngineError

if TYPE_CHECKING:
    import asyncpg

    from whisperengine.chat.cast import Cast
    from whisperengine.chat.turn import Turns
    from whisperengine.chat.voice import Voice
    from whisperengine.inference.encoder import Encoder


@dataclass(slots=True)
class Parts:
    """The opened parts of a service that is ready."""

    pool: asyncpg.Pool
    encoder: Encoder
    cast: Cast
    voice: Voice
    turns: Turns
    schema_version: int


@dataclass(slots=True)
class Counters:
    """Totals since the start, for /metrics."""

    turns: int = 0
    turn_errors: dict[str, int] = field(default_factory=dict)
    requests: int = 0
    part_seconds: dict[str, float] = field(default_factory=dict)
    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(slots=True)
class Context:
    config: Config
    starting: WhisperEngineError | None = None
    parts: Parts | None = None
    stopping: bool = False
    started_at: float = field(default_factory=time.time)
    counters: Counters = field(default_factory=Counters)

    def ready(self) -> Parts:
        """The parts; raises the reason (503) while the service is not ready."""
        if self.parts is None:
            raise self.starting or WhisperEngineError(
                "The service is starting. Try again in a second.", code="starting"
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


CONTEXT = web.AppKey("context", Context)
REQUEST_ID = web.RequestKey("request_id", str)
ORIGIN = web.RequestKey("origin", str)
CALLER = web.RequestKey("caller", Caller)
ADDRESS = web.RequestKey("address", str)
RATE = web.RequestKey("rate", dict)
