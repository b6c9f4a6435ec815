"""Answers without a language model: honest about it, and useful by quoting what was said. Nothing is invented."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from whisperengine.llm.asking import READ_CHARS, Asked, Want, asks, keys, plain, sentences, tells, understand
from whisperengine.llm.wording import (
    BACK,
    BEYOND_ME,
    BYE,
    DESPAIR,
    FINE,
    HEAVY,
    KEPT,
    LISTENING,
    LOOKED,
    MONTHS,
    NEAREST,
    NOTHING,
    NOTHING_YET,
    NOTICE,
    ON_THAT,
    OVERVIEW,
    REACTIONS,
    REMEMBERED,
    WEEKDAYS,
    WELCOME,
    WILL_KEEP,
)

QUOTED_CHARS = 240
REPEATED_CHARS = 12
"""Length from which a text that stands inside another is taken for a quotation of it."""
DAYS = {"today": 0, "this morning": 0, "yesterday": 1, "last night": 1}
FELT = 0.35
"""Intensity from which a feeling is answered."""

_OWN_NAME = re.compile(r"\bmy name\b|\bam i called\b")
_SAYS_NAME = re.compile(r"\bmy name\b|\bcall me\b|\bi(?: a|')m called\b")
_ABOUT_ME = re.compile(r"\b(me|myself|who am i)\b")


@dataclass(frozen=True, slots=True)
class OfflineMemory:
    """Something said before, at `when` (aware of its time zone).

    It was said by the person (`by_person`), by the character, or by somebody else in a shared channel.
    """

    text: str
    speaker: str
    when: datetime
    score: float
    by_person: bool


@dataclass(frozen=True, slots=True)
class OfflineScene:
    """All that an answer is made of.

    `memories`: best first. `told_once`: whether the notice about the missing model has been given. `intensity`: 0..1 of
    `emotion`, which is one of the twelve outside labels. `now` is aware of its time zone, in which days are named.
    `salt`: any number; the same scene with the same salt has the same answer.
    """

    character_name: str
    greeting: str
    catchphrases: tuple[str, ...]
    message: str
    person_name: str
    first_turn: bool
    told_once: bool
    memories: tuple[OfflineMemory, ...]
    emotion: str
    intensity: float
    now: datetime
    salt: int


def answer(scene: OfflineScene) -> str:
    """The answer: greeting on the first turn, what the message asks for, and once the notice that no model answers."""
    asked = understand(scene.message)
    if asked.want is Want.DESPAIR:
        # Neither a greeting nor technical advice belongs here.
        return DESPAIR
    parts = []
    if scene.first_turn:
        parts.append(scene.greeting.strip() or f"Hello, I am {scene.character_name}.")
    if not scene.first_turn or asked.want is not Want.GREETING:
        parts.append(_body(scene, asked))
    if not scene.told_once:
        parts.append(NOTICE)
    return "\n\n".join(parts)


def _body(scene: OfflineScene, asked: Asked) -> str:
    match asked.want:
        case Want.DESPAIR:
            return DESPAIR
        case Want.GREETING:
            return _with_catchphrase(scene, _named(scene, BACK))
        case Want.FAREWELL:
            return _with_catchphrase(scene, _named(scene, BYE))
        case Want.THANKS:
            return _with_catchphrase(scene, _named(scene, WELCOME))
        case Want.HOW_ARE_YOU:
            return _pick(scene, FINE)
        case Want.WHO_ARE_YOU:
            return (
                f"I am {scene.character_name}, a program. Without a language model I can listen to you, remember what "
                "you tell me, and give it back in your own words."
            )
        case Want.ABOUT_PERSON:
            return _overview(scene)
        case Want.PAST:
            return _joined(_reaction(scene, HEAVY), _past(scene, asked))
        case Want.QUESTION:
            return _joined(_reaction(scene, HEAVY), _general(scene, asked))
        case Want.KEEP:
            return _joined(_reaction(scene), _pick(scene, WILL_KEEP))
        case Want.STATEMENT:
            return _statement(scene, asked)


def _statement(scene: OfflineScene, asked: Asked) -> str:
    if not asked.topic:
        return _joined(_reaction(scene), _pick(scene, LISTENING))
    topic = asked.topic - _names(scene)
    related = [memory for memory in _told(scene) if len(keys(memory.text) & topic) >= 2]
    told = f"It goes with what {_attributed(scene, related[0], topic)}" if related else ""
    return _with_catchphrase(scene, _joined(_reaction(scene), _pick(scene, KEPT), told))


def _past(scene: OfflineScene, asked: Asked) -> str:
    topic = asked.topic - _names(scene)
    found = _told(scene, with_character=asked.your_words)
    if scene.person_name and _OWN_NAME.search(plain(scene.message)):
        said = [memory for memory in found if _SAYS_NAME.search(plain(memory.text))]
        return _joined(f"I know you as {scene.person_name}.", _quotes(scene, said[:1], topic))
    if not found:
        return _pick(scene, NOTHING)
    if not topic:
        return _joined(_pick(scene, LOOKED), _quotes(scene, _of_that_day(scene, found)[:3], topic))
    fitting = _fitting(found, topic)[:3]
    if not fitting:
        return f"{_pick(scene, NEAREST)} what {_listed(scene, found[:3], topic)}"
    # The search that ranked the memories knows meaning where this knows words: what it liked better is shown too.
    better = [memory for memory in found if memory.score > max(each.score for each in fitting)]
    opening = REMEMBERED if topic <= keys(fitting[0].text) else LOOKED
    return _joined(_pick(scene, opening), _quotes(scene, [*fitting, *better][:3], topic))


def _general(scene: OfflineScene, asked: Asked) -> str:
    topic = asked.topic - _names(scene)
    fitting = [memory for memory in _fitting(_told(scene), topic) if 2 * len(keys(memory.text) & topic) >= len(topic)]
    if not fitting:
        return _pick(scene, BEYOND_ME)
    return f"{_pick(scene, ON_THAT)} {_listed(scene, fitting[:3], topic)}"


def _overview(scene: OfflineScene) -> str:
    found = sorted(_of_that_day(scene, _told(scene))[:6], key=lambda memory: memory.when)
    named = scene.person_name and _ABOUT_ME.search(plain(scene.message))
    known = f"I know you as {scene.person_name}." if named else ""
    if not found:
        return _joined(known, _pick(scene, NOTHING_YET))
    return f"{_joined(known, _pick(scene, OVERVIEW))}\n{_lines(scene, found, frozenset())}"


def _of_that_day(scene: OfflineScene, memories: list[OfflineMemory]) -> list[OfflineMemory]:
    """Those said on the day that the message names, where it names one and there are any."""
    text = plain(scene.message)
    named = next((days for word, days in DAYS.items() if word in text), None)
    return [memory for memory in memories if _days_ago(memory.when, scene.now) == named] or memories


def _told(scene: OfflineScene, *, with_character: bool = False) -> list[OfflineMemory]:
    """Memories worth quoting, best first: no questions, no small talk, nothing twice, not the message itself.

    The character's own words only when they are asked for, and then not where they repeat the person's: an answer of
    this mode quotes memories, and would otherwise come back as one.
    """
    seen = {plain(scene.message).strip()}
    texts = [plain(memory.text).strip() for memory in scene.memories if memory.by_person]
    persons = [text for text in texts if len(text) >= REPEATED_CHARS]
    found = []
    for memory in scene.memories:
        text = plain(memory.text).strip()
        if text in seen or not tells(memory.text):
            continue
        if _by_character(scene, memory) and (not with_character or any(said in text for said in persons)):
            continue
        seen.add(text)
        found.append(memory)
    return found


def _fitting(memories: Sequence[OfflineMemory], topic: frozenset[str]) -> list[OfflineMemory]:
    """Memories that share words with the topic, those that share most first; half as many as the best are asked."""
    shared = {memory: len(keys(memory.text) & topic) for memory in memories}
    most = max(shared.values(), default=0)
    fitting = [memory for memory in memories if shared[memory] and 2 * shared[memory] >= most]
    return sorted(fitting, key=lambda memory: -shared[memory])


def _quotes(scene: OfflineScene, memories: Sequence[OfflineMemory], topic: frozenset[str]) -> str:
    if not memories:
        return ""
    listed = _listed(scene, memories, topic)
    return listed[0].upper() + listed[1:]


def _listed(scene: OfflineScene, memories: Sequence[OfflineMemory], topic: frozenset[str]) -> str:
    if len(memories) == 1:
        return _attributed(scene, memories[0], topic)
    who = "you told me" if all(memory.by_person for memory in memories) else "was said"
    return f"{who}:\n{_lines(scene, memories, topic)}"


def _attributed(scene: OfflineScene, memory: OfflineMemory, topic: frozenset[str]) -> str:
    when = _when(memory.when, scene.now)
    return f"{_who(scene, memory)} {when}: {_quote(memory.text, topic)}"


def _lines(scene: OfflineScene, memories: Iterable[OfflineMemory], topic: frozenset[str]) -> str:
    lines = []
    for memory in memories:
        when = _when(memory.when, scene.now).removeprefix("on ")
        who = "" if memory.by_person else f", {_who(scene, memory)}"
        lines.append(f"- {when}{who}: {_quote(memory.text, topic)}")
    return "\n".join(lines)


def _who(scene: OfflineScene, memory: OfflineMemory) -> str:
    if memory.by_person:
        return "you told me"
    return "I said" if _by_character(scene, memory) else f"{memory.speaker} said"


def _by_character(scene: OfflineScene, memory: OfflineMemory) -> bool:
    return not memory.by_person and memory.speaker in ("", scene.character_name)


def _when(when: datetime, now: datetime) -> str:
    when = when.astimezone(now.tzinfo)
    date = f"{when.day} {MONTHS[when.month - 1]} {when.year}"
    days = _days_ago(when, now)
    if days == 0:
        return f"today, {date}"
    if days == 1:
        return f"yesterday, {date}"
    return f"on {WEEKDAYS[when.weekday()]}, {date}" if 1 < days < 7 else f"on {date}"


def _days_ago(when: datetime, now: datetime) -> int:
    return (now.date() - when.astimezone(now.tzinfo).date()).days


def _quote(text: str, topic: frozenset[str]) -> str:
    """The text as it was said; of a long one the part around the sentence that has most to do with the topic."""
    text = " ".join(text.split())
    if len(text) <= QUOTED_CHARS:
        return f"“{text}”"
    best = max(
        sentences(text[:READ_CHARS]), key=lambda sentence: (len(keys(sentence) & topic), not asks(plain(sentence)))
    )
    start = text.find(best)
    piece = text[start : start + QUOTED_CHARS]
    if start + QUOTED_CHARS < len(text):
        piece = piece.rsplit(" ", 1)[0] + " …"
    return f"“{'… ' if start else ''}{piece}”"


def _reaction(scene: OfflineScene, only: frozenset[str] | None = None) -> str:
    if scene.intensity < FELT or scene.emotion not in REACTIONS or (only is not None and scene.emotion not in only):
        return ""
    return _pick(scene, REACTIONS[scene.emotion])


def _names(scene: OfflineScene) -> frozenset[str]:
    return keys(f"{scene.character_name} {scene.person_name}")


def _named(scene: OfflineScene, options: Sequence[str]) -> str:
    return _pick(scene, options).format(name=f", {scene.person_name}" if scene.person_name else "")


def _with_catchphrase(scene: OfflineScene, text: str) -> str:
    heavy = scene.emotion in HEAVY and scene.intensity >= FELT
    if heavy or not scene.catchphrases or _roll(scene, "catchphrase") % 3:
        return text
    return _joined(text, _pick(scene, scene.catchphrases))


def _pick(scene: OfflineScene, options: Sequence[str]) -> str:
    return options[_roll(scene, options[0]) % len(options)]


def _roll(scene: OfflineScene, purpose: str) -> int:
    # Not hash(): it differs from process to process, and the same turn must have the same answer everywhere.
    return zlib.crc32(f"{scene.salt}:{purpose}".encode())


def _joined(*parts: str) -> str:
    return " ".join(part for part in parts if part)
