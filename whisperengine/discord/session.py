"""A gateway session, and what to do after each way in which a connection can end.

Source of the rules: Discord's documentation of the gateway (connections, resuming, close codes). Nothing here touches
a socket.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace
from enum import Enum
from urllib.parse import urlsplit

from whisperengine.discord.problems import DiscordStopped

MAX_FAILED_RESUMES = 3


@dataclass(frozen=True, slots=True)
class Session:
    """What resuming needs. `seq` is the number of the last event that need not be sent again."""

    id: str
    resume_url: str
    seq: int


class How(Enum):
    """How a connection ended."""

    UNREACHABLE = "no connection, or no HELLO in time"
    CLOSED = "closed by Discord, or broken"
    RECONNECT = "Discord asked for a new connection"
    INVALID = "Discord declared the session invalid"
    ZOMBIE = "heartbeats were not acknowledged"
    GARBLED = "a payload could not be decoded"
    UNREADY = "neither READY nor RESUMED in time"
    STOPPED = "stopped by us"


@dataclass(frozen=True, slots=True)
class Ending:
    """`code` goes with CLOSED (None: no close frame), `resumable` with INVALID."""

    how: How
    code: int | None = None
    resumable: bool = False

    def __str__(self) -> str:
        return f"{self.how.value} (code {self.code})" if self.code is not None else self.how.value


class Next(Enum):
    RESUME = "resume"
    IDENTIFY = "identify"
    STOP = "stop"


# Documented close codes. Any other, a missing one or a broken connection: resume.
CLOSE_CODES: dict[int, tuple[Next, str]] = {
    4000: (Next.RESUME, "unknown error"),
    4001: (Next.RESUME, "unknown opcode: our fault"),
    4002: (Next.RESUME, "payload could not be decoded: our fault"),
    4003: (Next.IDENTIFY, "not authenticated, or the session was invalidated"),
    4004: (Next.STOP, "authentication failed"),
    4005: (Next.RESUME, "already authenticated: our fault"),
    4007: (Next.IDENTIFY, "invalid sequence number"),
    4008: (Next.RESUME, "rate limited: our fault"),
    4009: (Next.IDENTIFY, "session timed out"),
    4010: (Next.STOP, "invalid shard"),
    4011: (Next.STOP, "sharding required"),
    4012: (Next.STOP, "invalid version"),
    4013: (Next.STOP, "invalid intents"),
    4014: (Next.STOP, "disallowed intents"),
}


class Course:
    """One shard's knowledge of its session, kept over its connections: where to connect, whether to resume, when to
    give a session up.
    """

    def __init__(self, session: Session | None = None) -> None:
        self.session = session
        self.failed_resumes = 0
        self._resume_url_works = True
        self._greeted = False
        self._settled = False

    @property
    def next(self) -> Next:
        return Next.RESUME if self.session else Next.IDENTIFY

    @property
    def resume_url(self) -> str | None:
        """Where to resume. None: the main URL, because this is no resume or nobody answered at the resume URL."""
        return self.session.resume_url if self.session and self._resume_url_works else None

    def connecting(self) -> None:
        self._greeted = self._settled = False

    def greeted(self) -> None:
        """HELLO came, so whoever answers at this URL speaks the protocol."""
        self._greeted = True

    def ready(self, session_id: str, resume_url: str, seq: int | None) -> None:
        self.session = Session(session_id, resume_url, seq or 0)
        self._resume_url_works = is_gateway_url(resume_url)
        self._settle()

    def resumed(self) -> None:
        self._settle()

    def dispatched(self, seq: int) -> None:
        """Events never go backwards: a smaller number is noise and would have events sent twice."""
        if self.session and seq > self.session.seq:
            self.session = replace(self.session, seq=seq)

    def forget(self) -> None:
        self.session = None
        self.failed_resumes = 0

    def ended(self, ending: Ending) -> Next:
        """Take note of how a connection ended; returns what the next one is for."""
        verdict = CLOSE_CODES.get(ending.code or 0, (Next.RESUME, ""))[0] if ending.how is How.CLOSED else Next.RESUME
        if verdict is Next.STOP:
            self.forget()
            return Next.STOP
        if verdict is Next.IDENTIFY or (ending.how is How.INVALID and not ending.resumable):
            self.forget()
        elif self.session and not self._settled:
            # An outage must not cost the session: only an answered RESUME counts as failed.
            if self._greeted:
                self.failed_resumes += 1
            else:
                self._resume_url_works = False
            if self.failed_resumes >= MAX_FAILED_RESUMES:
                self.forget()
        return self.next

    def _settle(self) -> None:
        self._settled = True
        self.failed_resumes = 0
        if self.session:
            self._resume_url_works = is_gateway_url(self.session.resume_url)


def is_gateway_url(url: str) -> bool:
    """Whether we may send a token there: `wss://` anywhere, `ws://` on this machine alone."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme == "wss":
        return bool(host)
    return parts.scheme == "ws" and is_loopback(host)


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def gateway_address(url: str, *, compress: bool = True) -> str:
    """`url` with the query that every connection needs, the resume URL too. Raises DiscordStopped for a URL that must
    not be used.
    """
    if not is_gateway_url(url):
        raise DiscordStopped(
            "The gateway that was named is neither wss:// nor on this machine. "
            "Check DISCORD_API_BASE: it must be Discord's own address."
        )
    parts = urlsplit(url)
    query = "v=10&encoding=json" + ("&compress=zlib-stream" if compress else "")
    return parts._replace(path=parts.path or "/", query=query, fragment="").geturl()
