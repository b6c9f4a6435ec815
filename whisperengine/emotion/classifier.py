"""From the network's scores and the text to what a person would say of the feeling. Pure: no model, no I/O."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from whisperengine.emotion import cues
from whisperengine.emotion.intensity import intensity
from whisperengine.emotion.labels import FINE, OUTSIDE, to_outside

LONGEST = 1500
"""Characters of a text that are looked at: about what the encoder's 256 tokens hold."""
NEUTRAL_WEIGHT = 0.7
"""Neutral is one label and a feeling spreads over several: weighed so, `primary` is right as often on GoEmotions' dev
split (0.734 against 0.735) and its macro-F1 is two points higher."""
MIXED_FLOOR = 0.15
MIXED_MOST = 3

CONFIDENCE = (0.97, 0.81)
"""Slope and offset on the logit of the winner's share of all scores, fitted on GoEmotions' dev split by
`bench/emotion.py`. For a model that knows outside labels only they are a stand-in."""


@dataclass(frozen=True, slots=True)
class EmotionReading:
    """One text's feeling. Scores are 0..1 and independent of one another; `fine` is empty when the source knows no
    fine labels.
    """

    primary: str
    intensity: float
    confidence: float
    mixed: tuple[tuple[str, float], ...]
    outside: dict[str, float]
    fine: dict[str, float]
    source: str


def interpret(scores: np.ndarray, text: str) -> EmotionReading:
    """Read the encoder's `emotion` output (28 scores in the order of `labels.FINE`) together with the text it was
    computed from.
    """
    text = text[:LONGEST].replace("’", "'")
    fine = cues.adjust_fine(scores, text)
    outside = to_outside(fine)
    outside[-1] *= NEUTRAL_WEIGHT
    outside = cues.adjust_outside(outside, text)
    return _reading(outside, fine, text, "head")


def from_outside(scores: Mapping[str, float], text: str, source: str) -> EmotionReading:
    """A reading from a model that knows outside labels only; labels it does not know are ignored, neutral is what the
    others leave.
    """
    text = text[:LONGEST].replace("’", "'")
    outside = np.array([float(scores.get(label, 0.0)) for label in OUTSIDE])
    if "neutral" not in scores:
        outside[-1] = 1.0 - outside.max()
    return _reading(cues.adjust_outside(outside, text), np.empty(0), text, source)


def to_json(reading: EmotionReading) -> dict[str, Any]:
    """Compact form for storage: three decimals, scores in the order of `labels`; `from_json` gives the reading back."""
    return {
        "s": reading.source,
        "i": round(reading.intensity, 3),
        "c": round(reading.confidence, 3),
        "o": [round(reading.outside[label], 3) for label in OUTSIDE],
        "f": [round(value, 3) for value in reading.fine.values()],
    }


def from_json(stored: Mapping[str, Any]) -> EmotionReading:
    """Raises KeyError or ValueError when `stored` is not what `to_json` gave."""
    outside = dict(zip(OUTSIDE, map(float, stored["o"]), strict=True))
    fine = dict(zip(FINE, map(float, stored["f"]), strict=True)) if stored["f"] else {}
    primary = max(outside, key=outside.__getitem__)
    return EmotionReading(
        primary,
        float(stored["i"]),
        float(stored["c"]),
        _mixed(outside, primary),
        outside,
        fine,
        str(stored["s"]),
    )


def _reading(outside: np.ndarray, fine: np.ndarray, text: str, source: str) -> EmotionReading:
    # Rounded before the winner is chosen, so that a stored reading names the same winner.
    by_label = {label: round(float(value), 3) for label, value in zip(OUTSIDE, outside, strict=True)}
    primary = max(by_label, key=by_label.__getitem__)
    return EmotionReading(
        primary,
        round(intensity(outside, text), 3),
        round(_confidence(outside), 3),
        _mixed(by_label, primary),
        by_label,
        {label: round(float(value), 3) for label, value in zip(FINE, fine, strict=True)} if fine.size else {},
        source,
    )


def _mixed(outside: Mapping[str, float], primary: str) -> tuple[tuple[str, float], ...]:
    others = [
        (label, value) for label, value in outside.items() if value >= MIXED_FLOOR and label not in (primary, "neutral")
    ]
    return tuple(sorted(others, key=lambda item: -item[1])[:MIXED_MOST])


def _confidence(outside: np.ndarray) -> float:
    share = min(max(float(outside.max() / max(outside.sum(), 1e-9)), 1e-6), 1 - 1e-6)
    slope, offset = CONFIDENCE
    return 1.0 / (1.0 + math.exp(-(slope * math.log(share / (1 - share)) + offset)))
