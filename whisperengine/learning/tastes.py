"""What follows "I love": lists of things, cut where they end and left alone where they mean nothing that lasts."""

from __future__ import annotations

import re

from whisperengine.learning import patterns_words as words

TASTE_WORDS = 4

_WORD = re.compile(r"[^\W_]+(?:['’.&-][^\W_]+)*")
_NARROWED = re.compile(r"\s+(?:that|which|who|whose|where|with which|of|i|you|we)\b")
_GLUE = re.compile(r"\s*+(?:,\s*+)?(?P<and>(?:\band\b|\bor\b|&)\s+)|\s*+,\s*")
_END = re.compile(r"\s*(?:$|[^\w\s'&])|\s+(?:and|or|but|so|because|too|with|in|at|for)\b")


def listed(sentence: str, at: int, most: int) -> list[list[str]]:
    """The items of "cheese, bread and red wine" from `at` on, as words; at most `most` words each.

    After a comma an item counts only when the list ends with "and" or "or"; otherwise a new thought may begin there.
    """
    sure: list[list[str]] = []
    waiting: list[list[str]] = []
    joined = False
    while len(sure) + len(waiting) < 8:
        item, end = _item(sentence, at, most)
        if not item or (sure and not _goes_on(item, sentence, end)):
            break
        waiting.append(item)
        if not sure or joined:
            sure, waiting = [*sure, *waiting], []
        glue = _GLUE.match(sentence, end)
        if glue is None or joined:
            break
        joined, at = bool(glue["and"]), glue.end()
    return sure


def _goes_on(item: list[str], sentence: str, end: int) -> bool:
    """Whether an item continues a list: "and wine" does, "and went home" does not."""
    first = item[0].lower()
    if len(item) > 2 and not first.endswith("ing"):
        return False
    past = len(first) > 4 and first.endswith("ed") and "-" not in first
    return first not in words.NOT_LISTED and not past and bool(_END.match(sentence, end))


def tastes(sentence: str, at: int) -> list[str]:
    """What is liked or disliked, such as `mushroom risotto` and `watching old films`; empty when it is no taste."""
    found: list[str] = []
    for item in listed(sentence, at, 5):
        taste = _taste(item)
        if taste is None or _NARROWED.match(sentence, sentence.index(item[-1], at) + len(item[-1])):
            # "I love the colour and texture", "stories that make me cry": of this one, not of all.
            break
        found.append(taste)
    return found


def _item(sentence: str, at: int, most: int) -> tuple[list[str], int]:
    item: list[str] = []
    end = at
    while len(item) < most:
        word = _WORD.match(sentence, end + (sentence[end : end + 1] == " " and bool(item)))
        if word is None:
            break
        lowered = word.group().lower()
        kept = lowered == "to" and (not item or item[-1].lower() in words.KEPT_TO)
        of = lowered == "the" and item and item[-1].lower() == "of"
        if item and lowered in words.CUT_TASTE and not (kept or of):
            break
        item.append(word.group())
        end = word.end()
    return item, end


def _taste(item: list[str]) -> str | None:
    lowered = [word.lower() for word in item]
    if lowered[0] == "to":
        if len(item) < 2 or lowered[1] not in words.HOBBIES:
            return None
        return " ".join([words.HOBBIES[lowered[1]], *item[2:]])
    if lowered[0] == "the":
        return " ".join(item) if len(item) == 2 and lowered[1] in words.AFTER_THE else None
    if lowered[0] in words.NO_TASTE_FIRST or set(lowered) & words.NO_TASTE_ANYWHERE or len(item) > TASTE_WORDS:
        return None
    if len(item) == 1 and lowered[0].endswith("ing") and lowered[0] not in words.GERUNDS and len(lowered[0]) > 5:
        return None
    return " ".join(item)
