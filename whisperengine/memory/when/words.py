"""How words that name a time are looked for: each form is a pattern and what it reads from a match.

Every pattern starts at a word and repeats nothing without a bound, so that a search is linear in the text. Which of
several occurrences is meant, and what the words around say, is decided in `when`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo

from whisperengine.memory.when.calendar import Cycle, Period

MOST = 40
"""A text that names more times than this is not read further: it is no question, and hardly a message."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When something is asked or told, and by whom: `here` is `now` on their clock, without its zone."""

    now: datetime
    zone: ZoneInfo
    told: bool = False
    first_met: datetime | None = None
    birthday: tuple[int, int] | None = None

    @property
    def here(self) -> datetime:
        return self.on_the_clock(self.now)

    def on_the_clock(self, instant: datetime) -> datetime:
        return instant.astimezone(self.zone).replace(tzinfo=None)

    def instant(self, local: datetime) -> datetime:
        """A local time as UTC; in the hour that a clock skips, the time after the gap."""
        return local.replace(tzinfo=self.zone).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Named:
    """Words, text[at:to], that name a time: a `period`, or a `cycle` of which one occurrence is meant.

    `said` is what stands before it (`last`, `this`, `next`, `coming`; `ahead` needs a sentence about the future).
    `leads`: the prepositions of which it needs one when nothing else makes it a time; None when it needs none.
    `careful`: the prepositions ("" for none) after which the next word may still make it something else.
    `talk`: see `when.Span`.
    """

    at: int
    to: int
    grain: int
    period: Period | None = None
    cycle: Cycle | None = None
    said: str = ""
    leads: frozenset[str] | None = None
    careful: frozenset[str] = frozenset()
    talk: str = ""


Reader = Callable[[re.Match[str], Moment], Named | None]

_WORD = re.compile(r"[^\W\d_]+|[0-9]")


@dataclass(frozen=True, slots=True)
class Form:
    """`needs`: words, or digits, of which every match holds one. Most texts hold none and need no search."""

    pattern: re.Pattern[str]
    needs: frozenset[str]
    read: Reader


def form(pattern: str, needs: str) -> Callable[[Reader], Form]:
    """Makes a reader a form. In the pattern a blank stands for up to three of any kind, ' also for the curly one."""
    pattern = pattern.replace(" ", r"\s{1,3}").replace("'", "['’]")
    compiled = re.compile(rf"\b(?:{pattern})(?!\w)", re.IGNORECASE)
    return lambda reader: Form(compiled, words(needs), reader)


def named_in(text: str, moment: Moment, forms: Iterable[Form]) -> list[Named]:
    """What names a time in `text`, in order and without overlaps: the earlier goes first, and the longer."""
    said = spoken(text)
    found = [
        named
        for form in forms
        if not form.needs.isdisjoint(said)
        for match in islice(form.pattern.finditer(text), MOST)
        if (named := form.read(match, moment))
    ]
    apart: list[Named] = []
    for named in sorted(found, key=lambda named: (named.at, -named.to)):
        if not apart or named.at >= apart[-1].to:
            apart.append(named)
    return apart[:MOST]


def spoken(text: str) -> frozenset[str]:
    """The words and digits of a text, as `Form.needs` has them."""
    return frozenset(_WORD.findall(text.casefold()))


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def lowered(text: str | None) -> str:
    """Small letters, single blanks, straight apostrophes."""
    return " ".join((text or "").lower().replace("’", "'").split())


SAID = r"(?P<said>last|this past|past|this coming|this|next|coming|upcoming|previous) "
TALKED = r"(?:talked|spoke|spoken|met|chatted|wrote|texted)"
FEW = {"couple": (2, 2), "few": (2, 5), "several": (3, 7)}
NUMBERS = dict(
    zip(
        ("a", "an", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
        (1, 1, *range(1, 13)),
        strict=True,
    ),
    fifteen=15,
    twenty=20,
    thirty=30,
    forty=40,
    fifty=50,
)
DIGITS = "0 1 2 3 4 5 6 7 8 9"
AMOUNT = rf"[0-9]{{1,4}}|{'|'.join(NUMBERS)}|(?:a )?couple(?: of)?|(?:a )?few|several"


def amount(said: str) -> tuple[float, float]:
    """From how many to how many."""
    said = lowered(said)
    if said.startswith("half"):
        return 0.5, 0.5
    for word, counts in FEW.items():
        if word in said:
            return counts
    count = NUMBERS.get(said) or int(said)
    return count, count
