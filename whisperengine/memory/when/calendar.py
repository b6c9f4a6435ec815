"""Periods of a person's calendar, as pairs of naive local times (start, exclusive end), and what comes round in it.

Weeks start on Monday. Parts of the day: morning 5-12, afternoon 12-18, evening 17-24, night 18-6 of the next day.
Seasons are the meteorological ones, of the hemisphere that the time zone names.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

Period = tuple[datetime, datetime]

CLOCK, PART, DAY, WEEK, MONTH, SEASON, YEAR = range(7)
"""How coarse a period is."""

LONG_AGO = datetime(1900, 1, 1)
"""Where "before June" begins; and no year before or after these is taken for one."""
YEARS = range(LONG_AGO.year, 2101)

PARTS = {"morning": (5, 12), "afternoon": (12, 18), "evening": (17, 24), "night": (18, 30)}
CLOCK_SLACK = timedelta(minutes=30)
"""Nobody means "at 5 pm" to the minute: so much on either side."""


@dataclass(frozen=True, slots=True)
class Cycle:
    """What comes round once in each `unit` of the calendar (`day`, `week`, `month`, `year`).

    `of` gives the occurrence that belongs to a unit's number (see `number`), None where there is none (29 February).
    """

    unit: str
    of: Callable[[int], Period | None]

    def before(self, moment: datetime) -> Period | None:
        """The latest occurrence that began before `moment`."""
        at = number(self.unit, moment)
        return next((found for i in range(at + 1, at - 10, -1) if (found := self.of(i)) and found[0] < moment), None)

    def ended_by(self, moment: datetime) -> Period | None:
        """The latest occurrence that was over at `moment`."""
        at = number(self.unit, moment)
        return next((found for i in range(at + 1, at - 10, -1) if (found := self.of(i)) and found[1] <= moment), None)

    def from_on(self, moment: datetime) -> Period | None:
        """The first occurrence that begins at `moment` or later."""
        at = number(self.unit, moment)
        return next((found for i in range(at - 1, at + 10) if (found := self.of(i)) and found[0] >= moment), None)

    def around(self, moment: datetime) -> Period | None:
        """The occurrence that holds `moment`, or else the one of its unit."""
        at = number(self.unit, moment)
        now = (found for i in (at - 1, at, at + 1) if (found := self.of(i)) and found[0] <= moment < found[1])
        return next(now, None) or self.of(at)

    def within(self, period: Period) -> Period | None:
        """The first occurrence that begins inside `period`."""
        found = self.from_on(period[0])
        return found if found and found[0] < period[1] else None

    def share(self, which: str) -> Cycle:
        """The same, but only a part of each occurrence (see the function `share`)."""
        return Cycle(self.unit, lambda i: share(found, which) if (found := self.of(i)) else None)


def number(unit: str, moment: date) -> int:
    """The running number of the day, Monday-to-Sunday week, month or year that holds `moment`."""
    if unit == "day":
        return moment.toordinal()
    if unit == "week":
        return (moment.toordinal() - 1) // 7
    return moment.year * 12 + moment.month - 1 if unit == "month" else moment.year


def day(when: date, days: int = 1) -> Period:
    start = datetime.combine(when, time())
    return start, start + timedelta(days=days)


def hours(when: date, first: float, last: float) -> Period:
    start = datetime.combine(when, time())
    return start + timedelta(hours=first), start + timedelta(hours=last)


def unit_of(unit: str, index: int) -> Period:
    """The whole day, week, weekend, month or year of a running number."""
    if unit == "day":
        return day(date.fromordinal(index))
    if unit == "week":
        return day(date.fromordinal(index * 7 + 1), 7)
    if unit == "weekend":
        return day(date.fromordinal(index * 7 + 6), 2)
    if unit == "month":
        year, month = divmod(index, 12)
        return day(date(year, month + 1, 1), monthrange(year, month + 1)[1])
    return datetime(index, 1, 1), datetime(index + 1, 1, 1)


def whole(unit: str, moment: date, shift: int = 0) -> Period:
    """The day, week, weekend, month or year that holds `moment`, or the one `shift` units later."""
    return unit_of(unit, number("week" if unit == "weekend" else unit, moment) + shift)


def later(moment: datetime, amount: float, unit: str) -> datetime:
    """`amount` days, weeks, weekends, months or years later (earlier, when negative).

    Where a month has no such day it is the last one that it has.
    """
    if unit not in ("month", "year"):
        return moment + timedelta(days=amount * (1 if unit == "day" else 7))
    year, month = divmod(moment.year * 12 + moment.month - 1 + round(amount * (12 if unit == "year" else 1)), 12)
    return moment.replace(year=year, month=month + 1, day=min(moment.day, monthrange(year, month + 1)[1]))


NTHS = ("first", "second", "third", "fourth")


def share(period: Period, which: str) -> Period:
    """A part of a period, in whole days.

    `early`, `mid` and `late` are its thirds, of a year the first, the middle two and the last quarter; else "first",
    "second" (and so on) or "last" with "half", "week" or "day".
    """
    start, end = period
    days = (end - start).days
    nth, _, unit = which.partition(" ")
    if not unit:
        step = timedelta(days=max(1, round(days / (4 if days > 300 else 3))))
        if nth == "mid":
            return start + step, end - step
        return (start, start + step) if nth == "early" else (end - step, end)
    step = timedelta(days={"half": days // 2, "week": 7}.get(unit, 1))
    if nth == "last" or (nth == "second" and unit == "half"):
        return end - step, end
    start += NTHS.index(nth) * step
    return start, start + step


def every_day(first: float, last: float) -> Cycle:
    return Cycle("day", lambda i: hours(date.fromordinal(i), first, last))


def every_time(hour: int, minute: int) -> Cycle:
    """A time of the clock, with slack."""
    slack = CLOCK_SLACK.total_seconds() / 3600
    at = hour + minute / 60
    return every_day(at - slack, at + slack)


def every_weekday(weekday: int) -> Cycle:
    return Cycle("week", lambda i: day(date.fromordinal(i * 7 + 1 + weekday)))


def every_weekend() -> Cycle:
    return Cycle("week", lambda i: unit_of("weekend", i))


def every_month_on(day_of_month: int) -> Cycle:
    return Cycle("month", lambda i: _day(i // 12, i % 12 + 1, day_of_month))


def every_month(month: int) -> Cycle:
    return Cycle("year", lambda y: unit_of("month", y * 12 + month - 1))


def every_date(month: int, day_of_month: int) -> Cycle:
    return Cycle("year", lambda y: _day(y, month, day_of_month))


def every_birthday(month: int, day_of_month: int) -> Cycle:
    """As `every_date`; whoever was born on 29 February has the 28th in other years."""
    return Cycle(
        "year", lambda y: _day(y, month, day_of_month) or (_day(y, 2, 28) if (month, day_of_month) == (2, 29) else None)
    )


def every_season(name: str, southern: bool) -> Cycle:
    """Three months; the winter (in the south: the summer) of a year is the one that begins in its December."""
    index = ("spring", "summer", "autumn", "winter").index(name)
    first = (index + 2 * southern) % 4 * 3 + 2
    return Cycle("year", lambda y: (unit_of("month", y * 12 + first)[0], unit_of("month", y * 12 + first + 2)[1]))


def date_of(year: int, month: int, day_of_month: int) -> Period | None:
    """A day, or None when the calendar has no such day or the year is not one that people speak of."""
    return _day(year, month, day_of_month) if year in YEARS else None


def _day(year: int, month: int, day_of_month: int) -> Period | None:
    if not 1 <= month <= 12 or not 1 <= day_of_month <= monthrange(year, month)[1]:
        return None
    return day(date(year, month, day_of_month))


def easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar (the anonymous algorithm, Meeus 1991)."""
    century, rest = divmod(year, 100)
    moon = (19 * (year % 19) + century - century // 4 - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (rest // 4) - moon - rest % 4) % 7
    shift = moon + weekday - 7 * ((year % 19 + 11 * moon + 22 * weekday) // 451) + 114
    return date(year, shift // 31, shift % 31 + 1)


def _thanksgiving(year: int) -> date:
    first = date(year, 11, 1)
    return date(year, 11, 22 + (3 - first.weekday()) % 7)


# From which day, and how many: a festival is talked of as its days, "around" it as a week more on either side.
_FESTIVALS: dict[str, tuple[Callable[[int], date], int]] = {
    "christmas eve": (lambda y: date(y, 12, 24), 1),
    "christmas day": (lambda y: date(y, 12, 25), 1),
    "christmas": (lambda y: date(y, 12, 24), 3),
    "boxing day": (lambda y: date(y, 12, 26), 1),
    "new year's eve": (lambda y: date(y, 12, 31), 1),
    "new year": (lambda y: date(y, 1, 1), 1),
    "valentine's": (lambda y: date(y, 2, 14), 1),
    "patrick's day": (lambda y: date(y, 3, 17), 1),
    "good friday": (lambda y: easter(y) - timedelta(days=2), 1),
    "easter sunday": (easter, 1),
    "easter monday": (lambda y: easter(y) + timedelta(days=1), 1),
    "easter": (lambda y: easter(y) - timedelta(days=2), 4),
    "halloween": (lambda y: date(y, 10, 31), 1),
    "thanksgiving": (_thanksgiving, 1),
    "black friday": (lambda y: _thanksgiving(y) + timedelta(days=1), 1),
}


def every_festival(name: str) -> Cycle:
    """A festival by the name that the table gives it."""
    first, days = _FESTIVALS[name]
    return Cycle("year", lambda y: day(first(y), days))
