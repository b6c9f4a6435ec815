"""What is counted since the start of the process, for /metrics and /status."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import quantiles

from whisperengine.chat.turn import Turn
from whisperengine.errors import WhisperEngineError

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
SCORES = tuple(tenth / 10 for tenth in range(1, 11))
RECENT_TURNS = 500
RECENT_ERRORS = 20
ERROR_CHARS = 300


class Histogram:
    """How often values fell at or below each bound."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def cumulated(self) -> Iterable[tuple[str, int]]:
        """(bound as Prometheus writes it, values up to it), the last of all."""
        so_far = 0
        for bound, count in zip((*map(str, self.bounds), "+Inf"), self.counts, strict=True):
            so_far += count
            yield bound, so_far


@dataclass(slots=True)
class Failure:
    """A kind of error: how often it came, when last, and what was said of it then."""

    count: int
    at: datetime
    message: str


@dataclass(slots=True)
class Counters:
    turns: int = 0
    answers: Counter[int] = field(default_factory=Counter)
    """Answered requests by status."""
    turn_errors: Counter[str] = field(default_factory=Counter)
    prompt_tokens: int = 0
    completion_tokens: int = 0
    memories: int = 0
    """Memories that were recalled for turns."""
    scores: Histogram = field(default_factory=lambda: Histogram(SCORES))
    """The best score of each turn that recalled anything."""
    part_seconds: dict[str, Histogram] = field(default_factory=dict)
    recent: deque[Mapping[str, float]] = field(default_factory=lambda: deque(maxlen=RECENT_TURNS))
    """Milliseconds by part of the latest turns."""
    failures: dict[str, Failure] = field(default_factory=dict)
    """The latest kinds of errors that are not the caller's, by code."""

    def turn(self, turn: Turn) -> None:
        self.turns += 1
        self.prompt_tokens += turn.prompt_tokens or 0
        self.completion_tokens += turn.completion_tokens or 0
        self.recent.append(turn.milliseconds)
        for part, milliseconds in turn.milliseconds.items():
            self.part_seconds.setdefault(part, Histogram(SECONDS)).observe(milliseconds / 1000)
        if memories := turn.recollection.memories:
            self.memories += len(memories)
            self.scores.observe(max(memory.score for memory in memories))

    def failed(self, error: WhisperEngineError) -> None:
        """Note an error that the operator should know of."""
        before = self.failures.pop(error.code, None)
        self.failures[error.code] = Failure(
            before.count + 1 if before else 1, datetime.now(UTC), str(error)[:ERROR_CHARS]
        )
        while len(self.failures) > RECENT_ERRORS:
            del self.failures[next(iter(self.failures))]

    def part_times(self) -> dict[str, dict[str, float]]:
        """Milliseconds at p50 and p95 of the latest turns, by part."""
        by_part: dict[str, list[float]] = {}
        for parts in self.recent:
            for part, milliseconds in parts.items():
                by_part.setdefault(part, []).append(milliseconds)
        return {part: _middle_and_tail(times) for part, times in by_part.items()}


def _middle_and_tail(times: list[float]) -> dict[str, float]:
    cuts = quantiles(times, n=20, method="inclusive") if len(times) > 1 else times * 19
    return {"p50": round(cuts[9], 2), "p95": round(cuts[18], 2)}
