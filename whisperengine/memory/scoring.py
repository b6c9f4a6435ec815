"""The score of a memory: eight parts, weighted and added. Pure, numpy.

    1.3 dense + 0.4 dense_near + 1.5 cover + 0.5 session + 0.7 who + 1.5 date + 0.5 when - 0.3 asks - 0.3 faded

Chosen on LoCoMo's first five conversations and checked by leaving one out at a time (docs/memory.md has the ablation).
Weights of neighbours, speaker and date are below what fits there best, because talk between real people gains less from
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from whisperengine.memory.when import Span

WEIGHTS = {
    "dense": 1.3,
    "dense_near": 0.4,
    "cover": 1.5,
    "session": 0.5,
    "who": 0.7,
    "date": 1.5,
    "when": 0.5,
    "asks": -0.3,
    "faded": -0.3,
}

# How much a query term counts that stands in a neighbouring turn: two before, one before, one after, two after.
REACH = {-2: 0.4, -1: 0.6, 1: 0.3, 2: 0.4}

FADE_HALF_LIFE = timedelta(days=120)

TIME_WORDS = frozenset(
    [
        "yesterday",
        "today",
        "tomorrow",
        "tonight",
        "ago",
        "last",
        "next",
        "week",
        "weekend",
        "month",
        "year",
        "day",
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
        "recently",
        "since",
        "morning",
        "evening",
        "night",
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
        "summer",
        "winter",
        "spring",
        "fall",
        "autumn",
        "soon",
        "just",
        "finally",
        "started",
    ]
)


@dataclass(frozen=True)
class Candidates:
    """n messages in order of (session, place) and T query terms that occur in the person's messages at all."""

    session: np.ndarray  # (n,) int
    place: np.ndarray  # (n,) int: number within the session
    cosine: np.ndarray  # (n,)
    hits: np.ndarray  # (n, T) bool: the message holds the term
    idf: np.ndarray  # (T,) over the person's messages
    session_hits: np.ndarray  # (n, T) bool: the message's session holds the term
    session_idf: np.ndarray  # (T,) over the person's sessions
    who: np.ndarray  # (n,) 1 where its speaker is meant
    date: np.ndarray  # (n,) 0..1: how well its time fits the time asked for
    temporal: np.ndarray  # (n,) 1 where the question asks when and the message has a time word
    question: np.ndarray  # (n,) 1 where it ends with a question mark
    faded: np.ndarray  # (n,) 0..1: unimportant and old


def parts(rows: Candidates) -> dict[str, np.ndarray]:
    """The parts, each (n,), unweighted."""
    top = max(float(np.sort(rows.cosine)[-10:].mean()), 1e-6)
    dense = rows.cosine / top
    term = rows.hits.astype(np.float32)
    for step, weight in REACH.items():
        term = np.maximum(term, weight * _neighbour(rows.hits, rows, step))
    return {
        "dense": dense,
        "dense_near": np.max([_neighbour(dense, rows, step) for step in REACH], axis=0),
        "cover": term @ rows.idf / max(float(rows.idf.sum()), 1e-6),
        "session": rows.session_hits @ rows.session_idf / max(float(rows.session_idf.sum()), 1e-6),
        "who": rows.who,
        "date": rows.date,
        "when": rows.temporal,
        "asks": rows.question,
        "faded": rows.faded,
    }


def inverse_frequency(total: float, counts: np.ndarray) -> np.ndarray:
    """BM25's idf of terms that stand in `counts` of `total` documents; never negative."""
    counts = np.minimum(counts, total)
    return np.log1p((total - counts + 0.5) / (counts + 0.5))


def date_fit(spans: Sequence[Span], said_at: datetime, about: tuple[datetime, datetime] | None) -> float:
    """How well a message's time fits the times asked for: its own, or the one that it speaks of."""
    best = 0.0
    for span in spans:
        best = max(best, _fit(span, said_at, said_at))
        if about:
            best = max(best, _fit(span, *about))
    return best


def _fit(span: Span, start: datetime, end: datetime) -> float:
    """1 inside a span of up to ten days, 0.6 inside a longer one; near a day or a week, up to 0.5 and 0.3."""
    length = span.end - span.start
    if start < span.end and end >= span.start:
        return 1.0 if length <= timedelta(days=10) else 0.6
    if length > timedelta(days=10):
        return 0.0
    gap = max(span.start - end, start - span.end)
    if gap <= timedelta(days=10) and length > timedelta(hours=23):
        return 0.5 * (1 - gap / timedelta(days=11)) if length < timedelta(days=2) else 0.3
    return 0.0


def faded(importance: np.ndarray, recalled: np.ndarray, pinned: np.ndarray, age: np.ndarray) -> np.ndarray:
    """(n,) 0..1: how far memories have faded; `age` in seconds.

    What matters, or was needed again, stays; pinned memories never fade.
    """
    unworthy = (1 - np.clip(importance, 0, 1)) * 0.8 ** np.minimum(recalled, 10)
    return np.where(pinned, 0, unworthy * (1 - 0.5 ** (np.maximum(age, 0) / FADE_HALF_LIFE.total_seconds())))


def _neighbour(values: np.ndarray, rows: Candidates, step: int) -> np.ndarray:
    """(n, ...): values of the row `step` places further on in its session, 0 where that is not among the rows."""
    key = rows.session.astype(np.int64) * (1 << 32) + rows.place
    at = np.searchsorted(key, key + step)
    inside = np.minimum(at, len(key) - 1)
    found = (at < len(key)) & (key[inside] == key + step)
    return values[inside] * found.reshape(-1, *[1] * (values.ndim - 1))
