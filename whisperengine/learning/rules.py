"""Rules of the patterns: what each opening ("I live in ...") makes of the words that follow it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from whisperengine.learning import patterns_words as words
from whisperengine.learning.readings import (
    STOP,
    birthday,
    ends,
    is_name,
    name_at,
    place_at,
    read_words,
    time_zone,
)
from whisperengine.learning.slots import FAIR, LIKELY, SURE, Finding
from whisperengine.learning.tastes import listed, tastes


@dataclass(frozen=True, slots=True)
class Here:
    """A pattern's view: the sentence, where the opening words end, the opening's groups, and when it was said."""

    sentence: str
    at: int
    groups: dict[str, str]
    said_at: datetime


def _whole_name(here: Here, *, any_case: bool = False, most: int = 3) -> str | None:
    """A name that the clause ends with."""
    found = name_at(here.sentence, here.at, any_case=any_case, most=most)
    if found is None or not (
        ends(here.sentence, found[1]) or re.match(r"\s+(?:from|here)\b", here.sentence[found[1] :])
    ):
        return None
    return found[0]


def called(here: Here) -> Iterator[Finding]:
    if name := _whole_name(here, any_case=True):
        yield Finding("name", "", name, SURE)


def introduced(here: Here) -> Iterator[Finding]:
    name = _whole_name(here, most=2)
    if name and not name.isupper():
        yield Finding("name", "", name, FAIR)


def nickname(here: Here) -> Iterator[Finding]:
    if name := _whole_name(here, any_case=bool(here.groups.get("sure"))):
        yield Finding("nickname", "", name, LIKELY)


_PRONOUNS = re.compile(
    r"(?P<set>(?:he|she|they|xe|ze|it|any)(?:\s?/\s?(?:him|his|her|hers|them|theirs|they|she|he|xem|hir|zir|its)){1,3})",
    re.IGNORECASE,
)


def pronouns(here: Here) -> Iterator[Finding]:
    if found := _PRONOUNS.match(here.sentence, here.at):
        yield Finding("pronouns", "", re.sub(r"\s", "", found["set"].lower()), SURE)


def born(here: Here) -> Iterator[Finding]:
    if date := birthday(here.sentence, here.at):
        yield Finding("birthday", "", date, SURE)


def birthday_today(here: Here) -> Iterator[Finding]:
    if ends(here.sentence, here.at) or re.match(r"\s+(?:today|tomorrow)\b", here.sentence[here.at :]):
        day = here.said_at + timedelta(days="tomorrow" in here.sentence.lower())
        yield Finding("birthday", "", f"{day.day} {words.MONTHS[day.month - 1]}", FAIR)


def age(here: Here) -> Iterator[Finding]:
    if 5 <= int(here.groups["age"]) <= 119:
        yield Finding("age", "", here.groups["age"], SURE if here.groups.get("years") else LIKELY)


def zone(here: Here) -> Iterator[Finding]:
    zone = time_zone(here.sentence, here.at)
    if zone and (here.groups.get("sure") or re.search(r"\btime ?zone\b|\btime\b|/|[+]", here.sentence, re.IGNORECASE)):
        yield Finding("time_zone", "", zone, SURE)


_NOT_A_HOME = re.compile(r"\bfor (?:a|the|two|three|\d+) (?:day|week|weekend|days|weeks|month)\b|\btemporarily\b")


def lives(here: Here) -> Iterator[Finding]:
    place = place_at(here.sentence, here.at)
    if place and not _NOT_A_HOME.search(here.sentence):
        yield Finding("lives_in", "", place, FAIR if here.groups.get("moved") else SURE)


def comes_from(here: Here) -> Iterator[Finding]:
    if place := place_at(here.sentence, here.at):
        yield Finding("from", "", place, SURE)


def _job_named(here: Here) -> str | None:
    """A phrase whose last word is an occupation: `bridge engineer`, `retired teacher`."""
    taken, end = read_words(here.sentence, here.at, 5, words.AFTER_JOB)
    if not taken or taken[-1].lower() not in words.JOBS:
        return None
    following = re.match(
        r"\s+(?:at|for|in|with|by|on|from|who|to|of|since|working|specializing)\b", here.sentence[end:]
    )
    if not following and not ends(here.sentence, end):
        return None
    if {word.lower() for word in taken} & (words.NO_TASTE_ANYWHERE | words.NO_JOB):
        return None
    return " ".join(word if word.isupper() or word[1:] != word[1:].lower() else word.lower() for word in taken)


def job(here: Here) -> Iterator[Finding]:
    if job := _job_named(here):
        yield Finding("job", "", job, SURE)


def works_as(here: Here) -> Iterator[Finding]:
    job = _job_named(here)
    if job is None:
        taken, end = read_words(here.sentence, here.at, 4, words.AFTER_JOB)
        if (
            taken
            and not words.NO_TASTE_ANYWHERE & {word.lower() for word in taken}
            and (ends(here.sentence, end) or re.match(r"\s+(?:at|for|in|with)\b", here.sentence[end:]))
        ):
            job = " ".join(taken)
    if job and not job.startswith(("hard", "much", "well", "if", "long", "soon", "usual", "always", "fast")):
        yield Finding("job", "", job, LIKELY)


def employer(here: Here) -> Iterator[Finding]:
    taken, end = read_words(here.sentence, here.at, 5, words.AFTER_JOB)
    lowered = [word.lower() for word in taken]
    if not taken or not (ends(here.sentence, end) or re.match(r"\s+(?:in|as|and|with|on|by)\b", here.sentence[end:])):
        return
    if (lowered[0] in ("a", "an", "the", "our") and lowered[-1] in words.EMPLOYERS) or all(
        is_name(word) or word.isupper() for word in taken
    ):
        yield Finding("employer", "", " ".join(taken), LIKELY)


def studies(here: Here) -> Iterator[Finding]:
    taken, end = read_words(here.sentence, here.at, 3, words.AFTER_SUBJECT)
    known = bool(taken) and taken[-1].lower() in words.SUBJECTS
    if known and (ends(here.sentence, end) or re.match(r"\s+(?:at|in|and|for|with)\b", here.sentence[end:])):
        yield Finding("studies", "", " ".join(taken).lower(), LIKELY)


_STATUS_GOES_ON = re.compile(r"\s+(?:for|with)\b|\s+(?:at the moment|again)\b")
_TO = re.compile(r"\s+to\s+(?=[^\W\d_])")


def status(here: Here) -> Iterator[Finding]:
    text = here.sentence[here.at :].lower()
    phrase = next((phrase for phrase in words.STATUSES if text.startswith(phrase)), None)
    if phrase is None:
        return
    status, end = words.STATUSES[phrase], here.at + len(phrase)
    to = _TO.match(here.sentence, end)
    whom = name_at(here.sentence, to.end(), most=1) if to else None
    if whom or ends(here.sentence, end) or _STATUS_GOES_ON.match(here.sentence, end):
        yield Finding("status", "", status, LIKELY)
    if whom:
        yield Finding("relative", "partner" if status == "engaged" else "spouse", whom[0], LIKELY)


def diet(here: Here) -> Iterator[Finding]:
    taken, end = read_words(here.sentence, here.at, 1)
    if (
        taken
        and taken[0].lower() in words.DIETS
        and (ends(here.sentence, end) or "for" in here.sentence[end : end + 5])
    ):
        yield Finding("diet", "", words.DIETS[taken[0].lower()], SURE)


def avoids(here: Here) -> Iterator[Finding]:
    for item in listed(here.sentence, here.at, 2):
        if item[-1].lower() in words.AVOIDED:
            yield Finding("note", "", f"does not eat {' '.join(item).lower()}", LIKELY)


def allergy(here: Here) -> Iterator[Finding]:
    value = "not allergic" if here.groups.get("not") else "allergic"
    for item in listed(here.sentence, here.at, 3):
        end = here.sentence.index(item[-1], here.at) + len(item[-1])
        if re.match(r"\s+(?:with|that|which|in|from)\b", here.sentence[end:]):
            # "animals with fur": less than all animals.
            continue
        if not {word.lower() for word in item} & (words.JOKE_ALLERGENS | words.NO_TASTE_ANYWHERE):
            about = " ".join(word for word in item if word.lower() not in ("the", "most", "all", "some"))
            yield Finding("allergy", about, value, SURE)


def allergy_noun(here: Here) -> Iterator[Finding]:
    about = here.groups["allergen"].lower()
    if about.split()[0] not in ("severe", "bad", "serious", "mild", "strong", "weird", "an", "food", "no", "terrible"):
        yield Finding("allergy", about, "allergic", SURE)


def intolerant(here: Here) -> Iterator[Finding]:
    yield Finding("note", "", f"{here.groups['what'].lower()} intolerant", SURE)


def languages(here: Here) -> Iterator[Finding]:
    if here.groups.get("not"):
        value = "does not speak"
    else:
        value = (
            "learning"
            if here.groups.get("learning")
            else "native speaker of"
            if here.groups.get("native")
            else "speaks"
        )
    for item in listed(here.sentence, here.at, 3):
        spoken = [word.lower() for word in item if word.lower() not in words.NOT_LISTED]
        if (
            spoken
            and spoken[-1] in words.LANGUAGES
            and all(
                word
                in (
                    "fluent",
                    "some",
                    "a",
                    "little",
                    "bit",
                    "of",
                    "basic",
                    "native",
                    "both",
                    "good",
                    "brazilian",
                    "mandarin",
                )
                for word in spoken[:-1]
            )
        ):
            yield Finding("language", spoken[-1].capitalize(), value, SURE)


def plays(here: Here) -> Iterator[Finding]:
    value = "does not play" if here.groups.get("not") else "plays"
    for item in listed(here.sentence, here.at, 3):
        known = words.INSTRUMENTS | words.GAMES
        if item[-1].lower() in known:
            about = " ".join(word for word in item if word.lower() not in ("the", "a", "some"))
            yield Finding("plays", about, value, LIKELY)


def favourite(here: Here) -> Iterator[Finding]:
    about = here.groups["about"].lower()
    taken, end = read_words(here.sentence, here.at, 6, words.AFTER_FAVOURITE)
    lowered = [word.lower() for word in taken]
    if (
        not taken
        or lowered[0] in words.NOT_LISTED | words.NO_FAVOURITE_FIRST
        or set(lowered) & words.NO_TASTE_ANYWHERE
        or set(about.split()) & words.NO_FAVOURITE
    ):
        return
    if ends(here.sentence, end) or re.match(r"\s+(?:by|with|in|for|as)\b", here.sentence[end:]):
        yield Finding("favourite", about, " ".join(taken), LIKELY)


_IS_MY_FAVOURITE = re.compile(
    r"(?P<value>[^\s,;:]{1,40}(?: [^\s,;:]{1,40}){0,3}) (?:is|are) my (?:all-time |absolute )?"
    r"fav(?:ou?rite|e) (?P<about>[a-z]+(?: [a-z]+)?)",
    re.IGNORECASE,
)


def favourite_first(here: Here) -> Iterator[Finding]:
    found = _IS_MY_FAVOURITE.match(here.sentence, here.at)
    if not found or not ends(here.sentence, found.end()):
        return
    value, about = found["value"].split(), found["about"].lower()
    lowered = {word.lower() for word in value}
    if (
        lowered & (words.NO_TASTE_ANYWHERE | {"which", "what", "there", "here"})
        or set(about.split()) & words.NO_FAVOURITE
    ):
        return
    if value[0].lower() not in ("he", "she", "they", "and", "but", "so", "because"):
        yield Finding("favourite", about, " ".join(value), LIKELY)


def counts(here: Here) -> Iterator[Finding]:
    about = here.groups["about"].lower()
    if about in words.COUNTED and re.match(
        rf"\s*{STOP}|\s+(?:and|called|named|who|with|at|already)\b", here.sentence[here.at :]
    ):
        yield Finding("has", about, here.groups["number"].lower(), LIKELY)


def liked(here: Here) -> Iterator[Finding]:
    value = "dislikes" if here.groups.get("not") else "likes"
    for about in tastes(here.sentence, here.at):
        yield Finding("taste", about, value, LIKELY)
