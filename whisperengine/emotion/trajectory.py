"""Feeling over time: where the last messages were going, how steadily, and whether that is worth acting on. Pure.

Each message has a value in -1..1: the valence of its feeling times its intensity. Older ones count less, by age (half
as much after a day) and by place (0.85 for each message after it). The trend compares the last three messages with
those before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

VALENCE = {
    "joy": 0.8,
    "love": 0.9,
    "optimism": 0.6,
    "trust": 0.5,
    "anticipation": 0.3,
    "surprise": 0.1,
    "neutral": 0.0,
    "pessimism": -0.5,
    "sadness": -0.8,
    "fear": -0.7,
    "anger": -0.8,
    "disgust": -0.7,
}

HALF_LIFE = timedelta(days=1)
PLACE_DECAY = 0.85
LATEST = 3
FEWEST = 5
TREND_FLOOR = 0.25
VOLATILE_FROM = 0.45
PAUSE = timedelta(hours=4)

_ADJECTIVE = {
    "anger": "angrier",
    "disgust": "more put off",
    "fear": "more anxious",
    "pessimism": "more hopeless",
    "sadness": "sadder",
    "joy": "happier",
    "love": "warmer",
    "optimism": "more hopeful",
    "trust": "more trusting",
    "anticipation": "more eager",
}
_ADVICE = {
    "falling": "slow down, acknowledge first",
    "rising": "share it, and let it have room",
    "volatile": "stay steady and gentle",
}


class Felt(NamedTuple):
    """The feeling of one message."""

    said_at: datetime
    feeling: str
    intensity: float


@dataclass(frozen=True, slots=True)
class Trajectory:
    """`level` and `trend` in -1..1, `volatility` 0..1; `lasting` messages in a row share the dominant sign;
    `since_last` is the
    change against the end of the previous sitting, None when there was none."""

    pattern: str
    level: float
    trend: float
    volatility: float
    dominant: str
    lasting: int
    since_last: float | None
    confidence: float
    messages: int

    @property
    def direction(self) -> str | None:
        """One plain sentence for the prompt, only when the change is clear."""
        if self.confidence < 0.5 or self.pattern == "stable":
            return None
        if self.pattern == "volatile":
            return f"Their feelings have swung over the last {self.messages} messages; {_ADVICE['volatile']}."
        change = _ADJECTIVE.get(self.dominant) or ("more troubled" if self.trend < 0 else "lighter")
        return f"They have become {change} over the last {self.messages} messages; {_ADVICE[self.pattern]}."


def follow(felt: Sequence[Felt]) -> Trajectory:
    """The trajectory of messages in order of time, the latest last."""
    values = [VALENCE.get(each.feeling, 0.0) * each.intensity for each in felt]
    if not felt:
        return Trajectory("stable", 0.0, 0.0, 0.0, "neutral", 0, None, 0.0, 0)
    weights = _weights(felt)
    level = _mean(values, weights)
    latest, before = values[-LATEST:], values[:-LATEST]
    trend = _mean(latest, weights[-LATEST:]) - _mean(before, weights[:-LATEST]) if before else 0.0
    steps = [abs(one - two) for one, two in pairwise(values)]
    volatility = min(1.0, _mean(steps, weights[1:])) if steps else 0.0
    enough = len(felt) >= FEWEST
    turns = sum(1 for one, two in pairwise(values) if one * two < 0)
    if enough and volatility >= VOLATILE_FROM and turns >= 2:
        pattern, confidence = "volatile", min(1.0, volatility / (2 * VOLATILE_FROM) + 0.1 * turns)
    elif enough and abs(trend) >= TREND_FLOOR:
        pattern, confidence = ("falling" if trend < 0 else "rising"), min(1.0, abs(trend) / (2 * TREND_FLOOR))
    else:
        pattern, confidence = "stable", 1.0 - min(1.0, abs(trend) / TREND_FLOOR)
    return Trajectory(
        pattern,
        round(level, 3),
        round(trend, 3),
        round(volatility, 3),
        _dominant(felt, weights, trend),
        _lasting(values),
        _since_last(felt, values),
        round(confidence, 3),
        len(felt),
    )


def _weights(felt: Sequence[Felt]) -> list[float]:
    now = felt[-1].said_at
    return [
        PLACE_DECAY ** (len(felt) - 1 - place) * 0.5 ** ((now - each.said_at) / HALF_LIFE)
        for place, each in enumerate(felt)
    ]


def _mean(values: Sequence[float], weights: Sequence[float]) -> float:
    total = sum(weights)
    return sum(value * weight for value, weight in zip(values, weights, strict=True)) / total if total > 1e-12 else 0.0


def _dominant(felt: Sequence[Felt], weights: Sequence[float], trend: float) -> str:
    """The feeling that weighs most among the latest; one that goes with the trend where there is one."""
    weighed: dict[str, float] = {}
    for each, weight in list(zip(felt, weights, strict=True))[-LATEST:]:
        weighed[each.feeling] = weighed.get(each.feeling, 0.0) + weight * each.intensity
    fitting = {name: weight for name, weight in weighed.items() if VALENCE.get(name, 0.0) * trend > 0}
    chosen = fitting if fitting and abs(trend) >= TREND_FLOOR else weighed
    return max(chosen, key=chosen.__getitem__)


def _lasting(values: Sequence[float]) -> int:
    """How many of the latest messages have the sign of the last one."""
    sign = (values[-1] > 0.05) - (values[-1] < -0.05)
    count = 0
    for value in reversed(values):
        if (value > 0.05) - (value < -0.05) != sign:
            break
        count += 1
    return count


def _since_last(felt: Sequence[Felt], values: Sequence[float]) -> float | None:
    for place in range(len(felt) - 1, 0, -1):
        if felt[place].said_at - felt[place - 1].said_at >= PAUSE:
            earlier = values[max(0, place - LATEST) : place]
            now = values[place:]
            return round(sum(now) / len(now) - sum(earlier) / len(earlier), 3)
    return None
