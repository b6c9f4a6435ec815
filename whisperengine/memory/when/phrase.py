"""Phrases: the words for one time, coarse and fine together, with what stands before them; and the period they mean."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from whisperengine.memory.when.calendar import (
    CLOCK,
    DAY,
    MONTH,
    NTHS,
    PART,
    SEASON,
    WEEK,
    YEAR,
    YEARS,
    Cycle,
    Period,
    day,
    later,
    share,
    whole,
)
from whisperengine.memory.when.sentence import tells_habit, tenses
from whisperengine.memory.when.words import AMOUNT, Moment, Named, amount, lowered

LISTING = frozenset(("and", "or"))
_ONLY_IN_RANGES = LISTING | {"to", "through", "between"}
_TOPIC = LISTING | {"about"}
"""They belong to the sentence: "tell me about yesterday"."""

_LEAD_CHARS = 60
_LEAD = re.compile(
    rf"(?:\b(?:(?P<count>the|{AMOUNT})\s{{1,3}}(?P<unit>day|week|month|year)s?\s{{1,3}}(?=before\b|after\b))?"
    r"\b(?P<lead>since|before|after|until|till|by|in|on|at|during|over|for|around|about|near|from|between|and|or|to"
    r"|through|of)\s{1,3})?"
    r"(?:\b(?:the\s{1,3})?(?:very\s{1,3})?(?P<share>beginning|start|middle|end"
    rf"|(?:{'|'.join(NTHS)}|last)\s{{1,3}}(?:half|week|day))\s{{1,3}}of\s{{1,3}}"
    r"|\b(?P<early>early|mid|late)(?:\s{1,3}|-)(?:in\s{1,3}|on\s{1,3})?)?"
    r"(?:\bthe\s{1,3})?$",
    re.IGNORECASE,
)
_SHARES = {"beginning": "early", "start": "early", "middle": "mid", "end": "late"}

_JOINT = re.compile(r"[\s,]{0,3}(?:(?:in|on|at|of|from|during)\s{1,3})?(?:the\s{1,3})?", re.IGNORECASE)
_JOINT_CHARS = 20
_GRAIN_OF = {"day": DAY, "week": WEEK, "month": MONTH, "year": YEAR}

_FREE = re.compile(
    r"\s{0,3}(?:$|[.,;:!?)\"“”'’\n]|-\s|(?:i|you|we|he|she|it|they|my|your|our|his|her|their|the|a|an|this|that|what|when"
    r"|who|where|why|how|did|do|does|about|and|or|but|with|at|for|in|on|to|till|until|through|so|because|if|then|please"
    r"|again|there|already|of|last|next|before|after|from)\b)",
    re.IGNORECASE,
)
_CAPITAL = re.compile(r"\s{1,3}[A-Z]")
_SPOILT_CHARS = 20
_SPOILT = re.compile(
    r"\b(?:every|each|any|an?|some|one|another|ash|cyber|palm|fat|happy|it['’]s|named|called|friend"
    r"|(?:believe|confide|trust)\s{1,3}in)\s{1,3}$",
    re.IGNORECASE,
)

_AROUND = {DAY: 4, WEEK: 4, MONTH: 10, SEASON: 10, YEAR: 183}
_AWAY_SPARE = {"day": 0, "week": 3, "month": 15, "year": 182}


@dataclass(slots=True)
class Phrase:
    """Words text[at:to] for one time, as "5 pm on Tuesday last week".

    `lead` is the preposition before them, `share` the part of it that is meant (see `calendar.share`); `count` and
    `unit` stand before "before" and "after" ("two weeks before Easter").
    """

    at: int
    to: int
    parts: list[Named]
    lead: str
    share: str
    count: str
    unit: str

    def grain(self) -> int:
        return min(part.grain for part in self.parts)


def phrases_of(text: str, found: Sequence[Named]) -> list[Phrase]:
    """Neighbours of which one lies inside the other make one phrase."""
    phrases: list[Phrase] = []
    for named in found:
        last = phrases[-1] if phrases else None
        if last and _continues(text, last, named):
            last.parts.append(named)
            last.to = named.to
        else:
            phrases.append(_begun(text, named, last.to if last else 0))
    return phrases


def _continues(text: str, phrase: Phrase, named: Named) -> bool:
    return (
        named.at - phrase.to <= _JOINT_CHARS
        and _JOINT.fullmatch(text, phrase.to, named.at) is not None
        and any(_fits(named, part) or _fits(part, named) for part in phrase.parts)
    )


def _fits(fine: Named, coarse: Named) -> bool:
    """Whether `fine` comes round inside `coarse`, or is the day of the week of the same date."""
    if fine.cycle is None or fine.said or coarse.talk:
        return False
    if fine.cycle.unit == "week" and fine.grain == coarse.grain == DAY:
        return coarse.cycle is None or coarse.cycle.unit in ("month", "year")
    return _GRAIN_OF[fine.cycle.unit] == coarse.grain or (fine.grain == CLOCK and coarse.grain == PART)


def _begun(text: str, named: Named, floor: int) -> Phrase:
    begin = max(floor, named.at - _LEAD_CHARS)
    before = _LEAD.search(text[begin : named.at])
    assert before is not None  # the empty string at the end always matches
    at, lead, part = begin + before.start(), lowered(before["lead"]), lowered(before["share"] or before["early"])
    if lead in _TOPIC:
        at = begin + before.end("lead")
        at += len(text[at : named.at]) - len(text[at : named.at].lstrip())
    return Phrase(
        at,
        named.to,
        [named],
        lead,
        _SHARES.get(part, part),
        lowered(before["count"]),
        lowered(before["unit"]),
    )


def is_time(text: str, phrase: Phrase, moment: Moment, in_range: bool = False) -> bool:
    """Whether the words mean a time here, and not a friend, a verb or a habit."""
    named, lead = phrase.parts[0], phrase.lead
    if named.said == "ahead":
        return tenses(text, phrase.at, phrase.to)[:1] == ["future"]
    if any(part.period for part in phrase.parts) and (len(phrase.parts) > 1 or named.leads is None):
        return True
    spoilt_to = phrase.parts[0].at if lead == "in" else phrase.at
    if _SPOILT.search(text[max(0, spoilt_to - _SPOILT_CHARS) : spoilt_to]):
        return False
    if any(part.said for part in phrase.parts):
        return True
    if tells_habit(text, phrase.at, phrase.to):
        return False
    if len(phrase.parts) > 1 or (phrase.share and named.grain >= WEEK):
        return True
    if named.grain <= PART:
        return not moment.told and named.leads is None and "past" in tenses(text, phrase.at, phrase.to)
    if not in_range and lead in _ONLY_IN_RANGES:
        lead = ""
    if named.leads is not None and lead not in named.leads:
        return False
    if lead not in named.careful:
        return True
    free = _FREE.match(text, named.to) or (lead and _CAPITAL.match(text, named.to))
    return bool(free) and (lead != "from" or in_range)


def lean(text: str, phrase: Phrase, moment: Moment) -> str:
    """Where to look for what comes round: `past`, `future`, or in a message that has no tense `near`."""
    if all(part.cycle is None for part in phrase.parts):
        return "past"  # nothing comes round, so nobody looks
    found = tenses(text, phrase.at, phrase.to)
    if not moment.told:
        return "future" if found and "past" not in found else "past"
    if phrase.lead in ("since", "over"):
        return "past"
    return found[0] if found else "future" if phrase.lead in ("until", "till", "by", "for") else "near"


def meant(phrase: Phrase, here: datetime, leaning: str) -> Period | None:
    """The period of a phrase: that of its coarsest part, and each finer one inside it."""
    parts = sorted(phrase.parts, key=lambda part: -part.grain)
    if sum(part.grain == DAY for part in parts) > 1:
        # "Friday, 7 May": the date decides.
        parts = [part for part in parts if not (part.grain == DAY and part.cycle and part.cycle.unit == "week")]
    period: Period | None = None
    for part in parts:
        which = phrase.share if part is parts[-1] and part.grain >= WEEK else ""
        if part.cycle is None:
            period = share(part.period, which) if part.period and which else part.period
        else:
            cycle = part.cycle.share(which) if which else part.cycle
            period = cycle.within(period) if period else _occurrence(part, cycle, here, leaning)
        if period is None:
            return None
    if period and phrase.count:
        return _away(period, phrase)
    if period and phrase.lead == "around":
        spare = timedelta(days=_AROUND.get(phrase.grain(), 0))
        return period[0] - spare, period[1] + spare
    return period


def _occurrence(named: Named, cycle: Cycle, here: datetime, leaning: str) -> Period | None:
    """Which of the occurrences is meant."""
    today, tomorrow = day(here)
    weekly = cycle.unit == "week"
    if named.said in ("last", "past", "this past", "previous"):
        return cycle.ended_by(here)
    if named.said == "this":
        return cycle.around(here)
    if named.said == "next":
        return cycle.from_on(whole("week", here, 1)[0] if weekly else here)
    if named.said:
        return cycle.from_on(tomorrow)
    past = cycle.before(today if weekly and named.grain == DAY else here)
    if leaning == "past":
        return past
    current = cycle.around(here)
    if not weekly and current and current[0] <= here < current[1]:
        return current
    future = cycle.from_on(tomorrow if weekly else here)
    if leaning == "future" or weekly or past is None or future is None:
        return future
    return past if here - past[1] < future[0] - here else future


def _away(period: Period, phrase: Phrase) -> Period | None:
    """ "The week before X" and "two days after X"; none beyond the years that people speak of."""
    sign = -1 if phrase.lead == "before" else 1
    if phrase.count == "the":
        edge = period[0] if sign < 0 else period[1]
        first, last = sorted((edge, later(edge, sign, phrase.unit)))
        return first, last
    _, count = amount(phrase.count)
    if phrase.unit == "year" and count > len(YEARS):
        return None
    at = later(period[0] if sign < 0 else period[1] - timedelta(days=1), sign * count, phrase.unit)
    spare = timedelta(days=_AWAY_SPARE[phrase.unit])
    return whole("day", at - spare)[0], whole("day", at + spare)[1]
