"""Facts without a model: what a person says of themselves in wordings that leave little doubt, in English.

A pattern begins where a clause begins ("I live in", "and my dog is called"), reads a value up to the clause's end and
gives nothing when anything unexpected stands there: precision is worth more than finding everything, because a wrong
fact is shown again and again. Sentences that assert nothing were left out before (`statements`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime

from whisperengine.learning import patterns_words as words
from whisperengine.learning import rules, slots
from whisperengine.learning.readings import (
    EMOJI,
)
from whisperengine.learning.relatives import people_and_pets
from whisperengine.learning.slots import Finding
from whisperengine.learning.statements import GAP, statements
from whisperengine.memory.facts import Learned

FACTS_A_MESSAGE = 20

_BREAK = re.compile(
    rf"(?:[,;:!?.…()\[\]{GAP}—–~{EMOJI}]|\s-\s)+\s*"
    r"|\s(?=(?:and|but|so|because|cause|cuz|since|though|although|plus|while|yet)\s+(?:i|im|i'm|i've|my|we|our|it's|people|everyone)\b)",
    re.IGNORECASE,
)

_LEAD = re.compile(
    r"(?:(?:(?:hi|hey|hello|hiya|yo)(?: (?:there|everyone|all|again))?|well|so|and|but"
    r"|also|ok|okay|oh|ah|yes|yeah|yep|yup|no|nope|nah|actually|honestly|btw"
    r"|by the way|fyi|anyway|plus|because|cause|cuz|since|even though|though|although|while|yet|however|thanks|lol|haha"
    r"|(?:please )?(?:do )?remember(?: that)?|don't forget(?: that)?|just so you know|as you know|for the record"
    r"|in fact|to be honest|tbh|personally|currently|right now|nowadays|these days|i told you(?: that)?"
    r"|you should know(?: that)?|note that|you know|i mean|i have to say|i must say"
    r"|i admit(?: that)?|let me introduce myself|that's (?:also |partly )?why|you already know|it shows|besides"
    r"|as always|apart from that|did you know(?: that)?|fun fact|sure|guess what|nice to meet you"
    r"|good (?:morning|evening))"
    r"\b[\s,:!]*){0,5}",
    re.IGNORECASE,
)

_I_AM = r"(?:i'm|i am|im)"

_OFTEN = r"(?:(?:actually|currently|also|still|now|originally|basically|just|proudly|both|really)\s+){0,2}"


def find(text: str, message_id: int | None, said_at: datetime) -> list[Learned]:
    """What a person's message tells of them; at most 20 facts. `said_at` in the person's time zone dates "today"."""
    found: dict[tuple[str, str], Learned] = {}
    for sentence in statements(text):
        for finding in _in_sentence(sentence, said_at):
            fact = slots.learned(
                finding.kind,
                finding.about,
                finding.value,
                confidence=finding.confidence,
                origin="pattern",
                message_id=message_id,
                said_at=said_at,
            )
            found.setdefault((fact.slot, fact.value.casefold()), fact)
            if len(found) >= FACTS_A_MESSAGE:
                return list(found.values())
    return list(found.values())


def _in_sentence(sentence: str, said_at: datetime) -> Iterator[Finding]:
    starts = {0, *(gap.end() for gap in _BREAK.finditer(sentence))}
    for start in sorted(starts):
        lead = _LEAD.match(sentence, start)
        for at in {start, lead.end() if lead else start}:
            for opening, rule in _OPENINGS:
                opened = opening.match(sentence, at)
                if opened:
                    groups = {name: value or "" for name, value in opened.groupdict().items()}
                    yield from rule(rules.Here(sentence, opened.end(), groups, said_at))
    yield from people_and_pets(sentence)


def _opening(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


_VERY = (
    r"(?:(?:really|absolutely|totally|truly|also|just|still|always|so|do|genuinely|honestly|quite|kinda|especially"
    r"|particularly|both|actually|personally|simply|very much|secretly)\s+){0,3}"
)

_AND_ENDS = (
    r"(?=\s*(?:$|[.,;:!?…()—–]|-\s|[^\x00-\x7f])"
    r"|\s+(?:and|but|so|because|now|today|btw|lol|yesterday|last|this|next)\b)"
)

_OPENINGS: tuple[tuple[re.Pattern[str], Callable[[rules.Here], Iterator[Finding]]], ...] = (
    (_opening(r"(?:my|the) (?:full |real |first |actual )?name(?:'s| is)\s+(?:actually )?"), rules.called),
    (_opening(rf"{_I_AM}\s+(?:called|named)\s+"), rules.called),
    (_opening(rf"{_I_AM}\s+"), rules.introduced),
    (
        _opening(r"(?:(?P<sure>(?:please |just |but )?(?:you can |you may |feel free to ))|please |just )?call me\s+"),
        rules.nickname,
    ),
    (
        _opening(r"(?:people|everyone|everybody|they|most people|(?:my|all my) \w+|friends) (?:\w+ )?calls? me\s+"),
        rules.nickname,
    ),
    (_opening(r"i (?:usually |mostly )?(?:go by|prefer to be called|like to be called)\s+"), rules.nickname),
    (_opening(r"(?P<sure>my nickname is)\s+"), rules.nickname),
    (_opening(r"(?:my pronouns are|i use|i go by|my pronouns:|pronouns:)\s+"), rules.pronouns),
    (_opening(r"my (?:birthday|bday|date of birth)(?:'s| is)?(?: on)?\s+"), rules.born),
    (_opening(r"(?:i was|i'm|i am) born (?:on )?"), rules.born),
    (
        _opening(r"(?:it's|it is|today is|today's|tomorrow is|tomorrow's) my (?:\d+(?:st|nd|rd|th) )?birthday\b"),
        rules.birthday_today,
    ),
    (
        _opening(
            rf"(?:{_I_AM}\s+{_OFTEN}|i (?:just )?turned\s+)(?P<age>\d{{1,3}})"
            rf"(?:(?P<years>\s+years? old| y/?o|\s+years? of age)\b)?{_AND_ENDS}"
        ),
        rules.age,
    ),
    (_opening(r"(?P<sure>my time ?zone(?:'s| is)(?: in| on)?)\s+(?:the )?"), rules.zone),
    (
        _opening(rf"(?:{_I_AM}|i live) (?:in|on) (?:the )?(?=\S{{1,40}}(?: \w{{1,40}})? time\b|utc|gmt|[a-z]+/[a-z])"),
        rules.zone,
    ),
    (_opening(rf"(?:i|we) (?:both )?{_OFTEN}live (?:here )?(?:in|near|outside)\s+"), rules.lives),
    (_opening(rf"(?:{_I_AM}|we're|we are) {_OFTEN}(?:living|based|located) (?:in|near|outside)\s+"), rules.lives),
    (_opening(r"my home is in\s+"), rules.lives),
    (
        _opening(r"(?P<moved>(?:i|we)(?:'ve| have)? (?:just |recently |finally )*(?:moved|relocated) (?:here )?)to\s+"),
        rules.lives,
    ),
    (
        _opening(rf"(?:{_I_AM} {_OFTEN}from|i {_OFTEN}come from|i {_OFTEN}(?:grew up|was born|was raised) in)\s+"),
        rules.comes_from,
    ),
    (_opening(r"my (?:hometown|home country|home town|home city)(?:'s| is|,)\s+"), rules.comes_from),
    (_opening(rf"{_I_AM} {_OFTEN}an?\s+"), rules.job),
    (_opening(rf"(?:i {_OFTEN}work|{_I_AM} {_OFTEN}working) as (?:an? |the )?"), rules.works_as),
    (_opening(r"my job is (?:being )?an?\s+"), rules.job),
    (_opening(rf"(?:i {_OFTEN}work|{_I_AM} {_OFTEN}working) (?:at|for)\s+"), rules.employer),
    (
        _opening(rf"(?:i {_OFTEN}study|{_I_AM} {_OFTEN}studying|i {_OFTEN}major in|{_I_AM} {_OFTEN}majoring in)\s+"),
        rules.studies,
    ),
    (_opening(rf"(?:{_I_AM}|i've been|i have been|i got|we got) {_OFTEN}"), rules.status),
    (_opening(rf"(?:{_I_AM}|i've been) {_OFTEN}(?:an? )?"), rules.diet),
    (_opening(r"i (?:don't|do not|never) eat\s+(?:any )?"), rules.avoids),
    (
        _opening(
            rf"{_I_AM} (?:(?P<not>not)\s+)?(?:{_OFTEN}(?:very |badly |severely |highly |deathly )?)allergic to\s+"
        ),
        rules.allergy,
    ),
    (_opening(r"i (?:have|'ve got|got) an? (?:\w+ )?(?P<allergen>[a-z]+(?: [a-z]+)?) allergy\b"), rules.allergy_noun),
    (_opening(rf"{_I_AM} (?P<what>lactose|gluten|fructose|histamine)[- ]intolerant\b"), rules.intolerant),
    (
        _opening(
            rf"i (?:(?P<not>don't|do not|can't|cannot) )?{_OFTEN}speak (?:fluent )?(?!to\b|with\b)"
            rf"|{_I_AM} (?:fluent|bilingual) in\s+"
            rf"|(?P<native>my (?:native|first|mother) (?:language|tongue) is\s+)"
            rf"|(?P<learning>{_I_AM} {_OFTEN}(?:learning|studying)\s+)"
        ),
        rules.languages,
    ),
    (
        _opening(r"i (?:(?P<not>don't|do not|can't) )?(?:can |also |still |sometimes |often |usually )?play (?:the )?"),
        rules.plays,
    ),
    (
        _opening(
            r"my (?:all-time |absolute |all time )?fav(?:ou?rite|e|ou?rites)? (?P<about>[a-z]+(?: [a-z]+)?) "
            r"(?:is|are|has to be)\s+"
        ),
        rules.favourite,
    ),
    (_opening(r"(?=\S{1,40}(?: \S{1,40}){0,3} (?:is|are) my (?:all-time |absolute )?fav)"), rules.favourite_first),
    (
        _opening(
            rf"(?:i|we)(?:'ve| have)?(?: got| have)? (?P<number>{'|'.join(sorted(words.NUMBERS))}) "
            r"(?:\w+ )?(?P<about>[a-z]+)\b"
        ),
        rules.counts,
    ),
    (_opening(rf"i {_VERY}(?:love|like|enjoy|adore)\s+"), rules.liked),
    (_opening(r"i(?:'ve| have) always (?:loved|liked|enjoyed|adored)\s+"), rules.liked),
    (
        _opening(
            rf"{_I_AM} {_VERY}(?:into|fond of|a (?:(?:really |very )?(?:big|huge|massive) )?fan of|crazy about)\s+"
        ),
        rules.liked,
    ),
    (
        _opening(rf"(?P<not>i {_VERY}(?:hate|dislike|detest|despise|loathe|can't stand|cannot stand|can't bear))\s+"),
        rules.liked,
    ),
    (
        _opening(
            r"(?P<not>i (?:really )?(?:don't|do not|dont) (?:really |particularly |even )?(?:like|enjoy|love))\s+"
        ),
        rules.liked,
    ),
    (
        _opening(rf"(?P<not>{_I_AM} (?:really )?not (?:really )?(?:into|fond of|a (?:big |huge )?fan of))\s+"),
        rules.liked,
    ),
)
