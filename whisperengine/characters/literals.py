"""Which of many words can occur in a text at all, told for all of them at once.

Four letters at a word's beginning, in its middle and at its end must be somewhere in the text. Looking those up takes a
tenth of the time of looking for the words, and nearly all keys of a lorebook end here.
"""

from __future__ import annotations

import numpy as np

GRAM = 4
PLACES = 3
SLOTS = 1 << 16
ALWAYS = SLOTS
"""The slot of words that are too short."""


class Literals:
    """Words, numbered as they come."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._slots = np.empty((PLACES, 0), np.int64)

    def number(self, word: str) -> int:
        return self._numbers.setdefault(word, len(self._numbers))

    def possible(self, text: str) -> frozenset[int]:
        """The numbers of the words that may occur in `text`; no other does."""
        if self._slots.shape[1] != len(self._numbers):
            self._slots = np.array([_of_word(word) for word in self._numbers], np.int64).T
        taken = np.zeros(SLOTS + 1, bool)
        taken[_grams(text)] = True
        taken[ALWAYS] = True
        return frozenset(np.flatnonzero(taken[self._slots].all(axis=0)).tolist())


def _of_word(word: str) -> tuple[int, ...]:
    grams = _grams(word)
    if not len(grams):
        return (ALWAYS,) * PLACES
    return int(grams[0]), int(grams[len(grams) // 2]), int(grams[-1])


def _grams(text: str) -> np.ndarray:
    """A number in 0..SLOTS-1 for each four letters that follow one another."""
    letters = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    if len(letters) < GRAM:
        return np.empty(0, np.int64)
    mixed = letters[:-3] * np.uint32(31_847) + letters[1:-2] * np.uint32(7_919) + letters[2:-1] * np.uint32(331)
    return ((mixed + letters[3:]) & np.uint32(SLOTS - 1)).astype(np.int64)
