"""When: the times that a question asks about, and the dates that a message tells of, in the person's time zone.

What is read and how it is meant (all of it English):

- Weeks run from Monday to Sunday. "Last week" is the calendar week before this one, "the last week" and "the past week"
  are the seven days up to now. "Last weekend" is that of last week; "next Friday" is that of next week.
- "Last" with a day, month, season or festival is the latest that is over, "this" the one of this week or year.
- "N units ago" has half a unit or an eighth of the distance to spare on either side, whichever is more; days become
  whole days, exact up to a week. A couple is 2, a few 2-5, several 3-7.
- What comes round and does not say which ("on Tuesday", "in May", "the 7th", "at Christmas") is in a question the
  latest that has begun, and for a day of the week never today; in a question only about the future ("what am I doing on
  Friday?") the next. In a message the tense of the sentence decides, and without one the nearer, for a day of the week
  the next. With "usually", "always" or "every" it is none at all.
- A part of the day or an hour alone counts in a question about the past, and is then the latest.
- 7/5/2024 is 7 May, in time zones of the United States July 5; a number over 12 decides, and then, in a question, which
  of both has been. 7.5.2024 and 7-5-2024 are 7 May.
- "Around" adds four days to a day, ten to a month and six months to a year, on either side.
- "The beginning", "middle" and "end" of something are its thirds; of a year the first and last three months.
- "Recently" and "lately" are the last 30 days, "the other day" the last 14. "When we first talked" is the first day.
- Open ranges ("since", "before", "after", "until") end now or begin in 1900. In a message they are the date they name.

Where precision and finding more are at odds, precision won: "may", "march", "second" and "spring" as other words,
people called April or June, and bare counts such as "3 days" are no times.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from whisperengine.memory.when import dates, relative
from whisperengine.memory.when.calendar import LONG_AGO, Period
from whisperengine.memory.when.phrase import LISTING, Phrase, is_time, lean, meant, phrases_of
from whisperengine.memory.when.words import Moment, named_in

READ_CHARS = 8_000
"""No more of a text is read."""

_FORMS = (*relative.FORMS, *dates.FORMS)
_RANGES = {"between": ("and",), "from": ("to", "until", "till", "through")}
_A_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` to `end` (exclusive), both in UTC, and the words that said it as they stand in the text.

    `talk` is set where a conversation is meant rather than a date: `first` (the dates are then those of its first 24
    hours when these are known, else all of the past) or `previous` (the dates are all of the past; the last session
    before this one is meant).
    """

    start: datetime
    end: datetime
    text: str
    talk: str = ""


def spans_in(
    query: str,
    now: datetime,
    zone: str,
    *,
    first_met: datetime | None = None,
    birthday: tuple[int, int] | None = None,
) -> list[Span]:
    """The times that a question asks about, in the order of its words; of the past where they do not say.

    `now` and `first_met` are aware; `zone` is a name of the IANA database (an unknown one is UTC); `birthday` is
    (month, day), without it "my birthday" is not read.
    """
    return _spans(query[:READ_CHARS], Moment(now.astimezone(UTC), _zone(zone), False, first_met, birthday))


def dates_told(text: str, said_at: datetime, zone: str) -> list[Span]:
    """The dates that a message names, counted from when it was said: "yesterday", "next month", "in 2019".

    They may lie in the future. Words without a date of their own ("recently", "when we first met") are left out.
    """
    return _spans(text[:READ_CHARS], Moment(said_at.astimezone(UTC), _zone(zone), True))


def without_time_words(query: str, spans: Sequence[Span]) -> str:
    """The query without the words of its spans, in single blanks."""
    kept, at = [], 0
    for span in spans:
        found = query.find(span.text, at)
        if found >= 0:
            kept.append(query[at:found])
            at = found + len(span.text)
    return re.sub(r"^[ ,]+| (?=[?.!,])", "", " ".join(" ".join([*kept, query[at:]]).split()))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def _spans(text: str, moment: Moment) -> list[Span]:
    spans: list[Span] = []
    phrases = phrases_of(text, named_in(text, moment, _FORMS))
    previous: Phrase | None = None
    ends_range = False
    for phrase, following in zip_longest(phrases, phrases[1:]):
        if ends_range:
            ends_range = False
            continue
        if previous and spans and phrase.lead in LISTING and _between(text, previous, phrase) == phrase.lead:
            phrase.lead = previous.lead
        period = _together(text, phrase, following, moment) if following else None
        ends_range = period is not None
        if period is None and is_time(text, phrase, moment):
            period = _open(phrase, meant(phrase, moment.here, lean(text, phrase, moment)), moment)
        last = following if following and ends_range else phrase
        start, end = (moment.instant(edge) for edge in period or (moment.here, moment.here))
        if start < end:
            spans.append(Span(start, end, text[phrase.at : last.to], phrase.parts[0].talk))
            previous = last
    return spans


def _between(text: str, first: Phrase, second: Phrase) -> str:
    return text[first.to : second.parts[0].at].strip().lower()


def _together(text: str, first: Phrase, second: Phrase, moment: Moment) -> Period | None:
    """What two phrases mean together: a range ("between X and Y", "from X to Y", where X is the latest before Y), or a
    day of the week or a weekend beside a date ("the Sunday before 7 May").
    """
    if _between(text, first, second).removesuffix(" the") != second.lead:
        return None
    if second.lead in _RANGES.get(first.lead, ()):
        if not (is_time(text, first, moment, True) and is_time(text, second, moment, True)):
            return None
        last = meant(second, moment.here, lean(text, first, moment))
        start = meant(first, last[1] - _A_MOMENT, "past") if last else None
        return (start[0], last[1]) if start and last and start[0] < last[1] else None
    cycle = first.parts[0].cycle
    if second.lead in ("before", "after") and len(first.parts) == 1 and cycle and cycle.unit == "week":
        date = meant(second, moment.here, lean(text, second, moment))
        if date and not first.parts[0].said:
            return cycle.before(date[0]) if second.lead == "before" else cycle.from_on(date[1])
    return None


def _open(phrase: Phrase, period: Period | None, moment: Moment) -> Period | None:
    """ "Since", "after", "before" and "until" make a question's period longer; a message names the date itself."""
    if period is None or moment.told or phrase.count:
        return period
    if phrase.lead == "since":
        return period[0], moment.here
    if phrase.lead == "after":
        return period[1], moment.here
    if phrase.lead == "before":
        return LONG_AGO, period[0]
    return (LONG_AGO, period[1]) if phrase.lead in ("until", "till") else period
