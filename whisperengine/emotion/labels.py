"""Two granularities of feeling: the 28 labels that the classifier scores, and the 12 that callers see.

Inside are GoEmotions' 27 emotions and neutral (Demszky et al., 2020), outside the 11 emotions of SemEval-2018 Task
1 E-c, which the cardiffnlp RoBERTa speaks too, and neutral. `MAPPING` joins them after E-c's own definitions (anger
"also includes annoyance, rage", trust "also includes acceptance, liking, admiration", ...). A fine label counts for
each outside label with its weight; the first of a row is its home. Anticipation and pessimism have no label of
their own among the 28: they are read from wanting, expecting and being disappointed, and `cues.py` tells them apart
by what the text says of the future.
"""

from __future__ import annotations

import numpy as np

FINE: tuple[str, ...] = (
    "admiration",
    "amusement",
    "anger",
    "annoyance",
    "approval",
    "caring",
    "confusion",
    "curiosity",
    "desire",
    "disappointment",
    "disapproval",
    "disgust",
    "embarrassment",
    "excitement",
    "fear",
    "gratitude",
    "grief",
    "joy",
    "love",
    "nervousness",
    "optimism",
    "pride",
    "realization",
    "relief",
    "remorse",
    "sadness",
    "surprise",
    "neutral",
)

OUTSIDE: tuple[str, ...] = (
    "anger",
    "anticipation",
    "disgust",
    "fear",
    "joy",
    "love",
    "optimism",
    "pessimism",
    "sadness",
    "surprise",
    "trust",
    "neutral",
)

MAPPING: dict[str, dict[str, float]] = {
    "admiration": {"trust": 0.6, "joy": 0.4},
    "amusement": {"joy": 1.0},
    "anger": {"anger": 1.0},
    "annoyance": {"anger": 1.0},
    "approval": {"trust": 1.0},
    "caring": {"love": 1.0},
    "confusion": {"surprise": 0.5, "neutral": 0.5},
    "curiosity": {"anticipation": 0.5, "neutral": 0.5},
    "desire": {"anticipation": 1.0},
    "disappointment": {"sadness": 0.6, "pessimism": 0.4},
    "disapproval": {"anger": 0.5, "disgust": 0.5},
    "disgust": {"disgust": 1.0},
    "embarrassment": {"sadness": 0.5, "fear": 0.5},
    "excitement": {"joy": 0.6, "anticipation": 0.4},
    "fear": {"fear": 1.0},
    "gratitude": {"joy": 0.6, "trust": 0.4},
    "grief": {"sadness": 1.0},
    "joy": {"joy": 1.0},
    "love": {"love": 1.0},
    "nervousness": {"fear": 1.0},
    "optimism": {"optimism": 1.0},
    "pride": {"joy": 1.0},
    "realization": {"surprise": 0.5, "neutral": 0.5},
    "relief": {"joy": 1.0},
    "remorse": {"sadness": 1.0},
    "sadness": {"sadness": 1.0},
    "surprise": {"surprise": 1.0},
    "neutral": {"neutral": 1.0},
}

NEUTRAL = FINE.index("neutral")
FINE_INDEX = {label: position for position, label in enumerate(FINE)}

MATRIX = np.array([[MAPPING[fine].get(outside, 0.0) for outside in OUTSIDE] for fine in FINE], np.float64)
"""(28, 12): how much of a fine label counts for an outside label; every row adds up to 1."""


def to_outside(fine: np.ndarray) -> np.ndarray:
    """Scores (..., 28) to scores (..., 12): expected mass per outside label, at most 1."""
    return np.minimum(np.asarray(fine, np.float64) @ MATRIX, 1.0)
