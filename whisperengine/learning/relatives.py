"""People and pets by name: "my sister Ana", "my dog is called Biscuit", "two cats, Mio and Luna"."""

from __future__ import annotations

import re
from collections.abc import Iterator

from whisperengine.learning import patterns_words as words
from whisperengine.learning.readings import ends, name_at
from whisperengine.learning.slots import LIKELY, SURE, Finding

_NOUNS = "|".join(sorted((re.escape(noun) for noun in {*words.RELATIVES, *words.PETS}), key=len, reverse=True))

_NAMED = re.compile(
    rf"(?:\bmy|\bour|\b(?:have|has|got|adopted|am)\s+(?:{'|'.join(words.NUMBERS)}|another))\s+"
    r"(?:(?:[a-z]{1,20}-year-old|\d{1,3}-year-old|older|elder|oldest|eldest|younger|youngest|little|big|twin|new|old|late"
    r"|beloved|dear|sweet|adorable|cute|rescue|black|white|grey|gray|brown|orange|tabby|golden|lovely|beautiful|own"
    r"|other|pet|childhood|two|three|four)\s+){0,2}"
    rf"(?P<ex>ex-)?(?P<noun>best friends?|{_NOUNS})"
    r"(?P<link>\s*[,:]\s*|(?:'s|s')?\s+names?\s+(?:is|are|was)\s+|'s\s+called\s+"
    r"|\s+(?:(?:is|are|'re|who is|that is|we|i|that i|which i|whom i)\s+)?(?:called|named|call)\s+|\s+)(?=[^\W\d_])",
    re.IGNORECASE,
)


_GLUE = re.compile(r"\s*,\s*(?:and\s+)?|\s+(?:and|&)\s+")
_GOES_ON = re.compile(r"\s+(?:and|but|so|because)\s+i\b", re.IGNORECASE)


def people_and_pets(sentence: str) -> Iterator[Finding]:
    """Everybody whom a sentence names as its author's."""
    for noun in _NAMED.finditer(sentence):
        link = noun["link"].strip().lower()
        names = _names(sentence, noun.end(), any_case=len(link) > 2)
        if not names:
            continue
        end = names[-1][1]
        after = sentence[end:]
        if link in (",", ":") and (not ends(sentence, end) or _GOES_ON.match(after)):
            # "Thanks to my sister, Ana and I went": a name in commas is closed by another one.
            continue
        word = noun["noun"].lower()
        several = word == "children" or (word.endswith("s") and word != "boss")
        kind, about = ("pet", words.PETS[word]) if word in words.PETS else ("relative", words.RELATIVES.get(word, word))
        if word.startswith("best friend"):
            kind, about = "relative", "best friend"
        for name, _ in names if several else names[:1]:
            yield Finding(kind, (noun["ex"] or "").lower() + about, name, SURE if link else LIKELY)


def _names(sentence: str, at: int, *, any_case: bool) -> list[tuple[str, int]]:
    """Names with where each ends: `Mio and Luna`, `Tom, Lia & Max`.

    Small letters only right before the clause's end.
    """
    found: list[tuple[str, int]] = []
    while len(found) < 6:
        name = name_at(sentence, at, any_case=any_case, most=2)
        if name is None:
            break
        if sentence[at].islower() and not ends(sentence, name[1]):
            break
        found.append(name)
        glue = _GLUE.match(sentence, name[1])
        if glue is None:
            break
        at = glue.end()
    return found
