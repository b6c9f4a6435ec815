"""What the sentence around the words for a time says of it: the tense of its verbs, and whether it tells a habit."""

from __future__ import annotations

import re

SENTENCE_CHARS = 120
"""So far the sentence is read before and after the words."""

_END = re.compile(r"[.!?;\n]")
_HABIT = re.compile(
    r"\b(?:usually|always|normally|often|typically|generally|(?:every|each)\s{1,3}(?:day|week|month|year|morning"
    r"|afternoon|evening|night|weekend|time|(?:mon|tues|wednes|thurs|fri|satur|sun)day|spring|summer|autumn|fall|winter"
    r"|christmas|easter|halloween))\b",
    re.IGNORECASE,
)
_FUTURE = (
    r"\b(?:will|won['’]t|shall|gonna|going to|tomorrow|upcoming|plan|plans|planning|planned|hope|hoping|hopefully|want"
    r"|wants|wanna|need to|have to|has to|do\s{1,3}(?:i|we)\s{1,3}have|must|can['’]t wait|looking forward|soon|let['’]s"
    r"|would like|ready for|preparing|scheduled|booked|due|gets?(?:\s{1,3}[a-z]{1,20}ed)?|go|goes|starts?|begins?"
    r"|leaves?|fly|flies|arrives?|comes?|meets?|see)\b"
    r"|['’]ll\b|(?:\b(?:am|is|are)|['’](?:m|s|re))\s{1,3}(?:(?:not|also|i|we|you)\s{1,3})?[a-z]{1,20}ing\b"
)
_NEITHER = (
    r"(?:\b(?:am|is|are|be|being|getting)|['’](?:m|s|re))\s{1,3}(?:(?:so|really)\s{1,3})?(?:[a-z]{1,20}ed|done|gone)\b"
    r"|\b(?:red|bed|wed|hundred|sacred|naked|did\s{1,3}you\s{1,3}know)\b"
)
_PAST = (
    r"\b(?:did|didn['’]t|was|wasn['’]t|were|weren['’]t|had|hadn['’]t|been|went|saw|got|made|came|took|told|said|gave"
    r"|found|met|bought|felt|left|began|ate|drank|ran|wrote|spoke|knew|thought|lost|won|built|caught|taught|fell|flew"
    r"|drove|grew|held|kept|led|paid|rode|sang|sat|sent|slept|spent|stood|swam|wore|broke|brought|chose|heard|became"
    r"|done|seen|gone|threw|hit|hurt|[a-z]{2,20}(?<!e)ed)\b"
)
_TENSE = re.compile(f"(?P<future>{_FUTURE})|(?P<neither>{_NEITHER})|(?P<past>{_PAST})", re.IGNORECASE)


def sentence_around(text: str, at: int, to: int) -> tuple[str, int]:
    """The sentence that holds text[at:to], as far as it is near, and where these words stand in it."""
    before = _END.split(text[max(0, at - SENTENCE_CHARS) : at])[-1]
    after = _END.split(text[to : to + SENTENCE_CHARS])[0]
    return before + text[at:to] + after, len(before)


def tells_habit(text: str, at: int, to: int) -> bool:
    """ "What do I usually do on Monday?" means no Monday."""
    return bool(_HABIT.search(sentence_around(text, at, to)[0]))


def tenses(text: str, at: int, to: int) -> list[str]:
    """`past` and `future`, as the verbs around text[at:to] have it: those before from near to far, then those after."""
    sentence, here = sentence_around(text, at, to)
    found = [(match.start(), match.lastgroup or "") for match in _TENSE.finditer(sentence)]
    before = [tense for start, tense in reversed(found) if start < here]
    after = [tense for start, tense in found if start >= here]
    return [tense for tense in before + after if tense != "neither"]
