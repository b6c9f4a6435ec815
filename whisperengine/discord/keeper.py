"""What of a shard outlives its process, and what all processes of a bot share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from whisperengine.discord.session import Session


@dataclass(frozen=True, slots=True)
class Identified:
    """What all processes of a bot did: seconds until the next IDENTIFY may go, how many went in 24 h, seconds since
    the last.
    """

    wait: float = 0.0
    used: int = 0
    since_last: float = 86_400.0


class Keeper(Protocol):
    """What outlives the process and is shared by all processes of a bot. Failures are WhisperEngineErrors."""

    async def save(self, shard: int, session: Session | None) -> None: ...

    async def identified(self, bucket: int) -> Identified: ...

    async def reserve_identify(self, bucket: int, gap: float) -> float:
        """Take the next free moment, `gap` seconds after the one before; returns the seconds until it."""
        ...

    async def count_identify(self, bucket: int) -> None:
        """The moment has come and the IDENTIFY goes: it counts towards the day's."""
        ...
