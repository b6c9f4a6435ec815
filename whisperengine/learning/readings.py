"""Values in a clause: words, names, places, dates and time zones, read from a position up to where they end."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from whisperengine.learning import patterns_words as words
from whisperengine.learning.statements import GAP

_MARK = "\u0300-\u036f\u0900-\u0dff\u0e31-\u0e4e"

_WORD = re.compile(rf"[^\W_][\w{_MARK}]{{0,40}}(?:['.-][^\W_][\w{_MARK}]{{0,40}}){{0,3}}")

_GAP_BETWEEN = re.compile(r"[ \t]*")

EMOJI = "\U0001f000-\U0001faff\u2600-\u27bf\u2b50\ufe0f\u200d"

STOP = rf"(?:$|[.,;:!?…()\[\]{GAP}—–~{EMOJI}<]|-\s|\s-\s|:\))"

_CLAUSE_END = re.compile(
    rf"\s*{STOP}|\s+(?:and|but|so|because|cause|since|though|although|plus|while|now|too|btw|lol)\b"
)


def ends(sentence: str, at: int) -> bool:
    return bool(_CLAUSE_END.match(sentence, at))


def read_words(sentence: str, at: int, most: int, stop: frozenset[str] = frozenset()) -> tuple[list[str], int]:
    """Up to `most` words that follow each other with nothing but spaces between them, and where the last one ends."""
    found: list[str] = []
    end = at
    while len(found) < most:
        gap = _GAP_BETWEEN.match(sentence, end)
        word = _WORD.match(sentence, gap.end() if gap else end)
        if word is None or word.group().lower() in stop:
            break
        found.append(word.group())
        end = word.end()
    return found, end


def is_name(word: str) -> bool:
    """Whether a word may be somebody's name: a capital where the script has them, and no word of daily use."""
    first = word[0]
    return (
        first.isalpha()
        and not first.islower()
        and word.lower() not in words.NOT_NAMES
        and not (word.isupper() and first.isascii() and len(word) > 3)
        and len(word) <= 30
        and ("'" not in word or word[word.index("'") + 1].isupper())
        and not any(char.isdigit() for char in word)
    )


def name_at(sentence: str, at: int, *, any_case: bool = False, most: int = 3) -> tuple[str, int] | None:
    """A name and where it ends. With `any_case` a first name in small letters is one, too, and is written with a
    capital.
    """
    taken, _ = read_words(sentence, at, most)
    name: list[str] = []
    for number, word in enumerate(taken):
        small = any_case and number == 0 and word[0].islower() and word.isalpha() and word not in words.NOT_NAMES
        if not (small or is_name(word)):
            break
        name.append(word.capitalize() if small else word)
    if not name:
        return None
    return " ".join(name), read_words(sentence, at, len(name))[1]


_FINER = re.compile(r",\s*")


def place_at(sentence: str, at: int) -> str | None:
    """`Porto`, `the Netherlands`, `New York`, `Portland, Oregon`; small letters only for the best-known places."""
    taken, end = read_words(sentence, at, 4)
    lowered = [word.lower() for word in taken]
    for count in range(min(3, len(taken)), 0, -1):
        known = " ".join(lowered[:count])
        if known in words.PLACES and taken[0][0].islower():
            return known.upper() if len(known) <= 3 else known.title().replace("The ", "the ")
        if known in words.PLACES and count > 1:
            return " ".join(taken[:count])
    start = 1 if lowered and lowered[0] == "the" else 0
    name: list[str] = []
    for word in taken[start:]:
        joins = bool(name) and word in ("de", "la", "di", "am", "upon", "sur", "del", "do", "van", "el")
        if not joins and not (is_name(word) or (word.isupper() and len(word) <= 3 and word != "I") or word == "St."):
            break
        name.append(word)
    while name and name[-1].islower():
        name.pop()
    if not name or name[0].isdigit() or name[0] in ("Mars", "Heaven", "Hell", "Narnia", "Hogwarts", "Earth"):
        return None
    end = read_words(sentence, at, start + len(name))[1]
    place = ("the " if start else "") + " ".join(name)
    comma = _FINER.match(sentence, end)
    if comma and not start:
        wider = place_at(sentence, comma.end())
        if wider and (wider.lower() in words.PLACES or (wider.isupper() and len(wider) == 2)):
            return f"{place}, {wider}"
    return place


_DAY_MONTH = re.compile(
    r"(?:the\s+)?(?P<day>\d{1,2})(?:st|nd|rd|th)?\.?\s+(?:of\s+)?(?P<month>[a-z]{3,9})\.?(?:,?\s+(?P<year>(?:19|20)\d\d))?\b",
    re.IGNORECASE,
)

_MONTH_DAY = re.compile(
    r"(?P<month>[a-z]{3,9})\.?\s+(?:the\s+)?(?P<day>\d{1,2})(?:st|nd|rd|th)?\b(?:,?\s+(?P<year>(?:19|20)\d\d))?",
    re.IGNORECASE,
)

_ISO = re.compile(r"(?P<year>(?:19|20)\d\d)-(?P<month>\d\d)-(?P<day>\d\d)\b")


def birthday(text: str, at: int = 0) -> str | None:
    """`14 March` or `14 March 1990` from a date in words or in ISO form at `at`; None when there is none."""
    for form in (_DAY_MONTH, _MONTH_DAY, _ISO):
        date = form.match(text, at)
        if date is None:
            continue
        month = _month(date["month"])
        if month and 1 <= int(date["day"]) <= words.DAYS_IN_MONTH[month - 1]:
            year = f" {date['year']}" if date["year"] else ""
            return f"{int(date['day'])} {words.MONTHS[month - 1]}{year}"
    return None


def _month(text: str) -> int:
    if text.isdigit():
        return int(text) if 1 <= int(text) <= 12 else 0
    short = text.lower()
    if short == "sept":
        return 9
    return next((n for n, month in enumerate(words.MONTHS, 1) if short in (month.lower(), month[:3].lower())), 0)


_OFFSET = re.compile(r"(?:utc|gmt)\s*([+-])\s*(\d{1,2})\b(?!:)", re.IGNORECASE)

_REGION = re.compile(r"[A-Z][a-z]+(?:/[A-Z][A-Za-z_-]+){1,2}")


def time_zone(text: str, at: int = 0) -> str | None:
    """An IANA name from `Europe/Lisbon`, `UTC+2`, `CET` or `Pacific` at `at`; None when it is no zone."""
    if offset := _OFFSET.match(text, at):
        hours = int(offset[2])
        # In these names the sign is turned round: Etc/GMT-2 is two hours before Greenwich.
        return f"Etc/GMT{'-' if offset[1] == '+' else '+'}{hours}" if 0 < hours <= 12 else "UTC" if not hours else None
    if region := _REGION.match(text, at):
        try:
            return ZoneInfo(region.group()).key
        except (ZoneInfoNotFoundError, ValueError, OSError):
            return None
    taken, _ = read_words(text, at, 2)
    lowered = [word.lower() for word in taken]
    return words.TIME_ZONES.get(" ".join(lowered)) or (words.TIME_ZONES.get(lowered[0]) if lowered else None)
