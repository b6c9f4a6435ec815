"""Arithmetic of time: heartbeats, sending limits, back-off, identifying. Every function takes the time; nothing here
sleeps.
"""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

SENDS_PER_WINDOW = 120
SEND_WINDOW = 60.0


@dataclass(frozen=True, slots=True)
class Timing:
    """How long things may take, in seconds. Where Discord fixes a figure, the default is Discord's with a margin.

    With `backoff_cap` and `connect` a connection is tried at least every 50 s, so that no outage is followed by a
    minute of silence.
    """

    connect: float = 10.0
    ready: float = 90.0
    identify_gap: float = 5.1
    backoff_base: float = 1.0
    backoff_cap: float = 40.0
    healthy: float = 60.0
    storm_window: float = 10.5
    invalid_low: float = 1.0
    invalid_high: float = 5.0
    sent_too_much: float = 5.0
    save_every: float = 1.0
    refresh: float = 30.0


STORM_CONNECTS = 5


class SlidingLog:
    """At most `limit` events in any `window` seconds, of which `reserve` are kept for urgent ones."""

    def __init__(self, limit: int, window: float, reserve: int = 0) -> None:
        if not 0 <= reserve < limit:
            raise ValueError("the reserve must leave room for ordinary events")
        self.limit = limit
        self.window = window
        self.reserve = reserve
        self._times: deque[float] = deque()

    def delay(self, now: float, *, urgent: bool = False) -> float:
        """Seconds until one more event fits; 0 when it fits now."""
        self._forget(now)
        room = self.limit if urgent else self.limit - self.reserve
        if len(self._times) < room:
            return 0.0
        return max(0.0, self._times[len(self._times) - room] + self.window - now)

    def record(self, now: float) -> None:
        self._times.append(now)

    def count(self, now: float) -> int:
        self._forget(now)
        return len(self._times)

    def _forget(self, now: float) -> None:
        while self._times and self._times[0] + self.window <= now:
            self._times.popleft()


def send_limiter(heartbeat_interval: float) -> SlidingLog:
    """The limit of one connection: 120 sends a minute. What heartbeats may need (timed and asked for) is kept for them.

    The window is a second longer than Discord's, because two sends may come closer together on the way.
    """
    beats = math.ceil(SEND_WINDOW / max(heartbeat_interval, 1.0)) + 3
    return SlidingLog(SENDS_PER_WINDOW, SEND_WINDOW + 1.0, min(beats, SENDS_PER_WINDOW // 2))


class Heartbeat:
    """When to beat, and whether the connection is dead. `interval` is in seconds, `jitter` in [0, 1) delays the first
    beat.

    Dead means: a timed beat is due and nothing was acknowledged since the one before. Events prove nothing: a
    connection that delivers them
    but acknowledges no heartbeat is broken too. A beat that the server asked for never counts against it.
    """

    def __init__(self, interval: float, now: float, jitter: float) -> None:
        self.interval = interval
        self.next_at = now + interval * jitter
        self.latency: float | None = None
        self._acknowledged = True
        self._sent_at: float | None = None

    def due(self, now: float) -> bool:
        """Call when a timed beat is to be sent. False: the connection is dead and must be closed instead."""
        if not self._acknowledged:
            return False
        self._acknowledged = False
        self._sent_at = now
        self.next_at += self.interval
        if self.next_at <= now:
            # After a suspended machine wakes, one beat is enough.
            self.next_at = now + self.interval
        return True

    def asked(self, now: float) -> None:
        """The server asked for a beat, which is sent at once and leaves the timer as it is."""
        if self._sent_at is None:
            self._sent_at = now

    def acknowledged(self, now: float) -> None:
        self._acknowledged = True
        if self._sent_at is not None:
            self.latency = now - self._sent_at
            self._sent_at = None


class Backoff:
    """Full jitter: at once the first time, then anything from 0 to twice as long as before, up to `cap` seconds.

    Source of the method: AWS Architecture Blog, "Exponential Backoff And Jitter" (2015).
    """

    def __init__(self, base: float, cap: float, chance: Callable[[], float] = random.random) -> None:
        self._base = base
        self._cap = cap
        self._chance = chance
        self._failures = 0

    def next(self) -> float:
        failures, self._failures = self._failures, self._failures + 1
        return self._chance() * min(self._cap, self._base * 2 ** min(failures, 30)) if failures else 0.0

    def reset(self) -> None:
        self._failures = 0


@dataclass(frozen=True, slots=True)
class StartLimit:
    """`session_start_limit` of `/gateway/bot`; `reset_after` in seconds."""

    total: int = 1000
    remaining: int = 1000
    reset_after: float = 86_400.0
    max_concurrency: int = 1


def identify_pause(limit: StartLimit, used: int, since_last: float) -> float:
    """Seconds to hold an IDENTIFY back so that the daily budget is never used up: Discord then ends all sessions and
    resets the token.

    `used` is our own count for the day, for the case that Discord's is old; `since_last` the seconds since the last
    one of any process.
    In the upper half of the budget: none. Below, what is left is spread over the time until the reset; the last few
    are never spent.
    """
    left = min(limit.remaining, limit.total - used)
    if left <= min(5, limit.total // 10):
        return limit.reset_after
    if left > limit.total // 2:
        return 0.0
    return max(0.0, limit.reset_after / left - since_last)
