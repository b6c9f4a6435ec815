"""Times that have names of their own: days of the week, dates, months, seasons, festivals, years, hours."""

from __future__ import annotations

import re

from whisperengine.memory.when.calendar import (
    CLOCK,
    DAY,
    MONTH,
    PART,
    PARTS,
    SEASON,
    WEEK,
    YEAR,
    Cycle,
    date_of,
    every_birthday,
    every_date,
    every_day,
    every_festival,
    every_month,
    every_month_on,
    every_season,
    every_time,
    every_weekday,
    every_weekend,
    unit_of,
)
from whisperengine.memory.when.words import DIGITS, SAID, Moment, Named, form, lowered, words

_BOUNDS = "since before after until till by from between and to through"
_ON = words(f"on for around about {_BOUNDS}")
_IN = words(f"in during of around {_BOUNDS}")
_AT = words(f"on at over around for during in {_BOUNDS}")
_NOTHING = words("")
_BARE = frozenset({""})
_ANY = _ON | _IN | _AT | _BARE

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_MONTH_NAMES = (*_MONTHS, "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec")
_MONTH = rf"(?P<month>{'|'.join(_MONTH_NAMES)})\b"
_NAMES_MONTH = " ".join(_MONTH_NAMES)
_YEAR = r"(?P<year>(?:19|20)[0-9]{2})(?![0-9%$€£]|[.,:/-][0-9])"
_NTH = r"(?P<day>[0-3]?[0-9])(?P<nth>st|nd|rd|th)?"

_MONTH_FIRST_ZONES = (
    *("US/", "Pacific/Honolulu", "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles"),
    *("America/Phoenix", "America/Detroit", "America/Boise", "America/Anchorage", "America/Juneau"),
    *("America/Indiana/", "America/Kentucky/", "America/North_Dakota/"),
)
_SOUTHERN_ZONES = (
    *("Australia/", "Antarctica/", "Pacific/Auckland", "Africa/Johannesburg", "America/Argentina/"),
    *("America/Sao_Paulo", "America/Santiago", "America/Montevideo", "America/Asuncion"),
)


@form(
    rf"(?:{SAID})?(?P<weekday>{'|'.join(_DAYS)})(?P<own>'s)?(?! (?:mornings|afternoons|evenings|nights))"
    r"|(?P<before>(?:last|next|this) )?(?P<short>mon|tues?|wed|thu(?:rs?)?|fri|sat|sun)",
    f"{' '.join(_DAYS)} mon tue tues wed thu thur thurs fri sat sun",
)
def weekday(match: re.Match[str], moment: Moment) -> Named:
    name, said = lowered(match["weekday"] or match["short"]), lowered(match["said"] or match["before"])
    index = next(i for i, day in enumerate(_DAYS) if day.startswith(name))
    # Only "on" keeps "sat", "wed" and "sun" from being the words that they also are.
    leads = words("on") if match["short"] and not said else None
    careful = _NOTHING if match["own"] else _BARE
    return Named(*match.span(), DAY, cycle=every_weekday(index), said=said, leads=leads, careful=careful)


@form("the weekend", "weekend")
def weekend(match: re.Match[str], moment: Moment) -> Named:
    return Named(*match.span(), WEEK, cycle=every_weekend(), leads=_AT)


_MONTH_DAY = rf"{_MONTH.replace('month', 'm')}\.? (?:the )?{_NTH.replace('<', '<m')}"


@form(
    rf"(?:the )?{_NTH} (?:of )?{_MONTH}(?:,? {_YEAR})?"
    rf"|{_MONTH_DAY}(?![0-9:/]|\.[0-9])(?:(?:,\s?| ){_YEAR.replace('year', 'y')})?",
    _NAMES_MONTH,
)
def date(match: re.Match[str], moment: Moment) -> Named | None:
    month, number = match["month"] or match["m"], int(match["day"] or match["mday"])
    year = match["year"] or match["y"]
    return _dated(match, month, number, year, bool(match["nth"] or match["mnth"]))


@form(rf"(?P<nth>first|second|third) of {_MONTH}(?:,? {_YEAR})?", _NAMES_MONTH)
def spelt_date(match: re.Match[str], moment: Moment) -> Named | None:
    number = ("first", "second", "third").index(match["nth"].lower()) + 1
    return _dated(match, match["month"], number, match["year"], True)


def _dated(match: re.Match[str], name: str, number: int, year: str | None, sure: bool) -> Named | None:
    month = _month_number(name)
    if year:
        period = date_of(int(year), month, number)
        return Named(*match.span(), DAY, period) if period else None
    if not date_of(2024, month, number):
        return None
    # "The 3 may come", "2 march bands": in small letters these two are verbs.
    leads = _ON if not sure and name in ("may", "march") else None
    return Named(*match.span(), DAY, cycle=every_date(month, number), leads=leads)


@form(rf"(?:{SAID})?{_MONTH}(?:,? (?:of )?{_YEAR})?(?!'s)", _NAMES_MONTH)
def month(match: re.Match[str], moment: Moment) -> Named | None:
    name, said = match["month"], lowered(match["said"])
    number = _month_number(name)
    if match["year"]:
        return Named(*match.span(), MONTH, unit_of("month", int(match["year"]) * 12 + number - 1))
    verb = name in ("may", "march")
    if verb and said == "this":
        return None
    # Friends are called April and June: after "in" it is the month, after "since" it depends.
    friend = name.lower() in ("april", "may", "june", "august", "jan")
    careful = _NOTHING if said else _ANY if verb else words(_BOUNDS) if friend else _NOTHING
    return Named(
        *match.span(), MONTH, cycle=every_month(number), said=said, leads=None if said else _IN, careful=careful
    )


def _month_number(name: str) -> int:
    return next(i for i, month in enumerate(_MONTHS, 1) if month.startswith(name.lower()[:3]))


@form(r"the (?P<day>[1-3]?[0-9])(?:st|nd|rd|th)(?! (?-i:[A-Z][a-z]))", "st nd rd th")
def day_of_month(match: re.Match[str], moment: Moment) -> Named | None:
    number = int(match["day"])
    if not 1 <= number <= 31:
        return None
    return Named(*match.span(), DAY, cycle=every_month_on(number), leads=_ON, careful=_ANY)


@form(
    r"(?<![-/.])(?:(?P<y>(?:19|20)[0-9]{2})(?P<sep>[-/.])(?P<m>[01]?[0-9])(?P=sep)(?P<d>[0-3]?[0-9])"
    r"|(?P<a>[0-3]?[0-9])(?P<slash>[-/.])(?P<b>[0-3]?[0-9])(?P=slash)"
    r"(?P<c>(?:19|20)[0-9]{2}|(?<=/)[0-9]{2}))(?![-/][0-9]|\.[0-9])",
    DIGITS,
)
def numeric(match: re.Match[str], moment: Moment) -> Named | None:
    if match["y"]:
        period = date_of(int(match["y"]), int(match["m"]), int(match["d"]))
        return Named(*match.span(), DAY, period) if period else None
    a, b, year = int(match["a"]), int(match["b"]), int(match["c"])
    if year < 100:
        year += 2000
        if year > moment.here.year + 10:
            return None
    readings = [date_of(year, b, a), date_of(year, a, b)]
    if match["slash"] == "/" and moment.zone.key.startswith(_MONTH_FIRST_ZONES):
        readings.reverse()
    possible = [period for period in readings if period]
    been = [period for period in possible if period[0] <= moment.here]
    # A question is about the past: of two readings the one that has been.
    chosen = next(iter(possible if moment.told else been or possible), None)
    return Named(*match.span(), DAY, chosen) if chosen else None


@form(
    rf"(?P<the>the year )?{_YEAR}(?! (?:words|years|people|steps|pages|dollars|euros|pounds|pieces|places|points|miles"
    r"|metres|meters|km|days|hours|minutes|calories|times|books|kids|men|women))",
    DIGITS,
)
def year(match: re.Match[str], moment: Moment) -> Named:
    return Named(*match.span(), YEAR, unit_of("year", int(match["year"])), leads=None if match["the"] else _IN)


@form(rf"(?:{SAID})?(?P<season>spring|summer|autumn|fall|winter)", "spring summer autumn fall winter")
def season(match: re.Match[str], moment: Moment) -> Named:
    said, name = lowered(match["said"]), lowered(match["season"]).replace("fall", "autumn")
    cycle = every_season(name, moment.zone.key.startswith(_SOUTHERN_ZONES))
    leads = None if said else _IN - {"by"} | {"over"}
    return Named(*match.span(), SEASON, cycle=cycle, said=said, leads=leads, careful=_NOTHING if said else _ANY)


@form(
    rf"(?:{SAID})?(?P<name>(?:christmas|xmas)(?: (?:eve|day))?|boxing day|new years?(?:'s)?(?: (?:eve|day))?"
    r"|valentine'?s(?: day)?|(?:st\.? )?patrick's day|good friday|easter(?: (?:sunday|monday))?|halloween|thanksgiving"
    r"|black friday)(?! (?:tree|cards?|presents?|gifts?|markets?|songs?|carols?|part(?:y|ies)|island|movies?|shopping"
    r"|cookies?|decorations?|lights|costumes?|candy|eggs?|bunny|bunnies|spirit|dinner|resolutions?|sales?))",
    "christmas xmas boxing new valentine valentines patrick friday easter halloween thanksgiving",
)
def festival(match: re.Match[str], moment: Moment) -> Named:
    said, name = lowered(match["said"]), lowered(match["name"]).replace("xmas", "christmas")
    if name.startswith("new year"):
        name = "new year's eve" if name.endswith("eve") else "new year"
    name = "valentine's" if name.startswith("valentine") else "patrick's day" if "patrick" in name else name
    return Named(*match.span(), DAY, cycle=every_festival(name), said=said, leads=None if said else _AT)


@form("my (?P<said>last |next )?birthday", "birthday")
def birthday(match: re.Match[str], moment: Moment) -> Named | None:
    if moment.birthday is None:
        return None
    said = lowered(match["said"])
    return Named(*match.span(), DAY, cycle=every_birthday(*moment.birthday), said=said, leads=None if said else _AT)


@form(
    r"(?P<at>(?:at|around|by) )?(?:(?P<hour>[01]?[0-9]|2[0-4])(?::(?P<minute>[0-5][0-9]))?(?:\s?(?P<half>[ap])\.?m\b\.?"
    r"|(?P<sharp> o'clock))?|(?P<name>noon|midday|midnight))",
    f"{DIGITS} noon midday midnight",
)
def clock(match: re.Match[str], moment: Moment) -> Named | None:
    hour, minute = int(match["hour"] or (24 if lowered(match["name"]) == "midnight" else 12)), int(match["minute"] or 0)
    if match["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if match["half"].lower() == "p" else 0)
    elif not (match["name"] or match["sharp"] or (match["at"] and match["minute"])):
        return None
    return Named(*match.span(), CLOCK, cycle=every_time(hour, minute), leads=None if match["at"] else _NOTHING)


@form("(?P<in>(?:in|during) the |at )?(?P<part>morning|afternoon|evening|night)", "morning afternoon evening night")
def part_of_day(match: re.Match[str], moment: Moment) -> Named:
    leads = None if match["in"] else _NOTHING
    return Named(*match.span(), PART, cycle=every_day(*PARTS[match["part"].lower()]), leads=leads)


@form("the (?P<unit>week|month|year)(?! (?:before|after))", "week month year")
def part_of_unit(match: re.Match[str], moment: Moment) -> Named:
    """A time only as "the end of the month"."""
    unit = match["unit"].lower()
    grain = {"week": WEEK, "month": MONTH, "year": YEAR}[unit]
    return Named(*match.span(), grain, cycle=Cycle(unit, lambda i: unit_of(unit, i)), leads=_NOTHING)


FORMS = (
    weekday,
    weekend,
    date,
    spelt_date,
    month,
    day_of_month,
    numeric,
    year,
    season,
    festival,
    birthday,
    clock,
    part_of_day,
    part_of_unit,
)
