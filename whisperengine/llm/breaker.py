"""A circuit breaker: an endpoint that keeps failing is left alone for a while, then tried with one request."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import StrEnum

FAILURES = 3
FIRST_PAUSE = 10.0
LONGEST_PAUSE = 300.0


class State(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """Closed: everything goes through. After three failures in a row open: nothing does, for ten seconds, and twice as
    long each time up to five minutes. Then half open: one request is let through and decides.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds."""
        self._clock = clock
        self._pause = FIRST_PAUSE
        self._until = 0.0
        self._trying = False
        self.failures = 0
        self.last_error: str | None = None

    @property
    def state(self) -> State:
        if not self._until:
            return State.CLOSED
        return State.HALF_OPEN if self._trying or self._clock() >= self._until else State.OPEN

    @property
    def retry_in(self) -> float | None:
        """Seconds until an open breaker lets one request through."""
        return max(0.0, self._until - self._clock()) if self.state is State.OPEN else None

    def admit(self) -> bool:
        """Whether a request may go through now; one that may must end in `succeeded`, `failed` or `gave_up`."""
        state = self.state
        if state is State.HALF_OPEN and not self._trying:
            self._trying = True
            return True
        return state is State.CLOSED

    def succeeded(self) -> None:
        self._pause, self._until, self._trying, self.failures, self.last_error = FIRST_PAUSE, 0.0, False, 0, None

    def failed(self, code: str, wait: float | None = None) -> None:
        """`wait`: seconds for which the endpoint itself asks to be left alone; then one failure opens."""
        self.failures += 1
        self.last_error = code
        if self._trying:
            self._pause = min(LONGEST_PAUSE, self._pause * 2)
        elif self._until or not (wait or self.failures >= FAILURES):
            # Requests that were under way when it opened say nothing new.
            return
        self._until = self._clock() + max(self._pause, min(wait or 0.0, LONGEST_PAUSE))
        self._trying = False

    def gave_up(self) -> None:
        """The request ended without a word about the endpoint: its asker went away, or it was the request's fault."""
        self._trying = False
