"""What the bot asks of the rest of the program. The bot knows people by their Discord ids alone, and messages by
theirs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from whisperengine.chat.incoming import Incoming

PLATFORM = "discord"

OnToken = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An image that somebody attached; at most 10 MB."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """An answer. `emoji` is the reaction that the character's definition gives to what it feels, if any."""

    text: str
    emoji: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Portrait:
    """What Discord shows of a character: `doing` stands beside its name ("watching the reef"), names are what it is
    called.
    """

    slug: str
    name: str
    doing: str = ""
    summary: str = ""
    names: tuple[str, ...] = ()
    sees_pictures: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    id: str
    text: str
    when: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ban:
    user: str
    reason: str
    since: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Who asks, which character, and where. `request_key` names a message of theirs (its Discord id), where a call is
    about one.

    `shared` says that others read what the character says there; answers to commands are seen by the person alone.
    """

    user: str
    name: str
    character: str
    channel: str = ""
    shared: bool = False
    request_key: str = ""


class Heart(Protocol):
    """Every method may raise RequestError (its text is for the person who asked), LLMError and StorageError."""

    async def answer(
        self, incoming: Incoming, on_token: OnToken | None = None, pictures: tuple[Picture, ...] = ()
    ) -> Spoken:
        """The character's answer; for an `idempotency_key` that was answered before, that answer again."""
        ...

    async def regenerate(self, asker: Asker, on_token: OnToken | None = None) -> Spoken:
        """Another answer to the message `asker.request_key`, in the place of the one before."""
        ...

    async def edited(self, asker: Asker, text: str) -> None:
        """The person changed the message. Unknown messages are ignored, here and in the next three."""
        ...

    async def deleted(self, asker: Asker) -> None:
        """The person's message is gone."""
        ...

    async def answer_deleted(self, asker: Asker) -> None:
        """The character's answer to the message is gone."""
        ...

    async def feedback(self, asker: Asker, emoji: str, added: bool) -> None:
        """The person reacted to the answer, or took the reaction back."""
        ...

    async def portrait(self, character: str) -> Portrait | None: ...

    async def characters(self) -> list[Portrait]: ...

    async def remember(self, asker: Asker, text: str) -> None: ...

    async def memories(self, asker: Asker, query: str, limit: int) -> list[Memory]:
        """What the character remembers of the person: found by `query`, or the latest when it is empty."""
        ...

    async def forget(self, asker: Asker, memory: str) -> bool:
        """Forget one memory by its id, or the message `asker.request_key` when `memory` is empty. False: there is
        none.
        """
        ...

    async def facts(self, asker: Asker) -> list[str]: ...

    async def mood(self, asker: Asker) -> str:
        """Sentences about how the character feels and where it stands with the person."""
        ...

    async def why(self, asker: Asker) -> str:
        """What was recalled for the answer to `asker.request_key`."""
        ...

    async def export(self, asker: Asker) -> bytes:
        """Everything about the person, as JSON."""
        ...

    async def erase(self, asker: Asker) -> int:
        """Erase everything about the person; returns how many messages that were."""
        ...

    async def link(self, asker: Asker, code: str) -> str:
        """With an empty code a new one, to be entered elsewhere; otherwise join the two accounts. Returns what to
        tell the person.
        """
        ...

    async def is_banned(self, user: str) -> bool: ...

    async def ban(self, user: str, reason: str, by: str) -> None: ...

    async def unban(self, user: str) -> bool: ...

    async def bans(self) -> list[Ban]: ...

    async def status(self) -> dict[str, str]:
        """Lines about the service: version, database, model, queue."""
        ...
