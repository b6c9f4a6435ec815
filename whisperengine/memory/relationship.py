"""How a person and a character stand: trust, affection and attunement, each in 0..1, moved a little by every turn.

A turn moves each quality by `rate x pull x room`: `pull` in -1..1 comes from the person's feeling, `room` is what is
left up to 1 (or down to 0), so that nothing ever leaves 0..1 and the same kindness counts less the closer two already
are. Rates follow the original's (.03,
.04, .02 per good turn).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

RATES = {"trust": 0.03, "affection": 0.04, "attunement": 0.02}

# What the person's feeling says about the relationship, for (trust, affection). Sorrow and fear that are told are trust
# that is given;
# anger and disgust strain, and mostly affection.
PULL = {
    "joy": (0.6, 1.0),
    "love": (0.8, 1.0),
    "optimism": (0.6, 0.7),
    "trust": (1.0, 0.7),
    "anticipation": (0.3, 0.4),
    "surprise": (0.2, 0.2),
    "neutral": (0.15, 0.1),
    "sadness": (0.6, 0.2),
    "fear": (0.6, 0.1),
    "pessimism": (0.3, 0.0),
    "anger": (-0.4, -0.6),
    "disgust": (-0.5, -0.8),
}

DEPTHS = (
    (0.8, "deep_bond"),
    (0.6, "strong_connection"),
    (0.4, "growing_relationship"),
    (0.2, "acquaintance"),
    (0.0, "new_connection"),
)


@dataclass(frozen=True, slots=True)
class Relationship:
    trust: float = 0.5
    affection: float = 0.4
    attunement: float = 0.3
    interactions: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None

    @property
    def depth(self) -> str:
        """One of the five names of the original, by the mean of the three qualities."""
        mean = (self.trust + self.affection + self.attunement) / 3
        return next(name for floor, name in DEPTHS if mean >= floor)


@dataclass(frozen=True, slots=True)
class Step:
    """What one turn changes."""

    trust: float
    affection: float
    attunement: float
    reason: str


def step(now: Relationship, feeling: str, intensity: float, message_chars: int) -> Step:
    """The step of one answered turn.

    `intensity` in 0..1; attunement grows with every exchange, more with what is told at length.
    """
    trust_pull, affection_pull = PULL.get(feeling, PULL["neutral"])
    strength = 0.5 + 0.5 * min(max(intensity, 0.0), 1.0)
    told = 0.4 + 0.6 * min(message_chars / 200, 1.0)
    return Step(
        _move(now.trust, RATES["trust"] * trust_pull * strength),
        _move(now.affection, RATES["affection"] * affection_pull * strength),
        _move(now.attunement, RATES["attunement"] * told),
        feeling,
    )


def _move(value: float, amount: float) -> float:
    return amount * (1 - value if amount > 0 else value)
