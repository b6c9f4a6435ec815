"""What a message asks of the memory: whose words are meant, which time, and the text to search with. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from whisperengine.memory.terms import search_text
from whisperengine.memory.when import Span, dates_told, spans_in, without_time_words

PERSON, CHARACTER = "person", "character"

_WORD = re.compile(r"[^\W_]+")
_WHEN = re.compile(r"^\s*when\b|\bhow long\b|\swhen\s", re.I)
_TELLING = re.compile(
    r"\b(?:did|have|had|has)\s+(i|you)\s+(?:ever |just |already )?"
    r"(?:tell|told|say|said|mention\w*|share\w*|talk\w*|ask\w*)\b",
    re.I,
)
# "Do you remember ...?" addresses the character without asking for its words.
_ADDRESS = re.compile(
    r"\b(?:do|did|can|could|would|will)\s+you\s+(?:still |even |please |perhaps )?"
    r"(?:remember|recall|know|tell|guess|say|think|help|remind)\b",
    re.I,
)
_PRONOUNS = {
    **dict.fromkeys(("i", "me", "my", "mine", "myself"), PERSON),
    **dict.fromkeys(("you", "your", "yours", "yourself"), CHARACTER),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A query, taken apart. `who` holds the speakers whose turns are meant (both, one or none)."""

    text: str
    embedded: str
    lexical: str
    who: frozenset[str]
    spans: tuple[Span, ...]
    asks_when: bool


def ask(
    text: str,
    *,
    person: str,
    character: str,
    now: datetime,
    zone: str,
    first_met: datetime | None = None,
    birthday: tuple[int, int] | None = None,
) -> Asked:
    """Take a query by the person apart.

    Turns are embedded without their speaker's name and speak in the first person, so a speaker who is meant is written
    as "I" in the text that is embedded (12 points of R@10 for the embedding alone, on LoCoMo). Names of the two carry
    nothing in a lexical search
    of their own talk.
    """
    names = _names(person, character)
    spans = tuple(spans_in(text, now, zone, first_met=first_met, birthday=birthday))
    who, embedded = _point(text, names)
    timeless = without_time_words(text, spans) if spans else text
    lexical = " ".join(word for word in search_text(timeless).split() if _bare(word) not in names)
    return Asked(text, embedded, lexical or search_text(text), who, spans, bool(_WHEN.search(text)))


def time_told(text: str, said_at: datetime, zone: str) -> Span | None:
    """The time that a message speaks of, when it names one: "last week", said on 8 May, is that week."""
    return next(iter(dates_told(text, said_at, zone)), None)


def _names(person: str, character: str) -> dict[str, str]:
    """Each word of a name, and whom it names; a word that both bear names nobody."""
    names: dict[str, str] = {}
    for text, key in ((person, PERSON), (character, CHARACTER)):
        for word in _WORD.findall(text.lower()):
            if len(word) > 1 and word not in _PRONOUNS:
                names[word] = "" if word in names else key
    return {word: key for word, key in names.items() if key}


def _point(text: str, names: Mapping[str, str]) -> tuple[frozenset[str], str]:
    words = _WORD.findall(text.lower())
    named = frozenset(names[word] for word in words if word in names)
    telling = _TELLING.search(text)
    if telling:
        return frozenset({_PRONOUNS[telling[1].lower()]}), text
    meant = _WORD.findall(_ADDRESS.sub(" ", text).lower())
    who = named or frozenset(_PRONOUNS[word] for word in meant if word in _PRONOUNS)
    for name, key in names.items():
        if key in named:
            text = re.sub(rf"\b{re.escape(name)}['’]s\b", "my", text, flags=re.I)
            text = re.sub(rf"\b{re.escape(name)}\b", "I", text, flags=re.I)
    if who == {CHARACTER} and not named:
        text = re.sub(r"\byou\b", "I", re.sub(r"\byour\b", "my", text, flags=re.I), flags=re.I)
    return who, text


def _bare(word: str) -> str:
    return re.sub(r"['’]s$", "", word.lower().strip(".,;:!?\"'()"))
