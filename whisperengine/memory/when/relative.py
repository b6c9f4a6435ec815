"""Times counted from the moment of speaking: "yesterday", "two weeks ago", "last month", "when we first talked"."""

from __future__ import annotations

import re
from datetime import timedelta

from whisperengine.memory.when.calendar import (
    CLOCK,
    DAY,
    LONG_AGO,
    MONTH,
    PART,
    PARTS,
    WEEK,
    YEAR,
    YEARS,
    Period,
    every_weekend,
    hours,
    later,
    whole,
)
from whisperengine.memory.when.words import AMOUNT, SAID, TALKED, Moment, Named, amount, form, lowered

RECENT_DAYS, OTHER_DAYS, JUST_NOW = 30, 14, timedelta(minutes=10)

_GRAINS = {"day": DAY, "week": WEEK, "weekend": WEEK, "month": MONTH, "year": YEAR}
_HALVES = {"hour": (30, "minute"), "year": (6, "month")}
_UNITS = "day|week|weekend|month|year"
_ONE = "day week weekend month year"
_COUNTED = "day days week weeks month months year years"
_THIS_TIME = {"month": 3, "year": 15}
"""Days to spare on either side of "this time last year"."""
# "The last week of May" and "the last year of school" are not counted from now.
_NOT_OF = "(?! of)"


@form(
    "(?:(?:the )?day before yesterday|yesterday|(?:earlier )?today|(?:the )?day after tomorrow|tomorrow)(?:'s)?",
    "yesterday today tomorrow",
)
def near_day(match: re.Match[str], moment: Moment) -> Named:
    said = lowered(match[0])
    shift = (-1 if "yester" in said else "tomorrow" in said) * (2 if "day " in said else 1)
    return Named(*match.span(), DAY, whole("day", moment.here, shift))


@form(
    "(?:tonight|last night|(?:the )?night before last|this (?:morning|afternoon|evening))(?:'s)?",
    "tonight night morning afternoon evening",
)
def near_part(match: re.Match[str], moment: Moment) -> Named:
    said = lowered(match[0]).removesuffix("'s")
    first, last = PARTS["night" if "night" in said else said.removeprefix("this ")]
    # Before five in the morning the night that is passing began yesterday.
    back = 2 if "before" in said else said == "last night" or (said == "tonight" and moment.here.hour < 5)
    return Named(*match.span(), PART, hours(moment.here.date() - timedelta(days=back), first, last))


@form(
    rf"(?:(?P<amount>{AMOUNT}|half an?) (?P<unit>minute|min|hour|{_UNITS})s?|a fortnight)"
    r" (?:ago|back(?= (?:i|we|you|did)\b|[?.!,]|$)|(?P<ahead>from now))",
    "ago back now",
)
def ago(match: re.Match[str], moment: Moment) -> Named | None:
    unit = (match["unit"] or "week").lower()
    low, high = amount(match["amount"] or "two")
    if low < 1:
        if unit not in _HALVES:
            return None
        low, unit = _HALVES[unit]
        high = low
    period = distant(moment, low, high, unit, 1 if match["ahead"] else -1)
    return Named(*match.span(), _GRAINS.get(unit, CLOCK), period) if period else None


@form(rf"in (?P<amount>{AMOUNT}) (?P<unit>day|week|month|year)s?(?:'? time)?", _COUNTED)
def ahead(match: re.Match[str], moment: Moment) -> Named | None:
    period = distant(moment, *amount(match["amount"]), match["unit"].lower(), 1)
    return Named(*match.span(), DAY, period, said="ahead") if period else None


def distant(moment: Moment, low: float, high: float, unit: str, sign: int) -> Period | None:
    """From `low` to `high` units away, with half a unit or an eighth of the distance to spare on either side.

    People remember distances, not dates, and the worse the longer ago. Days and longer units become whole days; single
    days are exact up to a week. None beyond the years that people speak of.
    """
    if unit in ("min", "minute", "hour"):
        size = timedelta(hours=1) if unit == "hour" else timedelta(minutes=1)
        spare = max(size / 2, size * high / 8, timedelta(minutes=5))
        first, last = sorted(moment.now + sign * size * count for count in (low, high))
        return moment.on_the_clock(first - spare), moment.on_the_clock(last + spare)
    days = {"day": 1, "month": 30, "year": 365}.get(unit, 7)
    if high * days > 200 * 365:
        return None
    near, far = sorted(later(moment.here, sign * count, unit) for count in (low, high))
    if unit == "weekend":
        return whole(unit, near)[0], whole(unit, far)[1]
    exact = unit == "day" or low != high
    spare = timedelta(days=int(max(0 if exact else days / 2, high * days / 8 if low == high else 0)))
    period = whole("day", near - spare)[0], whole("day", far + spare)[1]
    return period if period[0] >= LONG_AGO and period[1].year in YEARS else None


@form(rf"(?P<same>this (?:time|day) )?{SAID}(?P<unit>{_UNITS})(?:'s)?{_NOT_OF}", _ONE)
def neighbour(match: re.Match[str], moment: Moment) -> Named | None:
    unit, said = match["unit"].lower(), lowered(match["said"])
    back = said in ("last", "past", "this past", "previous")
    if match["same"]:
        that = later(moment.here, 0 if said == "this" else -1 if back else 1, unit)
        spare = timedelta(days=_THIS_TIME.get(unit, 1) if "time" in match["same"].lower() else 0)
        return Named(*match.span(), DAY, (whole("day", that - spare)[0], whole("day", that + spare)[1]))
    if said in ("past", "this past"):
        period = every_weekend().ended_by(moment.here) if unit == "weekend" else until_now(moment, 1, unit)
        return Named(*match.span(), _GRAINS[unit], period) if period else None
    shift = -1 if back else said == "next" or (said != "this" and unit != "weekend")
    return Named(*match.span(), _GRAINS[unit], whole(unit, moment.here, shift))


@form("the (?P<unit>week|weekend|month|year) before last", _ONE)
def before_last(match: re.Match[str], moment: Moment) -> Named:
    unit = match["unit"].lower()
    return Named(*match.span(), _GRAINS[unit], whole(unit, moment.here, -2))


@form(
    rf"(?:in|over|during|within|for) (?:the|these) (?:last|past|(?P<next>next|coming)) (?:(?P<some>{AMOUNT}) )?"
    rf"(?P<unit>hour|day|week|month|year)s?{_NOT_OF}"
    rf"|(?:(?:the|these) )?(?:last|past) (?P<many>{AMOUNT}) (?P<units>hour|day|week|month|year)s{_NOT_OF}",
    f"hour hours {_COUNTED}",
)
def of_late(match: re.Match[str], moment: Moment) -> Named | None:
    _, high = amount(match["some"] or match["many"] or "one")
    unit = (match["unit"] or match["units"]).lower()
    period = from_now(moment, high, unit) if match["next"] else until_now(moment, high, unit)
    return Named(*match.span(), WEEK, period) if period else None


def until_now(moment: Moment, count: float, unit: str) -> Period | None:
    """The last `count` units; days and longer ones from the beginning of their first day."""
    if unit == "hour":
        return moment.on_the_clock(moment.now - timedelta(hours=count)), moment.here
    if count * {"day": 1, "week": 7, "month": 30, "year": 365}[unit] > 100 * 365:
        return None
    return whole("day", later(moment.here, -count, unit))[0], moment.here


def from_now(moment: Moment, count: float, unit: str) -> Period | None:
    """The next `count` days, weeks, months or years, from now on."""
    if unit == "hour" or count * {"day": 1, "week": 7, "month": 30, "year": 365}[unit] > 100 * 365:
        return None
    return moment.here, whole("day", later(moment.here, count, unit))[1]


@form(
    "recently|lately|just now|(?:a|one) (?:moment|second) ago|the other (?:day|night|evening|week)",
    "recently lately now ago other",
)
def vaguely(match: re.Match[str], moment: Moment) -> Named | None:
    # In what is told these name no date: the time of telling says as much.
    if moment.told:
        return None
    said = lowered(match[0])
    if said in ("recently", "lately"):
        period = until_now(moment, RECENT_DAYS, "day")
    elif "other" in said:
        period = until_now(moment, OTHER_DAYS, "day")
    else:
        period = moment.on_the_clock(moment.now - JUST_NOW), moment.here
    return Named(*match.span(), WEEK, period)


# "When we first met Tom" is about Tom.
_NO_NAME = "(?! (?-i:[A-Z][a-z]))"


@form(
    rf"(?:when|the day|the time) (?:you and i|we) first (?:ever )?{TALKED}(?: each other)?{_NO_NAME}"
    rf"|when i first (?:ever )?{TALKED} (?:to |with )?you"
    rf"|(?:the )?(?:very )?first (?:time|day) (?:that )?(?:you and i|we) (?:ever )?{TALKED}(?: each other)?{_NO_NAME}"
    rf"|(?:the )?(?:very )?first (?:time|day) (?:that )?i (?:ever )?{TALKED} (?:to |with )?you"
    rf"|did we first (?:ever )?(?:talk|speak|meet|chat){_NO_NAME}"
    r"|(?:(?:in|at|during|from|on) )?our (?:very )?first (?:conversation|chat|talk|meeting|session|day)"
    r"|(?:the )?(?:very )?first (?:thing|words|message) (?:that )?i (?:ever )?(?:told|said|wrote|sent)(?: to)?(?: you)?"
    r"|(?:the )?(?:very )?first time(?=[?.!]|$)",
    "first",
)
def first_talk(match: re.Match[str], moment: Moment) -> Named | None:
    if moment.told:
        return None
    if moment.first_met is None:
        return Named(*match.span(), DAY, (LONG_AGO, moment.here), talk="first")
    start = moment.on_the_clock(moment.first_met)
    return Named(*match.span(), DAY, (start, start + timedelta(days=1)), talk="first")


@form(
    rf"(?:the )?last time (?:that )?(?:you and i|we) {TALKED}{_NO_NAME}"
    r"|(?:the )?last time (?:that )?i (?:talked|spoke|chatted|wrote) (?:to |with )you"
    r"|(?<!the\s)(?<!was\s)last time(?=[?.!,]|$)"
    r"|(?:(?:in|during|from) )?(?:our|the) (?:last|previous) (?:conversation|chat|talk|session)"
    r"(?! (?:with|between|of|about(?!\s?[?.!])))",
    "last previous",
)
def previous_talk(match: re.Match[str], moment: Moment) -> Named | None:
    if moment.told:
        return None
    start = moment.on_the_clock(moment.first_met) if moment.first_met else LONG_AGO
    return Named(*match.span(), DAY, (start, moment.here), talk="previous")


FORMS = (near_day, near_part, ago, ahead, neighbour, before_last, of_late, vaguely, first_talk, previous_talk)
