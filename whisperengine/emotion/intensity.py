"""How strongly a feeling is expressed, 0 (flat) to 1 (overwhelming): a logistic function of the scores and of the
text's surface.
"""

from __future__ import annotations

import math
import re

import numpy as np

from whisperengine.emotion.labels import OUTSIDE

_INTENSIFIERS = re.compile(
    r"\b(?:so+|so much|very|really|extremely|absolutely|completely|totally|incredibly|utterly|deeply|ever|never|always"
    r"|beyond|more than|worst|best|can'?t (?:stop|stand|take|believe|wait)|fuck\w*|damn|hell|terribl[ey]|awful\w*"
    r"|hate[sd]?|furious|terrified|devastated|ecstatic|desperate\w*|thrilled|adore|heartbroken|screaming|sobbing)\b",
    re.IGNORECASE,
)
_DIMINISHERS = re.compile(
    r"\b(?:a bit|a little|slightly|kind of|kinda|sort of|somewhat|maybe|i guess|not too|okay|ok|fine|mildly"
    r"|rather|fairly|alright)\b",
    re.IGNORECASE,
)
_STRETCHED = re.compile(r"([^\W\d_])\1{2,}")
_EMOJI = re.compile("[\U0001f300-\U0001faff\u2600-\u27bf]")
_NEUTRAL = OUTSIDE.index("neutral")
_FEELINGS = [index for index, name in enumerate(OUTSIDE) if name != "neutral"]
_STRONG = [OUTSIDE.index(name) for name in ("anger", "disgust", "fear", "joy", "love", "sadness")]

FEATURES = (
    "bias",
    "not neutral",
    "strongest feeling",
    "strong feelings",
    "intensifiers",
    "diminishers",
    "exclamation marks",
    "capitals",
    "stretched letters",
    "emoji",
)
COEFFICIENTS = (-2.58, 1.7, 0.33, 0.45, 0.68, -0.72, 0.19, 0.81, 0.59, 0.22)
"""Fitted on tests/fixtures/emotion_intensity.tsv by `bench/emotion.py`, which prints them."""


def features(outside: np.ndarray, text: str) -> np.ndarray:
    """(10,) in the order of FEATURES; `outside` are the 12 scores in the order of `labels.OUTSIDE`."""
    words = re.findall(r"[^\W\d_]{2,}", text)
    capitals = sum(word.isupper() for word in words) / len(words) if len(words) > 1 else 0.0
    return np.array(
        [
            1.0,
            1.0 - outside[_NEUTRAL],
            float(outside[_FEELINGS].max()),
            min(1.0, float(outside[_STRONG].sum())),
            min(3, len(_INTENSIFIERS.findall(text))),
            min(2, len(_DIMINISHERS.findall(text))),
            min(3, text.count("!")),
            capitals,
            min(2, len(_STRETCHED.findall(text))),
            min(3, len(_EMOJI.findall(text))),
        ]
    )


def intensity(outside: np.ndarray, text: str) -> float:
    """0..1."""
    return 1.0 / (1.0 + math.exp(-float(features(outside, text) @ np.array(COEFFICIENTS))))
