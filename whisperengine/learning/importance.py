"""How much a message is worth keeping in reach as it ages, 0..1.

    0.15
  + 0.25 x intensity of its feeling, when there is one (0 for neutral)
  + 0.30 x (1 - 1/2^facts), what was learned from it
  + 0.15   when its author speaks of themselves
  + 0.10 x length, full at 40 words
  + 0.05   when it asks or answers a question

A message of two words and no feeling ends near 0.15, a told piece of life near 0.7.
"""

from __future__ import annotations

import re

_OWN = re.compile(r"\b(?:i|i'm|i've|i'd|i'll|my|me|mine|we|our|us)\b", re.IGNORECASE)


def importance(text: str, feeling: str | None, intensity: float | None, facts: int, question: bool) -> float:
    """`facts`: how many were learned from the message; `question`: it asks one or answers one."""
    strength = (intensity or 0.0) if feeling not in (None, "neutral") else 0.0
    return min(
        1.0,
        0.15
        + 0.25 * min(1.0, max(0.0, strength))
        + 0.30 * (1 - 0.5**facts)
        + 0.15 * bool(_OWN.search(text))
        + 0.10 * min(1.0, len(text.split()) / 40)
        + 0.05 * question,
    )
