"""What the encoder's network cannot see, or gets wrong, read from the text itself.

BERT's vocabulary has no emoji and no capitals, GoEmotions has no role-play, a denied feeling and somebody else's
look to the network much like the writer's own, and two outside labels have no fine label. Each rule is here because
the bare network missed it: `bench/emotion.py` prints the scores with and without these rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import numpy as np

from whisperengine.emotion.labels import FINE_INDEX, NEUTRAL, OUTSIDE
from whisperengine.emotion.vocabulary import (
    ACTIONS,
    EMOJI,
    FAMILIES,
    INTERJECTIONS,
    OUTLOOK,
    STATES,
    THIRD_PERSON,
    VERBS,
)

ACTION_WEIGHT = 0.85
OUTLOOK_WEIGHT = 0.8
TURNED_WEIGHT = 0.5
"""How surely a cue means its label; merged with the network's score p as 1 - (1 - p)(1 - weight)."""
EXPRESSION_WEIGHT = (0.6, 0.2)
"""The weight of an emoji, laugh or exclamation: the first, and the second times neutral (after flat words it counts
more)."""
DAMPED = 0.15
"""What remains of a feeling that the text denies or gives to somebody else."""
LOUD_DAMPED = 0.5
"""What remains of neutral in a text that shouts."""

_NEGATION = (
    r"\b(?:not|never|no longer|without|hardly|[a-z]+n't|dont|cant|wont|isnt|wasnt|didnt|doesnt)\s+"
    r"(?!(?:only|stop|help|wait|believe|(?:been|felt) (?:so|this|more))\b)"
)
_DEGREE = (
    r"(?:(?:really|very|that|so|too|all|even|been|be|being|feel|feeling|felt|get|getting|particularly|necessarily|exactly"
    r"|actually|ever|any|much|quite|as|at|said|saying|i|i'm|was|am|a|bit|or)\s+){0,4}?"
)
_YOURS = re.compile(r"\b(?:you|he|she|they|people|who|everyone)\s+(?:\w+\s+)?$", re.IGNORECASE)
_OTHERS = (
    r"(?:\b(?:[Hh]e|[Ss]he|[Tt]hey|[Ss]omebody|[Ss]omeone|[Tt]he (?:kids|children|boys|girls|neighbou?rs|others))"
    r"|\b(?:[Mm]y|[Hh]is|[Hh]er|[Tt]heir)\s+(?:\w+\s+)?(?!(?:it|that|this)\b)\w+"
    r"|\b(?!(?:I|It|This|That|There|Wh[a-z]+|How|You|We|Life|Everything|Nothing|One|Now|So|Was|Were|Is)\b)[A-Z][a-z]+)"
)
_IS = r"(?:'s|'re|\s+(?:is|are|was|were|feels?|felt|seems?|seemed|looks?|looked|gets?|got|has been|have been))\s+"


def _any(words: Iterable[str]) -> str:
    return rf"(?:{'|'.join(words)})\b"


def _compiled(table: dict[str, tuple[str, ...]], before: str, flags: int = re.IGNORECASE) -> dict[str, re.Pattern[str]]:
    return {label: re.compile(before + _any(words), flags) for label, words in table.items()}


_PLAYED = re.compile(r"\*(?=\S)([^*\n]{2,120})(?<=\S)\*|(?<!\w)_(?=\S)([^_\n]{2,120})(?<=\S)_(?!\w)")
_LAUGHS = re.compile(r"\b(?:a?(?:ha){2,}h?|(?:he){3,}|lo+l|lmf?ao+|rofl)\b", re.IGNORECASE)
_STRETCHED = re.compile(r"([^\W\d_])\1{2,}")
_WORD = re.compile(r"[^\W\d_]{2,}")
_I = re.compile(r"\b(?:i|i'm|i've|i'd|i'll|we|we're|my heart)\b", re.IGNORECASE)
_ACTIONS = _compiled(ACTIONS, r"\b")
_INTERJECTIONS = _compiled(INTERJECTIONS, r"\b")
_BOTH = {family: STATES[family] + VERBS.get(family, ()) for family in STATES}
_NAMED = _compiled(_BOTH, r"\b")
_DENIED = _compiled(_BOTH, _NEGATION + _DEGREE)
# Most texts deny nothing and name no feeling of anybody's, which one search tells instead of one for each family.
_NEGATED = re.compile(_NEGATION, re.IGNORECASE)
_TOLD = re.compile(r"\b" + _any(word for words in (*STATES.values(), *THIRD_PERSON.values()) for word in words))
# Case tells a name from a word.
_THEY_ARE = _compiled(STATES, _OTHERS + _IS + r"(?:[a-z]+ly |always |never |so |very |really |still |just |too )?", 0)
_THEY_DO = _compiled(THIRD_PERSON, _OTHERS + r"\s+", 0)
_OUTLOOK = _compiled(OUTLOOK, r"\b")


def is_loud(text: str) -> bool:
    """Whether most words are in capitals, or letters are drawn out: nobody does that in a flat mood."""
    words = _WORD.findall(text)
    shouted = sum(word.isupper() for word in words)
    return (shouted >= 2 and shouted > len(words) / 2) or _STRETCHED.search(text) is not None


def priors(text: str, neutral: float) -> Iterator[tuple[str, float]]:
    """(fine label, weight) for each emoji, laugh, drawn-out exclamation and played action."""
    expression = EXPRESSION_WEIGHT[0] + EXPRESSION_WEIGHT[1] * neutral
    for label in {EMOJI[character] for character in text if character in EMOJI}:
        yield label, expression
    if _LAUGHS.search(text):
        yield "amusement", expression
    if _STRETCHED.search(text):
        for label, words in _INTERJECTIONS.items():
            if words.search(text):
                yield label, expression
    for played in _PLAYED.finditer(text):
        for label, verbs in _ACTIONS.items():
            if verbs.search(played[1] or played[2]):
                yield label, ACTION_WEIGHT


def denied(text: str) -> set[str]:
    """Families of feeling that the text says are absent ("I'm not sad"), unless it says so of somebody else."""
    found: set[str] = set()
    if not _NEGATED.search(text):
        return found
    for family, words in _DENIED.items():
        match = words.search(text)
        if match and not _YOURS.search(text[: match.start()]):
            found.add(family)
    return found


def of_others(text: str) -> set[str]:
    """Families of feeling that the text gives to somebody else ("my sister is furious").

    Where the writer speaks of "I" beside it, only if the writer names a feeling of another family ("he is cheerful, but
    I'm angry").
    """
    found: set[str] = set()
    if not _TOLD.search(text):
        return found
    for family, words in (*_THEY_ARE.items(), *_THEY_DO.items()):
        match = words.search(text)
        if match is None:
            continue
        rest = text[: match.start()] + " " + text[match.end() :]
        own = {name for name, named in _NAMED.items() if named.search(rest)}
        if not _I.search(rest) or (own and family not in own):
            found.add(family)
    return found


def adjust_fine(scores: np.ndarray, text: str) -> np.ndarray:
    """Merge the cues into the network's 28 scores; returns a new array."""
    fine = np.array(scores, np.float64)
    absent = denied(text)
    for family in absent | of_others(text):
        rows = [FINE_INDEX[label] for label in FAMILIES[family]]
        taken = float(fine[rows].sum()) * (1 - DAMPED)
        fine[rows] *= DAMPED
        if family in absent and family in ("joy", "love"):  # "not happy" is more than flat
            _raise(fine, "sadness" if family == "joy" else "disapproval", TURNED_WEIGHT)
        else:
            fine[NEUTRAL] = min(1.0, fine[NEUTRAL] + taken)
    if is_loud(text):
        fine[NEUTRAL] *= LOUD_DAMPED
    for label, weight in priors(text, float(fine[NEUTRAL])):
        _raise(fine, label, weight)
    return fine


def adjust_outside(scores: np.ndarray, text: str) -> np.ndarray:
    """Merge the outlook cues into the 12 outside scores; returns a new array."""
    outside = np.array(scores, np.float64)
    for label, words in _OUTLOOK.items():
        found = words.search(text)
        if found is None or (label == "trust" and re.search(_NEGATION + "$", text[: found.start()], re.IGNORECASE)):
            continue
        outside *= 1 - OUTLOOK_WEIGHT / 2
        position = OUTSIDE.index(label)
        outside[position] = 1 - (1 - outside[position]) * (1 - OUTLOOK_WEIGHT)
    return outside


def _raise(fine: np.ndarray, label: str, weight: float) -> None:
    position = FINE_INDEX[label]
    fine[position] = 1 - (1 - fine[position]) * (1 - weight)
    fine[NEUTRAL] *= 1 - weight
